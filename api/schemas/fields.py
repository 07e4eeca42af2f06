# ruff: noqa: ARG002 -- marshmallow says what the arguments are
"""The kinds of value that cross the wire, each bounded, each refused with a sentence that says what would do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal as Number
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from api.strict_json import unprintable
from ledger import duration
from ledger.private import Private

IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,119}"
LINE = 500
PROSE = 20_000
POSITION_MAX = 2**63 - 1
_NUMBER_MAX = 10**9
_DECIMAL_PLACES = 6
_YEARS = range(1900, 2500)


class Shape(Schema):
    """A shape that refuses, by name, what it does not know."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not known here", "type": "must be an object"}


class Text(fields.String):
    """Text of bounded length without NUL or half surrogates; surrounding blanks alone are no text."""

    default_error_messages = {"invalid": "must be text", "required": "is missing", "null": "may not be null"}

    def __init__(self, *, longest: int = LINE, **rest: Any) -> None:
        checks = rest.pop("validate", [])
        more = list(checks) if isinstance(checks, Iterable) else [checks]
        length = validate.Length(1, longest, error=f"must be 1 to {longest} characters long")
        super().__init__(validate=[length, *more], **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        unusable = unprintable(value)
        if unusable:
            raise ValidationError(f"must not hold {unusable}")
        return value


class Line(Text):
    """Text of one line, such as a name."""


class Prose(Text):
    """Text of a paragraph or some pages."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(longest=PROSE, **rest)


class PrivateProse(Prose):
    """Personal text, sealed as soon as it enters the ledger."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        return Private(plain=super()._deserialize(value, attr, data, **rest))

    def _validate(self, value: Any) -> None:
        super()._validate(value.plain)


class PrivateLine(PrivateProse):
    """Personal text of one line, such as a link."""

    def __init__(self, **rest: Any) -> None:
        Text.__init__(self, longest=2000, **rest)


class Link(Text):
    """An http or https address. It is kept and shown, never fetched."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(
            longest=2000,
            validate=_matching(r"https?://[^\s<>\x22]+", "must be an http or https address"),
            metadata={"pattern": r"^https?://[^\s<>\x22]+$"},
            **rest,
        )


class PrivateLink(Link):
    """A personal address, sealed as soon as it enters the ledger."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        return Private(plain=super()._deserialize(value, attr, data, **rest))

    def _validate(self, value: Any) -> None:
        super()._validate(value.plain)


class Identifier(Text):
    """1 to 120 letters, digits and . _ : ~ - beginning with a letter or digit."""

    def __init__(self, **rest: Any) -> None:
        refused = "must be 1 to 120 letters, digits and . _ : ~ - beginning with a letter or digit"
        super().__init__(
            longest=120, validate=_matching(IDENTIFIER, refused), metadata={"pattern": f"^{IDENTIFIER}$"}, **rest
        )


def _matching(pattern: str, refused: str) -> Callable[[str], None]:
    """Match the whole text: `$` in a pattern would let a trailing newline through."""
    compiled = re.compile(pattern)

    def check(text: str) -> None:
        if not compiled.fullmatch(text):
            raise ValidationError(refused)

    return check


class Choice(Text):
    """One of a few words."""

    def __init__(self, words: Iterable[str], **rest: Any) -> None:
        known = tuple(words)
        super().__init__(validate=validate.OneOf(known, error=f"must be one of {', '.join(known)}"), **rest)


class Whole(fields.Integer):
    """A whole number between two bounds; neither true, nor 1.5, nor "1"."""

    default_error_messages = {"invalid": "must be a whole number", "required": "is missing", "null": "may not be null"}

    def __init__(self, least: int = 0, most: int = 2**31 - 1, **rest: Any) -> None:
        bounds = validate.Range(least, most, error=f"must be between {least} and {most}")
        super().__init__(strict=True, validate=bounds, **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> int:
        if isinstance(value, Number) and value == value.to_integral_value():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class Decimal(fields.Decimal):
    """A number, exact, of at most six decimal places."""

    default_error_messages = {"invalid": "must be a number", "required": "is missing", "null": "may not be null"}

    def __init__(self, least: int = 0, most: int = _NUMBER_MAX, **rest: Any) -> None:
        bounds = validate.Range(least, most, error=f"must be between {least} and {most}")
        super().__init__(validate=bounds, **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Number:
        if isinstance(value, bool) or not isinstance(value, (int, float, Number)):
            raise self.make_error("invalid")
        number = Number(str(value))
        if not number.is_finite():
            raise self.make_error("invalid")
        if number != round(number, _DECIMAL_PLACES):
            raise ValidationError(f"must have at most {_DECIMAL_PLACES} decimal places")
        return Number(format(number.normalize(), "f"))


class Flag(fields.Boolean):
    """true or false, and nothing that merely looks like it."""

    default_error_messages = {"invalid": "must be true or false", "required": "is missing", "null": "may not be null"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


def instant(text: str) -> datetime:
    """Return the instant that *text* names; ValueError with a sentence when it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be an ISO 8601 instant such as 2026-03-01T09:30:00Z") from None
    if found.tzinfo is None or "T" not in text.upper().replace(" ", "T", 1):
        raise ValueError("must say its offset from UTC, such as Z or +02:00")
    if found.year not in _YEARS:
        raise ValueError(f"must lie between the years {_YEARS.start} and {_YEARS.stop - 1}")
    return found.astimezone(UTC)


class Instant(fields.DateTime):
    """An instant in ISO 8601 with its offset from UTC."""

    default_error_messages = {"required": "is missing", "null": "may not be null"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> datetime:
        if not isinstance(value, str) or len(value) > 40:
            raise ValidationError("must be an ISO 8601 instant such as 2026-03-01T09:30:00Z")
        try:
            return instant(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Day(fields.Date):
    """A date, `2026-03-01`."""

    default_error_messages = {"required": "is missing", "null": "may not be null"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> date:
        try:
            found = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
        except ValueError:
            found = None
        if found is None or found.year not in _YEARS:
            raise ValidationError("must be a date such as 2026-03-01")
        return found


class Duration(Text):
    """An ISO 8601 duration such as P1Y, P6M, P30D or PT12H."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(longest=40, validate=_duration, **rest)


def _duration(text: str) -> None:
    try:
        duration.parse(text)
    except ValueError:
        raise ValidationError(
            "must be an ISO 8601 duration such as P1Y, P6M, P30D or PT12H, at most 200 years"
        ) from None


class Listed(fields.List[Any]):
    """A list of bounded length, kept as a tuple."""

    default_error_messages = {"invalid": "must be a list", "required": "is missing", "null": "may not be null"}

    def __init__(self, inner: fields.Field[Any], *, most: int = 500, least: int = 0, **rest: Any) -> None:
        length = validate.Length(least, most, error=f"must hold {least} to {most} entries")
        super().__init__(inner, validate=length, **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        return tuple(super()._deserialize(value, attr, data, **rest))


class Nested(fields.Nested):
    """An object of a known shape."""

    default_error_messages = {"type": "must be an object", "required": "is missing", "null": "may not be null"}


class Named(fields.Dict):
    """Values by name; names are bounded text."""

    default_error_messages = {"invalid": "must be an object", "required": "is missing", "null": "may not be null"}

    def __init__(self, values: fields.Field[Any], *, most: int = 100, **rest: Any) -> None:
        length = validate.Length(0, most, error=f"must hold at most {most} entries")
        super().__init__(keys=Text(longest=120), values=values, validate=length, **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **rest)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # Marshmallow files what it found under "key" and "value"; people look for the name that they wrote.
            plain = {name: [m for found in below.values() for m in found] for name, below in error.messages.items()}
            raise ValidationError(plain) from None
