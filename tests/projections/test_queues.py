"""What waits for whom: evidence, appeals, awards to confirm and to review."""

from __future__ import annotations

import pytest

from ledger.events import Capacity
from ledger.learners import commands as c
from projections.assessment_queue import Waiting, waiting
from projections.award_queues import QueuedAward, queued_award, queued_awards
from projections.standing import waits_for
from projections.totals import statistics
from tests import examples as ex
from tests.projections.college import WHY, College, assessment, submission

LEE = ex.LEE


@pytest.fixture
def college(college: College) -> College:
    college.do(c.RegisterLearner(learner_id=LEE))
    return college


def _waiting(college: College, capacity: Capacity | None = None) -> list[Waiting]:
    views = college.views()
    views.catch_up(college.ledger.store)
    with views.reading() as connection:
        found = waiting(connection)
        assert len(found) == statistics(connection, college.now)["queue"]
        return found if capacity is None else waiting(connection, waits_for=capacity)


def _queued(college: College, queue: str) -> list[QueuedAward]:
    views = college.views()
    views.catch_up(college.ledger.store)
    with views.reading() as connection:
        return queued_awards(connection, "confirm" if queue == "confirm" else "review")


def _capacities(college: College) -> list[Capacity]:
    return [one.waits_for for one in _waiting(college)]


def _assess(college: College, evidence_id: str, judge: str, capacity: Capacity = "marker", *, met: bool = True) -> None:
    college.do(
        c.AssessEvidence(
            learner_id=LEE, assessment_id=f"{evidence_id}-{judge}", evidence_id=evidence_id, assessor=judge,
            capacity=capacity, met=met,
        )
    )  # fmt: skip


def test_evidence_waits_for_a_marker_until_it_is_judged(college: College) -> None:
    college.do(submission(LEE, ex.MIG))

    (one,) = _waiting(college)
    assert ("marker", LEE, ex.MIG, 1, 0) == (one.waits_for, one.learner_id, one.achievement_id, one.version, one.judged)

    college.do(assessment(LEE, one.evidence_id or "", ex.ANA))
    assert [] == _waiting(college)


def test_evidence_not_yet_met_returns_to_the_learner(college: College) -> None:
    college.do(submission(LEE, ex.MIG), assessment(LEE, f"ev-{LEE}-mig", ex.ANA, met=False))

    assert [] == _waiting(college)


def test_withdrawn_evidence_waits_no_more(college: College) -> None:
    college.do(submission(LEE, ex.MIG), c.WithdrawEvidence(learner_id=LEE, evidence_id=f"ev-{LEE}-mig", by=LEE))

    assert [] == _waiting(college)


def test_blind_evidence_waits_for_both_markers_and_for_an_adjudicator_when_they_disagree(college: College) -> None:
    college.do(submission(LEE, ex.SAFETY))
    evidence = f"ev-{LEE}-safety"
    _assess(college, evidence, ex.ANA, met=False)
    assert [("marker", 1)] == [(one.waits_for, one.judged) for one in _waiting(college)]

    _assess(college, evidence, ex.BEN)
    assert ["adjudicator"] == _capacities(college)

    _assess(college, evidence, ex.CLEO, "adjudicator")
    assert [] == _waiting(college)


def test_an_amended_judgement_may_bring_evidence_back(college: College) -> None:
    college.do(submission(LEE, ex.SAFETY))
    evidence = f"ev-{LEE}-safety"
    _assess(college, evidence, ex.ANA, met=False)
    _assess(college, evidence, ex.BEN, met=False)
    assert [] == _waiting(college)

    college.do(c.AmendAssessment(learner_id=LEE, assessment_id=f"{evidence}-{ex.BEN}", by=ex.BEN, met=True, reason=WHY))

    assert ["adjudicator"] == _capacities(college)


def test_evidence_in_the_sample_waits_for_a_moderator(college: College) -> None:
    for number in range(12):
        college.do(submission(LEE, ex.TIG, number))
    for one in _waiting(college):
        _assess(college, one.evidence_id or "", ex.ANA)

    sample = _waiting(college, "moderator")
    assert 0 < len(sample) < 12
    _assess(college, sample[0].evidence_id or "", ex.BEN, "moderator")
    assert len(sample) - 1 == len(_waiting(college, "moderator"))


