from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger import errors, events
from ledger.definition import Criteria, Criterion, Level, ResultDescription
from ledger.event import Event
from ledger.events import (
    AchievementAwarded,
    AdjudicationRequested,
    AwardQueued,
    EvidenceAssessed,
    Judgement,
    PriorLearningRecognised,
)
from ledger.learners import commands as c
from tests.ledger.learners.story import ANA, START, WHY, Story, all_of, assessment, badge, evidence, micro, story


def test_the_award_follows_the_judgement_in_the_same_append() -> None:
    told = story({"welding": micro("welding")})

    facts = told.assess(told.submit("welding"))

    assert [EvidenceAssessed, AchievementAwarded] == [type(fact) for fact in facts]


def test_not_yet_met_returns_the_evidence_and_another_attempt_can_succeed() -> None:
    told = story({"welding": micro("welding")})
    told.assess(told.submit("welding"), score=49)
    assert told.lacks("welding")

    told.assess(told.submit("welding"), score=50)

    assert 2 == told.facts[-3].attempt  # type: ignore[attr-defined]
    assert not told.lacks("welding")


def test_nobody_judges_their_own_evidence() -> None:
    told = story({"welding": micro("welding")}).define(roles=[(ANA, "assessor")])
    evidence_id = told.submit("welding")

    told.refused(assessment(evidence_id, ANA), errors.OwnEvidence)


def test_a_linked_account_is_the_same_person() -> None:
    told = story({"welding": micro("welding")})
    told.happen("person-tom", events.AccountLinked(effective_at=START, account=ANA, linked_by="rae"))

    told.refused(assessment(told.submit("welding"), "tom"), errors.OwnEvidence)


def test_the_recused_do_not_judge() -> None:
    told = story({"welding": micro("welding")})
    told.happen("person-tom", events.ConflictDeclared(effective_at=START, learner=ANA))

    told.refused(assessment(told.submit("welding"), "tom"), errors.Recused)


def test_only_assessors_judge() -> None:
    told = story({"welding": micro("welding")})

    told.refused(assessment(told.submit("welding"), "rae"), errors.NotAllowed)


def test_who_recorded_the_evidence_does_not_judge_it() -> None:
    told = story({"welding": micro("welding")})

    told.refused(assessment(told.submit("welding", submitted_by="tom"), "tom"), errors.OwnEvidence)


def test_an_observation_is_judged_by_its_recorder_and_waits_for_a_moderator() -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding", submitted_by="tom", route="observation")
    told.assess(evidence_id, "tom")
    assert told.lacks("welding")

    told.assess(evidence_id, "quinn", capacity="moderator")

    assert ("asm_evd_1_tom", "asm_evd_1_quinn") == told.holds("welding").basis.assessments


def test_as_many_distinct_assessors_as_asked_must_agree() -> None:
    told = story({"welding": micro("welding", assessors_required=2)})
    evidence_id = told.submit("welding")
    told.assess(evidence_id, "tom")
    again = assessment(evidence_id, "tom", 81, assessment_id="asm_other")
    told.refused(again, errors.AlreadyJudged)
    assert told.lacks("welding")

    told.assess(evidence_id, "tea")

    assert not told.lacks("welding")


@pytest.mark.parametrize("decision", [True, False])
def test_when_markers_disagree_an_adjudicator_decides(decision: bool) -> None:
    told = story({"welding": micro("welding", blind=True)})
    evidence_id = told.submit("welding")
    told.assess(evidence_id, "tom", 80)
    told.assess(evidence_id, "tea", 20)
    assert 1 == told.count_of(AdjudicationRequested)
    told.refused(assessment(evidence_id, "tim"), errors.NotAllowed)

    told.assess(evidence_id, "jo", 60 if decision else 40, capacity="adjudicator")

    assert decision != told.lacks("welding")


def test_blind_marking_waits_for_the_second_marker_even_after_not_yet_met() -> None:
    told = story({"welding": micro("welding", blind=True)})
    evidence_id = told.submit("welding")
    told.assess(evidence_id, "tom", 20)

    told.assess(evidence_id, "tea", 30)

    told.refused(assessment(evidence_id, "tim"), errors.EvidenceClosed)


def test_a_moderator_who_disagrees_calls_for_an_adjudicator() -> None:
    told = story({"welding": micro("welding", moderation_percent=100)})
    evidence_id = told.submit("welding")
    told.assess(evidence_id, "tom")

    told.assess(evidence_id, "tea", 20, capacity="moderator")

    assert 1 == told.count_of(AdjudicationRequested)


