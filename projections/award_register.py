"""Every award with its standing: which achievement, whose, since when, until when, live or how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from ledger.event import Event, Recorded
from ledger.events import (
    AchievementAwarded,
    AwardExpired,
    AwardExtended,
    AwardLapsed,
    AwardReinstated,
    AwardRevoked,
    AwardSuspended,
)
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Row, Rows
from projections.totals import Totals
from projections.view import Apply, View

Status = Literal["live", "suspended", "revoked", "voided", "expired", "lapsed", "renewed"]
Kind = Literal["micro-credential", "milestone"]

_COLUMNS = (
    "position award_id learner_id achievement_id version kind status suspensions effective_at valid_until"
    " stack_id stack_version renews last_position"
)
_KIND, _STATUS, _SUSPENSIONS, _VALID_UNTIL, _LAST = 5, 6, 7, 9, 13
_BIT = {"hand": 1, "stack": 2}
_OPEN = ("live", "suspended")


class AwardRegister(View):
    """The register. `status` is what the facts say; what validity says at an instant is added when it is read."""

    name = "award_register"
    tables = """
        CREATE TABLE award_register (
            position INTEGER PRIMARY KEY,
            award_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            kind TEXT NOT NULL,
            status TEXT NOT NULL,
            suspensions INTEGER NOT NULL,
            effective_at INTEGER NOT NULL,
            valid_until INTEGER,
            stack_id TEXT,
            stack_version INTEGER,
            renews TEXT,
            last_position INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX award_register_by_id ON award_register (award_id);
    """
    indexes = """
        CREATE INDEX IF NOT EXISTS award_register_by_learner ON award_register (learner_id);
        CREATE INDEX IF NOT EXISTS award_register_by_achievement ON award_register (achievement_id, learner_id);
        CREATE INDEX IF NOT EXISTS award_register_by_validity ON award_register (valid_until)
            WHERE valid_until IS NOT NULL AND status IN ('live', 'suspended');
    """

    def __init__(self, totals: Totals) -> None:
        self._awards = Rows("award_register", _COLUMNS, key="award_id")
        self._totals = totals
        super().__init__(self._awards)

    def handlers(self) -> dict[type[Event], Apply]:
        """Awards, and all that befalls them."""
        return {
            AchievementAwarded: self._awarded,
            AwardSuspended: self._suspended,
            AwardReinstated: self._reinstated,
            AwardRevoked: self._revoked,
            AwardExpired: self._expired,
            AwardLapsed: self._lapsed,
            AwardExtended: self._extended,
        }

    def _awarded(self, fact: AchievementAwarded, at: Recorded) -> None:
        position = at.position
        basis = fact.basis
        stack = basis.stack
        kind = "micro-credential" if stack is None else "milestone"
        self._awards.add(
            fact.award_id,
            [
                position, fact.award_id, at.stream[8:], fact.achievement_id, fact.achievement_version, kind, "live", 0,
                micros(fact.effective_at), micros(fact.valid_until), stack, basis.stack_version, fact.renews, position,
            ],
        )  # fmt: skip
        self._totals.moved[f"{kind}.live"] += 1
        if fact.renews is not None:
            self._end(fact.renews, "renewed", position)

    def _suspended(self, fact: AwardSuspended, at: Recorded) -> None:
        row = self._change(fact.award_id, at.position)
        if row is not None:
            row[_SUSPENSIONS] |= _BIT[fact.cause]
            if row[_STATUS] in _OPEN:
                self._stand(row)

    def _reinstated(self, fact: AwardReinstated, at: Recorded) -> None:
        row = self._change(fact.award_id, at.position)
        if row is None:
            return
        if fact.lifts in _BIT:
            row[_SUSPENSIONS] &= ~_BIT[fact.lifts]
            if row[_STATUS] not in _OPEN:
                return
        self._stand(row)

    def _revoked(self, fact: AwardRevoked, at: Recorded) -> None:
        self._end(fact.award_id, "voided" if fact.cause == "voided" else "revoked", at.position)

    def _expired(self, fact: AwardExpired, at: Recorded) -> None:
        self._end(fact.award_id, "expired", at.position)

    def _lapsed(self, fact: AwardLapsed, at: Recorded) -> None:
        self._end(fact.award_id, "lapsed", at.position)

    def _extended(self, fact: AwardExtended, at: Recorded) -> None:
        row = self._change(fact.award_id, at.position)
        if row is not None and fact.valid_until is not None:
            row[_VALID_UNTIL] = micros(fact.valid_until)

    def _end(self, award_id: str, status: Status, position: int) -> None:
        row = self._change(award_id, position)
        if row is not None:
            self._move(row, status)

    def _change(self, award_id: str, position: int) -> Row | None:
        row = self._awards.change(award_id)
        if row is not None:
            row[_LAST] = position
        return row

    def _stand(self, row: Row) -> None:
        self._move(row, "suspended" if row[_SUSPENSIONS] else "live")

    def _move(self, row: Row, status: Status) -> None:
        kind = row[_KIND]
        self._totals.moved[f"{kind}.{row[_STATUS]}"] -= 1
        self._totals.moved[f"{kind}.{status}"] += 1
        row[_STATUS] = status


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the register, as it stands at the instant it was asked for."""

    award_id: str
    learner_id: str
    achievement_id: str
    version: int
    kind: Kind
    status: Status
    effective_at: datetime
    valid_until: datetime | None
    stack_id: str | None
    stack_version: int | None
    renews: str | None
    position: int
    last_position: int


def award(connection: Connection, award_id: str, now: datetime) -> Award | None:
    """Return one award, or None."""
    found = connection.execute(f"{_SELECT} WHERE award_id = ?", (micros(now), award_id)).fetchone()
    return None if found is None else _award(found)


def awards(
    connection: Connection,
    now: datetime,
    *,
    after: int = 0,
    limit: int = 100,
    learner_id: str | None = None,
    achievement_id: str | None = None,
    status: Status | None = None,
    kind: Kind | None = None,
) -> list[Award]:
    """Return awards in the order in which they were recorded; the `position` of the last is the next *after*."""
    filters = {"learner_id": learner_id, "achievement_id": achievement_id, "kind": kind, "standing": status}
    given = {column: value for column, value in filters.items() if value is not None}
    where = "".join(f" AND {column} = ?" for column in given)
    found = connection.execute(
        f"{_SELECT} WHERE position > ?{where} ORDER BY position LIMIT ?", (micros(now), after, *given.values(), limit)
    )
    return [_award(row) for row in found]


def holders(connection: Connection, achievement_ids: Iterable[str]) -> list[str]:
    """Return the learners who hold any of *achievement_ids*, live or suspended; in order of id."""
    wanted = tuple(achievement_ids)
    if not wanted:
        return []
    marks = ", ".join("?" * len(wanted))
    found = connection.execute(
        "SELECT DISTINCT learner_id FROM award_register"  # noqa: S608 -- only question marks are put in
        f" WHERE achievement_id IN ({marks}) AND status IN ('live', 'suspended') ORDER BY learner_id",
        wanted,
    )
    return [learner_id for (learner_id,) in found]


_SELECT = """
    SELECT * FROM (
        SELECT position, award_id, learner_id, achievement_id, version, kind,
               CASE WHEN status IN ('live', 'suspended') AND valid_until <= ? THEN 'expired'
                    ELSE status END AS standing,
               effective_at, valid_until, stack_id, stack_version, renews, last_position
        FROM award_register
    ) AS register
"""


def _award(row: tuple[Any, ...]) -> Award:
    return Award(
        position=row[0],
        award_id=row[1],
        learner_id=row[2],
        achievement_id=row[3],
        version=row[4],
        kind=row[5],
        status=row[6],
        effective_at=instant(row[7]),
        valid_until=instant(row[8]),
        stack_id=row[9],
        stack_version=row[10],
        renews=row[11],
        last_position=row[12],
    )
