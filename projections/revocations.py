"""Revocations that a first person asked for, waiting for a second."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ledger.event import Event, Recorded
from ledger.events import AwardExpired, AwardLapsed, AwardRevoked, RevocationRequested
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Rows
from projections.view import Apply, View

_LINE = "\n"


class Revocations(View):
    """Standing requests; a row goes when the award ends, by this revocation or otherwise."""

    name = "revocations"
    tables = """
        CREATE TABLE revocations (
            position INTEGER PRIMARY KEY,
            request_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            award_id TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            consequences TEXT NOT NULL,
            requested_at INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX revocations_by_id ON revocations (request_id, learner_id);
    """

    def __init__(self) -> None:
        self._requests = Rows(
            "revocations",
            "position request_id learner_id award_id requested_by consequences requested_at",
            key="request_id learner_id",
        )
        self._standing: dict[str, set[tuple[str, str]]] | None = None
        super().__init__(self._requests)

    def handlers(self) -> dict[type[Event], Apply]:
        """Requests, and the ends of awards."""
        return {
            RevocationRequested: self._requested,
            AwardRevoked: lambda fact, _: self._ended(fact.award_id),
            AwardExpired: lambda fact, _: self._ended(fact.award_id),
            AwardLapsed: lambda fact, _: self._ended(fact.award_id),
        }

    def forget(self) -> None:
        """Drop what is in memory."""
        super().forget()
        self._standing = None

    def _requested(self, fact: RevocationRequested, at: Recorded) -> None:
        key = (fact.request_id, at.subject)
        self._requests.add(
            key,
            [
                at.position, fact.request_id, at.subject, fact.award_id, fact.requested_by,
                _LINE.join(fact.consequences), micros(fact.effective_at),
            ],
        )  # fmt: skip
        self._of_award().setdefault(fact.award_id, set()).add(key)

    def _ended(self, award_id: str) -> None:
        for key in self._of_award().pop(award_id, ()):
            self._requests.drop(key)

    def _of_award(self) -> dict[str, set[tuple[str, str]]]:
        """Return the standing requests by award; few enough to be kept in memory whole."""
        if self._standing is None:
            self._standing = {}
            connection = self._requests.connection
            query = "SELECT award_id, request_id, learner_id FROM revocations"
            for award_id, *key in connection.execute(query) if connection is not None else ():
                self._standing.setdefault(award_id, set()).add((key[0], key[1]))
        return self._standing


class RequestedRevocation(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation that waits for its second person, with the list of what falls that the first signed."""

    request_id: str
    learner_id: str
    award_id: str
    requested_by: str
    consequences: tuple[str, ...]
    position: int
    requested_at: datetime


def requested_revocations(connection: Connection, *, after: int = 0, limit: int = 100) -> list[RequestedRevocation]:
    """Return standing requests in order of position."""
    found = connection.execute(
        "SELECT position, request_id, learner_id, award_id, requested_by, consequences, requested_at"
        " FROM revocations WHERE position > ? ORDER BY position LIMIT ?",
        (after, limit),
    )
    return [
        RequestedRevocation(
            position=row[0],
            request_id=row[1],
            learner_id=row[2],
            award_id=row[3],
            requested_by=row[4],
            consequences=tuple(row[5].split(_LINE)) if row[5] else (),
            requested_at=instant(row[6]),
        )
        for row in found
    ]
