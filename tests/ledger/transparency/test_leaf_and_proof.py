"""Envelopes of facts and proof files: one spelling each, and any change is noticed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.store import Stored, microseconds
from ledger.transparency import leaf, merkle, proof_file
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.note import encoded
from ledger.transparency.proof_file import Proof
from tests.ledger.transparency.test_note import OURS, signed
from tests.ledger.transparency.trees import changed, digest, nodes_of

STORED = Stored(4, "learner-lrn_1", 3, "award.made.v1", b'{"a":1}', microseconds(datetime(2026, 1, 2, tzinfo=UTC)) + 7)
FACTS = st.builds(
    Stored,
    st.integers(1),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map("x-{}".format),
    st.integers(1, 2**53),
    st.text("abc.v1"),
    st.binary(max_size=30),
    st.integers(0, microseconds(datetime(9999, 12, 31, tzinfo=UTC))),
)
LEAVES = [merkle.leaf_hash(leaf.entry_of(STORED._replace(version=n))) for n in range(1, 20)]


def proof(index: int = 2, size: int = 19, extra: bytes | None = b"extra") -> Proof:
    nodes = nodes_of(LEAVES)
    text = str(Checkpoint(OURS.name, size, merkle.root(nodes, size)))
    return Proof(index, tuple(merkle.inclusion_path(nodes, index, size)), signed(text), extra)


def test_an_envelope_is_spelt_out() -> None:
    body = sha256(b'{"a":1}').hexdigest()

    assert (
        f'{{"name":"award.made.v1","recorded_at":"2026-01-02T00:00:00.000007Z","sha256":"{body}",'
        '"stream":"learner-lrn_1","v":1,"version":3}'
    ) == leaf.entry_of(STORED).decode()
    assert leaf.hash_of(STORED) == sha256(b"\0" + leaf.entry_of(STORED)).digest()


@given(FACTS)
def test_envelopes_are_canonical_json_and_read_as_they_are_written(stored: Stored) -> None:
    entry = leaf.entry_of(stored)
    found = leaf.read(entry)

    assert (stored.stream, stored.version, stored.name, stored.recorded_us) == (
        found.stream, found.version, found.name, found.recorded_us,
    )  # fmt: skip
    canonical = json.dumps(json.loads(entry), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical.encode() == entry


@given(FACTS, st.integers(0), st.integers(0))
def test_a_changed_envelope_is_refused_or_says_something_else(stored: Stored, at: int, to: int) -> None:
    entry = leaf.entry_of(stored)
    other = changed(entry, at, to)
    try:
        found = leaf.read(other)
    except Malformed:
        return
    assert leaf.read(entry) != found
    assert leaf.hash_of(stored) != merkle.leaf_hash(other)


@given(st.binary(max_size=100))
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        leaf.read(data)


@pytest.mark.parametrize("edited", [STORED._replace(name=5), STORED._replace(stream=None)])  # type: ignore[arg-type]
def test_a_row_that_holds_no_text_where_it_should_has_no_envelope(edited: Stored) -> None:
    with pytest.raises(TypeError):
        leaf.entry_of(edited)


@given(
    st.lists(
        st.builds(Stored, st.integers(1), st.text(), st.integers(1), st.text(), st.binary(), st.integers(0, 2**51))
    )
)
def test_many_leaves_are_hashed_as_each_is(facts: list[Stored]) -> None:
    assert [leaf.hash_of(one) for one in facts] == leaf.hashes_of(facts)


@pytest.mark.parametrize("extra", [None, b"", b"\0anything"])
def test_proof_files_are_read_as_they_are_written(extra: bytes | None) -> None:
    found = proof_file.read(str(proof(extra=extra)).encode())

    assert proof(extra=extra) == found
    assert 19 == found.verify(leaf.entry_of(STORED), [OURS]).size


def test_a_proof_file_is_written_as_specified() -> None:
    found = proof(index=0, size=2)

    assert (f"c2sp.org/tlog-proof@v1\nextra {encoded(b'extra')}\nindex 0\n{encoded(LEAVES[1])}\n\n{found.note}") == str(
        found
    )


@given(st.integers(0), st.integers(0))
def test_any_changed_byte_of_a_proof_file_is_noticed(at: int, to: int) -> None:
    data = str(proof(extra=None)).encode()

    with pytest.raises((Malformed, Disproven)):
        proof_file.read(changed(data, at, to)).verify(leaf.entry_of(STORED), [OURS])


def test_another_entry_is_not_proven() -> None:
    with pytest.raises(Disproven, match="leads to another root"):
        proof().verify(leaf.entry_of(STORED._replace(version=9)), [OURS])
    with pytest.raises(Disproven, match="signed by none"):
        proof().verify(leaf.entry_of(STORED), [])


@given(st.text(max_size=80))
def test_whatever_is_read_as_a_proof_would_be_written_the_same(text: str) -> None:
    whole = str(proof())
    head, _, note = whole.partition("\n\n")
    for one in (text, text + whole, f"{head}\n{text}\n\n{note}", whole.replace("index 2", f"index {text}"),
                whole.replace(encoded(b"extra"), text)):  # fmt: skip
        try:
            found = proof_file.read(one.encode("utf-8", "surrogatepass"))
        except Malformed:
            continue
        assert one == str(found)


def test_proofs_that_are_too_long_are_refused() -> None:
    whole = str(proof())
    hashes = (encoded(digest(b"")) + "\n") * 64

    with pytest.raises(Malformed, match="cannot be read"):
        proof_file.read(whole.replace("index 2\n", f"index 2\n{hashes}").encode())
    with pytest.raises(Malformed, match="too long"):
        proof_file.read(b"x" * (16 * 1024 * 1024 + 1))
