"""How far a doubt reaches: what rests on an assessor, on evidence, on a definition; and queueing it for review."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import errors
from ledger.blast import blast_radius
from ledger.doubt import Affected, Doubt
from ledger.events import AchievementAwarded, AssessorDiscredited, AwardQueued, EvidenceDiscredited
from ledger.learners import JUDGING
from ledger.learners import commands as c
from ledger.people import DiscreditAssessor, people
from tests import examples as ex
from tests.house.slices import commands, facts_of
from tests.ledger.test_previewing import earn_safety
from tests.projections.college import OFFICE, WHY, College, assessment, live_through
from tests.specification import NOW, given

LEE, MO = "lrn_lee", "lrn_mo"
ANA = Doubt(kind="assessor", subject=ex.ANA)


@pytest.fixture
def college(tmp_path: Path) -> Iterator[College]:
    with closing(College(tmp_path)) as college:
        yield college


def radius(college: College, doubt: Doubt) -> list[Affected]:
    ledger = college.ledger
    return list(blast_radius(ledger.store, ledger.catalogue(), doubt, position=ledger.store.head(), at=ledger.now()))


def doubting(learner: str, doubt: Doubt, **more: Any) -> c.DoubtAwards:
    people = {"by": ex.REGISTRAR, "approved_by": ex.SECOND_REGISTRAR} | more
    return c.DoubtAwards(learner_id=learner, doubt=doubt, **people)


def discrediting(learner: str, achievement: str, **more: Any) -> c.DiscreditEvidence:
    people = {"by": ex.REGISTRAR, "approved_by": ex.SECOND_REGISTRAR} | more
    return c.DiscreditEvidence(learner_id=learner, evidence_id=f"ev-{learner}-{achievement}", reason=WHY, **people)


# Who is touched


def test_what_an_assessor_judged_alone_rests_on_them_and_milestones_fall_with_it(college: College) -> None:
    college.earn(LEE, ex.MIG)
    earn_safety(college, LEE)
    college.do(c.Settle(learner_id=LEE))
    college.earn(MO, ex.MIG, judge=ex.BEN)

    mig, safety = radius(college, ANA)

    assert [(LEE, ex.MIG, "rests on it"), (LEE, ex.SAFETY, "rests on it")] == [
        (one.learner_id, one.achievement_id, one.rests) for one in (mig, safety)
    ]
    assert [(ex.WELDER, "broken", "suspend"), (ex.WELDER, "suspended", None)] == [
        (fall.achievement_id, fall.fate, fall.policy) for fall in mig.falls
    ]


def test_an_award_stands_where_what_others_judged_would_do(college: College) -> None:
    college.earn(LEE, ex.SAFETY)
    evidence_id = f"ev-{LEE}-{ex.SAFETY}"
    college.do(
        assessment(LEE, evidence_id, ex.BEN, met=False),
        c.AssessEvidence(
            learner_id=LEE, assessment_id="adj", evidence_id=evidence_id, assessor=ex.CLEO, met=True,
            capacity="adjudicator",
        ),
    )  # fmt: skip

    (by_ana,) = radius(college, ANA)
    (by_cleo,) = radius(college, Doubt(kind="assessor", subject=ex.CLEO))

    assert ("stands without it", ()) == (by_ana.rests, by_ana.falls)
    assert "rests on it" == by_cleo.rests
    assert () == college.ledger.execute(doubting(LEE, ANA), actor=OFFICE).recorded
    assert college.ledger.execute(doubting(LEE, Doubt(kind="assessor", subject=ex.CLEO)), actor=OFFICE).recorded


def test_all_accounts_of_the_assessor_count(college: College) -> None:
    college.earn(LEE, ex.MIG, judge=ex.BEN)
    college.say(*ex.person("per_other", linked=(ex.BEN,)))

    (one,) = radius(college, Doubt(kind="assessor", subject="per_other"))

    assert (LEE, "rests on it") == (one.learner_id, one.rests)


def test_recognised_learning_rests_on_who_recognised_it(college: College) -> None:
    college.do(
        c.RegisterLearner(learner_id=LEE),
        c.RecogniseLearning(learner_id=LEE, recognition_id="rec-1", achievement_id=ex.MIG, by=ex.BEN, source=WHY),
    )

    assert [("rests on it", ("rec-1",))] == [
        (one.rests, one.judgements) for one in radius(college, Doubt(kind="assessor", subject=ex.BEN))
    ]


def test_what_waits_to_be_confirmed_on_doubted_evidence_is_told(college: College) -> None:
    college.earn(LEE, "arc")

    (one,) = radius(college, Doubt(kind="evidence", subject=f"ev-{LEE}-arc"))

    assert (None, "waits for confirmation") == (one.award_id, one.rests)


def test_a_revised_definition_says_who_would_not_have_met_it_and_whose_awards_would_differ(college: College) -> None:
    college.earn(LEE, ex.MIG)
    college.earn(MO, ex.MIG)
    stricter = ex.micro_credential("MIG welding", assessors_required=2)
    by_test = ex.micro_credential("MIG welding", routes=("test",))
    shorter = ex.micro_credential("MIG welding", valid_for="P30D")

    def held(definition: Any) -> list[tuple[str, tuple[str, ...]]]:
        found = radius(college, Doubt(kind="achievement", subject=ex.MIG, definition=definition))
        return [(one.rests, one.because) for one in found]

    assert [("rests on it", ("More assessors must judge it.",))] * 2 == held(stricter)
    assert [
        ("rests on it", ("This achievement takes evidence by test, not by work_product.",)),
    ] * 2 == held(by_test)
    (rests, (until, credits_)), _ = held(shorter)
    assert ("differs", True, "It would count 0 credits, not 2.") == (
        rests,
        until.startswith("It would be valid until"),
        credits_,
    )


def test_a_blast_radius_writes_nothing(college: College) -> None:
    live_through(college, 3, 100)
    head = college.ledger.store.head()

    assert radius(college, ANA)
    assert head == college.ledger.store.head()


# Carrying it out


def test_each_award_is_queued_once_and_nothing_is_taken(college: College) -> None:
    college.earn(LEE, ex.MIG)
    held = college.ledger.record(LEE).awards

    first = college.ledger.execute(doubting(LEE, ANA), actor=OFFICE)
    again = college.ledger.execute(doubting(LEE, ANA), actor=OFFICE)

    (queued,) = [one.fact for one in college.ledger.facts(f"learner-{LEE}") if one.position in first.recorded]
    assert isinstance(queued, AwardQueued)
    assert ("review", "assessor discredited") == (queued.queue, queued.reason)
    assert () == again.recorded
    assert held == college.ledger.record(LEE).awards


def test_discredited_evidence_is_recorded_with_its_reason_sealed(college: College) -> None:
    college.earn(LEE, ex.MIG)

    receipt = college.ledger.execute(discrediting(LEE, ex.MIG), actor=OFFICE)

    found, queued = [one.fact for one in college.ledger.facts(f"learner-{LEE}") if one.position in receipt.recorded]
    assert isinstance(found, EvidenceDiscredited)
    assert isinstance(queued, AwardQueued)
    assert found.reason.sealed
    assert () == college.ledger.execute(discrediting(LEE, ex.MIG), actor=OFFICE).recorded


def test_an_award_that_ended_is_out_of_reach(college: College) -> None:
    college.earn(LEE, ex.MIG)
    (award,) = college.ledger.record(LEE).awards
    college.do(
        c.RequestRevocation(learner_id=LEE, request_id="rq", award_id=award, by=ex.REGISTRAR, reason=WHY),
        c.RevokeAward(learner_id=LEE, request_id="rq", by=ex.SECOND_REGISTRAR),
    )

    assert [] == radius(college, ANA)
    assert () == college.ledger.execute(doubting(LEE, ANA), actor=OFFICE).recorded


def test_a_review_that_was_decided_is_not_asked_for_again(college: College) -> None:
    college.earn(LEE, ex.MIG)
    college.do(doubting(LEE, ANA))
    (queue_id,) = college.ledger.record(LEE).queued
    college.do(c.ReviewAward(learner_id=LEE, queue_id=queue_id, by=ex.REGISTRAR, decision="keep", reason=WHY))

    assert () == college.ledger.execute(doubting(LEE, ANA), actor=OFFICE).recorded


# Awarded later


def reviews(college: College, learner: str) -> list[tuple[str, str | None]]:
    facts = [one.fact for one in college.ledger.facts(f"learner-{learner}")]
    return [(one.reason, one.award_id) for one in facts if isinstance(one, AwardQueued) and one.queue == "review"]


def discredit_ana(college: College) -> None:
    college.ledger.execute(
        DiscreditAssessor(person_id=ex.ANA, by=ex.REGISTRAR, approved_by=ex.SECOND_REGISTRAR, reason="Sold marks."),
        actor=OFFICE,
    )


def test_what_is_awarded_later_on_discredited_evidence_goes_to_review_by_itself(college: College) -> None:
    college.earn(LEE, "arc")
    college.do(discrediting(LEE, "arc"))
    assert [] == reviews(college, LEE)
    (queue_id,) = college.ledger.record(LEE).queued
    conferring = c.ConferAward(learner_id=LEE, queue_id=queue_id, by=ex.REGISTRAR)

    college.do(conferring)

    (award,) = college.ledger.record(LEE).awards
    assert [("evidence discredited", award)] == reviews(college, LEE)
    assert college.ledger.record(LEE).awards[award].live(college.now)
    assert () == college.ledger.execute(conferring, actor=OFFICE).recorded


def test_what_is_awarded_later_by_a_discredited_assessor_goes_to_review_by_itself(college: College) -> None:
    college.say(*ex.person("per_other", linked=(ex.ANA,)))
    discredit_ana(college)

    college.earn(LEE, ex.MIG)
    college.earn(MO, ex.MIG, judge=ex.BEN)

    (award,) = college.ledger.record(LEE).awards
    assert ([("assessor discredited", award)], []) == (reviews(college, LEE), reviews(college, MO))
    assert () == college.ledger.execute(doubting(LEE, ANA), actor=OFFICE).recorded, "it is queued already"


def test_what_stands_without_a_discredited_assessor_needs_no_review(college: College) -> None:
    discredit_ana(college)
    college.earn(LEE, ex.SAFETY)
    evidence_id = f"ev-{LEE}-{ex.SAFETY}"
    adjudication = c.AssessEvidence(
        learner_id=LEE, assessment_id="adj", evidence_id=evidence_id, assessor=ex.CLEO, met=True,
        capacity="adjudicator",
    )  # fmt: skip

    college.do(assessment(LEE, evidence_id, ex.BEN, met=False), adjudication)

    assert (1, []) == (len(college.ledger.record(LEE).awards), reviews(college, LEE))


def test_no_way_to_an_award_leads_around_what_was_found_wanting() -> None:
    """What the rules can lead to is read off them; milestones, which settling awards, rest on no evidence."""
    awarding = {one for one in commands() if AchievementAwarded in facts_of(one)}

    assert {*JUDGING, c.Settle} == awarding


def test_what_a_discredited_assessor_recognises_goes_to_review(college: College) -> None:
    discredit_ana(college)
    college.do(
        c.RegisterLearner(learner_id=LEE),
        c.RecogniseLearning(learner_id=LEE, recognition_id="rec-1", achievement_id=ex.MIG, by=ex.ANA, source=WHY),
    )

    assert ["assessor discredited"] == [reason for reason, _ in reviews(college, LEE)]


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ({"approved_by": ex.REGISTRAR}, errors.SecondPersonNeeded),
        ({"approved_by": ex.DESIGNER}, errors.NotAllowed),
        ({"by": ex.BEN}, errors.NotAllowed),
        ({"approved_by": LEE}, errors.OwnEvidence),
    ],
)
def test_it_takes_two_registrars(college: College, people: dict[str, str], reason: type[errors.Refused]) -> None:
    college.earn(LEE, ex.MIG)

    for command in (doubting(LEE, ANA, **people), discrediting(LEE, ex.MIG, **people)):
        with pytest.raises(reason):
            college.ledger.execute(command, actor=OFFICE)


def test_nobody_decides_on_their_own_judgements(college: College) -> None:
    college.say(*ex.person("per_both", "registrar", linked=(ex.ANA,)))
    college.earn(LEE, ex.MIG)

    with pytest.raises(errors.NotAllowed, match="own judgements"):
        college.ledger.execute(doubting(LEE, ANA, by="per_both"), actor=OFFICE)


def test_awards_are_held_against_published_versions_only(college: College) -> None:
    college.earn(LEE, ex.MIG)
    stricter = ex.micro_credential("MIG welding", assessors_required=2)
    college.say(*ex.approved(ex.MIG, stricter, version=2))
    doubt = Doubt(kind="achievement", subject=ex.MIG, version=2)

    with pytest.raises(errors.NotPublished):
        college.ledger.execute(doubting(LEE, doubt), actor=OFFICE)
    with pytest.raises(errors.Invalid):
        college.ledger.execute(
            doubting(LEE, Doubt(kind="achievement", subject=ex.MIG, definition=stricter)), actor=OFFICE
        )
    college.say(ex.published(ex.MIG, stricter, version=2)[-1])
    assert college.ledger.execute(doubting(LEE, doubt), actor=OFFICE).recorded


def test_a_review_says_which_two_people_asked_for_it(college: College) -> None:
    college.earn(LEE, ex.MIG)
    college.earn(MO, ex.MIG)
    stricter = ex.micro_credential("MIG welding", assessors_required=2)
    college.say(*ex.published(ex.MIG, stricter, version=2))

    college.do(doubting(LEE, Doubt(kind="achievement", subject=ex.MIG, version=2)), discrediting(MO, ex.MIG))

    queued = [one.fact for one in college.ledger.log(0, 1000) if isinstance(one.fact, AwardQueued)]
    assert [(ex.REGISTRAR, ex.SECOND_REGISTRAR)] * 2 == [(one.queued_by, one.approved_by) for one in queued]


@pytest.mark.parametrize("seed", range(10))
def test_what_is_queued_is_what_the_radius_says_rests_on_it(college: College, seed: int) -> None:
    live_through(college, seed, 150)
    learners = ("lrn_lee", "lrn_mo", "lrn_nia")
    rests = {(one.learner_id, one.award_id) for one in radius(college, ANA) if one.rests == "rests on it"}
    head = college.ledger.store.head()

    college.do(*(doubting(learner, ANA) for learner in learners))

    queued = {
        (one.subject, one.fact.award_id) for one in college.ledger.log(head, 1000) if isinstance(one.fact, AwardQueued)
    }
    assert rests == queued


def test_an_assessor_is_discredited_by_two_others() -> None:
    command = DiscreditAssessor(
        person_id=ex.ANA, by=ex.REGISTRAR, approved_by=ex.SECOND_REGISTRAR, reason="Sold marks."
    )
    catalogue = ex.catalogue_of(ex.staff())
    facts = ex.facts_of(ex.person(ex.ANA, "assessor"))

    given(people, *facts).when(command, catalogue=catalogue).then(
        AssessorDiscredited(
            effective_at=NOW, discredited_by=ex.REGISTRAR, approved_by=ex.SECOND_REGISTRAR, reason="Sold marks."
        )
    )
    alone = DiscreditAssessor(person_id=ex.ANA, by=ex.REGISTRAR, approved_by=ex.REGISTRAR, reason="Sold marks.")
    given(people, *facts).when(alone, catalogue=catalogue).then_refused(errors.SecondPersonNeeded)
    no_registrar = DiscreditAssessor(person_id=ex.ANA, by=ex.REGISTRAR, approved_by=ex.BEN, reason="Sold marks.")
    given(people, *facts).when(no_registrar, catalogue=catalogue).then_refused(errors.NotAllowed)
