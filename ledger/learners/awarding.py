"""
The award that follows from judgements, from recognition, or from what a registrar confirms.

As soon as all conditions hold the achievement is awarded, or queued where the definition asks for a registrar.
An award that no longer rests on its judgements is queued for review; nothing is taken by itself.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from ledger import duration, ids
from ledger.decider import Setting
from ledger.event import Event
from ledger.events import AchievementAwarded, AdjudicationRequested, AwardQueued, Basis, EvidenceSubmitted
from ledger.learners.evidence import led_to
from ledger.learners.outcome import standing
from ledger.learners.record import Award, Record


class Ground(NamedTuple):
    """What an award is made of: the version earned, what it rests on, and the results that count."""

    achievement_id: str
    version: int
    basis: Basis
    results: dict[str, Decimal]


def conclude(record: Record, evidence: EvidenceSubmitted, setting: Setting, *, worse: bool = False) -> list[Event]:
    """Return what follows from the judgements of *evidence* as they stand; *worse* says that a result was lowered."""
    if evidence.evidence_id in record.withdrawn:
        return []
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    now_standing = standing(record, evidence, definition)
    award = led_to(record, evidence.evidence_id)
    given = record.assessments_of(evidence.evidence_id)
    if isinstance(award, Award):
        return _review(record, award, setting) if (worse or now_standing != "met") and award.stands(setting.now) else []
    if now_standing == "adjudicator" and evidence.evidence_id not in record.disputed:
        return [
            AdjudicationRequested(
                effective_at=setting.now,
                evidence_id=evidence.evidence_id,
                assessment_ids=tuple(a.assessment_id for a in given),
            )
        ]
    if now_standing != "met" or award is not None or record.held(evidence.achievement_id, setting.now) is not None:
        return []
    return [award_or_queue(record, ground_of(record, evidence), setting)]


def ground_of(record: Record, evidence: EvidenceSubmitted) -> Ground:
    """Return the ground of an award on *evidence*: the judgements that found it met, the latest results counting."""
    met = [a for a in record.assessments_of(evidence.evidence_id) if a.met]
    results: dict[str, Decimal] = {}
    for assessment in met:
        results |= assessment.results
    basis = Basis(evidence_id=evidence.evidence_id, assessments=tuple(a.assessment_id for a in met))
    return Ground(evidence.achievement_id, evidence.achievement_version, basis, results)


def award_or_queue(record: Record, ground: Ground, setting: Setting) -> Event:
    """Return the award, or its entry in the confirm queue where the definition asks for a registrar."""
    definition = setting.catalogue.definition(ground.achievement_id, ground.version)
    if definition.awarding == "automatic":
        return award_on(record, ground, setting)
    source = ground.basis.evidence_id or ground.basis.recognition
    return AwardQueued(
        effective_at=setting.now,
        queue_id=ids.derived("que", record.learner_id, source, len(record.queued) + len(record.decided)),
        queue="confirm",
        reason="awaits confirmation",
        achievement_id=ground.achievement_id,
        achievement_version=ground.version,
        basis=ground.basis,
    )


def award_on(
    record: Record,
    ground: Ground,
    setting: Setting,
    *,
    renews: str | None = None,
    queue_id: str | None = None,
    confirmed_by: str | None = None,
) -> AchievementAwarded:
    """Return the award; it takes effect with the last judgement it rests on."""
    definition = setting.catalogue.definition(ground.achievement_id, ground.version)
    judged = [record.assessments[a].fact.effective_at for a in ground.basis.assessments]
    effective_at = max(judged, default=setting.now)
    return AchievementAwarded(
        effective_at=effective_at,
        award_id=ids.derived(
            "awd", record.learner_id, ground.basis.evidence_id or ground.basis.recognition, len(record.awards)
        ),
        achievement_id=ground.achievement_id,
        achievement_version=ground.version,
        basis=ground.basis,
        results=ground.results,
        valid_until=duration.after(effective_at, definition.valid_for) if definition.valid_for else None,
        renews=renews,
        queue_id=queue_id,
        confirmed_by=confirmed_by,
    )


def _review(record: Record, award: Award, setting: Setting) -> list[Event]:
    if any(q.award_id == award.award_id for q in record.queued.values()):
        return []
    queue_id = ids.derived("que", award.award_id, "amended", len(record.queued) + len(record.decided))
    return [
        AwardQueued(
            effective_at=setting.now,
            queue_id=queue_id,
            queue="review",
            reason="assessment amended",
            achievement_id=award.achievement_id,
            achievement_version=award.version,
            basis=award.basis,
            award_id=award.award_id,
        )
    ]
