"""Files that were imported as one unit, what came of their rows, and whom they concern."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from ledger.event import Event, Recorded
from ledger.events import BatchRecorded, BatchUndone, EvidenceAssessed, EvidenceSubmitted
from projections.connection import Connection, Target, Writing
from projections.instants import instant, micros
from projections.rows import Rows
from projections.view import Apply, View

_STATE, _UNDONE_AT = 8, 9
_LEARNERS = Target("batch_learners", ("batch_id", "learner_id"), ("batch_id", "learner_id"))


class Batches(View):
    """Batches, and the learners whose facts carry a batch's id."""

    name = "batches"
    tables = """
        CREATE TABLE batches (
            position INTEGER PRIMARY KEY,
            batch_id TEXT NOT NULL,
            digest TEXT NOT NULL,
            rows INTEGER NOT NULL,
            recorded INTEGER NOT NULL,
            repeated INTEGER NOT NULL,
            refused INTEGER NOT NULL,
            recorded_at INTEGER NOT NULL,
            state TEXT NOT NULL,
            undone_at INTEGER
        );
        CREATE UNIQUE INDEX batches_by_id ON batches (batch_id);
        CREATE TABLE batch_learners (
            batch_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            PRIMARY KEY (batch_id, learner_id)
        ) WITHOUT ROWID;
    """

    def __init__(self) -> None:
        self._batches = Rows(
            "batches",
            "position batch_id digest rows recorded repeated refused recorded_at state undone_at",
            key="batch_id",
        )
        self._learners: set[tuple[str, str]] = set()
        super().__init__(self._batches)

    def handlers(self) -> dict[type[Event], Apply]:
        """Batches, and the facts they brought."""
        return {
            BatchRecorded: self._recorded,
            BatchUndone: self._undone,
            EvidenceSubmitted: self._brought,
            EvidenceAssessed: self._brought,
        }

    def flush(self, connection: Writing) -> None:
        """Write batches and learners newly seen in them."""
        super().flush(connection)
        if self._learners:
            connection.save(_LEARNERS, sorted(self._learners))
            self._learners = set()

    def forget(self) -> None:
        """Drop what is in memory."""
        super().forget()
        self._learners = set()

    def _recorded(self, fact: BatchRecorded, at: Recorded) -> None:
        batch_id = at.subject
        self._batches.add(
            batch_id,
            [
                at.position, batch_id, fact.digest, fact.rows, fact.recorded, fact.repeated, fact.refused,
                micros(at.recorded_at), "recorded", None,
            ],
        )  # fmt: skip

    def _undone(self, _: BatchUndone, at: Recorded) -> None:
        row = self._batches.change(at.subject)
        if row is not None:
            row[_STATE], row[_UNDONE_AT] = "undone", micros(at.recorded_at)

    def _brought(self, fact: EvidenceSubmitted | EvidenceAssessed, at: Recorded) -> None:
        if fact.batch_id is not None:
            self._learners.add((fact.batch_id, at.stream[8:]))


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One imported file: how many rows were new, known already, or refused."""

    batch_id: str
    digest: str
    rows: int
    recorded: int
    repeated: int
    refused: int
    learners: int
    recorded_at: datetime
    state: Literal["recorded", "undone"]
    undone_at: datetime | None
    position: int


def batches(connection: Connection, *, after: int = 0, limit: int = 100) -> list[Batch]:
    """Return batches in the order in which they were recorded."""
    found = connection.execute(f"{_SELECT} WHERE position > ? ORDER BY position LIMIT ?", (after, limit))
    return [_batch(row) for row in found]


def batch(connection: Connection, batch_id: str) -> Batch | None:
    """Return one batch; None when unknown."""
    found = connection.execute(f"{_SELECT} WHERE batch_id = ?", (batch_id,)).fetchone()
    return None if found is None else _batch(found)


def batch_learners(connection: Connection, batch_id: str, after: str = "", limit: int = 1000) -> list[str]:
    """Return learners for whom the batch recorded anything, in order of id; also where the import was cut short."""
    found = connection.execute(
        "SELECT learner_id FROM batch_learners WHERE batch_id = ? AND learner_id > ? ORDER BY learner_id LIMIT ?",
        (batch_id, after, limit),
    )
    return [learner_id for (learner_id,) in found]


_SELECT = """
    SELECT position, batch_id, digest, rows, recorded, repeated, refused, recorded_at, state, undone_at,
           (SELECT count(*) FROM batch_learners AS of WHERE of.batch_id = batches.batch_id)
    FROM batches
"""


def _batch(row: tuple[Any, ...]) -> Batch:
    return Batch(
        position=row[0],
        batch_id=row[1],
        digest=row[2],
        rows=row[3],
        recorded=row[4],
        repeated=row[5],
        refused=row[6],
        recorded_at=instant(row[7]),
        state=row[8],
        undone_at=instant(row[9]),
        learners=row[10],
    )
