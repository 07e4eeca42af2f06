# ruff: noqa: ARG002 -- marshmallow says what the arguments are
"""What a read may be asked with: how new, as of when, valid on which day, how many, from where on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from marshmallow import ValidationError, fields, validate

from api.schemas.fields import POSITION_MAX, Choice, Identifier, Shape, Text, instant

PAGE_DEFAULT = 50
PAGE_MOST = 500
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


class Number(fields.Integer):
    """A whole number written in digits."""

    def __init__(self, least: int = 0, most: int = POSITION_MAX, **rest: Any) -> None:
        bounds = validate.Range(least, most, error=f"must be between {least} and {most}")
        super().__init__(validate=bounds, **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,19}", value, re.ASCII):
            raise ValidationError("must be a whole number")
        return int(value)


def _end_of(text: str) -> datetime:
    try:
        return instant(datetime.combine(date.fromisoformat(text), time.max, UTC).isoformat())
    except ValueError:
        raise ValidationError("must be a date of the calendar") from None


class Moment(Text):
    """A position in the log, an instant with its offset, or a date, taken at its end in UTC."""

    wanted = "must be a position, a date such as 2026-03-01, or an instant such as 2026-03-01T09:30:00Z"

    def __init__(self, **rest: Any) -> None:
        described = "A position in the log, an ISO 8601 instant with its offset, or a date, taken at its end in UTC."
        super().__init__(
            longest=40, metadata={"description": described, "examples": ["1200", "2026-03-01T09:30:00Z"]}, **rest
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **rest)
        if re.fullmatch(_DAY, text, re.ASCII):
            return _end_of(text)
        if re.fullmatch(r"[0-9]{1,19}", text, re.ASCII):
            if int(text) > POSITION_MAX:
                raise ValidationError(f"must be at most {POSITION_MAX}")
            return int(text)
        try:
            # An unescaped + of an offset reaches us as a blank.
            return instant(re.sub(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)", "+", text))
        except ValueError as error:
            raise ValidationError(self.wanted if str(error).startswith("must be") else str(error)) from None

    def _validate(self, value: Any) -> None:
        """Checked as text already."""


class DayOrInstant(Moment):
    """A date, taken at its end in UTC, or an instant with its offset."""

    wanted = "must be a date such as 2026-03-01 or an instant such as 2026-03-01T09:30:00Z"

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.metadata = {
            "description": "A date, taken at its end in UTC, or an ISO 8601 instant with its offset.",
            "examples": ["2026-03-01", "2026-03-01T09:30:00Z"],
        }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        if isinstance(value, str) and value.isdigit():
            raise ValidationError(self.wanted)
        return super()._deserialize(value, attr, data, **rest)


class FreshSchema(Shape):
    """How new the answer must be at least."""

    at_least = Number(metadata={"description": "Wait, a bounded time, until the answer knows this position."})


class PageSchema(FreshSchema):
    """One page of a list."""

    limit = Number(1, PAGE_MOST, load_default=PAGE_DEFAULT)
    cursor = Text(longest=200, metadata={"description": "The `next` of the page before."})


class LearnersSchema(PageSchema):
    """Learners, or the one known under `ref`."""

    ref = Text(longest=200, metadata={"description": "The college's own number or name for the learner."})


class PeopleSchema(PageSchema):
    """People who act, or the one known under `ref`."""

    ref = Text(longest=200)


class AwardsSchema(PageSchema):
    """Awards of the register; filters combine."""

    learner = Identifier()
    achievement = Identifier()
    status = Choice(("live", "suspended", "revoked", "voided", "expired", "lapsed", "renewed"))
    kind = Choice(("micro-credential", "milestone"))


class WaitingSchema(PageSchema):
    """What waits for assessment; filters combine."""

    waits_for = Choice(("marker", "moderator", "adjudicator", "appeal"))
    achievement = Identifier()


class AsOfSchema(FreshSchema):
    """A learner's record as known `at` a position or instant, valid `on` a day."""

    at = Moment()
    on = DayOrInstant()


class ViewedSchema(AsOfSchema):
    """As of when, and how much of it."""

    view = Choice(("official", "full"), load_default="official")


class FactsSchema(Shape):
    """Facts of a learner's stream, after a position."""

    limit = Number(1, PAGE_MOST, load_default=PAGE_DEFAULT)
    cursor = Text(longest=200, metadata={"description": "The `next` of the page before."})
    at = Moment()


class ImportSchema(Shape):
    """How an import is run."""

    dry_run = Choice(("true", "false"), load_default="false")
