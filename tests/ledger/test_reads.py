"""What auditors read is recorded, and neither bloats the log nor makes a decision about anybody wait."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.catalogue import EMPTY
from ledger.decider import Setting
from ledger.events import RecordRead
from ledger.reads import AT_MOST, WITHIN, NoteRead, Reads, decide, evolve, reads
from ledger.store import is_reference
from tests import examples as ex


def _setting(seconds: float) -> Setting:
    return Setting(now=ex.START + timedelta(seconds=seconds), catalogue=EMPTY)


def _read(query: str = "q", what: str = "audit.search") -> NoteRead:
    return NoteRead(account="per_ada", day=ex.START.date(), what=what, query=query)


def _all(*read: tuple[float, NoteRead]) -> list[RecordRead]:
    state, recorded = Reads(), []
    for seconds, command in read:
        for fact in decide(state, command, _setting(seconds)):
            state = evolve(state, fact)
            assert isinstance(fact, RecordRead)
            recorded.append(fact)
    return recorded


def test_reads_stand_in_a_stream_for_each_auditor_and_day() -> None:
    stream = f"{reads.category}-{reads.subject(_read())}"

    assert f"audit-per_ada.{ex.START:%Y-%m-%d}" == stream


def test_reads_are_no_reference_so_that_no_decision_waits_for_them() -> None:
    assert not is_reference("audit-per_ada.2026-01-05")


def test_the_same_read_again_within_a_minute_records_nothing() -> None:
    assert 1 == len(_all((0, _read()), (30, _read()), (59, _read())))
    assert 2 == len(_all((0, _read()), (60, _read())))


def test_different_reads_are_recorded_each() -> None:
    assert ["a", "b"] == [fact.query for fact in _all((0, _read("a")), (0, _read("b")))]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 500), st.sampled_from("xyz")), max_size=400))
def test_reading_cannot_fill_the_disk(asked: list[tuple[int, int, str]]) -> None:
    recorded = _all(*((at, _read(str(query), what)) for at, query, what in sorted(asked)))

    assert len(recorded) <= AT_MOST + 3
    assert {what for _, _, what in asked} == {fact.what for fact in recorded} or len(recorded) >= AT_MOST


def test_so_many_different_reads_within_a_minute_are_recorded_each_and_the_next_is_a_further_one() -> None:
    recorded = _all(*((0, _read(str(number))) for number in range(AT_MOST + 1)))

    assert [False] * AT_MOST + [True] == [one.further for one in recorded]


def test_further_reads_are_told_of_once_for_each_kind() -> None:
    many = [(0, _read(str(number))) for number in range(3 * AT_MOST)]

    recorded = _all(*many, (0, _read("1", "awards.why")))

    assert [("audit.search", True), ("awards.why", True)] == [
        (one.what, one.further) for one in recorded if one.further
    ]
    assert WITHIN == timedelta(minutes=1)
