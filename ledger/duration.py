"""
ISO 8601 durations (`P1Y`, `P2M10D`, `PT12H`) added to instants by the calendar.

A month after 31 January is the last day of February; the rest is exact. Weeks stand alone (`P2W`) or with others.
Kept here rather than taken from a library because rules rest on it and use the standard library alone.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import datetime, timedelta
from functools import lru_cache

_PATTERN = re.compile(
    r"P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
    re.ASCII,
)
_LONGEST_YEARS = 200


@lru_cache(maxsize=512)
def parse(text: str) -> tuple[int, timedelta]:
    """Return (months, exact rest) of *text*; ValueError when it is no duration or longer than 200 years."""
    found = _PATTERN.fullmatch(text)
    if found is None or len(text) > 40:
        msg = f"{text!r} is not an ISO 8601 duration such as P1Y, P6M, P30D or PT12H"
        raise ValueError(msg)
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    months += 12 * years
    if (
        months > 12 * _LONGEST_YEARS
        or weeks * 7 + days > 366 * _LONGEST_YEARS
        or hours > 10**6
        or minutes > 10**8
        or seconds > 10**10
    ):
        msg = f"{text!r} is longer than {_LONGEST_YEARS} years"
        raise ValueError(msg)
    return months, timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def after(start: datetime, text: str) -> datetime:
    """Return the instant *text* after *start*; the end of time when there is none that late."""
    months, rest = parse(text)
    try:
        return _add_months(start, months) + rest
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=start.tzinfo)


def before(end: datetime, text: str) -> datetime:
    """Return the instant *text* before *end*; the beginning of time when there is none that early."""
    months, rest = parse(text)
    try:
        return _add_months(end - rest, -months)
    except (OverflowError, ValueError):
        return datetime.min.replace(tzinfo=end.tzinfo)


def _add_months(start: datetime, months: int) -> datetime:
    if not months:
        return start
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))
