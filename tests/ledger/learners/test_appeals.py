from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from ledger import errors
from ledger.events import AwardQueued, ConflictDeclared, EvidenceAssessed, NoticeGiven
from ledger.learners import commands as c
from tests.ledger.learners.story import ANA, WHY, Story, micro, story
from tests.ledger.learners.test_milestones import SAFETY, WELDING, maker, on_loss


def lodge(assessment_id: str | None = None, award_id: str | None = None, appeal_id: str = "app_1") -> c.LodgeAppeal:
    return c.LodgeAppeal(
        learner_id=ANA, appeal_id=appeal_id, grounds=WHY, assessment_id=assessment_id, award_id=award_id
    )


def decide(upheld: bool, by: str = "jo", score: int | None = None) -> c.DecideAppeal:
    results = {"score": Decimal(score)} if score is not None else {}
    return c.DecideAppeal(learner_id=ANA, appeal_id="app_1", by=by, upheld=upheld, reason=WHY, results=results)


def failed(score: int = 45) -> Story:
    told = story({WELDING: micro(WELDING)})
    told.assess(told.submit(WELDING), score=score)
    return told


def test_an_upheld_appeal_awards() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))

    told.do(decide(upheld=True, score=52))

    assert {"score": Decimal(52)} == told.holds(WELDING).results


def test_a_dismissed_appeal_changes_nothing() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))

    assert 1 == len(told.do(decide(upheld=False)))
    assert told.lacks(WELDING)


def test_an_appeal_is_heard_by_nobody_who_judged_nor_by_the_learner() -> None:
    told = failed().define(roles=[("tom", "adjudicator"), (ANA, "adjudicator")])
    told.do(lodge("asm_evd_1_tom"))

    told.refused(decide(upheld=True, by="tom"), errors.HeardByJudge)
    told.refused(decide(upheld=True, by=ANA), errors.HeardByJudge)
    told.refused(decide(upheld=True, by="tea"), errors.NotAllowed)


def test_an_appeal_never_worsens_a_result() -> None:
    told = failed(score=60)
    told.do(lodge("asm_evd_1_tom"))
    told.refused(decide(upheld=True, score=55), errors.WorsenedByAppeal)

    told.do(decide(upheld=True, score=75))

    assert {"score": Decimal(75)} == told.holds(WELDING).results


def test_an_appeal_comes_in_time() -> None:
    told = failed()
    told.now += timedelta(days=29)

    told.refused(lodge("asm_evd_1_tom"), errors.AppealLate)


def test_one_appeal_at_a_time_about_one_thing() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))

    told.refused(lodge("asm_evd_1_tom", appeal_id="app_2"), errors.AppealOpen)
    told.refused(lodge(appeal_id="app_2"), errors.Invalid)
    told.refused(lodge("asm_none", appeal_id="app_2"), errors.Unknown)


def at_risk() -> tuple[Story, str]:
    told = maker(on_loss("revoke", "P14D"))
    told.earn(WELDING, SAFETY)
    award_id = told.holds("maker").award_id
    told.revoke(SAFETY)
    return told, award_id


def test_the_learner_is_told_before_a_milestone_is_lost() -> None:
    told, award_id = at_risk()

    notice = told.last(NoticeGiven)

    assert (award_id, "revoke", "revoked") == (notice.award_id, notice.policy, notice.cause)
    assert (SAFETY,) == notice.would_keep
    assert told.now + timedelta(days=14) == notice.due_at
    assert notice.due_at + timedelta(days=28) == notice.appeal_until


def test_an_appeal_stops_the_clock_and_a_dismissal_lets_it_run_on() -> None:
    told, award_id = at_risk()
    told.later("P10D").do(lodge(award_id=award_id))
    told.later("P30D").settle()
    assert not told.lacks("maker")

    told.do(decide(upheld=False))
    told.later("P3D").settle()
    assert not told.lacks("maker")
    told.later("P1D").settle()

    assert told.lacks("maker")


def test_an_upheld_appeal_keeps_the_milestone() -> None:
    told, award_id = at_risk()
    told.do(lodge(award_id=award_id))

    told.do(decide(upheld=True))

    assert [] == told.later("P1Y").settle()
    assert not told.lacks("maker")


def test_an_upheld_appeal_gives_a_revoked_award_back() -> None:
    told = maker()
    award_id = told.earn(WELDING)
    told.revoke(WELDING)
    told.do(lodge(award_id=award_id))
    told.refused(decide(upheld=True, by="rae"), errors.HeardByJudge)

    told.do(decide(upheld=True))

    assert told.holds(WELDING).live(told.now)


