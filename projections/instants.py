"""Instants as the tables hold them: whole microseconds since 1970, which compare and index as integers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@overload
def micros(instant: datetime) -> int: ...
@overload
def micros(instant: None) -> None: ...
def micros(instant: datetime | None) -> int | None:
    """Return *instant* as microseconds; exact, which a float of seconds is not."""
    if instant is None:
        return None
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@overload
def instant(micros: int) -> datetime: ...
@overload
def instant(micros: None) -> None: ...
def instant(micros: int | None) -> datetime | None:
    """Return the instant that *micros* stands for, in UTC."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
