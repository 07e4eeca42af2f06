"""
What waits for which assessor: evidence to mark, moderate or adjudicate, and appeals to hear.

Whether evidence waits follows from its judgements and from how its pinned version is to be marked:
how many assessors, whether blind, and which share is moderated. A row is there only while it waits.
What can bring evidence back is rare, and is worked out from the learner's facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ledger.definition import AchievementDefinition
from ledger.event import Event, Recorded
from ledger.events import (
    AchievementAwarded,
    AchievementDrafted,
    AchievementRevised,
    AdjudicationRequested,
    AssessmentAmended,
    AssessmentVoided,
    AwardDeclined,
    AwardQueued,
    AwardRevoked,
    Capacity,
    EvidenceAssessed,
    EvidenceSubmitted,
    EvidenceWithdrawn,
)
from projections.connection import Connection
from projections.instants import instant, micros
from projections.rows import Row, Rows
from projections.standing import Standing, mark, sampled, standings, waits_for
from projections.totals import Totals
from projections.view import Apply, View

_EVIDENCE, _ACHIEVEMENT, _VERSION, _MARKS, _DISPUTED, _WAITS_FOR = 1, 3, 4, 6, 7, 8
_MARKERS, _BLIND, _PERCENT = 2, 3, 4
_ONE_MARKER: Row = ["", 0, 1, 0, 0]


class AssessmentQueue(View):
    """Evidence that waits. `marks` writes each judgement as two characters, see `standing.mark`."""

    name = "assessment_queue"
    tables = """
        CREATE TABLE assessment_queue (
            position INTEGER PRIMARY KEY,
            evidence_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            submitted_at INTEGER NOT NULL,
            marks TEXT NOT NULL,
            disputed INTEGER NOT NULL,
            waits_for TEXT NOT NULL
        );
        CREATE UNIQUE INDEX assessment_queue_by_id ON assessment_queue (evidence_id, learner_id);
        CREATE TABLE marking (
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            markers INTEGER NOT NULL,
            blind INTEGER NOT NULL,
            moderation_percent INTEGER NOT NULL,
            PRIMARY KEY (achievement_id, version)
        ) WITHOUT ROWID;
    """
    indexes = """
        CREATE INDEX IF NOT EXISTS assessment_queue_by_capacity ON assessment_queue (waits_for, position);
    """

    def __init__(self, totals: Totals) -> None:
        self._queue = Rows(
            "assessment_queue",
            "position evidence_id learner_id achievement_id version submitted_at marks disputed waits_for",
            key="evidence_id learner_id",
        )
        self._marking = Rows(
            "marking", "achievement_id version markers blind moderation_percent", key="achievement_id version"
        )
        self._totals = totals
        super().__init__(self._queue, self._marking)

    def handlers(self) -> dict[type[Event], Apply]:
        """Evidence, its judgements and what they led to; and how each version is to be marked."""
        return {
            AchievementDrafted: lambda fact, at: self._marked_so(at.subject, 1, fact.definition),
            AchievementRevised: lambda fact, at: self._marked_so(at.subject, fact.version, fact.definition),
            EvidenceSubmitted: self._submitted,
            EvidenceWithdrawn: self._withdrawn,
            EvidenceAssessed: self._assessed,
            AssessmentAmended: self._rejudged,
            AssessmentVoided: self._assessment_voided,
            AdjudicationRequested: lambda fact, at: self._look_again(fact.evidence_id, at),
            AchievementAwarded: self._led_to,
            AwardQueued: self._led_to,
            AwardDeclined: self._came_to_nothing,
            AwardRevoked: self._came_to_nothing,
        }

    def _marked_so(self, achievement_id: str, version: int, definition: AchievementDefinition) -> None:
        markers = max(definition.assessors_required, 2 if definition.blind else 1)
        row = [achievement_id, version, markers, int(definition.blind), definition.moderation_percent]
        self._marking.add((achievement_id, version), row)

    # What happens to evidence day by day, in memory

    def _submitted(self, fact: EvidenceSubmitted, at: Recorded) -> None:
        evidence_id = fact.evidence_id
        learner_id = at.stream[8:]
        self._queue.add_new(
            (evidence_id, learner_id),
            [
                at.position, evidence_id, learner_id, fact.achievement_id, fact.achievement_version,
                micros(fact.effective_at), "", 0, "marker",
            ],
        )  # fmt: skip
        moved = self._totals.moved
        moved["evidence"] += 1
        moved["queue"] += 1

    def _assessed(self, fact: EvidenceAssessed, at: Recorded) -> None:
        self._totals.moved["assessments"] += 1
        key = (fact.evidence_id, at.stream[8:])
        row = self._queue.change(key)
        if row is None:
            self._look_again(fact.evidence_id, at)
            return
        row[_MARKS] += mark(fact)
        waiting_for = self._waits_for(row)
        if waiting_for is None:
            self._done(key)
        else:
            row[_WAITS_FOR] = waiting_for

    def _led_to(self, fact: AchievementAwarded | AwardQueued, at: Recorded) -> None:
        evidence_id = fact.basis.evidence_id
        if evidence_id is not None and self._queue.find((evidence_id, at.stream[8:])) is not None:
            self._look_again(evidence_id, at)

    def _waits_for(self, row: Row) -> Capacity | None:
        marks, disputed = row[_MARKS], row[_DISPUTED]
        marking = self._marking.find((row[_ACHIEVEMENT], row[_VERSION])) or _ONE_MARKER
        percent = marking[_PERCENT]
        if len(marks) == 2 and marking[_MARKERS] == 1 and not percent and not disputed:
            return "moderator" if marks == "M+" else None
        in_sample = percent > 0 and sampled(row[_EVIDENCE], percent)
        return waits_for(marks, disputed=disputed, markers=marking[_MARKERS], blind=marking[_BLIND], sampled=in_sample)

    def _done(self, key: tuple[str, str]) -> None:
        self._queue.drop(key)
        self._totals.moved["queue"] -= 1

    # What is rare, from the learner's facts

    def _withdrawn(self, fact: EvidenceWithdrawn, at: Recorded) -> None:
        before = standings(self.past(at)[:-1]).get(fact.evidence_id)
        if before is None:
            return
        if not before.withdrawn:
            self._totals.moved["evidence"] -= 1
        if fact.cause == "voided":
            self._totals.moved["assessments"] -= len(before.judged)
        self._look_again(fact.evidence_id, at)

    def _assessment_voided(self, fact: AssessmentVoided, at: Recorded) -> None:
        self._totals.moved["assessments"] -= 1
        self._rejudged(fact, at)

    def _rejudged(self, fact: AssessmentAmended | AssessmentVoided, at: Recorded) -> None:
        for recorded in self.past(at):
            match recorded.fact:
                case EvidenceAssessed(assessment_id=fact.assessment_id, evidence_id=evidence_id):
                    self._look_again(evidence_id, at)
                    return

    def _came_to_nothing(self, fact: AwardDeclined | AwardRevoked, at: Recorded) -> None:
        if isinstance(fact, AwardRevoked) and fact.cause != "voided":
            return
        ended = fact.award_id if isinstance(fact, AwardRevoked) else fact.queue_id
        for recorded in self.past(at):
            match recorded.fact:
                case AchievementAwarded(award_id=led_to, basis=basis) | AwardQueued(queue_id=led_to, basis=basis):
                    if led_to == ended and basis.evidence_id is not None:
                        self._look_again(basis.evidence_id, at)

    def _look_again(self, evidence_id: str, at: Recorded) -> None:
        """Put the row that the learner's facts up to this one say should be there, or none."""
        key = (evidence_id, at.stream[8:])
        before = self._queue.find(key)
        row = self._row(standings(self.past(at)).get(evidence_id), key[1])
        if row is not None:
            self._queue.add(key, row)
            self._totals.moved["queue"] += before is None
        elif before is not None:
            self._done(key)

    def _row(self, standing: Standing | None, learner_id: str) -> Row | None:
        if standing is None or standing.withdrawn or standing.led_to:
            return None
        fact = standing.submitted
        row = [
            standing.position, fact.evidence_id, learner_id, fact.achievement_id, fact.achievement_version,
            micros(fact.effective_at), standing.marks, int(standing.disputed), None,
        ]  # fmt: skip
        row[_WAITS_FOR] = self._waits_for(row)
        return None if row[_WAITS_FOR] is None else row


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits for a person acting in a capacity; `judged` says how many judged it so far."""

    waits_for: Capacity
    learner_id: str
    achievement_id: str | None
    version: int | None
    evidence_id: str | None
    position: int
    since: datetime
    judged: int = 0
    appeal_id: str | None = None
    assessment_id: str | None = None
    award_id: str | None = None


def waiting(
    connection: Connection,
    *,
    after: int = 0,
    limit: int = 100,
    waits_for: Capacity | None = None,
    achievement_ids: Iterable[str] | None = None,
) -> list[Waiting]:
    """Return what waits, in the order in which it was submitted or lodged; *after* is the last `position` seen."""
    wanted = None if achievement_ids is None else list(achievement_ids)
    if wanted == []:
        return []
    only = "" if wanted is None else f" AND achievement_id IN ({', '.join('?' * len(wanted))})"
    parts, values = [], []
    if waits_for != "appeal":
        capacity = " AND waits_for = ?" if waits_for else ""
        parts.append(
            "SELECT waits_for, learner_id, achievement_id, version, evidence_id, position, submitted_at,"  # noqa: S608
            " length(marks) / 2, NULL, NULL, NULL"
            f" FROM assessment_queue WHERE position > ?{capacity}{only}"
        )
        values += [after, *([waits_for] if waits_for else []), *(wanted or [])]
    if waits_for in (None, "appeal"):
        parts.append(
            "SELECT 'appeal', learner_id, achievement_id, version, evidence_id, position, lodged_at,"  # noqa: S608
            f" 0, appeal_id, assessment_id, award_id FROM appeals WHERE open = 1 AND position > ?{only}"
        )
        values += [after, *(wanted or [])]
    found = connection.execute(" UNION ALL ".join(parts) + " ORDER BY 6 LIMIT ?", (*values, limit))
    return [_waiting(row) for row in found]


def _waiting(row: tuple[Any, ...]) -> Waiting:
    return Waiting(
        waits_for=row[0],
        learner_id=row[1],
        achievement_id=row[2],
        version=row[3],
        evidence_id=row[4],
        position=row[5],
        since=instant(row[6]),
        judged=row[7],
        appeal_id=row[8],
        assessment_id=row[9],
        award_id=row[10],
    )
