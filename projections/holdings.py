"""
One learner's story told back from their facts: awards and what befell them, evidence, judgements, completions.

A small fold of its own, so that any moment can be asked about: which facts go in decides what was known (`at`),
and `HeldAward.status` says what was valid on a day (`on`), as known now. The rules keep a state for deciding;
a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec.structs import replace

from ledger import events as e
from ledger import ids
from ledger.catalogue import Catalogue
from ledger.event import Event, Recorded
from ledger.stack_rule import Holding

Status = Literal["live", "suspended", "revoked", "voided", "expired", "lapsed", "renewed"]


@dataclass(slots=True)
class HeldAward:
    """An award with everything that befell it, in the order in which it was recorded."""

    fact: e.AchievementAwarded
    at: Recorded
    results: dict[str, Decimal]
    valid_until: datetime | None
    befell: list[Recorded] = field(default_factory=list)
    renewed_by: str | None = None

    def status(self, on: datetime) -> Status | None:
        """
        Return its standing on a day, as known now; None before it was awarded.

        What was voided never should have been, so it stood on no day; likewise a renewal by an award that was voided.
        """
        if self.fact.effective_at > on:
            return None
        ended: Status | None = None
        suspensions: set[str] = set()
        for recorded in self.befell:
            fact = recorded.fact
            if isinstance(fact, e.AwardRevoked) and fact.cause == "voided":
                return "voided"
            if fact.effective_at > on:
                continue
            match fact:
                case e.AwardSuspended():
                    suspensions.add(fact.cause)
                case e.AwardReinstated(lifts="hand" | "stack"):
                    suspensions.discard(fact.lifts)
                case e.AwardReinstated():
                    ended = None
                case e.AwardRevoked():
                    ended = "revoked"
                case e.AwardExpired():
                    ended = "expired"
                case e.AwardLapsed():
                    ended = "lapsed"
                case e.AchievementAwarded() if fact.award_id == self.renewed_by:
                    ended = "renewed"
        if ended is None and self.valid_until is not None and self.valid_until <= on:
            return "expired"
        return ended or ("suspended" if suspensions else "live")


@dataclass(slots=True)
class Judged:
    """A judgement as it stands after amendments; `voided` with the batch that brought it."""

    fact: e.EvidenceAssessed
    at: Recorded
    met: bool
    judgements: tuple[e.Judgement, ...]
    results: dict[str, Decimal]
    amended_at: datetime | None = None
    voided: bool = False


@dataclass(slots=True)
class Completed:
    """A completed stack: what it rests on now, what it ever rested on, and its breaks."""

    fact: e.StackCompleted
    at: Recorded
    version: int
    awards: tuple[str, ...]
    breaks: dict[str, e.StackBroken] = field(default_factory=dict)
    ever: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """What a learner's facts tell."""

    position: int = 0
    awards: dict[str, HeldAward] = field(default_factory=dict)
    evidence: dict[str, tuple[e.EvidenceSubmitted, Recorded]] = field(default_factory=dict)
    withdrawn: dict[str, e.EvidenceWithdrawn] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)
    recognitions: dict[str, tuple[e.PriorLearningRecognised, Recorded]] = field(default_factory=dict)
    completions: dict[str, Completed] = field(default_factory=dict)
    queued: dict[str, e.AwardQueued] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    notices: dict[str, e.NoticeGiven] = field(default_factory=dict)
    appeals: dict[str, e.AppealLodged] = field(default_factory=dict)
    substitutions: list[e.ComponentSubstituted] = field(default_factory=list)

    def head(self, award_id: str) -> HeldAward:
        """Return the award that *award_id* lives on in: itself, or the last that renewed it."""
        award = self.awards[award_id]
        while award.renewed_by is not None:
            award = self.awards[award.renewed_by]
        return award

    def completion_of(self, award_id: str) -> Completed | None:
        """Return the completion that a milestone was awarded for."""
        return next((one for one in self.completions.values() if one.fact.award_id == award_id), None)

    def live(self, on: datetime) -> list[HeldAward]:
        """Return the awards that were live on a day, as known now, in the order in which they were recorded."""
        return [award for award in self.awards.values() if award.status(on) == "live"]


