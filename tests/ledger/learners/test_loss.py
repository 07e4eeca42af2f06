from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ledger.definition import LossPolicy, OnLoss
from ledger.events import (
    AchievementEndorsed,
    AwardExpired,
    AwardQueued,
    AwardReinstated,
    AwardSuspended,
    EndorsementWithdrawn,
    StackBasisReplaced,
    StackBroken,
    StackCompleted,
)
from ledger.learners import commands as c
from tests.ledger.learners.story import ANA, START, WHY, all_of, micro, stack, story
from tests.ledger.learners.test_milestones import BADGES, DESIGN, MICROS, SAFETY, WELDING, chained, maker, on_loss


def test_alternatives_are_tried_first_and_nothing_is_lost() -> None:
    rule = {"at_least": 2, "of": [{"achievement": name} for name in MICROS]}
    told = story({**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", rule, on_loss("revoke"))})
    told.earn(WELDING, SAFETY, DESIGN)

    told.revoke(SAFETY)

    assert 0 == told.count_of(StackBroken)
    assert {told.holds(WELDING).award_id, told.holds(DESIGN).award_id} == set(told.last(StackBasisReplaced).awards)
    assert not told.lacks("maker")


@pytest.mark.parametrize(
    ("policy", "ended", "suspended"),
    [
        ("keep", None, False),
        ("suspend", None, True),
        ("review", None, False),
        ("lapse", "lapsed", False),
        ("revoke", "revoked", False),
    ],
)
def test_the_policy_acts_at_the_due_date_and_not_before(policy: str, ended: str | None, suspended: bool) -> None:
    told = maker(on_loss(policy, "P14D"))
    told.earn(WELDING, SAFETY)
    award_id = told.holds("maker").award_id
    told.revoke(SAFETY)
    assert told.now + timedelta(days=14) == told.last(StackBroken).due_at
    told.later("P13D").settle()
    assert told.holds("maker").live(told.now)

    told.later("P1D").settle()

    award = told.record.awards[award_id]
    assert (ended, suspended) == (award.ended, bool(award.suspensions))
    assert (policy == "review") == any(isinstance(f, AwardQueued) for f in told.facts)


def test_a_satisfying_basis_cancels_the_break() -> None:
    told = maker(on_loss("revoke", "P14D"))
    told.earn(WELDING, SAFETY)
    told.revoke(SAFETY)

    told.earn(SAFETY)
    told.later("P20D").settle()

    assert not told.lacks("maker")


def test_losses_run_through_chains() -> None:
    told = chained(on_loss("revoke", "P14D"), on_loss("lapse", "P7D"))
    told.earn(DESIGN, WELDING, SAFETY)
    told.revoke(SAFETY)

    told.later("P14D").settle()
    assert told.lacks("maker")
    assert not told.lacks("master")
    told.later("P7D").settle()

    assert told.lacks("master")


def test_the_defaults_take_nothing_by_themselves() -> None:
    told = maker()
    told.earn(WELDING, SAFETY)

    told.revoke(SAFETY)

    assert "review" == told.last(AwardQueued).queue
    assert not told.lacks("maker")


def test_a_policy_is_for_one_cause() -> None:
    loss = OnLoss(expired=LossPolicy(policy="lapse"), revoked=LossPolicy(policy="keep"))
    told = story(
        {**MICROS, SAFETY: micro(SAFETY, valid_for="P1Y"), **BADGES},
        stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY), loss)},
    )
    told.earn(WELDING, SAFETY)

    told.later("P1Y").settle()

    assert "lapsed" == told.record.awards[told.last(StackCompleted).award_id].ended