def test_the_moderation_sample_is_about_as_large_as_asked() -> None:
    told = story({"welding": micro("welding", moderation_percent=30), "other": badge("other")})
    waiting = 0
    for n in range(200):
        evidence_id = told.submit("welding", evidence_id=f"evd_s{n}")
        waiting += not any(isinstance(f, AchievementAwarded) for f in told.assess(evidence_id))
        told.record = Story().record
        told.do(c.RegisterLearner(learner_id=ANA))

    assert 40 <= waiting <= 80


@pytest.mark.parametrize(
    ("judgement", "error"),
    [
        ({"met": True, "score": 20}, errors.ContradictoryOutcome),
        ({"met": False, "score": 80}, errors.ContradictoryOutcome),
        ({"results": {}}, errors.IncompleteJudgement),
        ({"results": {"grade": Decimal(1)}}, errors.IncompleteJudgement),
        ({"results": {"score": Decimal("NaN")}}, errors.IncompleteJudgement),
        ({"judgements": (Judgement(criterion="none", met=True),)}, errors.IncompleteJudgement),
        ({"assessed_at": START - timedelta(days=1)}, errors.Invalid),
        ({"assessed_at": START + timedelta(days=1)}, errors.Invalid),
        ({"capacity": "appeal"}, errors.Invalid),
        ({"capacity": "moderator"}, errors.NotAllowed),
    ],
)
def test_a_judgement_is_complete_and_consistent(judgement: dict[str, Any], error: type[errors.Refused]) -> None:
    told = story({"welding": micro("welding")})

    told.refused(assessment(told.submit("welding"), **judgement), error)


RUBRIC = micro(
    "welding",
    criteria=Criteria(narrative="n", items=(Criterion(id="bead", text="Bead"), Criterion(id="safety", text="Safety"))),
    results=(
        ResultDescription(
            id="bead-level",
            name="Bead",
            type="RubricCriterionLevel",
            criterion="bead",
            pass_at=Decimal(2),
            levels=(Level(id="poor", name="Poor", points=Decimal(1)), Level(id="good", name="Good", points=Decimal(2))),
        ),
    ),
)


def test_each_criterion_is_judged_with_its_level_and_levels_count_as_results() -> None:
    told = story({"welding": RUBRIC})
    evidence_id = told.submit("welding")
    judged = (Judgement(criterion="bead", met=True, level="good"), Judgement(criterion="safety", met=True))

    told.assess(evidence_id, results={}, judgements=judged)

    assert {"bead-level": Decimal(2)} == told.holds("welding").results


def test_a_missing_criterion_or_an_unknown_level_is_refused() -> None:
    told = story({"welding": RUBRIC})
    evidence_id = told.submit("welding")
    for judged in (
        (Judgement(criterion="bead", met=True),),
        (Judgement(criterion="bead", met=True, level="superb"), Judgement(criterion="safety", met=True)),
    ):
        told.refused(assessment(evidence_id, results={}, judgements=judged), errors.IncompleteJudgement)


def test_a_second_met_while_one_lives_awards_nothing() -> None:
    told = story({"welding": micro("welding")})
    told.earn("welding")

    told.assess(told.submit("welding"))

    assert 1 == told.count_of(AchievementAwarded)


def test_amending_to_met_awards_and_amending_to_not_met_queues_a_review_taking_nothing() -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding")
    told.assess(evidence_id, score=40)

    def amend(score: int) -> c.AmendAssessment:
        return c.AmendAssessment(
            learner_id=ANA,
            assessment_id="asm_evd_1_tom",
            by="tom",
            reason=WHY,
            results={"score": Decimal(score)},
        )

    told.do(amend(60))
    award = told.holds("welding")
    told.do(amend(30))

    assert "review" == told.last(AwardQueued).queue
    assert award == told.holds("welding")


def test_only_who_judged_amends() -> None:
    told = story({"welding": micro("welding")})
    told.assess(told.submit("welding"))
    amend = c.AmendAssessment(learner_id=ANA, assessment_id="asm_evd_1_tom", by="tea", reason=WHY, met=True)

    told.refused(amend, errors.NotAllowed)


def test_withdrawn_evidence_is_not_judged() -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding")
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id=evidence_id, by=ANA))

    told.refused(assessment(evidence_id), errors.EvidenceClosed)


def test_prior_learning_is_recognised_with_its_source() -> None:
    told = story({"welding": micro("welding")})
    recognise = c.RecogniseLearning(
        learner_id=ANA, recognition_id="rec_1", achievement_id="welding", by="tom", source=WHY
    )

    told.do(recognise)

    assert told.last(PriorLearningRecognised).source.sealed
    assert "rec_1" == told.holds("welding").basis.recognition


