"""
A learner's transcript, of what was valid on a day.

Official: live awards, with the credits and hours that their definitions state. Full: every award with its history,
evidence and judgements. A pure function of the learner's facts and the definitions, so any moment can be asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from ledger.catalogue import Catalogue
from ledger.event import Recorded
from ledger.events import Capacity
from projections.award_register import Kind
from projections.befallen import Befallen, befallen, namer
from projections.holdings import HeldAward, Status, Story, told

LEGEND = (
    "Credits and hours are carried only where the definition of an achievement states them. "
    "Those of a milestone are stated beside it and not added again: they are the learning of its components."
)

TranscriptView = Literal["official", "full"]


class TranscriptIssuer(msgspec.Struct, frozen=True, kw_only=True):
    """In whose name the learner's achievements are awarded."""

    id: str
    name: str
    url: str


class TranscriptAward(msgspec.Struct, frozen=True, kw_only=True):
    """One award; `stack` and `components` are of a milestone, `history` of the full view."""

    award_id: str
    achievement_id: str
    version: int
    name: str
    achievement_type: str
    kind: Kind
    level: str | None
    language: str
    credits: Decimal
    hours: Decimal
    effective_at: datetime
    valid_until: datetime | None
    status: Status
    results: Mapping[str, Decimal]
    stack: str | None
    stack_version: int | None
    components: tuple[str, ...]
    position: int
    history: tuple[Befallen, ...]


class TranscriptJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement as it stands."""

    assessment_id: str
    assessor: str
    capacity: Capacity
    met: bool
    results: Mapping[str, Decimal]
    effective_at: datetime
    amended_at: datetime | None
    position: int


class TranscriptEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence with its judgements; its text stays sealed."""

    evidence_id: str
    achievement_id: str
    version: int
    route: str
    attempt: int
    submitted_at: datetime
    withdrawn: Literal["learner", "voided"] | None
    digest: str | None
    judgements: tuple[TranscriptJudgement, ...]
    position: int


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner holds on a day; totals count micro-credentials that are live, `issuer` is null until described."""

    learner_id: str
    issuer: TranscriptIssuer | None
    view: TranscriptView
    on: datetime
    position: int
    awards: tuple[TranscriptAward, ...]
    evidence: tuple[TranscriptEvidence, ...]
    credits: Decimal
    hours: Decimal
    legend: str = LEGEND


def transcript(
    learner_id: str,
    facts: Iterable[Recorded],
    catalogue: Catalogue,
    on: datetime,
    view: TranscriptView = "official",
) -> Transcript:
    """Return the transcript of what was valid *on* a day, as *facts* tell it."""
    story = told(facts)
    awards = [
        _award(story, award, status, catalogue, full=view == "full")
        for award in story.awards.values()
        if (status := award.status(on)) is not None and (view == "full" or status == "live")
    ]
    awards.sort(key=lambda award: (award.effective_at, award.position))
    counted = [award for award in awards if award.status == "live" and award.kind == "micro-credential"]
    return Transcript(
        learner_id=learner_id,
        issuer=_issuer(catalogue),
        view=view,
        on=on,
        position=story.position,
        awards=tuple(awards),
        evidence=_evidence(story, on) if view == "full" else (),
        credits=sum((award.credits for award in counted), Decimal(0)),
        hours=sum((award.hours for award in counted), Decimal(0)),
    )


def _issuer(catalogue: Catalogue) -> TranscriptIssuer | None:
    known = catalogue.issuer
    return None if known is None else TranscriptIssuer(id=known.id, name=known.name, url=known.url)


def _award(story: Story, award: HeldAward, status: Status, catalogue: Catalogue, *, full: bool) -> TranscriptAward:
    fact = award.fact
    definition = catalogue.definition(fact.achievement_id, fact.achievement_version)
    completion = story.completion_of(fact.award_id)
    return TranscriptAward(
        award_id=fact.award_id,
        achievement_id=fact.achievement_id,
        version=fact.achievement_version,
        name=definition.name,
        achievement_type=definition.achievement_type,
        kind="micro-credential" if fact.basis.stack is None else "milestone",
        level=definition.level,
        language=definition.language,
        credits=definition.credits,
        hours=definition.hours,
        effective_at=fact.effective_at,
        valid_until=award.valid_until,
        status=status,
        results=award.results,
        stack=fact.basis.stack,
        stack_version=fact.basis.stack_version if completion is None else completion.version,
        components=fact.basis.awards if completion is None else completion.awards,
        position=award.at.position,
        history=befallen(award, namer(story, catalogue)) if full else (),
    )


def _evidence(story: Story, on: datetime) -> tuple[TranscriptEvidence, ...]:
    judgements: dict[str, list[TranscriptJudgement]] = {}
    for judged in story.judged.values():
        if judged.fact.effective_at <= on and not judged.voided:
            shown = TranscriptJudgement(
                assessment_id=judged.fact.assessment_id,
                assessor=judged.fact.assessor,
                capacity=judged.fact.capacity,
                met=judged.met,
                results=judged.results,
                effective_at=judged.fact.effective_at,
                amended_at=judged.amended_at,
                position=judged.at.position,
            )
            judgements.setdefault(judged.fact.evidence_id, []).append(shown)
    return tuple(
        TranscriptEvidence(
            evidence_id=fact.evidence_id,
            achievement_id=fact.achievement_id,
            version=fact.achievement_version,
            route=fact.route,
            attempt=fact.attempt,
            submitted_at=fact.effective_at,
            withdrawn=withdrawn.cause if (withdrawn := story.withdrawn.get(fact.evidence_id)) is not None else None,
            digest=fact.digest,
            judgements=tuple(judgements.get(fact.evidence_id, ())),
            position=at.position,
        )
        for fact, at in story.evidence.values()
        if fact.effective_at <= on
    )
