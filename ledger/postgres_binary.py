"""
Values and queries in PostgreSQL's binary form, for what is asked often.

The driver's general way takes longer, several times, than the server needs to answer: a query here is prepared once a
session and sent with libpq's plain blocking call, during which other threads run.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

BOOL, BYTEA, INT8, INT4, TEXT = 16, 17, 20, 23, 25
ARRAY_OF = {BOOL: 1000, BYTEA: 1001, INT8: 1016, INT4: 1007, TEXT: 1009}
TEXTS = ARRAY_OF[TEXT]
_HEAD = struct.Struct(">iiiii")
_LENGTH = struct.Struct(">i").pack
_FORMS = {INT4: (4, "ii"), INT8: (8, "iq"), BOOL: (1, "i?")}
_EMPTY = {of: struct.pack(">iii", 0, 0, of) for of in ARRAY_OF}
_NULL = -1
_numbers = count()


class Query:
    """A query that is asked often, with `$1` for its first value; *types* are those of its values."""

    __slots__ = ("encoders", "formats", "name", "text", "types")

    def __init__(self, text: str, *types: int) -> None:
        self.name = f"ledger_{next(_numbers)}".encode()
        self.text = text.encode()
        self.types = types
        self.formats = [1] * len(types)
        self.encoders = [_ENCODERS[of] for of in types]

    def encoded(self, values: Sequence[Any]) -> list[bytes]:
        """Return *values* as they are sent."""
        return [encode(value) for encode, value in zip(self.encoders, values, strict=True)]


def array(of: int, values: list[Any]) -> bytes:
    """Return a one-dimensional array; text comes encoded."""
    if not values:
        return _EMPTY[of]
    head = _HEAD.pack(1, 0, of, len(values), 1)
    if of not in _FORMS:
        return head + b"".join([part for value in values for part in (_LENGTH(len(value)), value)])
    size, form = _FORMS[of]
    flat = [size] * (2 * len(values))
    flat[1::2] = values
    return head + struct.pack(f">{form * len(values)}", *flat)


def numbers(bigints: bytes) -> list[int | None]:
    """Read an array of bigint."""
    found: list[int | None] = []
    at, end = _HEAD.size, len(bigints)
    while at < end:
        length = int.from_bytes(bigints[at : at + 4], "big", signed=True)
        at += 4
        if length == _NULL:
            found.append(None)
        else:
            found.append(int.from_bytes(bigints[at : at + 8], "big", signed=True))
            at += 8
    return found


_ENCODERS: dict[int, Callable[[Any], bytes]] = {
    INT8: struct.Struct(">q").pack,
    TEXT: str.encode,
    TEXTS: lambda values: array(TEXT, [value.encode() for value in values]),
}
