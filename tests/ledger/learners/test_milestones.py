from __future__ import annotations

from datetime import timedelta

from ledger import errors
from ledger.definition import LossPolicy, OnLoss
from ledger.events import (
    AchievementAwarded,
    AchievementEndorsed,
    AwardQueued,
    EndorsementWithdrawn,
    StackBasisReplaced,
    StackCompleted,
    StackRetired,
)
from ledger.learners import commands as c
from tests.ledger.learners.story import ANA, START, WHY, Story, all_of, badge, micro, stack, story

WELDING, SAFETY, DESIGN = "welding", "safety", "design"
MICROS = {name: micro(name) for name in (WELDING, SAFETY, DESIGN)}
BADGES = {"maker": badge("maker"), "master": badge("master")}


def on_loss(policy: str, grace: str = "P0D") -> OnLoss:
    loss = LossPolicy(policy=policy, grace=grace)  # type: ignore[arg-type]
    return OnLoss(expired=loss, suspended=loss, revoked=loss)


def maker(loss: OnLoss | None = None, **more: object) -> Story:
    """Return a story whose stack takes welding and safety."""
    return story({**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY), loss, **more)})


def chained(lower: OnLoss, upper: OnLoss) -> Story:
    stacks = {
        "maker-stack": stack("maker", all_of(WELDING, SAFETY), lower),
        "master-stack": stack("master", all_of("maker", DESIGN), upper),
    }
    return story({**MICROS, **BADGES}, stacks=stacks)


def test_completion_and_milestone_are_one_append_and_take_effect_with_the_latest_award() -> None:
    told = maker()
    told.earn(WELDING)
    told.later("P3D").assess(told.submit(SAFETY))
    latest = told.now

    facts = told.later("P3D").settle()

    assert [StackCompleted, AchievementAwarded] == [type(fact) for fact in facts]
    assert {latest} == {fact.effective_at for fact in facts}
    assert "maker-stack" == told.holds("maker").basis.stack


def test_chains_complete_in_the_same_append() -> None:
    told = chained(OnLoss(), OnLoss())
    told.earn(DESIGN, WELDING)
    told.assess(told.submit(SAFETY))

    facts = told.settle()

    assert ["maker", "master"] == [f.achievement_id for f in facts if isinstance(f, AchievementAwarded)]


def test_a_stack_defined_later_awards_those_who_completed_it_earlier() -> None:
    told = story({**MICROS, **BADGES})
    told.earn(WELDING, SAFETY)
    told.later("P1Y").define(stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY))})

    told.settle()

    assert START == told.holds("maker").effective_at


def test_a_version_waits_until_it_takes_effect() -> None:
    told = story({**MICROS, **BADGES})
    told.earn(WELDING, SAFETY)
    told.now += timedelta(days=10)
    told.define(stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY))})
    told.now -= timedelta(days=1)
    assert [] == told.settle()

    told.later("P1D").settle()

    assert not told.lacks("maker")


def test_under_confirm_the_milestone_waits_for_a_person() -> None:
    told = maker(awarding="confirm")
    told.earn(WELDING, SAFETY)
    queued = told.last(AwardQueued)
    assert told.lacks("maker")
    assert [] == told.settle()

    told.do(c.ConferAward(learner_id=ANA, queue_id=queued.queue_id, by="rae"))

    assert queued.award_id == told.holds("maker").award_id


def test_what_waits_for_confirmation_is_withdrawn_when_its_ground_goes_and_comes_back_with_it() -> None:
    told = maker(awarding="confirm")
    told.earn(WELDING, SAFETY)
    queued = told.last(AwardQueued)
    award = told.holds(SAFETY).award_id
    told.do(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.refused(c.ConferAward(learner_id=ANA, queue_id=queued.queue_id, by="rae"), errors.NothingToConfirm)
    told.settle()
    told.refused(c.ConferAward(learner_id=ANA, queue_id=queued.queue_id, by="rae"), errors.NothingToConfirm)

    told.do(c.ReinstateAward(learner_id=ANA, award_id=award, by="rae", reason=WHY))
    told.settle()

    told.do(c.ConferAward(learner_id=ANA, queue_id=told.last(AwardQueued).queue_id, by="rae"))
    assert not told.lacks("maker")


def test_a_declined_milestone_is_not_offered_again_on_the_same_awards() -> None:
    told = maker(awarding="confirm")
    told.earn(WELDING, SAFETY)
    queue_id = told.last(AwardQueued).queue_id

    told.do(c.DeclineAward(learner_id=ANA, queue_id=queue_id, by="rae", reason=WHY))

    assert [] == told.settle()


def test_a_completion_pins_its_version_and_a_revision_takes_nothing_from_holders() -> None:
    told = maker(on_loss("revoke"))
    told.earn(WELDING, SAFETY)

    told.define(stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY, DESIGN))})

    assert [] == told.settle()
    assert not told.lacks("maker")


def test_a_version_activated_for_holders_queues_a_review_for_who_does_not_fit() -> None:
    told = maker()
    told.earn(WELDING, SAFETY)

    told.define(stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY, DESIGN))}, applies_to="holders")
    told.settle()

    assert "stack revised" == told.last(AwardQueued).reason
    assert not told.lacks("maker")


