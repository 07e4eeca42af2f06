"""Who is in the ledger; what each learner has done is folded from their own facts when asked for."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ledger.event import Event, Recorded
from ledger.events import ComponentSubstituted, LearnerRegistered
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Rows
from projections.totals import Totals
from projections.view import Apply, View


class Learners(View):
    """The learners, in the order in which they came, and for which stacks one award stands for another."""

    name = "learners"
    tables = """
        CREATE TABLE learners (
            position INTEGER PRIMARY KEY,
            learner_id TEXT NOT NULL,
            origin TEXT NOT NULL,
            recorded_at INTEGER NOT NULL
        );
        CREATE TABLE substitutions (
            position INTEGER PRIMARY KEY,
            stack_id TEXT NOT NULL,
            learner_id TEXT NOT NULL
        );
    """
    indexes = """
        CREATE INDEX IF NOT EXISTS learners_by_id ON learners (learner_id);
        CREATE INDEX IF NOT EXISTS substitutions_by_stack ON substitutions (stack_id);
    """

    def __init__(self, totals: Totals) -> None:
        self._learners = Rows("learners", "position learner_id origin recorded_at", key="position")
        self._substitutions = Rows("substitutions", "position stack_id learner_id", key="position")
        self._totals = totals
        super().__init__(self._learners, self._substitutions)

    def handlers(self) -> dict[type[Event], Apply]:
        """Registrations and substitutions."""
        return {LearnerRegistered: self._registered, ComponentSubstituted: self._substituted}

    def _registered(self, fact: LearnerRegistered, at: Recorded) -> None:
        learner_id = at.stream[8:]
        self._learners.add((at.position,), [at.position, learner_id, fact.origin, micros(at.recorded_at)])
        self._totals.moved["learners"] += 1

    def _substituted(self, fact: ComponentSubstituted, at: Recorded) -> None:
        self._substitutions.add((at.position,), [at.position, fact.stack_id, at.stream[8:]])


class Learner(msgspec.Struct, frozen=True, kw_only=True):
    """A learner whose record is open."""

    learner_id: str
    origin: str
    position: int
    recorded_at: datetime


def learners(connection: Connection, *, after: int = 0, limit: int = 100) -> list[Learner]:
    """Return learners in the order in which they came."""
    found = connection.execute(
        "SELECT learner_id, origin, position, recorded_at FROM learners WHERE position > ? ORDER BY position LIMIT ?",
        (after, limit),
    )
    return [Learner(learner_id=i, origin=o, position=p, recorded_at=instant(r)) for i, o, p, r in found]


def substituting(connection: Connection, stack_ids: list[str]) -> list[str]:
    """Return the learners for whom an award stands for a component of one of the stacks."""
    if not stack_ids:
        return []
    marks = ", ".join("?" * len(stack_ids))
    found = connection.execute(
        f"SELECT DISTINCT learner_id FROM substitutions WHERE stack_id IN ({marks}) ORDER BY learner_id",  # noqa: S608
        stack_ids,
    )
    return [learner_id for (learner_id,) in found]
