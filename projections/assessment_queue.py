"""
What waits for which assessor: evidence to mark, moderate or adjudicate, and appeals to hear.

Whether evidence waits follows from its judgements and from how its pinned version is to be marked:
how many assessors, whether blind, and which share is moderated. A row stays when nothing waits any more.
"""

from __future__ import annotations

import hashlib
import sqlite3
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
    AppealDecided,
    AppealLodged,
    AssessmentAmended,
    AssessmentVoided,
    AwardQueued,
    AwardRevoked,
    Capacity,
    EvidenceAssessed,
    EvidenceSubmitted,
    EvidenceWithdrawn,
)
from projections.award_register import AwardRegister
from projections.instants import instant, micros
from projections.rows import Row, Rows
from projections.totals import Totals
from projections.view import Apply, View

_MARKERS, _BLIND, _PERCENT = 2, 3, 4
_ACHIEVEMENT, _VERSION, _MARKS, _DISPUTED, _LED_TO, _WITHDRAWN, _WAITS_FOR = 3, 4, 6, 7, 8, 9, 10
_APPEAL_AWARD, _APPEAL_OPEN = 4, 8

_LETTER: dict[str, str] = {"marker": "m", "moderator": "o", "adjudicator": "j", "appeal": "p"}


class AssessmentQueue(View):
    """Evidence with what it waits for. `marks` writes each judgement as two characters, `m+` or `M-` or `j+`."""

    name = "assessment_queue"
    tables = """
        CREATE TABLE evidence (
            position INTEGER PRIMARY KEY,
            evidence_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            submitted_at INTEGER NOT NULL,
            marks TEXT NOT NULL,
            disputed INTEGER NOT NULL,
            led_to TEXT,
            withdrawn TEXT,
            waits_for TEXT
        );
        CREATE UNIQUE INDEX evidence_by_id ON evidence (evidence_id, learner_id);
        CREATE TABLE marking (
            achievement_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            markers INTEGER NOT NULL,
            blind INTEGER NOT NULL,
            moderation_percent INTEGER NOT NULL,
            PRIMARY KEY (achievement_id, version)
        ) WITHOUT ROWID;
        CREATE TABLE appeals (
            position INTEGER PRIMARY KEY,
            appeal_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            assessment_id TEXT,
            award_id TEXT,
            evidence_id TEXT,
            achievement_id TEXT,
            version INTEGER,
            open INTEGER NOT NULL,
            lodged_at INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX appeals_by_id ON appeals (appeal_id, learner_id);
    """
    indexes = """
        CREATE INDEX IF NOT EXISTS evidence_waiting ON evidence (waits_for, position) WHERE waits_for IS NOT NULL;
        CREATE INDEX IF NOT EXISTS appeals_open ON appeals (position) WHERE open = 1;
    """

    def __init__(self, totals: Totals, register: AwardRegister) -> None:
        self._evidence = Rows(
            "evidence",
            "position evidence_id learner_id achievement_id version submitted_at"
            " marks disputed led_to withdrawn waits_for",
            key="evidence_id learner_id",
        )
        self._marking = Rows("marking", "achievement_id version markers blind moderation_percent", "achievement_id version")
        self._appeals = Rows(
            "appeals",
            "position appeal_id learner_id assessment_id award_id evidence_id achievement_id version open lodged_at",
            key="appeal_id learner_id",
        )
        self._totals = totals
        self._register = register
        super().__init__(self._evidence, self._marking, self._appeals)

    def handlers(self) -> dict[type[Event], Apply]:
        """Evidence and its judgements, what it led to, appeals; and how each version is to be marked."""
        return {
            AchievementDrafted: lambda fact, at: self._marked_so(at.subject, 1, fact.definition),
            AchievementRevised: lambda fact, at: self._marked_so(at.subject, fact.version, fact.definition),
            EvidenceSubmitted: self._submitted,
            EvidenceWithdrawn: self._withdrawn,
            EvidenceAssessed: self._assessed,
            AssessmentAmended: self._amended,
            AssessmentVoided: self._assessment_voided,
            AdjudicationRequested: self._disputed,
            AchievementAwarded: self._awarded,
            AwardQueued: self._queued,
            AwardRevoked: self._revoked,
            AppealLodged: self._appealed,
            AppealDecided: self._appeal_decided,
        }

    def award_of_appeal(self, appeal_id: str, learner_id: str) -> str | None:
        """Return the award that an appeal is about, if it is about one."""
        row = self._appeals.find((appeal_id, learner_id))
        return None if row is None else row[_APPEAL_AWARD]

    def reopen(self, evidence_id: str, learner_id: str) -> None:
        """Let evidence no longer count as having led to an award."""
        row = self._evidence.change((evidence_id, learner_id))
        if row is not None:
            row[_LED_TO] = None
            self._wait(row)

    def _marked_so(self, achievement_id: str, version: int, definition: AchievementDefinition) -> None:
        markers = max(definition.assessors_required, 2 if definition.blind else 1)
        row = [achievement_id, version, markers, int(definition.blind), definition.moderation_percent]
        self._marking.add((achievement_id, version), row)

    def _submitted(self, fact: EvidenceSubmitted, at: Recorded) -> None:
        evidence_id = fact.evidence_id
        learner_id = at.stream[8:]
        self._evidence.add(
            (evidence_id, learner_id),
            [
                at.position, evidence_id, learner_id, fact.achievement_id, fact.achievement_version,
                micros(fact.effective_at), "", 0, None, None, "marker",
            ],
        )  # fmt: skip
        self._totals.add("evidence")
        self._totals.add("queue")

    def _withdrawn(self, fact: EvidenceWithdrawn, at: Recorded) -> None:
        row = self._evidence.change((fact.evidence_id, at.stream[8:]))
        if row is None:
            return
        if row[_WITHDRAWN] is None:
            self._totals.add("evidence", -1)
        if fact.cause == "voided":
            self._totals.add("assessments", -(len(row[_MARKS]) // 2))
            row[_MARKS] = ""
        row[_WITHDRAWN] = fact.cause
        self._wait(row)

    def _assessed(self, fact: EvidenceAssessed, at: Recorded) -> None:
        self._totals.add("assessments")
        row = self._evidence.change((fact.evidence_id, at.stream[8:]))
        if row is not None:
            row[_MARKS] += _mark(fact.capacity, fact.met, fact.moderate)
            self._wait(row)

    def _amended(self, fact: AssessmentAmended, at: Recorded) -> None:
        self._mark_again(fact.assessment_id, at)

    def _assessment_voided(self, fact: AssessmentVoided, at: Recorded) -> None:
        self._totals.add("assessments", -1)
        self._mark_again(fact.assessment_id, at)

    def _mark_again(self, assessment_id: str, at: Recorded) -> None:
        evidence_id, marks, disputed = marks_after(self.past(at), assessment_id)
        row = None if evidence_id is None else self._evidence.change((evidence_id, at.stream[8:]))
        if row is not None:
            row[_MARKS], row[_DISPUTED] = marks, int(disputed)
            self._wait(row)

    def _disputed(self, fact: AdjudicationRequested, at: Recorded) -> None:
        row = self._evidence.change((fact.evidence_id, at.stream[8:]))
        if row is not None:
            row[_DISPUTED] = 1
            self._wait(row)

    def _awarded(self, fact: AchievementAwarded, at: Recorded) -> None:
        if fact.basis.evidence_id is not None:
            self._led_to(fact.basis.evidence_id, at, fact.award_id)

    def _queued(self, fact: AwardQueued, at: Recorded) -> None:
        if fact.queue == "confirm" and fact.basis.evidence_id is not None:
            self._led_to(fact.basis.evidence_id, at, fact.queue_id)

    def _led_to(self, evidence_id: str, at: Recorded, led_to: str) -> None:
        row = self._evidence.change((evidence_id, at.stream[8:]))
        if row is not None:
            row[_LED_TO] = led_to
            if row[_WAITS_FOR] is not None:
                self._wait(row)

    def _revoked(self, fact: AwardRevoked, at: Recorded) -> None:
        if fact.cause == "voided":
            evidence_id = self._register.evidence_of(fact.award_id)
            if evidence_id is not None:
                self.reopen(evidence_id, at.stream[8:])

    def _appealed(self, fact: AppealLodged, at: Recorded) -> None:
        about = _about(self.past(at), fact)
        self._appeals.add(
            (fact.appeal_id, at.stream[8:]),
            [
                at.position, fact.appeal_id, at.stream[8:], fact.assessment_id, fact.award_id, *about, 1,
                micros(fact.effective_at),
            ],
        )  # fmt: skip
        self._totals.add("queue")

    def _appeal_decided(self, fact: AppealDecided, at: Recorded) -> None:
        row = self._appeals.change((fact.appeal_id, at.stream[8:]))
        if row is not None and row[_APPEAL_OPEN]:
            row[_APPEAL_OPEN] = 0
            self._totals.add("queue", -1)

    def _wait(self, row: Row) -> None:
        before = row[_WAITS_FOR]
        row[_WAITS_FOR] = after = None if row[_LED_TO] or row[_WITHDRAWN] else self._waits_for(row)
        if (before is None) != (after is None):
            self._totals.add("queue", 1 if before is None else -1)

    def _waits_for(self, row: Row) -> Capacity | None:
        marks, disputed = row[_MARKS], row[_DISPUTED]
        marking = self._marking.find((row[_ACHIEVEMENT], row[_VERSION])) or (None, None, 1, 0, 0)
        if len(marks) == 2 and marking[_MARKERS] == 1 and not marking[_PERCENT] and not disputed:  # noqa: PLR2004
            return "moderator" if marks == "M+" else None
        return waits_for(marks, bool(disputed), marking[_MARKERS], bool(marking[_BLIND]), marking[_PERCENT], row[1])


def waits_for(  # noqa: PLR0911 -- each is a sentence of the rule
    marks: str, disputed: bool, markers: int, blind: bool, moderation_percent: int, evidence_id: str
) -> Capacity | None:
    """Say for whom evidence waits that has these marks and has led to nothing yet."""
    given = [marks[at : at + 2] for at in range(0, len(marks), 2)]
    if any(mark[0] in "pj" for mark in given):
        return None
    outcomes = [mark[1] for mark in given if mark[0] in "mM"]
    if disputed or len(set(outcomes)) > 1:
        return "adjudicator"
    if len(outcomes) < markers and (blind or "-" not in outcomes):
        return "marker"
    if "-" in outcomes:
        return None
    if any(mark[0] == "M" for mark in given) or _sampled(evidence_id, moderation_percent):
        moderated = [mark[1] for mark in given if mark[0] == "o"]
        if not moderated:
            return "moderator"
        return "adjudicator" if "-" in moderated else None
    return None


def marks_after(facts: Iterable[Recorded], assessment_id: str) -> tuple[str | None, str, bool]:
    """Return the evidence that an assessment is about, with its marks and whether it is in dispute, from *facts*."""
    evidence_of: dict[str, str] = {}
    marks: dict[str, dict[str, tuple[Capacity, bool, bool]]] = {}
    disputed: set[str] = set()
    for recorded in facts:
        match recorded.fact:
            case EvidenceSubmitted(evidence_id=evidence_id):
                marks[evidence_id] = {}
                disputed.discard(evidence_id)
            case EvidenceAssessed() as fact:
                evidence_of[fact.assessment_id] = fact.evidence_id
                marks.setdefault(fact.evidence_id, {})[fact.assessment_id] = (fact.capacity, fact.met, fact.moderate)
            case AssessmentAmended() as fact:
                given = marks.get(evidence_of.get(fact.assessment_id, ""), {})
                if fact.assessment_id in given:
                    capacity, _, moderate = given[fact.assessment_id]
                    given[fact.assessment_id] = (capacity, fact.met, moderate)
            case AssessmentVoided(assessment_id=voided):
                marks.get(evidence_of.get(voided, ""), {}).pop(voided, None)
                disputed.discard(evidence_of.get(voided, ""))
            case AdjudicationRequested(evidence_id=evidence_id):
                disputed.add(evidence_id)
    evidence_id = evidence_of.get(assessment_id, "")
    written = "".join(_mark(*given) for given in marks.get(evidence_id, {}).values())
    return evidence_id or None, written, evidence_id in disputed


def _mark(capacity: Capacity, met: bool, moderate: bool) -> str:
    letter = _LETTER[capacity]
    return (letter.upper() if moderate else letter) + ("+" if met else "-")


def _sampled(evidence_id: str, percent: int) -> bool:
    """Whether the evidence falls into the moderation sample; the rules draw it the same way."""
    share = int.from_bytes(hashlib.sha256(evidence_id.encode()).digest()[:4], "big") / 2**32
    return share * 100 < percent


def _about(facts: list[Recorded], appeal: AppealLodged) -> tuple[str | None, str | None, int | None]:
    """Return evidence, achievement and version that an appeal is about."""
    evidence_id = None
    for recorded in reversed(facts):
        match recorded.fact:
            case EvidenceAssessed() as fact if appeal.assessment_id == fact.assessment_id:
                evidence_id = fact.evidence_id
            case EvidenceSubmitted() as fact if fact.evidence_id == evidence_id:
                return evidence_id, fact.achievement_id, fact.achievement_version
            case AchievementAwarded() as fact if appeal.award_id == fact.award_id:
                return fact.basis.evidence_id, fact.achievement_id, fact.achievement_version
    return evidence_id, None, None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits for a person acting in a capacity; since `position`."""

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
    connection: sqlite3.Connection,
    *,
    after: int = 0,
    limit: int = 100,
    waits_for: Capacity | None = None,
    achievement_ids: Iterable[str] | None = None,
) -> list[Waiting]:
    """Return what waits, in the order in which it was submitted or lodged; *after* is the last `position` seen."""
    wanted = None if achievement_ids is None else list(achievement_ids)
    only = "" if wanted is None else f" AND achievement_id IN ({', '.join('?' * len(wanted))})"
    parts, values = [], []
    if waits_for != "appeal":
        capacity = " AND waits_for = ?" if waits_for else ""
        parts.append(
            "SELECT waits_for, learner_id, achievement_id, version, evidence_id, position, submitted_at,"  # noqa: S608
            " length(marks) / 2, NULL, NULL, NULL"
            f" FROM evidence WHERE waits_for IS NOT NULL AND position > ?{capacity}{only}"
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


def learner_of_evidence(connection: sqlite3.Connection, evidence_id: str) -> str | None:
    """Return whose evidence it is; None when unknown."""
    found = connection.execute("SELECT learner_id FROM evidence WHERE evidence_id = ?", (evidence_id,)).fetchone()
    return None if found is None else str(found[0])


def learner_of_appeal(connection: sqlite3.Connection, appeal_id: str) -> str | None:
    """Return whose appeal it is; None when unknown."""
    found = connection.execute("SELECT learner_id FROM appeals WHERE appeal_id = ?", (appeal_id,)).fetchone()
    return None if found is None else str(found[0])


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
