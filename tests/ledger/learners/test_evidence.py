from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ledger import errors
from ledger.events import EvidenceSubmitted, EvidenceWithdrawn
from ledger.learners import commands as c
from ledger.private import Private
from tests.ledger.learners.story import ANA, START, WHY, Story, all_of, badge, evidence, micro, stack, story


def test_evidence_is_held_to_the_version_published_when_it_is_recorded() -> None:
    told = story({"welding": micro("welding")})
    told.define(achievements={"welding": micro("welding, revised")})

    told.submit("welding", submitted_at=START - timedelta(days=400))

    assert 2 == told.last(EvidenceSubmitted).achievement_version


def test_a_revision_does_not_touch_evidence_already_recorded() -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding")
    told.define(achievements={"welding": micro("welding, revised")})

    told.assess(evidence_id)

    assert 1 == told.holds("welding").version


def test_evidence_is_not_overwritten() -> None:
    told = story({"welding": micro("welding")})
    told.submit("welding", evidence_id="e1")

    told.refused(evidence("welding", "e1", narrative=Private(plain="other")), errors.AlreadyRecorded)


LONG_AGO = START - timedelta(days=31)


@pytest.mark.parametrize(
    ("definition", "submission", "error", "field"),
    [
        ({}, {"evidence_url": None}, errors.EvidenceMissing, "evidence_url"),
        ({"reflection_required": True}, {}, errors.ReflectionMissing, "narrative"),
        ({"routes": ("test",)}, {"route": "portfolio"}, errors.RouteClosed, "route"),
        (
            {"evidence_max_age": "P30D"},
            {"produced_at": START - timedelta(days=31)},
            errors.EvidenceTooOld,
            "produced_at",
        ),
        ({}, {"submitted_at": START + timedelta(hours=1)}, errors.Invalid, "submitted_at"),
        ({}, {"produced_at": START + timedelta(hours=1)}, errors.Invalid, "produced_at"),
        ({"prerequisites": {"achievement": "basics"}}, {}, errors.PrerequisitesMissing, "achievement_id"),
    ],
)
def test_what_the_definition_asks_for_is_asked_for_by_name(
    definition: dict[str, Any], submission: dict[str, Any], error: type[errors.Refused], field: str
) -> None:
    told = story({"basics": micro("basics"), "welding": micro("welding", **definition)})

    assert field == told.refused(evidence("welding", **submission), error).field


def test_evidence_is_not_asked_for_where_the_definition_does_not() -> None:
    told = story({"welding": micro("welding", evidence_required=False)})

    told.submit("welding", evidence_url=None)

    assert 1 == told.count_of(EvidenceSubmitted)


def test_held_prerequisites_open_the_way() -> None:
    told = story({"basics": micro("basics"), "welding": micro("welding", prerequisites=all_of("basics"))})
    told.earn("basics")

    told.submit("welding")

    assert "met" == told.last(EvidenceSubmitted).prerequisites


def test_prerequisites_are_waived_by_a_registrar_where_the_definition_lets_them_be() -> None:
    waivable = micro("welding", prerequisites=all_of("basics"), prerequisites_waivable=True)
    told = story({"basics": micro("basics"), "welding": waivable})

    told.do(c.WaivePrerequisites(learner_id=ANA, achievement_id="welding", by="rae", reason=WHY))
    told.submit("welding")

    assert "waived" == told.last(EvidenceSubmitted).prerequisites


def test_prerequisites_are_not_waived_where_the_definition_does_not_let_them_be() -> None:
    told = story({"basics": micro("basics"), "welding": micro("welding", prerequisites=all_of("basics"))})
    waive = c.WaivePrerequisites(learner_id=ANA, achievement_id="welding", by="rae", reason=WHY)

    told.refused(waive, errors.PrerequisitesMissing)


def test_attempts_are_counted_until_one_succeeds() -> None:
    told = story({"welding": micro("welding", attempts_allowed=2)})
    told.assess(told.submit("welding"), score=10)
    told.assess(told.submit("welding"), score=20)

    told.refused(evidence("welding"), errors.AttemptsExhausted)


def test_withdrawn_evidence_is_no_attempt() -> None:
    told = story({"welding": micro("welding", attempts_allowed=1)})
    withdrawn = told.submit("welding")
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id=withdrawn, by=ANA))

    told.submit("welding")

    assert 1 == told.last(EvidenceSubmitted).attempt


def test_evidence_that_led_to_an_award_is_not_withdrawn() -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding")
    told.assess(evidence_id)

    told.refused(c.WithdrawEvidence(learner_id=ANA, evidence_id=evidence_id, by=ANA), errors.EvidenceClosed)


def test_only_the_learner_or_the_recorder_withdraws() -> None:
    told = story({"welding": micro("welding")})
    evidence_id = told.submit("welding", submitted_by="tom")

    told.refused(c.WithdrawEvidence(learner_id=ANA, evidence_id=evidence_id, by="tea"), errors.NotAllowed)
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id=evidence_id, by="tom"))

    assert "tom" == told.last(EvidenceWithdrawn).withdrawn_by


def test_nothing_is_recorded_of_an_unknown_learner() -> None:
    told = Story().define(achievements={"welding": micro("welding")})

    told.refused(evidence("welding"), errors.Unknown)


def test_a_milestone_takes_no_evidence_and_no_prior_learning_of_its_own() -> None:
    told = story(
        {"welding": micro("welding"), "maker": badge("maker")},
        stacks={"maker-stack": stack("maker", all_of("welding"))},
    )
    recognise = c.RecogniseLearning(learner_id=ANA, recognition_id="r", achievement_id="maker", by="tom", source=WHY)

    told.refused(evidence("maker"), errors.RouteClosed)
    told.refused(recognise, errors.RouteClosed)


def test_evidence_withdrawn_after_it_was_judged_is_an_attempt() -> None:
    told = story({"welding": micro("welding", attempts_allowed=1)})
    judged = told.submit("welding")
    told.assess(judged, score=10)
    told.do(c.WithdrawEvidence(learner_id=ANA, evidence_id=judged, by=ANA))

    told.refused(evidence("welding"), errors.AttemptsExhausted)
