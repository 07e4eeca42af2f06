"""
Which awards rest on what is in doubt, and queueing them for review.

- An award rests on a discredited judgement only if what else was judged would not do; on discredited evidence always.
- Against a revised definition, evidence and judgements are held as they would be when submitted and judged.
- Nothing is taken: a person reviews each award, and each is queued once for the same doubt.
- What is awarded later on evidence or by an assessor found wanting before is queued with the award.
- It takes two registrars, neither of them the learner, the assessor, or the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ledger import errors
from ledger.decider import LOCAL_ADMINISTRATION, Setting
from ledger.doubt import REASONS, Affected, Doubt, Falling, Fate, Rests
from ledger.event import Event
from ledger.events import (
    AchievementAwarded,
    AwardLapsed,
    AwardQueued,
    AwardRevoked,
    AwardSuspended,
    Basis,
    EvidenceDiscredited,
    StackBroken,
)
from ledger.ids import derived
from ledger.learners import commands as c
from ledger.learners.consequences import falling
from ledger.learners.evidence import require_evidence
from ledger.learners.evolve import folded
from ledger.learners.loss import queue_review
from ledger.learners.outcome import standing
from ledger.learners.people import require_registrar, same
from ledger.learners.record import Award, Record
from ledger.learners.rejudging import differences, shortfalls


class Touched(NamedTuple):
    """An award that has to do with what is in doubt: how it rests on it, by which judgements, and why."""

    award: Award
    rests: Rests
    judgements: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


def touched(record: Record, doubt: Doubt, setting: Setting) -> Iterator[Touched]:
    """Yield the standing awards that have to do with what is in doubt."""
    look = {"assessor": _by_assessor, "evidence": _on_evidence, "achievement": _of_achievement}[doubt.kind]
    for award in record.awards.values():
        if award.stands(setting.now):
            found = look(record, award, doubt, setting)
            if found is not None:
                yield found


def affected(record: Record, doubt: Doubt, setting: Setting) -> Iterator[Affected]:
    """Yield what is touched, with all that would fall with it, and what waits to be confirmed on it."""
    for one in touched(record, doubt, setting):
        falls = _falls(record, one.award.award_id, setting) if one.rests == "rests on it" else ()
        yield Affected(
            learner_id=record.learner_id, achievement_id=one.award.achievement_id, version=one.award.version,
            award_id=one.award.award_id, rests=one.rests, judgements=one.judgements, because=one.because, falls=falls,
        )  # fmt: skip
    for queued in record.queued.values():
        if queued.queue == "confirm" and doubt.kind != "achievement" and _waits_on(record, queued, doubt, setting):
            yield Affected(
                learner_id=record.learner_id, achievement_id=queued.achievement_id, version=queued.achievement_version,
                award_id=None, rests="waits for confirmation",
            )  # fmt: skip


def doubt_awards(record: Record, command: c.DoubtAwards, setting: Setting) -> list[Event]:
    """Queue each award that rests on what is in doubt, once."""
    _require_published(command.doubt, setting)
    _two_registrars(record, command.by, command.approved_by, setting, command.doubt)
    return _queue(record, command.doubt, setting, command.by, command.approved_by)


def discredit(record: Record, command: c.DiscreditEvidence, setting: Setting) -> list[Event]:
    """Record that evidence was found wanting, and queue the award that rests on it."""
    require_evidence(record, command.evidence_id)
    doubt = Doubt(kind="evidence", subject=command.evidence_id)
    _two_registrars(record, command.by, command.approved_by, setting, doubt)
    if command.evidence_id in record.discredited:
        return []
    found = EvidenceDiscredited(
        effective_at=setting.now,
        evidence_id=command.evidence_id,
        discredited_by=command.by,
        approved_by=command.approved_by,
        reason=command.reason,
    )
    return [found, *_queue(record, doubt, setting, command.by, command.approved_by)]


def doubted_already(record: Record, facts: list[Event], setting: Setting) -> list[Event]:
    """Return the reviews of what *facts* award on what was found wanting before; nobody has to carry it out again."""
    awarded = [fact.basis for fact in facts if isinstance(fact, AchievementAwarded) and fact.basis.stack is None]
    if not awarded:
        return []
    after = folded(record, facts)
    reviews: list[Event] = []
    for doubt in dict.fromkeys(doubt for basis in awarded for doubt in _found_wanting(after, basis, setting)):
        reviews += _queue(after, doubt, setting)
    return reviews


def _found_wanting(record: Record, basis: Basis, setting: Setting) -> Iterator[Doubt]:
    """Yield what was found wanting before among that which an award rests on."""
    if basis.evidence_id in record.discredited:
        yield Doubt(kind="evidence", subject=basis.evidence_id)
    judges = [record.assessments[one].assessor for one in basis.assessments]
    if basis.recognition is not None:
        judges.append(record.recognitions[basis.recognition].recognised_by)
    for judge in judges:
        if setting.catalogue.discredited(judge):
            yield Doubt(kind="assessor", subject=setting.catalogue.root(judge))


def _require_published(doubt: Doubt, setting: Setting) -> None:
    """Refuse to hold awards against what nobody published; evidence has a command of its own."""
    if doubt.kind == "assessor":
        return
    if doubt.kind == "evidence" or doubt.definition is not None or doubt.version is None:
        raise errors.Invalid("Name an assessor, or a published version of an achievement.", field="doubt")
    if setting.catalogue.achievement_version(doubt.subject, doubt.version).published_position is None:
        msg = f"Version {doubt.version} of {doubt.subject} is not published; preview it instead."
        raise errors.NotPublished(msg, field="version")


def _queue(
    record: Record, doubt: Doubt, setting: Setting, by: str | None = None, approved_by: str | None = None
) -> list[Event]:
    subject = setting.catalogue.root(doubt.subject) if doubt.kind == "assessor" else doubt.subject
    facts: list[Event] = []
    for one in touched(record, doubt, setting):
        if one.rests == "rests on it":
            queue_id = derived("que", one.award.award_id, "doubt", doubt.kind, subject, doubt.version or 0)
            reason = REASONS[doubt.kind]
            facts += queue_review(record, one.award, queue_id, reason, setting, queued_by=by, approved_by=approved_by)
    return facts


def _two_registrars(record: Record, by: str, approved_by: str, setting: Setting, doubt: Doubt) -> None:
    if same(setting, by, approved_by):
        raise errors.SecondPersonNeeded("Who puts awards in doubt does not approve it as well.", field="approved_by")
    for person in (by, approved_by):
        if doubt.kind == "assessor" and same(setting, person, doubt.subject):
            raise errors.NotAllowed("Nobody decides on their own judgements; others must.", field="by")
        if person != LOCAL_ADMINISTRATION:
            require_registrar(setting, record, person)


def _by_assessor(record: Record, award: Award, doubt: Doubt, setting: Setting) -> Touched | None:
    if award.basis.recognition is not None:
        recognised = record.recognitions[award.basis.recognition]
        if same(setting, recognised.recognised_by, doubt.subject):
            return Touched(award, "rests on it", (award.basis.recognition,))
        return None
    evidence = record.evidence.get(award.basis.evidence_id or "")
    if evidence is None:
        return None
    theirs = _given_by(record, evidence.evidence_id, doubt, setting)
    if not theirs:
        return None
    without = replace(record, assessments={k: a for k, a in record.assessments.items() if k not in theirs})
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    stands = standing(without, evidence, definition) == "met"
    return Touched(award, "stands without it" if stands else "rests on it", theirs)


def _on_evidence(_: Record, award: Award, doubt: Doubt, __: Setting) -> Touched | None:
    return Touched(award, "rests on it", award.basis.assessments) if award.basis.evidence_id == doubt.subject else None


def _of_achievement(record: Record, award: Award, doubt: Doubt, setting: Setting) -> Touched | None:
    if award.achievement_id != doubt.subject or (doubt.version is not None and award.version >= doubt.version):
        return None
    definition = doubt.definition
    if definition is None:
        definition = setting.catalogue.definition(doubt.subject, doubt.version or 1)
    missing = tuple(dict.fromkeys(shortfalls(record, award, definition, setting)))
    if missing:
        return Touched(award, "rests on it", award.basis.assessments, missing)
    other = tuple(differences(award, definition, setting))
    return Touched(award, "differs" if other else "stands without it", (), other)


def _given_by(record: Record, evidence_id: str, doubt: Doubt, setting: Setting) -> tuple[str, ...]:
    return tuple(
        one.assessment_id for one in record.assessments_of(evidence_id) if same(setting, one.assessor, doubt.subject)
    )


def _waits_on(record: Record, queued: AwardQueued, doubt: Doubt, setting: Setting) -> bool:
    evidence_id = queued.basis.evidence_id
    if doubt.kind == "evidence":
        return evidence_id == doubt.subject
    recognised = record.recognitions.get(queued.basis.recognition or "")
    if recognised is not None:
        return same(setting, recognised.recognised_by, doubt.subject)
    return evidence_id is not None and bool(_given_by(record, evidence_id, doubt, setting))


def _falls(record: Record, award_id: str, setting: Setting) -> tuple[Falling, ...]:
    found: dict[tuple[str, Fate], Falling] = {}
    for fact in falling(record, (award_id,), setting):
        fate: Fate
        policy = None
        at = fact.effective_at
        match fact:
            case StackBroken():
                fate, policy, at = "broken", fact.policy, fact.due_at
            case AwardSuspended():
                fate = "suspended"
            case AwardLapsed():
                fate = "lapses"
            case AwardRevoked():
                fate = "revoked"
            case AwardQueued(queue="review", award_id=str()):
                fate = "review"
            case _:
                continue
        milestone = record.awards.get(fact.award_id or "")
        if milestone is not None:
            one = Falling(
                award_id=milestone.award_id, achievement_id=milestone.achievement_id, stack_id=milestone.basis.stack,
                fate=fate, policy=policy, at=at,
            )  # fmt: skip
            found.setdefault((milestone.award_id, fate), one)
    return tuple(found.values())
