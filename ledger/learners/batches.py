"""
Voiding what a batch recorded for one learner.

- Voiding ignores grace and `keep`: what rested on the batch is void, and so is what was built on that.
- Alternatives are still tried: other judgements, other evidence judged met, other components.
- What an undone award had renewed stands again.
- The same file can be sent again afterwards.
"""

from __future__ import annotations

from ledger.decider import SYSTEM, Setting
from ledger.event import Event
from ledger.events import AssessmentVoided, AwardDeclined, AwardReinstated, AwardRevoked, EvidenceWithdrawn
from ledger.learners.awarding import conclude
from ledger.learners.commands import VoidBatch
from ledger.learners.evolve import folded
from ledger.learners.milestones import settle
from ledger.learners.outcome import standing
from ledger.learners.record import Award, Record


def void(record: Record, command: VoidBatch, setting: Setting) -> list[Event]:
    """Void the batch's judgements and evidence, what rested on them, and settle, in one append."""
    facts: list[Event] = [
        AssessmentVoided(effective_at=setting.now, assessment_id=a.assessment_id, voided_by=command.by)
        for a in record.assessments.values()
        if a.fact.batch_id == command.batch_id
    ]
    facts += [
        EvidenceWithdrawn(
            effective_at=setting.now, evidence_id=known.evidence_id, withdrawn_by=command.by, cause="voided"
        )
        for known in record.evidence.values()
        if known.batch_id == command.batch_id
    ]
    if not facts:
        return []
    record = folded(record, facts)
    for award in record.awards.values():
        if award.ended in (None, "expired", "lapsed", "renewed") and not _rests(record, award, setting):
            facts += _voided(award, setting)
    for queued in record.queued.values():
        evidence_id = queued.basis.evidence_id
        if queued.queue == "confirm" and evidence_id is not None and evidence_id not in record.evidence:
            facts.append(AwardDeclined(effective_at=setting.now, queue_id=queued.queue_id, declined_by=SYSTEM))
    record = folded(
        record, [fact for fact in facts if isinstance(fact, AwardRevoked | AwardReinstated | AwardDeclined)]
    )
    for evidence in record.evidence.values():
        if evidence.evidence_id not in record.withdrawn:
            alternatives = conclude(record, evidence, setting)
            record = folded(record, alternatives)
            facts += alternatives
    return facts + settle(record, setting)


def _rests(record: Record, award: Award, setting: Setting) -> bool:
    """Whether the award's evidence is still there and still judged met."""
    if award.basis.evidence_id is None:
        return True
    evidence = record.evidence.get(award.basis.evidence_id)
    if evidence is None:
        return False
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    return standing(record, evidence, definition) == "met"


def _voided(award: Award, setting: Setting) -> list[Event]:
    facts: list[Event] = [AwardRevoked(effective_at=setting.now, award_id=award.award_id, cause="voided")]
    if award.renews is not None:
        facts.append(AwardReinstated(effective_at=setting.now, award_id=award.renews, lifts="renewal"))
    return facts
