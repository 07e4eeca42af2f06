"""What the programme offers, version by version: achievements, who endorsed them, stacks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from ledger.definition import AchievementDefinition, StackDefinition
from ledger.event import Event, Recorded
from ledger.events import (
    AchievementApproved,
    AchievementDrafted,
    AchievementEndorsed,
    AchievementPublished,
    AchievementRetired,
    AchievementRevised,
    EndorsementWithdrawn,
    StackActivated,
    StackApproved,
    StackDrafted,
    StackRetired,
    StackRevised,
)
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Rows
from projections.view import Apply, View

VersionStatus = Literal["drafted", "approved", "published", "superseded", "retired"]

_STATUS, _APPROVED_BY, _SINCE, _APPLIES_TO, _STARTS = 3, 6, 7, 8, 9
_WITHDRAWN = 6

_encode = msgspec.json.Encoder(order="sorted").encode


class CatalogueVersions(View):
    """Every version of every achievement and stack. Of a stack, `published` means activated."""

    name = "catalogue"
    tables = """
        CREATE TABLE achievement_versions (
            position INTEGER PRIMARY KEY,
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            status TEXT NOT NULL,
            definition BLOB NOT NULL,
            drafted_by TEXT NOT NULL,
            approved_by TEXT,
            since INTEGER
        );
        CREATE UNIQUE INDEX achievement_versions_by_id ON achievement_versions (achievement_id, version);
        CREATE TABLE endorsements (
            position INTEGER PRIMARY KEY,
            endorsement_id TEXT NOT NULL,
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            partner TEXT NOT NULL,
            statement TEXT NOT NULL,
            withdrawn TEXT
        );
        CREATE UNIQUE INDEX endorsements_by_id ON endorsements (achievement_id, endorsement_id);
        CREATE TABLE stack_versions (
            position INTEGER PRIMARY KEY,
            stack_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            status TEXT NOT NULL,
            definition BLOB NOT NULL,
            drafted_by TEXT NOT NULL,
            approved_by TEXT,
            since INTEGER,
            applies_to TEXT,
            starts_at INTEGER
        );
        CREATE UNIQUE INDEX stack_versions_by_id ON stack_versions (stack_id, version);
        CREATE INDEX stack_versions_by_start ON stack_versions (starts_at) WHERE starts_at IS NOT NULL;
    """

    def __init__(self) -> None:
        columns = "version status definition drafted_by approved_by since"
        self._achievements = Rows(
            "achievement_versions", f"position achievement_id {columns}", key="achievement_id version"
        )
        self._stacks = Rows(
            "stack_versions", f"position stack_id {columns} applies_to starts_at", key="stack_id version"
        )
        self._endorsements = Rows(
            "endorsements",
            "position endorsement_id achievement_id version partner statement withdrawn",
            key="achievement_id endorsement_id",
        )
        super().__init__(self._achievements, self._stacks, self._endorsements)

    def handlers(self) -> dict[type[Event], Apply]:
        """All that happens to definitions."""
        return {
            AchievementDrafted: lambda fact, at: self._achievement(fact.definition, 1, fact.drafted_by, at),
            AchievementRevised: lambda fact, at: self._achievement(fact.definition, fact.version, fact.revised_by, at),
            AchievementApproved: lambda fact, at: self._approved(self._achievements, fact, at),
            AchievementPublished: lambda fact, at: self._published(self._achievements, fact, at),
            AchievementRetired: lambda _, at: self._move(self._achievements, at.subject, "retired"),
            AchievementEndorsed: self._endorsed,
            EndorsementWithdrawn: self._endorsement_withdrawn,
            StackDrafted: lambda fact, at: self._stack(fact.definition, 1, fact.drafted_by, at),
            StackRevised: lambda fact, at: self._stack(fact.definition, fact.version, fact.revised_by, at),
            StackApproved: lambda fact, at: self._approved(self._stacks, fact, at),
            StackActivated: self._activated,
            StackRetired: lambda _, at: self._move(self._stacks, at.subject, "retired"),
        }

    def _achievement(self, definition: AchievementDefinition, version: int, by: str, at: Recorded) -> None:
        row = [at.position, at.subject, version, "drafted", _encode(definition), by, None, None]
        self._achievements.add((at.subject, version), row)

    def _stack(self, definition: StackDefinition, version: int, by: str, at: Recorded) -> None:
        row = [at.position, at.subject, version, "drafted", _encode(definition), by, None, None, None, None]
        self._stacks.add((at.subject, version), row)

    def _approved(self, rows: Rows, fact: AchievementApproved | StackApproved, at: Recorded) -> None:
        row = rows.change((at.subject, fact.version))
        if row is not None:
            row[_STATUS], row[_APPROVED_BY] = "approved", fact.approved_by

    def _published(self, rows: Rows, fact: AchievementPublished | StackActivated, at: Recorded) -> None:
        self._move(rows, at.subject, "superseded", only="published", but=fact.version)
        row = rows.change((at.subject, fact.version))
        if row is not None:
            row[_STATUS], row[_SINCE] = "published", micros(fact.effective_at)

    def _activated(self, fact: StackActivated, at: Recorded) -> None:
        self._published(self._stacks, fact, at)
        row = self._stacks.change((at.subject, fact.version))
        if row is not None:
            row[_APPLIES_TO] = fact.applies_to
            row[_STARTS] = micros(fact.effective_at) if fact.effective_at > at.recorded_at else None

    def _move(self, rows: Rows, subject: str, status: VersionStatus, only: str | None = None, but: int = 0) -> None:
        version = 1
        while (row := rows.find((subject, version))) is not None:
            if version != but and only in (None, row[_STATUS]):
                rows.change((subject, version))
                row[_STATUS] = status
            version += 1

    def _endorsed(self, fact: AchievementEndorsed, at: Recorded) -> None:
        self._endorsements.add(
            (at.subject, fact.endorsement_id),
            [at.position, fact.endorsement_id, at.subject, fact.version, fact.partner, fact.statement, None],
        )

    def _endorsement_withdrawn(self, fact: EndorsementWithdrawn, at: Recorded) -> None:
        row = self._endorsements.change((at.subject, fact.endorsement_id))
        if row is not None:
            row[_WITHDRAWN] = fact.reason


class Endorsed(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's endorsement; `withdrawn` is the reason it was taken back."""

    endorsement_id: str
    version: int
    partner: str
    statement: str
    withdrawn: str | None


