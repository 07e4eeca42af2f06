"""
What can be asked of a learner's record.

Every command names the learner and, where something comes to be, its identifier;
`by` and `assessor` are ids of people, never names. Instants left out are the ledger's now.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from ledger.decider import Command
from ledger.definition import Policy, Route
from ledger.doubt import Doubt
from ledger.events import Capacity, Judgement
from ledger.private import Private


class LearnerCommand(Command, frozen=True, kw_only=True):
    """A command about one learner."""

    learner_id: str


class RegisterLearner(LearnerCommand, frozen=True, kw_only=True):
    """Open a learner's record."""

    origin: Literal["registered", "imported"] = "registered"


class WaivePrerequisites(LearnerCommand, frozen=True, kw_only=True):
    """Let the learner try for an achievement without its prerequisites."""

    achievement_id: str
    by: str
    reason: Private


class SubmitEvidence(LearnerCommand, frozen=True, kw_only=True):
    """Offer evidence towards an achievement. `declared_by` says who vouches that it is the learner's own."""

    evidence_id: str
    achievement_id: str
    submitted_by: str
    route: Route = "work_product"
    declared_by: Literal["learner", "recorder", "import"] = "learner"
    submitted_at: datetime | None = None
    produced_at: datetime | None = None
    evidence_url: Private | None = None
    narrative: Private | None = None
    external_id: Private | None = None
    digest: str | None = None
    batch_id: str | None = None


class WithdrawEvidence(LearnerCommand, frozen=True, kw_only=True):
    """Take evidence back before it leads to an award."""

    evidence_id: str
    by: str
    reason: Private | None = None


class AssessEvidence(LearnerCommand, frozen=True, kw_only=True):
    """
    Judge evidence. With `met` left out, the outcome follows from the judgements and the pass marks of the results.
    """

    assessment_id: str
    evidence_id: str
    assessor: str
    capacity: Capacity = "marker"
    met: bool | None = None
    judgements: tuple[Judgement, ...] = ()
    results: dict[str, Decimal] = {}
    feedback: Private | None = None
    comments: dict[str, Private] = {}
    assessed_at: datetime | None = None
    batch_id: str | None = None


class AmendAssessment(LearnerCommand, frozen=True, kw_only=True):
    """Correct one's own judgement."""

    assessment_id: str
    by: str
    reason: Private
    met: bool | None = None
    judgements: tuple[Judgement, ...] = ()
    results: dict[str, Decimal] = {}
    feedback: Private | None = None
    comments: dict[str, Private] = {}


class RecogniseLearning(LearnerCommand, frozen=True, kw_only=True):
    """Recognise prior learning as meeting an achievement's criteria."""

    recognition_id: str
    achievement_id: str
    by: str
    source: Private
    results: dict[str, Decimal] = {}


class LodgeAppeal(LearnerCommand, frozen=True, kw_only=True):
    """Appeal against a judgement, or against the loss (threatened or done) of an award; name one of the two."""

    appeal_id: str
    grounds: Private
    assessment_id: str | None = None
    award_id: str | None = None


class DecideAppeal(LearnerCommand, frozen=True, kw_only=True):
    """Decide an appeal. Upheld against a judgement, the evidence counts as met with the results given."""

    appeal_id: str
    by: str
    upheld: bool
    reason: Private
    results: dict[str, Decimal] = {}


class ConferAward(LearnerCommand, frozen=True, kw_only=True):
    """Confirm an award that waits in the confirm queue."""

    queue_id: str
    by: str


class DeclineAward(LearnerCommand, frozen=True, kw_only=True):
    """Decline an award that waits in the confirm queue."""

    queue_id: str
    by: str
    reason: Private


class ReviewAward(LearnerCommand, frozen=True, kw_only=True):
    """Decide an award that waits in the review queue; to revoke takes a person other than who last acted on it."""

    queue_id: str
    by: str
    decision: Policy
    reason: Private


class SuspendAward(LearnerCommand, frozen=True, kw_only=True):
    """Suspend a live award until the suspension is lifted."""

    award_id: str
    by: str
    reason: Private


class ReinstateAward(LearnerCommand, frozen=True, kw_only=True):
    """Lift a suspension made by hand."""

    award_id: str
    by: str
    reason: Private


class RequestRevocation(LearnerCommand, frozen=True, kw_only=True):
    """Ask, as the first of two people, to revoke an award, signing the list of what falls with it."""

    request_id: str
    award_id: str
    by: str
    reason: Private


class RevokeAward(LearnerCommand, frozen=True, kw_only=True):
    """Revoke an award, as the second person, on a standing request."""

    request_id: str
    by: str


class ExtendAward(LearnerCommand, frozen=True, kw_only=True):
    """Give more time: a later end of validity, or a later due date of the award's open break."""

    award_id: str
    by: str
    reason: Private
    valid_until: datetime | None = None
    due_at: datetime | None = None


class RenewAward(LearnerCommand, frozen=True, kw_only=True):
    """Renew a live award on newer evidence that was judged met; the old award ends in the same append."""

    award_id: str
    evidence_id: str
    by: str


class SubstituteComponent(LearnerCommand, frozen=True, kw_only=True):
    """Let a live award stand for a component of one stack."""

    substitution_id: str
    stack_id: str
    achievement_id: str
    award_id: str
    by: str
    reason: Private


class Settle(LearnerCommand, frozen=True, kw_only=True):
    """Record what follows by rule from what the learner holds now: completions, breaks, expiries, due policies."""


class VoidBatch(LearnerCommand, frozen=True, kw_only=True):
    """Void everything that one batch recorded for this learner."""

    batch_id: str
    by: str


class Together(LearnerCommand, frozen=True, kw_only=True):
    """
    Carry several commands out one after another, all of them or none.

    Personal text in them is sealed already: only who makes the commands knows where each text belongs.
    """

    commands: tuple[LearnerCommand, ...]


class DiscreditEvidence(LearnerCommand, frozen=True, kw_only=True):
    """Find a piece of evidence wanting, as two people, and queue for review what rests on it; nothing is taken."""

    evidence_id: str
    by: str
    approved_by: str
    reason: Private


class DoubtAwards(LearnerCommand, frozen=True, kw_only=True):
    """Queue for review, as two people, the learner's awards that rest on what is in doubt; nothing is taken."""

    doubt: Doubt
    by: str
    approved_by: str
