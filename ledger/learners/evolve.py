"""How each fact changes a learner's record. Facts are never refused here: they have happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import replace

from ledger import events as e
from ledger.event import Event
from ledger.learners.record import Assessment, Award, Break, Completion, Ended, Heard, Record


def evolve(record: Record, fact: Event) -> Record:
    """Fold one fact into the record; facts are never refused, they have happened."""
    return _EVOLVE[type(fact)](record, fact)


def folded(record: Record, facts: Iterable[Event]) -> Record:
    """Fold *facts*, in order, into the record."""
    for fact in facts:
        record = evolve(record, fact)
    return record


def _registered(record: Record, _: e.LearnerRegistered) -> Record:
    return replace(record, registered=True)


def _waived(record: Record, fact: e.PrerequisitesWaived) -> Record:
    return replace(record, waivers=record.waivers | {fact.achievement_id})


def _submitted(record: Record, fact: e.EvidenceSubmitted) -> Record:
    return replace(record, evidence={**record.evidence, fact.evidence_id: fact})


def _withdrawn(record: Record, fact: e.EvidenceWithdrawn) -> Record:
    if fact.cause == "learner":
        return replace(record, withdrawn=record.withdrawn | {fact.evidence_id})
    return replace(
        record,
        evidence=_without(record.evidence, fact.evidence_id),
        withdrawn=record.withdrawn - {fact.evidence_id},
        disputed=record.disputed - {fact.evidence_id},
        assessments={k: a for k, a in record.assessments.items() if a.evidence_id != fact.evidence_id},
    )


def _assessed(record: Record, fact: e.EvidenceAssessed) -> Record:
    assessment = Assessment(
        assessment_id=fact.assessment_id,
        evidence_id=fact.evidence_id,
        assessor=fact.assessor,
        capacity=fact.capacity,
        moderate=fact.moderate,
        met=fact.met,
        judgements=fact.judgements,
        results=fact.results,
        judged_at=fact.effective_at,
        fact=fact,
    )
    record = replace(record, assessments={**record.assessments, fact.assessment_id: assessment})
    return _better_results(record, fact) if fact.capacity == "appeal" else record


def _better_results(record: Record, fact: e.EvidenceAssessed) -> Record:
    """Let an award made on the evidence carry the results that an appeal raised; it lowers none."""
    for award in record.awards.values():
        if award.basis.evidence_id == fact.evidence_id:
            raised = {name: max(value, award.results.get(name, value)) for name, value in fact.results.items()}
            record = _with_award(record, replace(award, results={**award.results, **raised}))
    return record


def _amended(record: Record, fact: e.AssessmentAmended) -> Record:
    amended = replace(
        record.assessments[fact.assessment_id],
        met=fact.met,
        judgements=fact.judgements,
        results=fact.results,
        judged_at=fact.effective_at,
    )
    record = replace(record, assessments={**record.assessments, fact.assessment_id: amended})
    for award in record.awards.values():
        if fact.met and fact.assessment_id in award.basis.assessments:
            record = _with_award(record, replace(award, results={**award.results, **fact.results}))
    return record


def _assessment_voided(record: Record, fact: e.AssessmentVoided) -> Record:
    voided = record.assessments.get(fact.assessment_id)
    disputed = record.disputed - {voided.evidence_id} if voided else record.disputed
    return replace(record, assessments=_without(record.assessments, fact.assessment_id), disputed=disputed)


def _adjudication(record: Record, fact: e.AdjudicationRequested) -> Record:
    return replace(record, disputed=record.disputed | {fact.evidence_id})


def _discredited(record: Record, fact: e.EvidenceDiscredited) -> Record:
    return replace(record, discredited=record.discredited | {fact.evidence_id})


def _recognised(record: Record, fact: e.PriorLearningRecognised) -> Record:
    return replace(record, recognitions={**record.recognitions, fact.recognition_id: fact})


def _awarded(record: Record, fact: e.AchievementAwarded) -> Record:
    award = Award(
        award_id=fact.award_id,
        achievement_id=fact.achievement_id,
        version=fact.achievement_version,
        effective_at=fact.effective_at,
        basis=fact.basis,
        results=fact.results,
        valid_until=fact.valid_until,
        renews=fact.renews,
        changed_at=fact.effective_at,
    )
    record = _decided(_with_award(record, award), fact.queue_id, "awarded")
    if fact.renews is not None:
        old = record.awards[fact.renews]
        record = _with_award(record, replace(old, ended="renewed", renewed_by=fact.award_id))
    return record


def _queued(record: Record, fact: e.AwardQueued) -> Record:
    return replace(record, queued={**record.queued, fact.queue_id: fact})


def _declined(record: Record, fact: e.AwardDeclined) -> Record:
    queued = record.queued.get(fact.queue_id)
    how: Literal["by person", "by rule"] = "by rule" if fact.declined_by == "system" else "by person"
    for completion in record.completions.values():
        if queued and queued.award_id == completion.award_id:
            record = _with_completion(record, replace(completion, declined=how))
    return _decided(record, fact.queue_id, "declined")


def _reviewed(record: Record, fact: e.AwardReviewed) -> Record:
    """A person decided on what was queued; of the breaks, on the one whose entry it was."""
    queued = record.queued.get(fact.queue_id)
    record = _decided(record, fact.queue_id, fact.decision)
    completion = record.completion_of(queued.award_id) if queued and queued.award_id else None
    if completion is None:
        return record
    breaks = tuple(replace(b, decided=True) if b.queue_id == fact.queue_id else b for b in completion.breaks)
    return _with_completion(record, replace(completion, breaks=breaks))


def _completed(record: Record, fact: e.StackCompleted) -> Record:
    completion = Completion(
        completion_id=fact.completion_id,
        stack_id=fact.stack_id,
        version=fact.stack_version,
        ordinal=fact.ordinal,
        awards=fact.awards,
        award_id=fact.award_id,
        effective_at=fact.effective_at,
    )
    return _with_completion(record, completion)


def _broken(record: Record, fact: e.StackBroken) -> Record:
    completion = record.completions[fact.completion_id]
    opened = Break(break_id=fact.break_id, lost=fact.lost, cause=fact.cause, policy=fact.policy, due_at=fact.due_at)
    return _with_completion(
        record, replace(completion, breaks=(*completion.breaks, opened), breaks_ever=completion.breaks_ever + 1)
    )


def _basis_replaced(record: Record, fact: e.StackBasisReplaced) -> Record:
    completion = record.completions[fact.completion_id]
    replaced = replace(completion, version=fact.stack_version, awards=fact.awards, breaks=())
    if completion.award_id not in record.awards:  # what waits for confirmation takes effect with its latest award
        replaced = replace(replaced, effective_at=max(record.awards[one].effective_at for one in fact.awards))
    return _with_completion(record, replaced)


def _substituted(record: Record, fact: e.ComponentSubstituted) -> Record:
    return replace(record, substitutions={**record.substitutions, fact.substitution_id: fact})


def _unchanged(record: Record, _: e.NoticeGiven) -> Record:
    return record


def _suspended(record: Record, fact: e.AwardSuspended) -> Record:
    award = record.awards[fact.award_id]
    return _with_award(
        record,
        replace(
            award,
            suspensions=award.suspensions | {fact.cause},
            changed_at=fact.effective_at,
            judges=_and(award.judges, fact.suspended_by),
        ),
    )


def _reinstated(record: Record, fact: e.AwardReinstated) -> Record:
    award = record.awards[fact.award_id]
    if fact.lifts in ("hand", "stack"):
        award = replace(award, suspensions=award.suspensions - {fact.lifts})
    else:
        award = replace(award, ended=None, renewed_by=None, by_hand=False)
    record = _with_award(record, replace(award, changed_at=fact.effective_at))
    return record if award.suspensions or award.ended else _back(record, fact.award_id)


def _back(record: Record, award_id: str) -> Record:
    """Take a component that counts again out of the breaks it had caused."""
    for completion in record.completions.values():
        if any(record.head(lost).award_id == award_id for b in completion.breaks for lost in b.lost):
            breaks = tuple(
                replace(b, lost=tuple(lost for lost in b.lost if record.head(lost).award_id != award_id))
                for b in completion.breaks
            )
            record = _with_completion(record, replace(completion, breaks=breaks))
    return record


def _revocation_requested(record: Record, fact: e.RevocationRequested) -> Record:
    return replace(record, requests={**record.requests, fact.request_id: fact})


def _revoked(record: Record, fact: e.AwardRevoked) -> Record:
    award = record.awards[fact.award_id]
    request = record.requests.get(fact.request_id or "")
    judges = _and(award.judges, fact.revoked_by, request.requested_by if request else None)
    requests = {k: r for k, r in record.requests.items() if r.award_id != fact.award_id}
    record = _decided(record, fact.request_id, "revoked")
    ended: Ended = "voided" if fact.cause == "voided" else "revoked"
    record = replace(record, requests=requests)
    return _end(record, replace(award, by_hand=fact.cause == "hand", judges=judges), ended, fact.effective_at)


def _expired(record: Record, fact: e.AwardExpired) -> Record:
    return _end(record, record.awards[fact.award_id], "expired", fact.effective_at)


def _lapsed(record: Record, fact: e.AwardLapsed) -> Record:
    award = replace(record.awards[fact.award_id], by_hand=fact.queue_id is not None)
    return _end(record, award, "lapsed", fact.effective_at)


def _extended(record: Record, fact: e.AwardExtended) -> Record:
    if fact.valid_until is not None:
        record = _with_award(record, replace(record.awards[fact.award_id], valid_until=fact.valid_until))
    completion = record.completion_of(fact.award_id)
    if fact.due_at is None or completion is None:
        return record
    breaks = tuple(replace(b, due_at=fact.due_at) if b.break_id == fact.break_id else b for b in completion.breaks)
    return _with_completion(record, replace(completion, breaks=breaks))


def _appeal_lodged(record: Record, fact: e.AppealLodged) -> Record:
    return replace(record, appeals={**record.appeals, fact.appeal_id: fact})


def _appeal_decided(record: Record, fact: e.AppealDecided) -> Record:
    appeal = record.appeals[fact.appeal_id]
    completion = record.completion_of(appeal.award_id) if appeal.award_id else None
    heard = Heard(at=fact.effective_at, breaks=completion.breaks_ever if completion else 0)
    record = replace(
        record,
        appeals=_without(record.appeals, fact.appeal_id),
        appeals_decided={**record.appeals_decided, fact.appeal_id: fact},
        heard={**record.heard, appeal.assessment_id or appeal.award_id or "": heard},
    )
    return _breaks_decided(record, appeal.award_id) if appeal.award_id and fact.upheld else record


def _with_award(record: Record, award: Award) -> Record:
    return replace(record, awards={**record.awards, award.award_id: award})


def _with_completion(record: Record, completion: Completion) -> Record:
    return replace(record, completions={**record.completions, completion.completion_id: completion})


def _end(record: Record, award: Award, ended: Ended, at: datetime) -> Record:
    return _with_award(record, replace(award, ended=ended, changed_at=at))


def _decided(record: Record, queue_id: str | None, decision: str) -> Record:
    if queue_id is None:
        return record
    return replace(record, queued=_without(record.queued, queue_id), decided={**record.decided, queue_id: decision})


def _breaks_decided(record: Record, award_id: str) -> Record:
    completion = record.completion_of(award_id)
    if completion is None:
        return record
    breaks = tuple(replace(b, decided=True) for b in completion.breaks)
    return _with_completion(record, replace(completion, breaks=breaks))


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if k != key}


def _and(people: frozenset[str], *others: str | None) -> frozenset[str]:
    return people | {person for person in others if person is not None}


_EVOLVE: dict[type[Event], Callable[[Record, Any], Record]] = {
    e.LearnerRegistered: _registered,
    e.PrerequisitesWaived: _waived,
    e.EvidenceSubmitted: _submitted,
    e.EvidenceWithdrawn: _withdrawn,
    e.EvidenceAssessed: _assessed,
    e.AssessmentAmended: _amended,
    e.AssessmentVoided: _assessment_voided,
    e.AdjudicationRequested: _adjudication,
    e.EvidenceDiscredited: _discredited,
    e.PriorLearningRecognised: _recognised,
    e.AchievementAwarded: _awarded,
    e.AwardQueued: _queued,
    e.AwardDeclined: _declined,
    e.AwardReviewed: _reviewed,
    e.StackCompleted: _completed,
    e.StackBroken: _broken,
    e.StackBasisReplaced: _basis_replaced,
    e.ComponentSubstituted: _substituted,
    e.NoticeGiven: _unchanged,
    e.AwardSuspended: _suspended,
    e.AwardReinstated: _reinstated,
    e.RevocationRequested: _revocation_requested,
    e.AwardRevoked: _revoked,
    e.AwardExpired: _expired,
    e.AwardLapsed: _lapsed,
    e.AwardExtended: _extended,
    e.AppealLodged: _appeal_lodged,
    e.AppealDecided: _appeal_decided,
}
