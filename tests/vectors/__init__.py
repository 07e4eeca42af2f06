"""
One frozen example of every version of every fact: its stored bytes, added once and never edited.

`python -m tests.vectors` writes those that are missing. What these files hold is what ledgers hold: a test that fails
over one is right, and the code is wrong.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from ledger import codec
from ledger.event import Actor, Event, catalogue_of_events
from ledger.private import Private

DIRECTORY = Path(__file__).parent
ACTOR = Actor(id="per_example", role="registrar", client="api")


class Vector(msgspec.Struct, frozen=True):
    """The stored bytes of one fact, and their digest."""

    name: str
    sha256: str
    body: str


def vectors() -> dict[str, Vector]:
    """Return all vectors by stored name."""
    files = sorted(DIRECTORY.glob("*.json"))
    return {file.stem: msgspec.json.decode(file.read_bytes(), type=Vector) for file in files}


def write_missing() -> list[str]:
    """Write a vector for each fact that has none, and say which."""
    missing = [name for name in catalogue_of_events() if name not in vectors()]
    for name in missing:
        fact = example(catalogue_of_events()[name])
        body = codec.encode(fact, ACTOR, "correlation", "causation", "00-trace-01").body
        vector = Vector(name, hashlib.sha256(body).hexdigest(), body.decode())
        text = msgspec.json.format(msgspec.json.encode(vector), indent=2)
        (DIRECTORY / f"{name}.json").write_bytes(text + b"\n")
    return missing


def example(cls: type[Event]) -> Event:
    """Return a fact of *cls* that says something in every field."""
    fact = _value(cls, cls.__name__, None)
    assert isinstance(fact, Event)
    return fact


def _value(annotation: Any, name: str, default: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return _value(next(one for one in arguments if one is not type(None)), name, default)
    if origin is Literal:
        return next(one for one in reversed(arguments) if one != default)
    if origin is tuple:
        return (_value(arguments[0], name.removesuffix("s"), None),)
    if origin is dict:
        return {"first": _value(arguments[1], name, None)} if arguments[1] is not Any else {"achievement": name}
    if annotation is Private:
        return Private(sealed=hashlib.sha512(name.encode()).digest()[:48])
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        fields = msgspec.structs.fields(annotation)
        return annotation(**{field.name: _value(field.type, field.name, field.default) for field in fields})
    return {
        str: f"{name}-é",
        int: 3,
        bool: default is not True,
        Decimal: Decimal("72.50"),
        datetime: datetime(2026, 1, 31, 9, 30, 0, 125000, tzinfo=UTC),
        date: date(2028, 2, 29),
    }[annotation]
