from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from ledger.batches import RecordBatch, UndoBatch, batches
from ledger.errors import AlreadyRecorded, SecondPersonNeeded, Unknown
from ledger.events import BatchRecorded, BatchUndone
from tests.examples import REGISTRAR, SECOND_REGISTRAR, catalogue_of, person
from tests.specification import NOW, given

RECORD = RecordBatch(batch_id="bat_1", digest="abc", rows=10, recorded=7, repeated=2, refused=1, after_position=5)
RECORDED = BatchRecorded(effective_at=NOW, digest="abc", rows=10, recorded=7, repeated=2, refused=1, after_position=5)
UNDO = UndoBatch(batch_id="bat_1", by=REGISTRAR, learners=4)
UNDONE = BatchUndone(effective_at=NOW, undone_by=REGISTRAR, approved_by=None, learners=4)
TWO_DAYS_LATER = NOW + timedelta(days=2)


def test_a_batch_is_recorded_once() -> None:
    given(batches).when(RECORD).then(RECORDED)
    given(batches, RECORDED).when(RECORD, now=TWO_DAYS_LATER).then()
    given(batches, RECORDED).when(msgspec.structs.replace(RECORD, rows=11)).then_refused(AlreadyRecorded)


def test_a_fresh_batch_is_undone_by_one_person() -> None:
    given(batches, RECORDED).when(UNDO, now=NOW + timedelta(days=1)).then(
        msgspec.structs.replace(UNDONE, effective_at=NOW + timedelta(days=1))
    )


def test_undoing_again_records_nothing() -> None:
    given(batches, RECORDED, UNDONE).when(UNDO, now=TWO_DAYS_LATER).then()


def test_what_was_never_recorded_is_not_undone() -> None:
    given(batches).when(UNDO).then_refused(Unknown, field="batch_id")


def test_a_batch_older_than_a_day_takes_two_people() -> None:
    both = msgspec.structs.replace(UNDO, approved_by=SECOND_REGISTRAR)

    given(batches, RECORDED).when(UNDO, now=TWO_DAYS_LATER).then_refused(SecondPersonNeeded, field="approved_by")
    given(batches, RECORDED).when(both, now=TWO_DAYS_LATER).then(
        msgspec.structs.replace(UNDONE, effective_at=TWO_DAYS_LATER, approved_by=SECOND_REGISTRAR)
    )


@pytest.mark.parametrize("approved_by", [REGISTRAR, "per_gail_too"])
def test_nobody_is_two_people(approved_by: str) -> None:
    catalogue = catalogue_of(person(REGISTRAR, linked=("per_gail_too",)))
    alone = msgspec.structs.replace(UNDO, approved_by=approved_by)

    given(batches, RECORDED).when(alone, catalogue=catalogue).then_refused(SecondPersonNeeded)