def test_a_suspension_by_rule_lifts_with_its_cause() -> None:
    told = maker(on_loss("suspend"))
    told.earn(WELDING, SAFETY)
    award = told.holds(SAFETY).award_id
    told.do(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()
    assert 2 == told.count_of(AwardSuspended)
    assert not told.holds("maker").live(told.now)

    told.do(c.ReinstateAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()

    assert "stack" == told.last(AwardReinstated).lifts
    assert told.holds("maker").live(told.now)


def test_a_suspension_that_turns_into_a_revocation_is_a_loss_of_its_own() -> None:
    loss = OnLoss(revoked=LossPolicy(policy="revoke"))
    told = maker(loss)
    told.earn(WELDING, SAFETY)
    award = told.holds(SAFETY).award_id
    told.do(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()
    assert not told.lacks("maker")

    told.revoke(SAFETY)

    assert told.lacks("maker")


def test_an_award_is_expired_from_its_valid_until_recorded_or_not() -> None:
    told = story({WELDING: micro(WELDING, valid_for="P1Y")})
    told.earn(WELDING)
    told.later("P1Y")
    assert told.lacks(WELDING)

    told.later("P1D").settle()

    assert datetime(2027, 1, 1, tzinfo=START.tzinfo) == told.last(AwardExpired).effective_at


def test_renewal_ends_the_old_award_and_breaks_no_stack() -> None:
    told = maker(on_loss("revoke"))
    told.earn(WELDING, SAFETY)
    old = told.holds(SAFETY).award_id
    told.later("P100D").assess(told.submit(SAFETY))

    told.do(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="evd_3", by="rae"))

    assert [] == told.settle()
    assert old == told.holds(SAFETY).renews
    assert "renewed" == told.record.awards[old].ended
    assert not told.lacks("maker")


def test_losing_a_renewed_component_is_a_loss() -> None:
    told = maker(on_loss("revoke"))
    told.earn(WELDING, SAFETY)
    old = told.holds(SAFETY).award_id
    told.later("P100D").assess(told.submit(SAFETY))
    told.do(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="evd_3", by="rae"))

    told.revoke(SAFETY)

    assert told.lacks("maker")


def test_a_withdrawn_endorsement_queues_a_review_and_takes_nothing() -> None:
    told = story({WELDING: micro(WELDING)})
    endorsed = AchievementEndorsed(effective_at=START, endorsement_id="end_1", version=1, partner="p", statement="s")
    withdrawn = EndorsementWithdrawn(effective_at=START, endorsement_id="end_1", reason="r")
    told.happen(f"achievement-{WELDING}", endorsed)
    told.earn(WELDING)
    told.happen(f"achievement-{WELDING}", withdrawn)

    told.settle()

    assert "endorsement withdrawn" == told.last(AwardQueued).reason
    assert told.holds(WELDING).live(told.now)


def test_a_suspension_by_rule_lifts_with_its_cause_though_another_component_is_lost() -> None:
    told = maker(OnLoss(suspended=LossPolicy(policy="suspend"), revoked=LossPolicy(policy="keep")))
    told.earn(WELDING, SAFETY)
    award = told.holds(SAFETY).award_id
    told.revoke(WELDING)
    told.do(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()
    assert not told.holds("maker").live(told.now)

    told.do(c.ReinstateAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()

    assert told.holds("maker").live(told.now)


def test_a_component_that_is_back_is_not_acted_upon_though_another_is_lost() -> None:
    told = maker(OnLoss(suspended=LossPolicy(policy="lapse", grace="P14D"), revoked=LossPolicy(policy="keep")))
    told.earn(WELDING, SAFETY)
    award = told.holds(SAFETY).award_id
    told.revoke(WELDING)
    told.do(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()
    told.do(c.ReinstateAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()

    told.later("P14D").settle()
    assert not told.lacks("maker")
    told.do(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()

    assert told.now + timedelta(days=14) == told.last(StackBroken).due_at


def test_an_award_that_time_ended_is_renewed_on_evidence_judged_before_or_after() -> None:
    told = story(
        {**MICROS, SAFETY: micro(SAFETY, valid_for="P1Y"), **BADGES},
        stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY), OnLoss(expired=LossPolicy(policy="suspend")))},
    )
    told.earn(WELDING, SAFETY)
    old = told.holds(SAFETY).award_id
    told.later("P6M").assess(told.submit(SAFETY))
    told.later("P7M").settle()
    assert not told.holds("maker").live(told.now)

    told.do(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="evd_3", by="rae"))
    told.settle()

    assert told.holds("maker").live(told.now)