def told(facts: Iterable[Recorded]) -> Story:
    """Fold *facts* of one learner, from the first on."""
    story = Story()
    for recorded in facts:
        take = _TAKE.get(type(recorded.fact))
        if take is not None:
            take(story, recorded.fact, recorded)
        story.position = recorded.position
    return story


def holdings(story: Story, catalogue: Catalogue, on: datetime, stack_id: str | None = None) -> list[Holding]:
    """Return live awards as rules see them; where one was substituted in the stack, it stands for that component."""
    stands_for = {
        story.head(one.award_id).fact.award_id: one.achievement_id
        for one in story.substitutions
        if one.stack_id == stack_id and one.award_id in story.awards
    }
    held = []
    for award in story.live(on):
        fact = award.fact
        holding = catalogue.holding(
            fact.award_id, fact.achievement_id, fact.achievement_version, fact.effective_at, award.results
        )
        substituted = stands_for.get(fact.award_id)
        held.append(holding if substituted is None else holding._replace(achievement_id=substituted))
    return held


def _submitted(story: Story, fact: e.EvidenceSubmitted, at: Recorded) -> None:
    story.evidence[fact.evidence_id] = fact, at
    story.withdrawn.pop(fact.evidence_id, None)


def _withdrawn(story: Story, fact: e.EvidenceWithdrawn, _: Recorded) -> None:
    story.withdrawn[fact.evidence_id] = fact


def _assessed(story: Story, fact: e.EvidenceAssessed, at: Recorded) -> None:
    story.judged[fact.assessment_id] = Judged(fact, at, fact.met, fact.judgements, fact.results)
    if fact.capacity == "appeal":
        for award in story.awards.values():
            if award.fact.basis.evidence_id == fact.evidence_id:
                raised = {name: max(value, award.results.get(name, value)) for name, value in fact.results.items()}
                award.results = {**award.results, **raised}


def _amended(story: Story, fact: e.AssessmentAmended, _: Recorded) -> None:
    judged = story.judged[fact.assessment_id]
    judged.met, judged.judgements, judged.results = fact.met, fact.judgements, fact.results
    judged.amended_at = fact.effective_at
    for award in story.awards.values():
        if fact.met and fact.assessment_id in award.fact.basis.assessments:
            award.results = {**award.results, **fact.results}


def _voided(story: Story, fact: e.AssessmentVoided, _: Recorded) -> None:
    story.judged[fact.assessment_id].voided = True


def _recognised(story: Story, fact: e.PriorLearningRecognised, at: Recorded) -> None:
    story.recognitions[fact.recognition_id] = fact, at


def _awarded(story: Story, fact: e.AchievementAwarded, at: Recorded) -> None:
    story.awards[fact.award_id] = HeldAward(fact, at, fact.results, fact.valid_until)
    if fact.renews is not None and fact.renews in story.awards:
        story.awards[fact.renews].renewed_by = fact.award_id
        story.awards[fact.renews].befell.append(at)
    story.queued.pop(fact.queue_id or "", None)


def _queued(story: Story, fact: e.AwardQueued, at: Recorded) -> None:
    story.queued[fact.queue_id] = fact
    if fact.award_id in story.awards:
        story.awards[fact.award_id].befell.append(at)


def _dequeued(story: Story, fact: e.AwardDeclined | e.AwardReviewed, at: Recorded) -> None:
    queued = story.queued.pop(fact.queue_id, None)
    if queued is not None and queued.award_id is not None and queued.award_id in story.awards:
        story.awards[queued.award_id].befell.append(at)
        for break_id in [one for one in story.due if ids.derived("que", one) == fact.queue_id]:
            story.due.pop(break_id)


def _befell(story: Story, fact: Any, at: Recorded) -> None:
    story.awards[fact.award_id].befell.append(at)


def _reinstated(story: Story, fact: e.AwardReinstated, at: Recorded) -> None:
    award = story.awards[fact.award_id]
    award.befell.append(at)
    if fact.lifts not in ("hand", "stack"):
        award.renewed_by = None
    if award.status(at.recorded_at) == "live":
        _back(story, fact.award_id)


