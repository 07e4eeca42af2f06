"""
An award held against another definition than the one it was earned under: whether it would have been made, and alike.

The rules that take evidence in and judge it are asked again, with what was submitted and what was judged; what they
refuse is what would be missing. What was recognised as prior learning was judged as a whole and is not looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ledger import duration
from ledger.decider import Setting
from ledger.definition import AchievementDefinition
from ledger.errors import Refused
from ledger.events import EvidenceSubmitted
from ledger.learners.commands import AssessEvidence, SubmitEvidence
from ledger.learners.evidence import check_content, check_dates
from ledger.learners.outcome import judged, standing
from ledger.learners.record import Assessment, Award, Record


def shortfalls(record: Record, award: Award, definition: AchievementDefinition, setting: Setting) -> Iterator[str]:
    """Say what the definition would have asked for and the award was made without, in the rules' own sentences."""
    evidence = record.evidence.get(award.basis.evidence_id or "")
    if evidence is None:
        return
    submitted = _as_submitted(record.learner_id, evidence)
    yield from _refused(lambda: check_content(submitted, definition))
    yield from _refused(lambda: check_dates(submitted, definition, setting))
    for assessment_id in award.basis.assessments:
        given = record.assessments.get(assessment_id)
        if given is not None:
            yield from _refused(_judging(record.learner_id, given, definition))
    waits_for = standing(record, evidence, definition)
    if waits_for != "met":
        yield {
            "marker": "More assessors must judge it.",
            "moderator": "A moderator must judge it.",
            "adjudicator": "An adjudicator must decide.",
            "not met": "It was judged not yet met.",
        }[waits_for]


def differences(award: Award, definition: AchievementDefinition, setting: Setting) -> Iterator[str]:
    """Say how the award would differ where it would be made all the same."""
    earned = setting.catalogue.definition(award.achievement_id, award.version)
    if earned.valid_for != definition.valid_for:
        until = duration.after(award.effective_at, definition.valid_for) if definition.valid_for else None
        yield f"It would be valid until {until:%Y-%m-%d}." if until else "It would be valid for good."
    if earned.credits != definition.credits:
        yield f"It would count {definition.credits} credits, not {earned.credits}."
    if earned.groups != definition.groups:
        yield "It would be of other groups."


def _refused(ask: Callable[[], object]) -> Iterator[str]:
    try:
        ask()
    except Refused as refused:
        yield refused.detail


def _judging(learner_id: str, given: Assessment, definition: AchievementDefinition) -> Callable[[], object]:
    command = AssessEvidence(
        learner_id=learner_id,
        assessment_id=given.assessment_id,
        evidence_id=given.evidence_id,
        assessor=given.assessor,
        met=given.met,
        judgements=given.judgements,
        batch_id=given.fact.batch_id,
    )
    return lambda: judged(command, given.results, definition)


def _as_submitted(learner_id: str, evidence: EvidenceSubmitted) -> SubmitEvidence:
    return SubmitEvidence(
        learner_id=learner_id,
        evidence_id=evidence.evidence_id,
        achievement_id=evidence.achievement_id,
        submitted_by=evidence.submitted_by,
        route=evidence.route,
        submitted_at=evidence.effective_at,
        produced_at=evidence.produced_at,
        evidence_url=evidence.evidence_url,
        narrative=evidence.narrative,
        digest=evidence.digest,
    )
