"""
JSON read strictly: what is ambiguous, unbounded or unprintable is refused where it enters.

Refused are: anything but UTF-8, names that repeat, NaN and infinities, integers beyond 64 bits, more than `DEPTH`
levels of nesting, NUL, and surrogates without their other half (neither SQLite nor PostgreSQL would keep them alike).
Fractions are read as decimals, so that 0.1 stays 0.1.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

DEPTH = 40
_INTEGER_DIGITS = 19
_NUMBER_CHARACTERS = 60


class Malformed(ValueError):
    """The text is not JSON that can be taken; the message says where and why."""


def loads(raw: bytes) -> Any:
    """Read one JSON value, or raise `Malformed` with a sentence."""
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(
            text, object_pairs_hook=_distinct, parse_constant=_no_constant, parse_float=_fraction, parse_int=_integer
        )
    except UnicodeDecodeError as error:
        raise Malformed(f"The text is not UTF-8 (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"The text is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise Malformed(f"The JSON is nested deeper than {DEPTH} levels.") from None
    _check(value)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"The name {shown(twice)} stands twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not a JSON number.")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _INTEGER_DIGITS or not -(2**63) <= int(text) < 2**63:
        raise Malformed(f"The number {text[:24]}… is beyond 64 bits.")
    return int(text)


def _fraction(text: str) -> Decimal:
    if len(text) > _NUMBER_CHARACTERS:
        raise Malformed(f"The number {text[:24]}… has too many digits.")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Malformed(f"The number {text} is too large.") from None
    if number and not -30 < number.adjusted() < 19:
        raise Malformed(f"The number {text} is too large or too small.")
    return number


def _check(value: Any) -> None:
    """Walk level by level rather than recursively: depth is what is being measured."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH:
            raise Malformed(f"The JSON is nested deeper than {DEPTH} levels.")
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                for name in item:
                    _check_text(name)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        level = below


def _check_text(text: str) -> None:
    unusable = unprintable(text)
    if unusable:
        raise Malformed(f"The text {shown(text)} holds {unusable}.")


def unprintable(text: str) -> str | None:
    """Return what in *text* cannot be kept, in words, or None."""
    if "\x00" in text:
        return "a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair"
    return None


def shown(text: str) -> str:
    """Return *text* short and safe to print in a sentence."""
    return ascii(text[:40]) if unprintable(text) else repr(text[:40])
