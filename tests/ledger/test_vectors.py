"""Every version of every fact that was ever stored is read today, and written as it was."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from ledger import codec
from ledger.event import catalogue_of_events
from ledger.store import Stored
from ledger.upcasters import upcasters
from tests.vectors import Vector, vectors

VECTORS = vectors()


def test_every_version_of_every_fact_has_its_vector() -> None:
    """`python -m tests.vectors` adds what is missing; nothing is ever taken away."""
    assert sorted({*catalogue_of_events(), *upcasters.names()}) == sorted(VECTORS)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=lambda vector: vector.name)
def test_stored_bytes_are_read_and_would_be_written_the_same(vector: Vector) -> None:
    body = vector.body.encode()
    recorded = codec.check(Stored(1, "learner-x", 1, vector.name, body, 0))

    assert vector.sha256 == hashlib.sha256(body).hexdigest()
    if vector.name in catalogue_of_events():
        origin = (recorded.actor, recorded.correlation, recorded.causation, recorded.trace)
        assert (vector.name, body) == codec.encode(recorded.fact, *origin)


@pytest.mark.parametrize("name", catalogue_of_events())
def test_a_vector_speaks_of_every_field(name: str) -> None:
    """A field that was added since shows here: it takes a new version of the fact, and another vector."""
    fields = {field.encode_name for field in msgspec.structs.fields(catalogue_of_events()[name])}

    assert fields == msgspec.json.decode(VECTORS[name].body)["fact"].keys()