def _back(story: Story, award_id: str) -> None:
    """A component that counts again is lost no more; a break that names no other is over."""
    for completion in story.completions.values():
        for broken in completion.breaks.values():
            lost = tuple(one for one in broken.lost if story.head(one).fact.award_id != award_id)
            completion.breaks[broken.break_id] = replace(broken, lost=lost)
            if not lost:
                story.due.pop(broken.break_id, None)


def _extended(story: Story, fact: e.AwardExtended, at: Recorded) -> None:
    award = story.awards[fact.award_id]
    award.befell.append(at)
    if fact.valid_until is not None:
        award.valid_until = fact.valid_until
    if fact.break_id is not None and fact.due_at is not None and fact.break_id in story.due:
        story.due[fact.break_id] = fact.due_at


def _completed(story: Story, fact: e.StackCompleted, at: Recorded) -> None:
    story.completions[fact.completion_id] = Completed(
        fact, at, fact.stack_version, fact.awards, ever=dict.fromkeys(fact.awards)
    )


def _broken(story: Story, fact: e.StackBroken, at: Recorded) -> None:
    story.completions[fact.completion_id].breaks[fact.break_id] = fact
    story.due[fact.break_id] = fact.due_at
    if fact.award_id in story.awards:
        story.awards[fact.award_id].befell.append(at)


def _replaced(story: Story, fact: e.StackBasisReplaced, at: Recorded) -> None:
    completion = story.completions[fact.completion_id]
    completion.version, completion.awards, completion.breaks = fact.stack_version, fact.awards, {}
    completion.ever.update(dict.fromkeys(fact.awards))
    if completion.fact.award_id in story.awards:
        story.head(completion.fact.award_id).befell.append(at)


def _noticed(story: Story, fact: e.NoticeGiven, _: Recorded) -> None:
    story.notices[fact.break_id] = fact


def _substituted(story: Story, fact: e.ComponentSubstituted, _: Recorded) -> None:
    story.substitutions.append(fact)


def _appealed(story: Story, fact: e.AppealLodged, at: Recorded) -> None:
    story.appeals[fact.appeal_id] = fact
    if fact.award_id in story.awards:
        story.awards[fact.award_id].befell.append(at)


def _appeal_decided(story: Story, fact: e.AppealDecided, at: Recorded) -> None:
    appeal = story.appeals.pop(fact.appeal_id, None)
    if appeal is not None and appeal.award_id in story.awards:
        story.awards[appeal.award_id].befell.append(at)
        if fact.upheld:
            _settled(story, appeal.award_id)


def _settled(story: Story, award_id: str | None) -> None:
    """A person decided: the milestone's breaks have no further consequence."""
    completion = None if award_id is None else story.completion_of(award_id)
    if completion is not None:
        for break_id in completion.breaks:
            story.due.pop(break_id, None)


_TAKE: dict[type[Event], Callable[[Story, Any, Recorded], None]] = {
    e.EvidenceSubmitted: _submitted,
    e.EvidenceWithdrawn: _withdrawn,
    e.EvidenceAssessed: _assessed,
    e.AssessmentAmended: _amended,
    e.AssessmentVoided: _voided,
    e.PriorLearningRecognised: _recognised,
    e.AchievementAwarded: _awarded,
    e.AwardQueued: _queued,
    e.AwardDeclined: _dequeued,
    e.AwardReviewed: _dequeued,
    e.StackCompleted: _completed,
    e.StackBroken: _broken,
    e.StackBasisReplaced: _replaced,
    e.ComponentSubstituted: _substituted,
    e.NoticeGiven: _noticed,
    e.AwardSuspended: _befell,
    e.AwardReinstated: _reinstated,
    e.AwardRevoked: _befell,
    e.AwardExpired: _befell,
    e.AwardLapsed: _befell,
    e.AwardExtended: _extended,
    e.AppealLodged: _appealed,
    e.AppealDecided: _appeal_decided,
}
