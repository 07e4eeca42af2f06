from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ledger import errors
from ledger.events import (
    AchievementAwarded,
    AchievementEndorsed,
    AwardExtended,
    AwardQueued,
    AwardRevoked,
    ConflictDeclared,
    EndorsementWithdrawn,
    RevocationRequested,
    RoleGranted,
    RoleWithdrawn,
)
from ledger.learners import commands as c
from tests.ledger.learners.story import ANA, START, WHY, Story, all_of, badge, evidence, micro, stack, story
from tests.ledger.learners.test_milestones import BADGES, MICROS, SAFETY, WELDING, chained, maker, on_loss


def test_where_the_definition_asks_for_a_registrar_the_award_waits() -> None:
    told = story({WELDING: micro(WELDING, awarding="confirm")})
    told.assess(told.submit(WELDING))
    queue_id = told.last(AwardQueued).queue_id
    assert told.lacks(WELDING)

    told.do(c.ConferAward(learner_id=ANA, queue_id=queue_id, by="rae"))

    assert "rae" == told.last(AchievementAwarded).confirmed_by


def test_only_a_registrar_confers_and_never_on_themselves() -> None:
    told = story({WELDING: micro(WELDING, awarding="confirm")}).define(roles=[(ANA, "registrar")])
    told.assess(told.submit(WELDING))
    queue_id = told.last(AwardQueued).queue_id

    told.refused(c.ConferAward(learner_id=ANA, queue_id=queue_id, by="tom"), errors.NotAllowed)
    told.refused(c.ConferAward(learner_id=ANA, queue_id=queue_id, by=ANA), errors.OwnEvidence)


def test_what_was_declined_is_not_conferred() -> None:
    told = story({WELDING: micro(WELDING, awarding="confirm")})
    told.assess(told.submit(WELDING))
    queue_id = told.last(AwardQueued).queue_id
    told.do(c.DeclineAward(learner_id=ANA, queue_id=queue_id, by="rae", reason=WHY))

    told.refused(c.ConferAward(learner_id=ANA, queue_id=queue_id, by="rae"), errors.NothingToConfirm)


def request(told: Story, achievement: str, by: str = "rae", request_id: str = "req_x") -> c.RequestRevocation:
    award_id = told.holds(achievement).award_id
    return c.RequestRevocation(learner_id=ANA, request_id=request_id, award_id=award_id, by=by, reason=WHY)


def test_revocation_takes_two_people() -> None:
    told = maker()
    told.earn(WELDING)
    told.do(request(told, WELDING))
    told.refused(c.RevokeAward(learner_id=ANA, request_id="req_x", by="rae"), errors.SecondPersonNeeded)
    assert not told.lacks(WELDING)

    told.do(c.RevokeAward(learner_id=ANA, request_id="req_x", by="rob"))

    assert "hand" == told.last(AwardRevoked).cause


def test_the_first_person_signs_everything_that_falls_through_chains_and_grace() -> None:
    told = chained(on_loss("revoke", "P14D"), on_loss("lapse", "P7D"))
    told.earn("design", WELDING, SAFETY)

    told.do(request(told, SAFETY))

    lower, upper = told.holds("maker").award_id, told.holds("master").award_id
    assert (
        f"{lower} broken: revoke after 14 days",
        f"{lower} revoked",
        f"{upper} broken: lapse after 7 days",
        f"{upper} lapses",
    ) == told.last(RevocationRequested).consequences


def test_if_the_list_changed_meanwhile_the_second_person_is_refused() -> None:
    told = maker(on_loss("revoke"))
    told.earn(WELDING)
    told.do(request(told, WELDING))
    told.earn(SAFETY)

    told.refused(c.RevokeAward(learner_id=ANA, request_id="req_x", by="rob"), errors.ConsequencesChanged)
    told.do(request(told, WELDING, request_id="req_y"))
    told.do(c.RevokeAward(learner_id=ANA, request_id="req_y", by="rob"))

    assert told.lacks(WELDING)


def test_time_passing_alone_does_not_change_the_list() -> None:
    told = chained(on_loss("revoke", "P14D"), on_loss("lapse", "P7D"))
    told.earn("design", WELDING, SAFETY)
    told.do(request(told, SAFETY))

    told.later("P3D").do(c.RevokeAward(learner_id=ANA, request_id="req_x", by="rob"))

    assert told.lacks(SAFETY)


def test_nothing_is_done_to_what_has_ended() -> None:
    told = maker()
    award_id = told.earn(WELDING)
    told.revoke(WELDING)

    told.refused(c.SuspendAward(learner_id=ANA, award_id=award_id, by="rae", reason=WHY), errors.NotLive)
    told.refused(c.ReinstateAward(learner_id=ANA, award_id=award_id, by="rae", reason=WHY), errors.NotLive)
    told.refused(
        c.RequestRevocation(learner_id=ANA, request_id="r", award_id=award_id, by="rae", reason=WHY), errors.NotLive
    )


