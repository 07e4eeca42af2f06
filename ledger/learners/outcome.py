"""
What judgements amount to.

- Every criterion is judged; outcome and pass marks may not contradict each other.
- "Not yet met" returns the evidence; when markers disagree, an adjudicator decides.
- Where marking is blind, at least two mark before anything follows.
- A sample, where the definition asks for one, and what its recorder judged, waits for a moderator before release.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Literal

from ledger import errors
from ledger.definition import AchievementDefinition, ResultDescription
from ledger.events import EvidenceSubmitted, Judgement
from ledger.learners.commands import AmendAssessment, AssessEvidence
from ledger.learners.record import Record
from ledger.sound_rule import best_result

Standing = Literal["marker", "moderator", "adjudicator", "met", "not met"]
"""What evidence waits for, or what became of it."""


def standing(record: Record, evidence: EvidenceSubmitted, definition: AchievementDefinition) -> Standing:
    """Say what the evidence waits for, or what became of it, from its judgements as they stand."""
    given = record.assessments_of(evidence.evidence_id)
    for capacity in ("appeal", "adjudicator"):
        for assessment in given:
            if assessment.capacity == capacity:
                return "met" if assessment.met else "not met"
    markers = [a for a in given if a.capacity == "marker"]
    outcomes = {a.met for a in markers}
    if outcomes == {True, False} or evidence.evidence_id in record.disputed:
        return "adjudicator"
    if len(markers) < markers_needed(definition) and (definition.blind or False not in outcomes):
        return "marker"
    if outcomes == {False}:
        return "not met"
    if any(a.moderate for a in markers) or sampled(evidence.evidence_id, definition):
        moderators = [a.met for a in given if a.capacity == "moderator"]
        if not moderators:
            return "moderator"
        return "met" if all(moderators) else "adjudicator"
    return "met"


def markers_needed(definition: AchievementDefinition) -> int:
    """Return how many distinct assessors mark; blind marking takes at least two."""
    return max(definition.assessors_required, 2 if definition.blind else 1)


def sampled(evidence_id: str, definition: AchievementDefinition) -> bool:
    """Whether the evidence falls into the moderation sample: by its id, so that nobody chooses."""
    if not definition.moderation_percent:
        return False
    share = int.from_bytes(hashlib.sha256(evidence_id.encode()).digest()[:4], "big") / 2**32
    return share * 100 < definition.moderation_percent


def judged(
    command: AssessEvidence | AmendAssessment, results: dict[str, Decimal], definition: AchievementDefinition
) -> bool:
    """Return the outcome, which the judgements, the pass marks and a stated outcome must agree on."""
    _check_judgements(command.judgements, definition, by_criterion=_by_criterion(command))
    passes = check_results(results, definition)
    found = [j.met for j in command.judgements] + passes
    if command.met is None:
        if not found:
            msg = "State the outcome, a judgement per criterion, or a result that has a pass mark."
            raise errors.IncompleteJudgement(msg, field="outcome")
        unstated = [r.id for r in definition.results if r.pass_at is not None and r.id not in results]
        if unstated and all(found) and not command.judgements:
            msg = f"Without an outcome, every result that has a pass mark decides it; state {', '.join(unstated)} too."
            raise errors.IncompleteJudgement(msg, field="results")
        return all(found)
    if found and command.met != all(found):
        said = "met" if command.met else "not yet met"
        msg = f"The outcome says {said}, but the judgements and results say otherwise; correct one of them."
        raise errors.ContradictoryOutcome(msg, field="outcome")
    return command.met


def with_levels(command: AssessEvidence | AmendAssessment, definition: AchievementDefinition) -> dict[str, Decimal]:
    """Return the stated results, and for each judged rubric the points of its level."""
    levels = {j.criterion: j.level for j in command.judgements if j.level is not None}
    points = {
        result.id: level.points
        for result in definition.results
        for level in result.levels
        if result.criterion in levels and levels[result.criterion] == level.id
    }
    return {**points, **command.results} if points else command.results


def _by_criterion(command: AssessEvidence | AmendAssessment) -> bool:
    """Files state one outcome or result for all criteria; people judge one by one."""
    return isinstance(command, AmendAssessment) or command.batch_id is None


def _check_judgements(
    judgements: tuple[Judgement, ...], definition: AchievementDefinition, *, by_criterion: bool
) -> None:
    expected = [criterion.id for criterion in definition.criteria.items]
    given = [judgement.criterion for judgement in judgements]
    if (given or by_criterion) and sorted(given) != sorted(expected):
        wanted = ", ".join(expected) or "none, for this achievement has no separate criteria"
        msg = f"Judge each criterion once: {wanted}."
        raise errors.IncompleteJudgement(msg, field="judgements")
    levels = {r.criterion: {level.id for level in r.levels} for r in definition.results if r.criterion}
    for judgement in judgements:
        if judgement.level is not None and judgement.level not in levels.get(judgement.criterion, set()):
            msg = f"{judgement.level!r} is no level of criterion {judgement.criterion}."
            raise errors.IncompleteJudgement(msg, field="judgements")


def check_results(results: dict[str, Decimal], definition: AchievementDefinition) -> list[bool]:
    """Return, for every stated result that has a pass mark, whether it passes."""
    described = {result.id: result for result in definition.results}
    passes = []
    for name, value in results.items():
        result = described.get(name)
        if result is None:
            known = ", ".join(described) or "no results"
            msg = f"{name!r} is no result of this achievement, which describes {known}."
            raise errors.IncompleteJudgement(msg, field="results")
        low, high = _bounds(result)
        if not value.is_finite() or (low is not None and value < low) or (high is not None and value > high):
            msg = f"{name} is {value}, outside {low if low is not None else ''} to {high if high is not None else ''}."
            raise errors.IncompleteJudgement(msg, field="results")
        if result.pass_at is not None:
            passes.append(value >= result.pass_at)
    return passes


def _bounds(result: ResultDescription) -> tuple[Decimal | None, Decimal | None]:
    """Return the lowest and the highest value that can be stated; a percentage needs not say its own."""
    lowest = Decimal(0) if result.type == "Percent" else None
    if result.minimum is None:
        return min((level.points for level in result.levels), default=lowest), best_result(result)
    return result.minimum, best_result(result)