def test_a_version_activated_for_holders_moves_who_fits_it() -> None:
    told = maker()
    told.earn(WELDING, SAFETY, DESIGN)

    told.define(stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY, DESIGN))}, applies_to="holders")
    told.settle()

    assert 2 == told.last(StackBasisReplaced).stack_version
    assert 3 == len(told.last(StackBasisReplaced).awards)


def test_a_milestone_revoked_by_rule_is_earned_again_as_a_new_award() -> None:
    told = maker(on_loss("revoke"))
    told.earn(WELDING, SAFETY)
    first = told.holds("maker").award_id
    told.revoke(SAFETY)

    told.earn(SAFETY)

    assert first != told.holds("maker").award_id
    assert 2 == told.last(StackCompleted).ordinal


def test_a_milestone_revoked_by_hand_needs_a_person() -> None:
    told = maker()
    told.earn(WELDING, SAFETY)

    told.revoke("maker")

    assert told.lacks("maker")
    assert ("confirm", "revoked by hand before") == (told.last(AwardQueued).queue, told.last(AwardQueued).reason)


def test_an_expired_milestone_takes_a_newer_component() -> None:
    told = story(
        {**MICROS, "maker": badge("maker", valid_for="P1Y")},
        stacks={"maker-stack": stack("maker", {"at_least": 2, "of": [{"achievement": name} for name in MICROS]})},
    )
    told.earn(WELDING, SAFETY)
    told.later("P1Y").settle()
    assert told.lacks("maker")
    assert [] == told.settle()

    told.earn(DESIGN)

    assert told.lacks("maker")  # the two older awards still come first, and they were used


def test_a_substituted_award_stands_for_a_component_of_one_stack() -> None:
    told = maker()
    told.earn(WELDING, DESIGN)

    told.do(
        c.SubstituteComponent(
            learner_id=ANA,
            substitution_id="sub_1",
            stack_id="maker-stack",
            achievement_id=SAFETY,
            award_id=told.holds(DESIGN).award_id,
            by="rae",
            reason=WHY,
        )
    )
    told.settle()

    assert {told.holds(WELDING).award_id, told.holds(DESIGN).award_id} == set(told.holds("maker").basis.awards)


def test_a_retired_stack_completes_no_more_and_holders_keep_theirs() -> None:
    held, late = maker(), maker()
    held.earn(WELDING, SAFETY)
    for told in (held, late):
        told.happen("stack-maker-stack", StackRetired(effective_at=START, retired_by="d", reason="r"))

    late.earn(WELDING, SAFETY)

    assert [] == held.settle()
    assert not held.lacks("maker")
    assert late.lacks("maker")


def test_what_waits_for_confirmation_is_confirmed_though_a_component_was_renewed() -> None:
    told = maker(awarding="confirm")
    told.earn(WELDING, SAFETY)
    told.later("P1D").assess(told.submit(SAFETY, evidence_id="e1"))
    old = told.holds(SAFETY).award_id
    told.do(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e1", by="rae"))
    told.settle()

    told.do(c.ConferAward(learner_id=ANA, queue_id=told.last(AwardQueued).queue_id, by="rae"))

    assert not told.lacks("maker")


def test_a_milestone_revoked_by_hand_needs_a_person_on_another_stack_too() -> None:
    told = maker()
    told.earn(WELDING, SAFETY)
    told.revoke("maker")

    told.define(stacks={"other-stack": stack("maker", all_of(WELDING))})
    told.settle()

    assert told.lacks("maker")
    assert {"revoked by hand before"} == {queued.reason for queued in told.record.queued.values()}


def test_a_milestone_confirmed_on_another_basis_takes_effect_with_the_latest_award_of_that() -> None:
    rule = {"at_least": 2, "of": [{"achievement": name} for name in (WELDING, SAFETY, DESIGN)]}
    told = story({**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", rule, awarding="confirm")})
    told.assess(told.submit(WELDING))
    told.earn(SAFETY)
    told.later("P1M").earn(DESIGN)
    latest = told.now
    told.revoke(WELDING)

    told.do(c.ConferAward(learner_id=ANA, queue_id=next(iter(told.record.queued)), by="rae"))

    assert latest == told.holds("maker").effective_at


def test_a_milestone_that_a_person_let_lapse_needs_a_person() -> None:
    told = maker()
    endorsed = AchievementEndorsed(effective_at=START, endorsement_id="end", version=1, partner="p", statement="Good.")
    told.happen("achievement-maker", endorsed)
    told.earn(WELDING, SAFETY)
    told.happen("achievement-maker", EndorsementWithdrawn(effective_at=START, endorsement_id="end", reason="No."))
    told.settle()
    queue_id = told.last(AwardQueued).queue_id
    told.do(c.ReviewAward(learner_id=ANA, queue_id=queue_id, by="rae", decision="lapse", reason=WHY))

    told.settle()

    assert told.lacks("maker")
    assert "confirm" == told.last(AwardQueued).queue