def test_an_award_revoked_by_hand_can_be_earned_again_by_new_evidence() -> None:
    told = maker()
    told.earn(WELDING)
    told.revoke(WELDING)

    told.earn(WELDING)

    assert 2 == told.count_of(AchievementAwarded)


def test_an_extension_gives_more_time_and_never_less() -> None:
    told = story({WELDING: micro(WELDING, valid_for="P1Y")})
    award_id = told.earn(WELDING)
    end = told.holds(WELDING).valid_until
    assert end is not None

    def extend(days: int) -> c.ExtendAward:
        until = end + timedelta(days=days)
        return c.ExtendAward(learner_id=ANA, award_id=award_id, by="rae", reason=WHY, valid_until=until)

    told.refused(extend(-1), errors.Invalid)
    told.do(extend(30))

    assert not told.later("P1Y10D").lacks(WELDING)


def test_an_extension_moves_the_due_date_of_a_break() -> None:
    told = maker(on_loss("revoke", "P14D"))
    told.earn(WELDING, SAFETY)
    award_id = told.holds("maker").award_id
    told.revoke(SAFETY)
    due_at = told.now + timedelta(days=60)

    told.do(c.ExtendAward(learner_id=ANA, award_id=award_id, by="rae", reason=WHY, due_at=due_at))
    told.later("P30D").settle()
    assert not told.lacks("maker")
    told.later("P30D").settle()

    assert due_at == told.last(AwardExtended).due_at
    assert told.lacks("maker")


def test_renewal_takes_newer_evidence_judged_met() -> None:
    told = maker()
    award_id = told.earn(WELDING)

    def renew(evidence_id: str) -> c.RenewAward:
        return c.RenewAward(learner_id=ANA, award_id=award_id, evidence_id=evidence_id, by="rae")

    told.refused(renew("evd_1"), errors.EvidenceClosed)
    told.do(evidence(WELDING, "evd_new"))
    told.refused(renew("evd_new"), errors.EvidenceClosed)


def reviewed(decision: str) -> Story:
    told = maker()
    told.earn(WELDING, SAFETY)
    told.revoke(SAFETY)
    queue_id = told.last(AwardQueued).queue_id
    told.do(c.ReviewAward(learner_id=ANA, queue_id=queue_id, by="rae", decision=decision, reason=WHY))  # type: ignore[arg-type]
    told.settle()
    return told


def test_a_review_can_keep_for_good() -> None:
    told = reviewed("keep")

    assert told.holds("maker").live(told.now)
    assert [] == told.later("P1Y").settle()


def test_a_review_can_suspend_or_let_lapse() -> None:
    suspended, lapsed = reviewed("suspend"), reviewed("lapse")

    assert not suspended.holds("maker").live(suspended.now)
    assert lapsed.lacks("maker")


def test_a_review_that_says_revoke_is_the_first_of_two_signatures() -> None:
    told = reviewed("revoke")
    assert not told.lacks("maker")
    request_id = told.last(RevocationRequested).request_id
    told.refused(c.RevokeAward(learner_id=ANA, request_id=request_id, by="rae"), errors.SecondPersonNeeded)

    told.do(c.RevokeAward(learner_id=ANA, request_id=request_id, by="rob"))

    assert told.lacks("maker")


def test_what_is_no_component_is_not_substituted() -> None:
    told = story({**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY))})
    told.earn(WELDING)

    def substitute(achievement: str, award: str) -> c.SubstituteComponent:
        return c.SubstituteComponent(
            learner_id=ANA,
            substitution_id="sub",
            stack_id="maker-stack",
            achievement_id=achievement,
            award_id=award,
            by="rae",
            reason=WHY,
        )

    told.refused(substitute("design", told.holds(WELDING).award_id), errors.NotSubstitutable)
    told.refused(substitute(SAFETY, "awd_none"), errors.NotSubstitutable)


def test_a_learner_may_hold_a_badge_that_no_stack_names() -> None:
    told = story({"lone": badge("lone")})
    told.assess(told.submit("lone"), results={}, met=True)

    assert [] == told.settle()
    assert not told.lacks("lone")


