"""What time will bring: awards that run out, breaks whose policy comes to act, stacks that take effect."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from ledger import ids
from ledger.event import Event, Recorded
from ledger.events import (
    AppealDecided,
    AwardExpired,
    AwardExtended,
    AwardLapsed,
    AwardQueued,
    AwardRevoked,
    AwardSuspended,
    StackBasisReplaced,
    StackBroken,
)
from projections.appeals import Appeals
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Rows
from projections.view import Apply, View

_DUE_AT, _OPEN = 5, 6


class DueBreaks(View):
    """
    Open breaks whose policy has yet to act. The other due dates stand in the register and the catalogue.

    A break that stays listed though nothing is left to do is harmless: acting on it records nothing.
    """

    name = "due"
    tables = """
        CREATE TABLE breaks (
            position INTEGER PRIMARY KEY,
            break_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            award_id TEXT NOT NULL,
            completion_id TEXT NOT NULL,
            due_at INTEGER NOT NULL,
            open INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX breaks_by_id ON breaks (break_id);
        CREATE INDEX breaks_by_award ON breaks (award_id) WHERE open = 1;
        CREATE INDEX breaks_by_completion ON breaks (completion_id) WHERE open = 1;
        CREATE INDEX breaks_by_due ON breaks (due_at) WHERE open = 1;
    """

    def __init__(self, appeals: Appeals) -> None:
        self._breaks = Rows("breaks", "position break_id learner_id award_id completion_id due_at open", key="break_id")
        self._appeals = appeals
        super().__init__(self._breaks)

    def handlers(self) -> dict[type[Event], Apply]:
        """Breaks, and what ends them."""
        return {
            StackBroken: self._broken,
            StackBasisReplaced: lambda fact, _: self._close("completion_id", fact.completion_id),
            AwardRevoked: lambda fact, _: self._close("award_id", fact.award_id),
            AwardLapsed: lambda fact, _: self._close("award_id", fact.award_id),
            AwardExpired: lambda fact, _: self._close("award_id", fact.award_id),
            AwardSuspended: lambda fact, _: self._shut(fact.break_id),
            AwardQueued: self._queued,
            AppealDecided: self._appeal_decided,
            AwardExtended: self._extended,
        }

    def _broken(self, fact: StackBroken, at: Recorded) -> None:
        if fact.policy != "keep":
            due_at = micros(fact.due_at)
            row = [at.position, fact.break_id, at.subject, fact.award_id, fact.completion_id, due_at, 1]
            self._breaks.add(fact.break_id, row)

    def _queued(self, fact: AwardQueued, _: Recorded) -> None:
        """A review was queued for one break, whose id the entry's id is derived from."""
        if fact.queue == "review" and fact.award_id is not None:
            for break_id in self._open("award_id", fact.award_id):
                if ids.derived("que", break_id) == fact.queue_id:
                    self._shut(break_id)

    def _appeal_decided(self, fact: AppealDecided, at: Recorded) -> None:
        if fact.upheld:
            self._close("award_id", self._appeals.award_of(fact.appeal_id, at.subject))

    def _extended(self, fact: AwardExtended, _: Recorded) -> None:
        if fact.break_id is not None and fact.due_at is not None:
            row = self._breaks.change(fact.break_id)
            if row is not None:
                row[_DUE_AT] = micros(fact.due_at)
                row[_OPEN] = 1  # it may have acted already: what it suspended counts again until the later date

    def _close(self, column: Literal["award_id", "completion_id"], value: str | None) -> None:
        if value is not None:
            for break_id in self._open(column, value):
                self._shut(break_id)

    def _open(self, column: Literal["award_id", "completion_id"], value: str) -> list[str]:
        """Ask the table, written up to this fact: breaks are few, and found by more than their id."""
        connection = self._breaks.connection
        if connection is None:
            return []
        self._breaks.flush(connection)
        found = connection.execute(f"SELECT break_id FROM breaks WHERE {column} = ? AND open = 1", (value,))  # noqa: S608
        return [break_id for (break_id,) in found.fetchall()]

    def _shut(self, break_id: str | None) -> None:
        row = None if break_id is None else self._breaks.change(break_id)
        if row is not None:
            row[_OPEN] = 0


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something that time has brought to a learner: the end of an award's validity, or of a break's grace."""

    kind: Literal["validity", "break"]
    subject: str
    learner_id: str
    due_at: datetime


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a stack that took effect some time after it was activated."""

    stack_id: str
    version: int
    starts_at: datetime

    @property
    def subject(self) -> str:
        """What names the start."""
        return f"start of {self.stack_id} {self.version} at {self.starts_at:%Y-%m-%dT%H:%M:%S.%fZ}"


def due(connection: Connection, until: datetime, limit: int = 1000) -> list[Due]:
    """Return what is due to learners by *until* and not recorded yet, the earliest first."""
    found = connection.execute(
        """
        SELECT * FROM (
            SELECT 'validity', award_id AS subject, learner_id, valid_until AS due_at FROM award_register
            WHERE valid_until <= ? AND valid_until IS NOT NULL AND status IN ('live', 'suspended')
            UNION ALL
            SELECT 'break', break_id, learner_id, due_at FROM breaks WHERE open = 1 AND due_at <= ?
        ) AS due ORDER BY due_at, subject LIMIT ?
        """,
        (micros(until), micros(until), limit),
    )
    return [
        Due(kind=kind, subject=subject, learner_id=learner_id, due_at=instant(at))
        for kind, subject, learner_id, at in found
    ]


def starts(connection: Connection, until: datetime) -> list[Start]:
    """Return every version of a stack that was activated ahead of its time and took effect by *until*."""
    found = connection.execute(
        "SELECT stack_id, version, starts_at FROM stack_versions WHERE starts_at <= ? ORDER BY starts_at",
        (micros(until),),
    )
    return [Start(stack_id=stack_id, version=version, starts_at=instant(at)) for stack_id, version, at in found]
