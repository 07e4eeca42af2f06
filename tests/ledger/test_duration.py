from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ledger.duration import after, before, parse

INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ("2026-01-31", "P1M", "2026-02-28"),
        ("2024-01-31", "P1M", "2024-02-29"),
        ("2024-02-29", "P1Y", "2025-02-28"),
        ("2026-11-30", "P3M", "2027-02-28"),
        ("2026-01-01", "P2W", "2026-01-15"),
        ("2026-01-01", "P1Y2M10D", "2027-03-11"),
        ("2026-01-01T10:00", "PT36H", "2026-01-02T22:00"),
        ("2026-01-01", "PT1M30S", "2026-01-01T00:01:30"),
    ],
)
def test_months_go_by_the_calendar_and_the_rest_is_exact(start: str, text: str, end: str) -> None:
    assert at(end) == after(at(start), text)


def test_a_month_before_the_31st_is_the_last_day_of_a_shorter_month() -> None:
    assert at("2026-02-28") == before(at("2026-03-31"), "P1M")
    assert at("2025-12-31") == before(at("2026-01-31"), "P1M")


@for_all(start=INSTANTS, days=st.integers(0, 10_000), seconds=st.integers(0, 10**6))
def test_exact_durations_are_undone_by_going_back(start: datetime, days: int, seconds: int) -> None:
    text = f"P{days}DT{seconds}S"

    assert start + timedelta(days=days, seconds=seconds) == after(start, text)
    assert start == before(after(start, text), text)


@for_all(start=INSTANTS, months=st.integers(1, 600))
def test_months_keep_the_day_unless_the_month_is_shorter(start: datetime, months: int) -> None:
    end = after(start, f"P{months}M")

    assert months == (end.year - start.year) * 12 + end.month - start.month
    assert end.day == start.day or (end.day < start.day and (end + timedelta(days=1)).day == 1)
    assert start.time() == end.time()


@for_all(one=INSTANTS, other=INSTANTS, months=st.integers(0, 60), days=st.integers(0, 60))
def test_later_starts_end_no_day_earlier(one: datetime, other: datetime, months: int, days: int) -> None:
    first, second = sorted((one.replace(hour=0, minute=0, second=0, microsecond=0), other))

    assert after(first, f"P{months}M{days}D") <= after(second, f"P{months}M{days}D")


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "1Y", "P1", "p1y", "P1.5Y", "P-1D", "P1D1Y", "P1H", "P1YT", "P201Y", " P1D", "P1D\n", "P\u0661D"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"P1Y|longer"):
        parse(text)


def test_there_is_no_instant_beyond_the_end_of_time() -> None:
    assert datetime.max.replace(tzinfo=UTC) == after(at("9999-01-01"), "P100Y")
    assert datetime.min.replace(tzinfo=UTC) == before(at("0001-06-01"), "P100Y")
