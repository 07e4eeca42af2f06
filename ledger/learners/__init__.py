"""
A learner's record: evidence, judgements, awards, milestones and appeals, decided in one place.

One stream per learner, `learner-<id>`, is the consistency boundary: whatever is decided about a learner
is decided on all of it. Each chapter of the rules is a module; `learners` is the decider over them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from ledger.decider import Decider, Setting
from ledger.event import Event
from ledger.learners import (
    appeals,
    assessments,
    awards,
    batches,
    confirmation,
    doubting,
    evidence,
    milestones,
    revocation,
)
from ledger.learners import commands as c
from ledger.learners.consequences import consequences
from ledger.learners.doubting import affected
from ledger.learners.evolve import evolve
from ledger.learners.record import Record

__all__ = ["Record", "affected", "consequences", "learners"]


JUDGING = (
    *(c.AssessEvidence, c.AmendAssessment, c.RecogniseLearning),
    *(c.DecideAppeal, c.ConferAward, c.RenewAward, c.VoidBatch),
)
"""Commands that may award something on evidence or recognition, which may have been found wanting before."""


def decide(record: Record, command: c.LearnerCommand, setting: Setting) -> list[Event]:
    """Return the facts that follow from *command*, or raise `Refused`."""
    facts = _DECIDE[type(command)](record, command, setting)
    if isinstance(command, JUDGING):
        facts = [*facts, *doubting.doubted_already(record, facts, setting)]
    return facts


def _together(record: Record, command: c.Together, setting: Setting) -> list[Event]:
    facts: list[Event] = []
    for each in command.commands:
        new = decide(record, each, setting)
        record = reduce(evolve, new, record)
        facts += new
    return facts


_DECIDE: dict[type[c.LearnerCommand], Callable[[Record, Any, Setting], list[Event]]] = {
    c.RegisterLearner: evidence.register,
    c.WaivePrerequisites: evidence.waive,
    c.SubmitEvidence: evidence.submit,
    c.WithdrawEvidence: evidence.withdraw,
    c.AssessEvidence: assessments.assess,
    c.AmendAssessment: assessments.amend,
    c.RecogniseLearning: assessments.recognise,
    c.LodgeAppeal: appeals.lodge,
    c.DecideAppeal: appeals.decide_appeal,
    c.ConferAward: confirmation.confer,
    c.DeclineAward: confirmation.decline,
    c.ReviewAward: confirmation.review,
    c.SuspendAward: awards.suspend,
    c.ReinstateAward: awards.reinstate,
    c.RequestRevocation: revocation.request_revocation,
    c.RevokeAward: revocation.revoke,
    c.ExtendAward: awards.extend,
    c.RenewAward: awards.renew,
    c.SubstituteComponent: awards.substitute,
    c.Settle: lambda record, _, setting: milestones.settle(record, setting),
    c.VoidBatch: batches.void,
    c.DiscreditEvidence: doubting.discredit,
    c.DoubtAwards: doubting.doubt_awards,
    c.Together: _together,
}


learners: Decider[Record, c.LearnerCommand] = Decider(
    category="learner",
    initial=lambda learner_id: Record(learner_id=learner_id),
    evolve=evolve,
    decide=decide,
    subject=lambda command: command.learner_id,
)
