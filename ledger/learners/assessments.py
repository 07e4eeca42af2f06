"""
Judging evidence.

- Nobody judges twice, their own evidence, or evidence they recorded themselves unless by observation;
  an observation judged by who recorded it waits for a moderator.
- Evidence is judged by whom it waits for: a marker, a moderator, or an adjudicator.
- A judgement is amended by who gave it, with the reason, while they may still judge.
- Prior learning is recognised, with its source, where the definition takes it.
"""

from __future__ import annotations

from decimal import Decimal

from ledger import errors
from ledger.decider import Setting
from ledger.definition import AchievementDefinition
from ledger.event import Event
from ledger.events import (
    AssessmentAmended,
    Basis,
    Capacity,
    EvidenceAssessed,
    EvidenceSubmitted,
    PriorLearningRecognised,
    Role,
)
from ledger.learners.awarding import Ground, award_or_queue, conclude
from ledger.learners.commands import AmendAssessment, AssessEvidence, RecogniseLearning
from ledger.learners.evidence import (
    CLOCKS_DIFFER_BY,
    check_prerequisites,
    require_evidence,
    require_known,
    require_no_milestone,
)
from ledger.learners.evolve import evolve
from ledger.learners.outcome import check_results, judged, standing, with_levels
from ledger.learners.people import compared, require_judge, same
from ledger.learners.record import Assessment, Record

_ROLES: dict[Capacity, tuple[Role, ...]] = {
    "marker": ("assessor",),
    "moderator": ("assessor", "quality_reviewer"),
    "adjudicator": ("adjudicator",),
    "appeal": ("adjudicator", "registrar"),
}


def assess(record: Record, command: AssessEvidence, setting: Setting) -> list[Event]:
    """Record a judgement, and what follows from it."""
    evidence = require_evidence(record, command.evidence_id)
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    results = with_levels(command, definition)
    met = judged(command, results, definition)
    known = record.assessments.get(command.assessment_id)
    if known is not None:
        return _same_again(known, command, met, results)
    moderate = _check_judge(record, command, evidence, setting)
    _check_turn(record, command, evidence, definition)
    assessed_at = command.assessed_at or setting.now
    if assessed_at < evidence.effective_at:
        msg = "Evidence cannot be assessed before it was submitted."
        raise errors.Invalid(msg, field="assessed_at")
    if assessed_at > setting.now + CLOCKS_DIFFER_BY:
        msg = "Evidence cannot be assessed in the future."
        raise errors.Invalid(msg, field="assessed_at")
    fact = EvidenceAssessed(
        effective_at=assessed_at,
        assessment_id=command.assessment_id,
        evidence_id=command.evidence_id,
        assessor=command.assessor,
        compared=compared(setting, command.assessor, record.learner_id, evidence.submitted_by),
        met=met,
        capacity=command.capacity,
        moderate=moderate,
        judgements=command.judgements,
        results=results,
        feedback=command.feedback,
        comments=command.comments,
        batch_id=command.batch_id,
    )
    return [fact, *conclude(evolve(record, fact), evidence, setting)]


def amend(record: Record, command: AmendAssessment, setting: Setting) -> list[Event]:
    """Correct a judgement. An award that no longer rests on it is queued for review, not taken."""
    known = record.assessments.get(command.assessment_id)
    if known is None:
        msg = f"The learner has no assessment {command.assessment_id}."
        raise errors.Unknown(msg, field="assessment_id")
    if not same(setting, known.assessor, command.by):
        msg = "Only the assessor who gave a judgement can amend it."
        raise errors.NotAllowed(msg, field="by")
    if known.capacity == "appeal":
        msg = "What an appeal decided is not amended."
        raise errors.WorsenedByAppeal(msg, field="assessment_id")
    evidence = require_evidence(record, known.evidence_id)
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    results = with_levels(command, definition)
    met = judged(command, results, definition)
    if (known.met, known.judgements, known.results) == (met, command.judgements, results):
        return []
    require_judge(setting, record, command.by, _ROLES[known.capacity], evidence.achievement_id)
    fact = AssessmentAmended(
        effective_at=setting.now,
        assessment_id=command.assessment_id,
        met=met,
        amended_by=command.by,
        reason=command.reason,
        judgements=command.judgements,
        results=results,
        feedback=command.feedback,
        comments=command.comments,
    )
    worse = any(results.get(name, value) < value for name, value in known.results.items())
    return [fact, *conclude(evolve(record, fact), evidence, setting, worse=worse)]