def test_there_is_nothing_to_appeal_against_in_a_live_award() -> None:
    told = maker()
    award_id = told.earn(WELDING)

    told.refused(lodge(award_id=award_id), errors.Invalid)
    assert 0 == told.count_of(AwardQueued)


def test_a_second_appeal_never_worsens_what_the_first_gave() -> None:
    told = failed(score=45)
    told.do(lodge("asm_evd_1_tom"))
    told.do(decide(upheld=True, score=75))
    told.define(roles=[("jack", "adjudicator")])
    told.do(lodge("asm_evd_1_tom", appeal_id="app_2"))

    told.do(c.DecideAppeal(learner_id=ANA, appeal_id="app_2", by="jack", upheld=True, reason=WHY))

    assert {"score": Decimal(75)} == told.holds(WELDING).results


def test_an_appeal_against_one_judgement_never_worsens_the_result_of_another() -> None:
    told = story({WELDING: micro(WELDING, assessors_required=2)})
    evidence_id = told.submit(WELDING)
    told.assess(evidence_id, "tom", score=55)
    told.assess(evidence_id, "tea", score=90)
    told.do(lodge(f"asm_{evidence_id}_tom"))

    told.do(decide(upheld=True, score=60))

    assert {"score": Decimal(90)} == told.holds(WELDING).results


def test_the_result_of_an_appeal_is_one_that_the_achievement_describes() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))
    command = decide(upheld=True)

    told.refused(replace(command, results={"luck": Decimal(1)}), errors.IncompleteJudgement)


def test_an_appeal_gives_no_award_for_withdrawn_evidence() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id="evd_1", by=ANA))

    told.do(decide(upheld=True, score=52))

    assert told.lacks(WELDING)


def test_there_is_nothing_to_appeal_against_in_an_award_that_ran_out_recorded_or_not() -> None:
    told = story({WELDING: micro(WELDING, valid_for="P10D")})
    award_id = told.earn(WELDING)
    told.later("P10D")

    told.refused(lodge(award_id=award_id), errors.Invalid)
    told.settle()
    told.refused(lodge(award_id=award_id), errors.Invalid)


def test_what_waits_for_confirmation_goes_when_an_appeal_gives_the_milestone_back() -> None:
    told = maker()
    award_id = told.earn(WELDING, SAFETY) and told.holds("maker").award_id
    told.revoke("maker")
    assert "revoked by hand before" == told.last(AwardQueued).reason
    told.do(lodge(award_id=award_id))
    told.do(decide(upheld=True))

    told.settle()

    assert award_id == told.holds("maker").award_id
    assert {} == told.record.queued


def test_an_appeal_takes_the_place_of_no_judgement_that_is_awaited() -> None:
    told = story({WELDING: micro(WELDING, assessors_required=2)})
    told.assess(told.submit(WELDING))

    told.refused(lodge("asm_evd_1_tom"), errors.Invalid)


def test_an_appeal_is_heard_neither_by_who_recorded_the_evidence_nor_by_the_recused() -> None:
    told = story({WELDING: micro(WELDING)})
    told.assess(told.submit(WELDING, submitted_by="rae", declared_by="recorder"), score=45)
    told.happen("person-jo", ConflictDeclared(effective_at=told.now, learner=ANA))
    told.do(lodge("asm_evd_1_tom"))

    told.refused(decide(upheld=True, by="rae"), errors.HeardByJudge)
    told.refused(decide(upheld=True, by="jo"), errors.Recused)


def test_one_decision_is_appealed_against_once() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))
    told.later("P1D").do(decide(upheld=False))

    told.refused(lodge("asm_evd_1_tom", appeal_id="app_2"), errors.AppealHeard)


def test_a_dismissed_appeal_does_not_stop_the_clock_again() -> None:
    told, award_id = at_risk()
    told.later("P1D").do(lodge(award_id=award_id))
    told.later("P1D").do(decide(upheld=False))

    told.refused(lodge(award_id=award_id, appeal_id="app_2"), errors.AppealHeard)


def test_what_an_appeal_decided_is_not_amended() -> None:
    told = failed()
    told.do(lodge("asm_evd_1_tom"))
    told.do(decide(upheld=True, score=52))
    decided = told.last(EvidenceAssessed).assessment_id

    amend = c.AmendAssessment(
        learner_id=ANA, assessment_id=decided, by="jo", reason=WHY, results={"score": Decimal(10)}
    )

    told.refused(amend, errors.WorsenedByAppeal)
