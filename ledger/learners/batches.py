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
from ledger.learners.evidence import led_to
from ledger.learners.evolve import folded
from ledger.learners.milestones import settle
from ledger.learners.outcome import standing
from ledger.learners.record import Award, Record


def void(record: Record, command: VoidBatch, setting: Setting) -> list[Event]:
    """Void the batch's judgements and evidence, what rested on them, and settle, in one append."""
    judgements = [a for a in record.assessments.values() if a.fact.batch_id == command.batch_id]
    brought = [known.evidence_id for known in record.evidence.values() if known.batch_id == command.batch_id]
    facts: list[Event] = [
        AssessmentVoided(effective_at=setting.now, assessment_id=a.assessment_id, voided_by=command.by)
        for a in judgements
    ]
    facts += [
        EvidenceWithdrawn(effective_at=setting.now, evidence_id=evidence_id, withdrawn_by=command.by, cause="voided")
        for evidence_id in brought
    ]
    if not facts:
        return []
    touched = {*brought, *(a.evidence_id for a in judgements)}
    record = folded(record, facts)
    fallen = _fallen(record, touched, setting)
    facts += fallen
    without = {record.awards[fact.award_id].achievement_id for fact in fallen if isinstance(fact, AwardRevoked)}
    for queued in record.queued.values():
        evidence_id = queued.basis.evidence_id
        if queued.queue == "confirm" and evidence_id is not None and evidence_id not in record.evidence:
            facts.append(AwardDeclined(effective_at=setting.now, queue_id=queued.queue_id, declined_by=SYSTEM))
    record = folded(
        record, [fact for fact in facts if isinstance(fact, AwardRevoked | AwardReinstated | AwardDeclined)]
    )
    for evidence in record.evidence.values():
        concerned = evidence.evidence_id in touched or evidence.achievement_id in without
        if concerned and not isinstance(led_to(record, evidence.evidence_id), Award):
            alternatives = conclude(record, evidence, setting)
            record = folded(record, alternatives)
            facts += alternatives
    return facts + settle(record, setting)


def _fallen(record: Record, touched: set[str], setting: Setting) -> list[Event]:
    """Void what rested on *touched* evidence; what the last in a line of renewals had renewed stands again."""
    fallen = {
        award.award_id: award
        for award in record.awards.values()
        if award.basis.evidence_id in touched
        and award.ended in (None, "expired", "lapsed", "renewed")
        and not _rests(record, award, setting)
    }
    facts: list[Event] = [
        AwardRevoked(effective_at=setting.now, award_id=award_id, cause="voided") for award_id in fallen
    ]
    for award_id in fallen:
        before = _renewed(record, award_id, fallen)
        if before is not None and before.ended == "renewed" and record.head(award_id).award_id == award_id:
            facts.append(AwardReinstated(effective_at=setting.now, award_id=before.award_id, lifts="renewal"))
    return facts


def _renewed(record: Record, award_id: str, fallen: dict[str, Award]) -> Award | None:
    """Return the nearest award that *award_id* renewed and that is not void itself."""
    before = record.awards[award_id].renews
    while before is not None and (before in fallen or record.awards[before].ended == "voided"):
        before = record.awards[before].renews
    return None if before is None else record.awards[before]


def _rests(record: Record, award: Award, setting: Setting) -> bool:
    """Whether the award's evidence is still there and still judged met."""
    if award.basis.evidence_id is None:
        return True
    evidence = record.evidence.get(award.basis.evidence_id)
    if evidence is None:
        return False
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    return standing(record, evidence, definition) == "met"