def test_prior_learning_is_not_recognised_by_oneself_nor_where_the_route_is_closed() -> None:
    told = story({"welding": micro("welding"), "closed": micro("closed", routes=("test",))})
    told.define(roles=[(ANA, "assessor")])
    own = c.RecogniseLearning(learner_id=ANA, recognition_id="r", achievement_id="welding", by=ANA, source=WHY)
    closed = c.RecogniseLearning(learner_id=ANA, recognition_id="r", achievement_id="closed", by="tom", source=WHY)

    told.refused(own, errors.OwnEvidence)
    told.refused(closed, errors.RouteClosed)


def test_evidence_from_a_file_is_judged_as_a_whole() -> None:
    told = story({"welding": RUBRIC})
    told.do(evidence("welding", "e1", submitted_by="importer", declared_by="import", batch_id="b1"))

    told.assess("e1", results={}, met=True, batch_id="b1")

    assert not told.lacks("welding")


def test_an_amended_judgement_awards_nothing_for_withdrawn_evidence() -> None:
    told = story({"welding": micro("welding")})
    told.assess(told.submit("welding"), score=45)
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id="evd_1", by=ANA))
    results = {"score": Decimal(80)}

    told.do(c.AmendAssessment(learner_id=ANA, assessment_id="asm_evd_1_tom", by="tom", reason=WHY, results=results))

    assert told.lacks("welding")


def test_every_time_an_award_loses_its_judgement_a_person_looks_at_it() -> None:
    told = story({"welding": micro("welding")})
    told.earn("welding")
    for score in (45, 80, 45):
        told.do(
            c.AmendAssessment(
                learner_id=ANA, assessment_id="asm_evd_1_tom", by="tom", reason=WHY, results={"score": Decimal(score)}
            )
        )
        for queue_id in list(told.record.queued):
            told.do(c.ReviewAward(learner_id=ANA, queue_id=queue_id, by="rae", decision="keep", reason=WHY))

    assert 2 == told.count_of(AwardQueued)


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        (events.RoleWithdrawn(effective_at=START, role="assessor", withdrawn_by="rae"), errors.NotAllowed),
        (events.AccountLinked(effective_at=START, account=ANA, linked_by="rae"), errors.OwnEvidence),
        (events.ConflictDeclared(effective_at=START, learner=ANA), errors.Recused),
    ],
)
def test_who_may_judge_no_more_amends_no_more(fact: Event, error: type[errors.Refused]) -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding")
    told.assess(evidence_id, score=10)
    told.happen("person-tom", fact)

    amended = c.AmendAssessment(
        learner_id=ANA, assessment_id=f"asm_{evidence_id}_tom", by="tom", reason=WHY, results={"score": Decimal(90)}
    )

    told.refused(amended, error)


def test_prior_learning_is_not_recognised_below_the_pass_mark() -> None:
    told = story({"welding": micro("welding", routes=("prior_learning",))})

    told.refused(
        c.RecogniseLearning(
            learner_id=ANA,
            recognition_id="rec_1",
            achievement_id="welding",
            by="tom",
            source=WHY,
            results={"score": Decimal(49)},
        ),
        errors.ContradictoryOutcome,
    )


@pytest.mark.parametrize("score", [-1, 101])
def test_a_percentage_lies_between_none_and_all(score: int) -> None:
    told = story({"welding": micro("welding")})

    told.refused(assessment(told.submit("welding"), score=score), errors.IncompleteJudgement)


def test_prior_learning_needs_the_prerequisites_too() -> None:
    told = story({"basics": micro("basics"), "welding": micro("welding", prerequisites=all_of("basics"))})
    recognise = c.RecogniseLearning(learner_id=ANA, recognition_id="r", achievement_id="welding", by="tom", source=WHY)

    told.refused(recognise, errors.PrerequisitesMissing)


def test_a_recognition_is_not_overwritten() -> None:
    told = story({"welding": micro("welding"), "other": micro("other")})
    told.do(c.RecogniseLearning(learner_id=ANA, recognition_id="r", achievement_id="welding", by="tom", source=WHY))
    other = c.RecogniseLearning(learner_id=ANA, recognition_id="r", achievement_id="other", by="tom", source=WHY)

    told.refused(other, errors.AlreadyRecorded)


def test_an_outcome_follows_from_all_results_with_a_pass_mark_or_from_one_that_fails() -> None:
    two = tuple(ResultDescription(id=one, name=one, type="Percent", pass_at=Decimal(50)) for one in ("score", "viva"))
    told = story({"welding": micro("welding", results=two)})
    evidence_id = told.submit("welding")
    told.refused(assessment(evidence_id, results={"score": Decimal(80)}), errors.IncompleteJudgement)

    told.assess(evidence_id, results={"score": Decimal(80), "viva": Decimal(60)})
    told.assess(told.submit("welding"), results={"score": Decimal(20)})

    assert not told.last(EvidenceAssessed).met
    assert not told.lacks("welding")