def test_an_appeal_waits_until_it_is_decided(college: College) -> None:
    college.do(submission(LEE, ex.MIG), assessment(LEE, f"ev-{LEE}-mig", ex.ANA, met=False))
    about = f"as-ev-{LEE}-mig-{ex.ANA}"
    college.do(c.LodgeAppeal(learner_id=LEE, appeal_id="ap", assessment_id=about, grounds=WHY))

    (one,) = _waiting(college)
    assert ("appeal", "ap", f"ev-{LEE}-mig", ex.MIG) == (
        one.waits_for,
        one.appeal_id,
        one.evidence_id,
        one.achievement_id,
    )

    college.do(c.DecideAppeal(learner_id=LEE, appeal_id="ap", by=ex.CLEO, upheld=False, reason=WHY))
    assert [] == _waiting(college)


def test_evidence_waits_again_when_the_batch_that_judged_it_is_voided(college: College) -> None:
    college.do(submission(LEE, ex.MIG), assessment(LEE, f"ev-{LEE}-mig", ex.ANA, batch_id="bat"))
    assert [] == _waiting(college)

    college.do(c.VoidBatch(learner_id=LEE, batch_id="bat", by=ex.REGISTRAR))

    assert [("marker", 0)] == [(one.waits_for, one.judged) for one in _waiting(college)]


def test_evidence_of_a_voided_batch_waits_no_more_and_may_be_sent_again(college: College) -> None:
    college.do(submission(LEE, ex.MIG, batch_id="bat"))
    college.do(c.VoidBatch(learner_id=LEE, batch_id="bat", by=ex.REGISTRAR))
    assert [] == _waiting(college)

    college.do(submission(LEE, ex.MIG, batch_id="bat_again"))

    assert ["marker"] == _capacities(college)


def test_the_queue_can_be_read_by_achievement_and_page_by_page(college: College) -> None:
    college.do(submission(LEE, ex.MIG), submission(LEE, ex.SAFETY), submission(LEE, ex.MIG, 1))
    views = college.views()
    views.catch_up(college.ledger.store)

    with views.reading() as connection:
        first = waiting(connection, limit=2)
        rest = waiting(connection, after=first[-1].position)
        migs = waiting(connection, achievement_ids=[ex.MIG])

    assert [ex.MIG, ex.SAFETY, ex.MIG] == [one.achievement_id for one in first + rest]
    assert [ex.MIG, ex.MIG] == [one.achievement_id for one in migs]


def test_an_award_to_confirm_waits_until_it_is_conferred_or_declined(college: College) -> None:
    college.do(submission(LEE, "arc"), assessment(LEE, f"ev-{LEE}-arc", ex.ANA))
    (one,) = _queued(college, "confirm")
    assert ("arc", f"ev-{LEE}-arc") == (one.achievement_id, one.evidence_id)
    assert [] == _waiting(college), "it waits for the registrar alone"

    college.do(c.ConferAward(learner_id=LEE, queue_id=one.queue_id, by=ex.REGISTRAR))

    assert [] == _queued(college, "confirm")
    views = college.views()
    with views.reading() as connection:
        decided = queued_award(connection, one.queue_id)
    assert decided is not None
    assert "awarded" == decided.state


def test_an_award_whose_judgement_was_amended_waits_for_review(college: College) -> None:
    college.earn(LEE, ex.MIG)
    about = f"as-ev-{LEE}-mig-{ex.ANA}"
    college.do(c.AmendAssessment(learner_id=LEE, assessment_id=about, by=ex.ANA, met=False, reason=WHY))

    (one,) = _queued(college, "review")
    assert "assessment amended" == one.reason
    college.do(c.ReviewAward(learner_id=LEE, queue_id=one.queue_id, by=ex.REGISTRAR, decision="keep", reason=WHY))
    assert [] == _queued(college, "review")


@pytest.mark.parametrize(
    ("marks", "markers", "blind", "sampled", "expected"),
    [
        ("", 1, False, False, "marker"),
        ("m+", 1, False, False, None),
        ("m+", 2, False, False, "marker"),
        ("m-", 2, False, False, None),
        ("m-", 2, True, False, "marker"),
        ("m+m-", 2, True, False, "adjudicator"),
        ("m+m-j+", 2, True, False, None),
        ("M+", 1, False, False, "moderator"),
        ("M+o+", 1, False, False, None),
        ("M+o-", 1, False, False, "adjudicator"),
        ("m+", 1, False, True, "moderator"),
        ("m-", 1, False, True, None),
        ("m-p+", 1, False, False, None),
    ],
)
def test_whom_evidence_waits_for(
    marks: str, markers: int, blind: bool, sampled: bool, expected: Capacity | None
) -> None:
    assert expected == waits_for(marks, disputed=False, markers=markers, blind=blind, sampled=sampled)
