"""Moments that auditors name: a position or an instant of the log, or one clear sentence why it is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from marshmallow import ValidationError

from api.schemas.reading import DayOrInstant
from api.schemas.reading import Moment as Field
from ledger.store import Store

_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


class NoMoment(ValueError):
    """What was named is no moment of this log; the sentence says why."""


class Moment(NamedTuple):
    """A position of the log, and the instant that stands for it: what was asked for, or when its fact was recorded."""

    position: int
    instant: datetime


def moment(store: Store, text: str) -> Moment:
    """Return the moment that *text* names: a position, an instant with its offset, or a date, taken at its end."""
    try:
        at: Any = Field().deserialize(text)
    except ValidationError as error:
        raise NoMoment(f"{text!r} {' '.join(error.messages)}") from None
    return moment_of(store, at)


def moment_of(store: Store, at: int | datetime) -> Moment:
    """Return the moment at a position or an instant."""
    if isinstance(at, datetime):
        return Moment(store.position_at(at), at)
    head = store.head()
    if at > head:
        raise NoMoment(f"position {at} is beyond the log, which ends at {head}")
    if at == 0:
        return Moment(0, _BEFORE)
    return Moment(at, store.read_log(at - 1, 1)[0].recorded_at)


def day(text: str) -> datetime:
    """Return the instant that a date, taken at its end, or an instant names."""
    try:
        found: Any = DayOrInstant().deserialize(text)
    except ValidationError as error:
        raise NoMoment(f"{text!r} {' '.join(error.messages)}") from None
    assert isinstance(found, datetime)
    return found
