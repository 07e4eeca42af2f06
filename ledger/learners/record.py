"""
A learner's record as the rules see it: the state folded from one `learner-<id>` stream.

Everything is immutable; `evolve` (evolve.py) returns a new record that shares what did not change.
What was voided with its batch is gone from the state, so that the same file can be sent again;
awards are never gone, they end.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from ledger import events as e
from ledger import ids
from ledger.definition import Cause, Policy

Ended = Literal["expired", "revoked", "lapsed", "renewed", "voided"]


class State(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of the record."""


class Assessment(State, frozen=True, kw_only=True):
    """A judgement as it stands after amendments; `judged_at` is when it last changed."""

    assessment_id: str
    evidence_id: str
    assessor: str
    capacity: e.Capacity
    moderate: bool
    met: bool
    judgements: tuple[e.Judgement, ...]
    results: dict[str, Decimal]
    judged_at: datetime
    fact: e.EvidenceAssessed


class Award(State, frozen=True, kw_only=True):
    """An award and what became of it; `by_hand` says that a person, not a rule, revoked it or let it lapse."""

    award_id: str
    achievement_id: str
    version: int
    effective_at: datetime
    basis: e.Basis
    results: dict[str, Decimal]
    valid_until: datetime | None = None
    renews: str | None = None
    renewed_by: str | None = None
    ended: Ended | None = None
    changed_at: datetime
    by_hand: bool = False
    suspensions: frozenset[str] = frozenset()
    judges: frozenset[str] = frozenset()

    def stands(self, now: datetime) -> bool:
        """Whether it has not ended: an award is over from `valid_until`, recorded or not."""
        return self.ended is None and (self.valid_until is None or now < self.valid_until)

    def live(self, now: datetime) -> bool:
        """Whether it counts: it stands and is not suspended."""
        return not self.suspensions and self.stands(now)


class Break(State, frozen=True, kw_only=True):
    """
    A break of an open completion; `decided` once a person decided that nothing more follows from it.

    `lost` names what is still lost: a component that is back leaves it.
    """

    break_id: str
    lost: tuple[str, ...]
    cause: Cause
    policy: Policy
    due_at: datetime
    decided: bool = False

    @property
    def queue_id(self) -> str:
        """The entry in the review queue that the break leads to, if its policy is to review."""
        return ids.derived("que", self.break_id)

    @property
    def threatens(self) -> bool:
        """Whether something may follow from it yet."""
        return bool(self.lost) and not self.decided


class Heard(State, frozen=True, kw_only=True):
    """When an appeal about something was decided, and how many breaks its stack had had by then."""

    at: datetime
    breaks: int


class Completion(State, frozen=True, kw_only=True):
    """A completed stack: the pinned version, the awards it rests on, the milestone, and its open breaks."""

    completion_id: str
    stack_id: str
    version: int
    ordinal: int
    awards: tuple[str, ...]
    award_id: str
    effective_at: datetime
    breaks: tuple[Break, ...] = ()
    breaks_ever: int = 0
    declined: Literal["by person", "by rule"] | None = None


class Record(State, frozen=True, kw_only=True):
    """Everything the rules know of one learner. Mappings are never changed in place."""

    learner_id: str
    registered: bool = False
    waivers: frozenset[str] = frozenset()
    evidence: dict[str, e.EvidenceSubmitted] = {}
    withdrawn: frozenset[str] = frozenset()
    assessments: dict[str, Assessment] = {}
    disputed: frozenset[str] = frozenset()
    discredited: frozenset[str] = frozenset()
    recognitions: dict[str, e.PriorLearningRecognised] = {}
    awards: dict[str, Award] = {}
    queued: dict[str, e.AwardQueued] = {}
    decided: dict[str, str] = {}
    completions: dict[str, Completion] = {}
    substitutions: dict[str, e.ComponentSubstituted] = {}
    appeals: dict[str, e.AppealLodged] = {}
    appeals_decided: dict[str, e.AppealDecided] = {}
    heard: dict[str, Heard] = {}
    requests: dict[str, e.RevocationRequested] = {}

    def held(self, achievement_id: str, now: datetime) -> Award | None:
        """Return the award of the achievement that stands at *now*, live or suspended; there is at most one."""
        for award in self.awards.values():
            if award.achievement_id == achievement_id and award.stands(now):
                return award
        return None

    def head(self, award_id: str) -> Award:
        """Return the award that *award_id* lives on in: itself, or the last that renewed it."""
        award = self.awards[award_id]
        while award.renewed_by is not None:
            award = self.awards[award.renewed_by]
        return award

    def assessments_of(self, evidence_id: str) -> list[Assessment]:
        """Return the judgements of a piece of evidence, in the order given."""
        return [a for a in self.assessments.values() if a.evidence_id == evidence_id]

    def completion_of(self, award_id: str) -> Completion | None:
        """Return the completion that the milestone *award_id* was awarded for."""
        for completion in self.completions.values():
            if completion.award_id == award_id:
                return completion
        return None
