"""
A learner's evidence as people may read it: texts revealed, judgements shown to whom they may be shown.

Learners read judgements once nobody else has to judge first. Where marking is blind, a marker reads the other's
judgement only after giving their own. Everybody else who may read evidence reads all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from ledger.catalogue import Catalogue
from ledger.definition import Route
from ledger.event import Event, Recorded
from ledger.events import AssessmentAmended, Capacity, EvidenceAssessed, EvidenceSubmitted
from projections.holdings import Judged, told
from projections.standing import Standing, sampled, standings, waits_for

Reveal = Callable[[Event], dict[str, Any]]


class JudgementShown(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion as judged, with the assessor's comment."""

    criterion: str
    met: bool
    level: str | None
    comment: str | None


class AssessmentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement as it stands after amendments."""

    id: str
    assessor: str
    capacity: Capacity
    met: bool
    judgements: list[JudgementShown]
    results: dict[str, Decimal]
    feedback: str | None
    assessed_at: datetime
    amended_at: datetime | None


class EvidenceShown(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence with its texts; `waits_for` is who must judge next, `led_to` the award or queue entry it led to."""

    id: str
    achievement: str
    version: int
    attempt: int
    route: Route
    submitted_by: str
    declared_by: Literal["learner", "recorder", "import"]
    submitted_at: datetime
    produced_at: datetime | None
    evidence_url: str | None
    narrative: str | None
    external_id: str | None
    digest: str | None
    withdrawn: bool
    waits_for: Capacity | None
    led_to: list[str]
    assessments: list[AssessmentShown]
    position: int


class Reader(NamedTuple):
    """Who reads: an account in a role."""

    account: str
    role: str

    def may_read(self, judged: list[Judged], waiting: Capacity | None, *, blind: bool) -> bool:
        """Whether all of *judged* may be shown."""
        if self.role == "learner":
            return waiting is None
        return not (blind and self.role == "assessor") or any(one.fact.assessor == self.account for one in judged)


def portfolio(
    facts: list[Recorded], catalogue: Catalogue, on: datetime, reader: Reader, reveal: Reveal
) -> Iterator[EvidenceShown]:
    """Yield what was submitted until *on*, in order, with the judgements that *reader* may read."""
    story, standing = told(facts), standings(facts)
    amended = {one.fact.assessment_id: one.fact for one in facts if isinstance(one.fact, AssessmentAmended)}
    for fact, at in story.evidence.values():
        if fact.effective_at > on:
            continue
        definition = catalogue.definition(fact.achievement_id, fact.achievement_version)
        waiting = _waiting(standing.get(fact.evidence_id), definition.assessors_required, definition.blind,
                           definition.moderation_percent)  # fmt: skip
        judged = [one for one in story.judged.values() if one.fact.evidence_id == fact.evidence_id and not one.voided]
        shown = judged if reader.may_read(judged, waiting, blind=definition.blind) else []
        yield _shown(
            fact,
            at,
            reveal(fact),
            waiting=waiting,
            standing=standing.get(fact.evidence_id),
            assessments=[_assessment(one, amended.get(one.fact.assessment_id), reveal) for one in shown],
        )


def _waiting(standing: Standing | None, markers: int, blind: bool, percent: int) -> Capacity | None:
    if standing is None or standing.withdrawn or standing.led_to:
        return None
    drawn = sampled(standing.submitted.evidence_id, percent)
    return waits_for(standing.marks, disputed=standing.disputed, markers=markers, blind=blind, sampled=drawn)


def _shown(
    fact: EvidenceSubmitted,
    at: Recorded,
    texts: dict[str, Any],
    *,
    waiting: Capacity | None,
    standing: Standing | None,
    assessments: list[AssessmentShown],
) -> EvidenceShown:
    return EvidenceShown(
        id=fact.evidence_id,
        achievement=fact.achievement_id,
        version=fact.achievement_version,
        attempt=fact.attempt,
        route=fact.route,
        submitted_by=fact.submitted_by,
        declared_by=fact.declared_by,
        submitted_at=fact.effective_at,
        produced_at=fact.produced_at,
        evidence_url=texts["evidence_url"],
        narrative=texts["narrative"],
        external_id=texts["external_id"],
        digest=fact.digest,
        withdrawn=standing is None or standing.withdrawn,
        waits_for=waiting,
        led_to=[] if standing is None else sorted(standing.led_to),
        assessments=assessments,
        position=at.position,
    )


def _assessment(judged: Judged, amended: AssessmentAmended | None, reveal: Reveal) -> AssessmentShown:
    said: EvidenceAssessed | AssessmentAmended = amended or judged.fact
    texts = reveal(said)
    comments: dict[str, str] = texts["comments"] or {}
    return AssessmentShown(
        id=judged.fact.assessment_id,
        assessor=judged.fact.assessor,
        capacity=judged.fact.capacity,
        met=judged.met,
        judgements=[
            JudgementShown(criterion=one.criterion, met=one.met, level=one.level, comment=comments.get(one.criterion))
            for one in judged.judgements
        ],
        results=judged.results,
        feedback=texts["feedback"],
        assessed_at=judged.fact.effective_at,
        amended_at=judged.amended_at,
    )
