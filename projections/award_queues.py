"""What waits for a registrar: awards to confirm, and awards whose ground has moved to review."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from ledger.event import Event, Recorded
from ledger.events import AchievementAwarded, AwardDeclined, AwardQueued, AwardReviewed, Queue
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Rows
from projections.totals import Totals
from projections.view import Apply, View

_QUEUE, _STATE, _DECIDED = 2, 11, 12

QueueState = Literal["waiting", "awarded", "declined", "reviewed"]


class AwardQueues(View):
    """The confirm and review queues; a row stays when it is decided."""

    name = "award_queues"
    tables = """
        CREATE TABLE award_queues (
            position INTEGER PRIMARY KEY,
            queue_id TEXT NOT NULL,
            queue TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            award_id TEXT,
            stack_id TEXT,
            stack_version INTEGER,
            evidence_id TEXT,
            reason TEXT NOT NULL,
            state TEXT NOT NULL,
            decided_position INTEGER,
            queued_at INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX award_queues_by_id ON award_queues (queue_id, learner_id);
    """
    indexes = """
        CREATE INDEX IF NOT EXISTS award_queues_waiting ON award_queues (queue, position) WHERE state = 'waiting';
    """

    def __init__(self, totals: Totals) -> None:
        self._queue = Rows(
            "award_queues",
            "position queue_id queue learner_id achievement_id version award_id stack_id stack_version evidence_id"
            " reason state decided_position queued_at",
            key="queue_id learner_id",
        )
        self._totals = totals
        super().__init__(self._queue)

    def handlers(self) -> dict[type[Event], Apply]:
        """What was queued, and what was decided."""
        return {
            AwardQueued: self._queued,
            AchievementAwarded: self._awarded,
            AwardDeclined: self._declined,
            AwardReviewed: self._reviewed,
        }

    def _queued(self, fact: AwardQueued, at: Recorded) -> None:
        learner_id = at.stream[8:]
        basis = fact.basis
        self._queue.add(
            (fact.queue_id, learner_id),
            [
                at.position, fact.queue_id, fact.queue, learner_id, fact.achievement_id, fact.achievement_version,
                fact.award_id, basis.stack, basis.stack_version, basis.evidence_id, fact.reason, "waiting", None,
                micros(fact.effective_at),
            ],
        )  # fmt: skip
        self._totals.moved[f"queue.{fact.queue}"] += 1

    def _awarded(self, fact: AchievementAwarded, at: Recorded) -> None:
        if fact.queue_id is not None:
            self._decide(fact.queue_id, at, "awarded")

    def _declined(self, fact: AwardDeclined, at: Recorded) -> None:
        self._decide(fact.queue_id, at, "declined")

    def _reviewed(self, fact: AwardReviewed, at: Recorded) -> None:
        self._decide(fact.queue_id, at, "reviewed")

    def _decide(self, queue_id: str, at: Recorded, state: QueueState) -> None:
        row = self._queue.change((queue_id, at.stream[8:]))
        if row is None:
            return
        if row[_STATE] == "waiting":
            self._totals.moved[f"queue.{row[_QUEUE]}"] -= 1
        row[_STATE], row[_DECIDED] = state, at.position


class QueuedAward(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the confirm or the review queue."""

    queue_id: str
    queue: Queue
    learner_id: str
    achievement_id: str
    version: int
    award_id: str | None
    stack_id: str | None
    stack_version: int | None
    evidence_id: str | None
    reason: str
    state: QueueState
    position: int
    decided_position: int | None
    queued_at: datetime


def queued_awards(connection: Connection, queue: Queue, *, after: int = 0, limit: int = 100) -> list[QueuedAward]:
    """Return what waits in *queue*, in order of position."""
    found = connection.execute(
        f"{_SELECT} WHERE queue = ? AND state = 'waiting' AND position > ? ORDER BY position LIMIT ?",
        (queue, after, limit),
    )
    return [_entry(row) for row in found]


def queued_award(connection: Connection, queue_id: str) -> QueuedAward | None:
    """Return one entry, decided or not; None when unknown."""
    found = connection.execute(f"{_SELECT} WHERE queue_id = ?", (queue_id,)).fetchone()
    return None if found is None else _entry(found)


_SELECT = (
    "SELECT position, queue_id, queue, learner_id, achievement_id, version, award_id, stack_id, stack_version,"
    " evidence_id, reason, state, decided_position, queued_at FROM award_queues"
)


def _entry(row: tuple[Any, ...]) -> QueuedAward:
    return QueuedAward(
        position=row[0],
        queue_id=row[1],
        queue=row[2],
        learner_id=row[3],
        achievement_id=row[4],
        version=row[5],
        award_id=row[6],
        stack_id=row[7],
        stack_version=row[8],
        evidence_id=row[9],
        reason=row[10],
        state=row[11],
        decided_position=row[12],
        queued_at=instant(row[13]),
    )