def recognise(record: Record, command: RecogniseLearning, setting: Setting) -> list[Event]:
    """Recognise prior learning, and award the achievement on it."""
    require_known(record)
    recognised = record.recognitions.get(command.recognition_id)
    if recognised is not None:
        if (recognised.achievement_id, recognised.results) == (command.achievement_id, command.results):
            return []
        msg = f"Recognition {command.recognition_id} is recorded already with other content."
        raise errors.AlreadyRecorded(msg, field="recognition_id")
    version, definition = setting.catalogue.published(command.achievement_id)
    require_judge(setting, record, command.by, ("assessor", "registrar"), command.achievement_id)
    require_no_milestone(command.achievement_id, setting)
    if "prior_learning" not in definition.routes:
        msg = f"{command.achievement_id} does not recognise prior learning."
        raise errors.RouteClosed(msg, field="achievement_id")
    _require_free(record, command.achievement_id, setting)
    check_prerequisites(record, command.achievement_id, version, definition, setting)
    if not all(check_results(command.results, definition)):
        msg = "A result is below its pass mark; what is recognised meets the criteria."
        raise errors.ContradictoryOutcome(msg, field="results")
    fact = PriorLearningRecognised(
        effective_at=setting.now,
        recognition_id=command.recognition_id,
        achievement_id=command.achievement_id,
        achievement_version=version,
        recognised_by=command.by,
        compared=compared(setting, command.by, record.learner_id),
        source=command.source,
        results=command.results,
    )
    basis = Basis(recognition=command.recognition_id)
    return [fact, award_or_queue(record, Ground(command.achievement_id, version, basis, command.results), setting)]


def _same_again(known: Assessment, command: AssessEvidence, met: bool, results: dict[str, Decimal]) -> list[Event]:
    fact = known.fact
    if (
        fact.evidence_id == command.evidence_id
        and fact.assessor == command.assessor
        and fact.met == met
        and fact.capacity == command.capacity
        and fact.judgements == command.judgements
        and fact.results == results
        and fact.feedback == command.feedback
        and fact.comments == command.comments
        and command.assessed_at in (None, fact.effective_at)
    ):
        return []
    msg = f"Assessment {command.assessment_id} is recorded already with other content; amend it instead."
    raise errors.AlreadyRecorded(msg, field="assessment_id")


def _check_judge(record: Record, command: AssessEvidence, evidence: EvidenceSubmitted, setting: Setting) -> bool:
    """Refuse who may not judge; return whether the judgement waits for a moderator."""
    if command.capacity == "appeal":
        msg = "An appeal is decided by deciding it, not by another assessment."
        raise errors.Invalid(msg, field="capacity")
    require_judge(setting, record, command.assessor, _ROLES[command.capacity], evidence.achievement_id)
    for other in record.assessments_of(evidence.evidence_id):
        if same(setting, other.assessor, command.assessor):
            msg = "This person has judged the evidence already; amend that judgement, or let somebody else judge."
            raise errors.AlreadyJudged(msg, field="assessor")
    if not same(setting, command.assessor, evidence.submitted_by):
        return False
    if evidence.route != "observation" or command.capacity != "marker":
        msg = "Who recorded the evidence for the learner does not judge it, unless it is an observation."
        raise errors.OwnEvidence(msg, field="assessor")
    return True


def _check_turn(
    record: Record,
    command: AssessEvidence,
    evidence: EvidenceSubmitted,
    definition: AchievementDefinition,
) -> None:
    if evidence.evidence_id in record.withdrawn:
        msg = "The evidence was withdrawn."
        raise errors.EvidenceClosed(msg, field="evidence_id")
    waits_for = standing(record, evidence, definition)
    if waits_for in ("met", "not met"):
        msg = f"The evidence was judged already: {waits_for.replace('not', 'not yet')}."
        raise errors.EvidenceClosed(msg, field="evidence_id")
    if waits_for != command.capacity:
        msg = f"The evidence waits for a judgement as {waits_for}, not as {command.capacity}."
        raise errors.NotAllowed(msg, field="capacity")


def _require_free(record: Record, achievement_id: str, setting: Setting) -> None:
    if record.held(achievement_id, setting.now) is not None:
        msg = f"The learner holds {achievement_id} already."
        raise errors.AlreadyHeld(msg, field="achievement_id")