class OfferedAchievement(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an achievement; `since` is when it was published."""

    achievement_id: str
    version: int
    status: VersionStatus
    definition: AchievementDefinition
    drafted_by: str
    approved_by: str | None
    since: datetime | None
    position: int


class OfferedStack(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a stack; `since` is when it took, or will take, effect."""

    stack_id: str
    version: int
    status: VersionStatus
    definition: StackDefinition
    drafted_by: str
    approved_by: str | None
    since: datetime | None
    applies_to: Literal["new", "holders"] | None
    position: int


def achievement_versions(
    connection: Connection, achievement_id: str | None = None, *, status: VersionStatus | None = None,
    after: int = 0, limit: int = 100,
) -> list[OfferedAchievement]:  # fmt: skip
    """Return versions in the order in which they were drafted, of one achievement or all."""
    found = _versions(connection, "achievement", {"achievement_id": achievement_id, "status": status}, after, limit)
    return [
        OfferedAchievement(
            position=row[0],
            achievement_id=row[1],
            version=row[2],
            status=row[3],
            definition=msgspec.json.decode(row[4], type=AchievementDefinition),
            drafted_by=row[5],
            approved_by=row[6],
            since=instant(row[7]),
        )
        for row in found
    ]


def stack_versions(
    connection: Connection, stack_id: str | None = None, *, status: VersionStatus | None = None,
    after: int = 0, limit: int = 100,
) -> list[OfferedStack]:  # fmt: skip
    """Return versions in the order in which they were drafted, of one stack or all."""
    found = _versions(connection, "stack", {"stack_id": stack_id, "status": status}, after, limit)
    return [
        OfferedStack(
            position=row[0],
            stack_id=row[1],
            version=row[2],
            status=row[3],
            definition=msgspec.json.decode(row[4], type=StackDefinition),
            drafted_by=row[5],
            approved_by=row[6],
            since=instant(row[7]),
            applies_to=row[8],
        )
        for row in found
    ]


def endorsements(connection: Connection, achievement_id: str) -> list[Endorsed]:
    """Return who endorsed which version of an achievement."""
    found = connection.execute(
        "SELECT endorsement_id, version, partner, statement, withdrawn FROM endorsements"
        " WHERE achievement_id = ? ORDER BY position",
        (achievement_id,),
    )
    return [Endorsed(endorsement_id=i, version=v, partner=p, statement=s, withdrawn=w) for i, v, p, s, w in found]


def _versions(
    connection: Connection,
    kind: Literal["achievement", "stack"],
    filters: dict[str, str | None],
    after: int,
    limit: int,
) -> list[tuple[Any, ...]]:
    given = {column: value for column, value in filters.items() if value is not None}
    where = "".join(f" AND {column} = ?" for column in given)
    return connection.execute(
        f"SELECT * FROM {kind}_versions WHERE position > ?{where} ORDER BY position LIMIT ?",  # noqa: S608
        (after, *given.values(), limit),
    ).fetchall()