def test_withdrawn_evidence_renews_nothing() -> None:
    told = story({WELDING: micro(WELDING)})
    old = told.earn(WELDING)
    told.later("P1D").assess(told.submit(WELDING, evidence_id="e1"))
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id="e1", by=ANA))

    told.refused(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e1", by="rae"), errors.EvidenceClosed)


def test_renewal_lifts_no_suspension() -> None:
    told = story({WELDING: micro(WELDING)})
    old = told.earn(WELDING)
    told.later("P1D").assess(told.submit(WELDING, evidence_id="e1"))
    told.do(c.SuspendAward(learner_id=ANA, award_id=old, by="rae", reason=WHY))

    told.refused(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e1", by="rae"), errors.NotLive)


def test_renewal_rests_on_evidence_that_is_newer_and_still_valid() -> None:
    told = story({WELDING: micro(WELDING, valid_for="P10D")})
    told.assess(told.submit(WELDING, evidence_id="e1"))
    old = told.holds(WELDING).award_id
    earlier = START - timedelta(days=5)
    told.assess(told.submit(WELDING, evidence_id="e2", submitted_at=earlier), assessed_at=earlier)
    told.refused(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e2", by="rae"), errors.EvidenceClosed)
    told.later("P1D").assess(told.submit(WELDING, evidence_id="e3"))
    until = told.now + timedelta(days=30)
    told.do(c.ExtendAward(learner_id=ANA, award_id=old, by="rae", reason=WHY, valid_until=until))
    told.later("P10D")

    told.refused(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e3", by="rae"), errors.EvidenceClosed)


def test_a_registrar_with_a_conflict_of_interest_decides_nothing_about_the_learner() -> None:
    told = maker()
    award = told.earn(WELDING)
    told.happen("person-rae", ConflictDeclared(effective_at=told.now, learner=ANA))

    told.refused(c.SuspendAward(learner_id=ANA, award_id=award, by="rae", reason=WHY), errors.Recused)


def test_a_decision_to_keep_is_about_what_was_queued_and_nothing_else() -> None:
    told = story(
        {**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", all_of(WELDING, SAFETY), on_loss("lapse", "P30D"))}
    )
    endorsed = AchievementEndorsed(effective_at=START, endorsement_id="end_1", version=1, partner="p", statement="s")
    told.happen("achievement-maker", endorsed)
    told.earn(WELDING, SAFETY)
    told.revoke(SAFETY)
    told.happen("achievement-maker", EndorsementWithdrawn(effective_at=START, endorsement_id="end_1", reason="r"))
    told.settle()
    queue_id = told.last(AwardQueued).queue_id

    told.do(c.ReviewAward(learner_id=ANA, queue_id=queue_id, by="rae", decision="keep", reason=WHY))

    told.later("P30D").settle()
    assert told.lacks("maker")


def test_who_signed_first_must_still_be_a_registrar() -> None:
    told = maker()
    told.earn(WELDING)
    told.do(request(told, WELDING))
    told.happen("person-rae", RoleWithdrawn(effective_at=told.now, role="registrar", withdrawn_by="rob"))

    told.refused(c.RevokeAward(learner_id=ANA, request_id="req_x", by="rob"), errors.NotAllowed)


def test_a_registrar_for_some_achievements_decides_on_those_alone() -> None:
    told = maker()
    granted = RoleGranted(effective_at=told.now, role="registrar", granted_by="rob", achievements=(SAFETY,))
    told.happen("person-ron", granted)
    told.earn(WELDING, SAFETY)

    def suspend(achievement: str) -> c.SuspendAward:
        award_id = told.holds(achievement).award_id
        return c.SuspendAward(learner_id=ANA, award_id=award_id, by="ron", reason=WHY)

    told.refused(suspend(WELDING), errors.NotAllowed)
    told.do(suspend(SAFETY))

    assert not told.holds(SAFETY).live(told.now)


def graded(at_least: int) -> Story:
    rule = {"all": [{"achievement": WELDING, "min_result": at_least}, {"achievement": SAFETY}]}
    return story({**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", rule, on_loss("revoke"))})


def amend(told: Story, score: int) -> None:
    told.later("P1D").do(
        c.AmendAssessment(
            learner_id=ANA, assessment_id="asm_evd_1_tom", by="tom", reason=WHY, results={"score": Decimal(score)}
        )
    )
    told.settle()


def test_a_result_raised_by_amendment_counts_for_stacks() -> None:
    told = graded(at_least=90)
    told.earn(WELDING, SAFETY)
    assert told.lacks("maker")

    amend(told, 95)

    assert not told.lacks("maker")


def test_a_result_lowered_by_amendment_is_reviewed_and_takes_nothing() -> None:
    told = graded(at_least=70)
    told.earn(WELDING, SAFETY)

    amend(told, 60)

    assert "assessment amended" == told.last(AwardQueued).reason
    assert {"score": Decimal(60)} == told.holds(WELDING).results
    assert not told.lacks("maker")
