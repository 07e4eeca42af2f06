from __future__ import annotations

from ledger.events import AchievementAwarded, AwardQueued, AwardRevoked, EvidenceSubmitted, StackBasisReplaced
from ledger.learners import commands as c
from tests.ledger.learners.story import ANA, WHY, Story, micro, stack, story
from tests.ledger.learners.test_milestones import BADGES, DESIGN, MICROS, SAFETY, WELDING, chained, maker, on_loss


def void(told: Story, batch_id: str = "b1") -> None:
    told.do(c.VoidBatch(learner_id=ANA, batch_id=batch_id, by="rae"))


def from_file(told: Story, achievement: str, evidence_id: str, batch_id: str = "b1") -> None:
    told.submit(achievement, evidence_id=evidence_id, submitted_by="importer", batch_id=batch_id)
    told.assess(evidence_id, batch_id=batch_id)
    told.settle()


def test_undoing_a_batch_voids_its_awards_whatever_grace_and_policy() -> None:
    told = chained(on_loss("keep", "P1Y"), on_loss("keep"))
    told.earn(DESIGN, WELDING)
    from_file(told, SAFETY, "e1")
    assert not told.lacks("master")

    void(told)

    assert told.lacks(SAFETY)
    assert told.lacks("maker")
    assert told.lacks("master")
    assert {"voided"} == {f.cause for f in told.facts if isinstance(f, AwardRevoked)}


def test_voiding_still_tries_alternatives() -> None:
    rule = {"at_least": 2, "of": [{"achievement": name} for name in MICROS]}
    told = story({**MICROS, **BADGES}, stacks={"maker-stack": stack("maker", rule)})
    told.earn(WELDING)
    from_file(told, SAFETY, "e1")
    told.earn(DESIGN)

    void(told)

    assert not told.lacks("maker")
    assert 1 == told.count_of(StackBasisReplaced)


def test_other_evidence_judged_met_takes_the_place_of_what_was_voided() -> None:
    told = maker()
    from_file(told, WELDING, "e1")
    told.assess(told.submit(WELDING))
    assert 1 == told.count_of(AchievementAwarded)

    void(told)

    assert not told.lacks(WELDING)


def test_an_undone_file_can_be_sent_again() -> None:
    told = maker()
    from_file(told, WELDING, "e1")
    first = told.holds(WELDING).award_id
    void(told)

    from_file(told, WELDING, "e1", "b2")

    assert 2 == told.count_of(EvidenceSubmitted)
    assert first != told.holds(WELDING).award_id


def test_judgements_of_a_later_file_are_voided_without_the_evidence() -> None:
    told = maker()
    told.submit(WELDING, evidence_id="e1", submitted_by="importer", batch_id="b1")
    told.assess("e1", batch_id="b2")

    void(told, "b2")

    assert told.lacks(WELDING)
    assert "e1" in told.record.evidence


def test_what_a_voided_award_had_renewed_stands_again() -> None:
    told = story({WELDING: micro(WELDING)})
    old = told.earn(WELDING)
    from_file(told, WELDING, "e1")
    told.do(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e1", by="rae"))

    void(told)

    assert old == told.holds(WELDING).award_id


def test_a_batch_that_recorded_nothing_for_the_learner_voids_nothing() -> None:
    told = maker()
    told.earn(WELDING)

    void(told)

    assert not told.lacks(WELDING)


def test_an_award_and_its_renewal_from_one_batch_fall_together() -> None:
    told = story({WELDING: micro(WELDING)})
    from_file(told, WELDING, "e1")
    old = told.holds(WELDING).award_id
    told.later("P1D")
    from_file(told, WELDING, "e2")
    told.do(c.RenewAward(learner_id=ANA, award_id=old, evidence_id="e2", by="rae"))

    void(told)

    assert told.lacks(WELDING)


def test_voiding_an_award_in_the_middle_of_renewals_leaves_one_live_award() -> None:
    told = story({WELDING: micro(WELDING)})
    first = told.earn(WELDING)
    told.later("P1D")
    from_file(told, WELDING, "e1")
    told.do(c.RenewAward(learner_id=ANA, award_id=first, evidence_id="e1", by="rae"))
    second = told.holds(WELDING).award_id
    told.later("P1D").assess(told.submit(WELDING, evidence_id="e2"))
    told.do(c.RenewAward(learner_id=ANA, award_id=second, evidence_id="e2", by="rae"))
    third = told.holds(WELDING).award_id

    void(told)

    assert [third] == [a.award_id for a in told.record.awards.values() if a.stands(told.now)]


def test_undoing_a_batch_leaves_an_award_that_a_person_decided_to_keep() -> None:
    told = maker()
    told.earn(WELDING)
    told.do(c.AmendAssessment(learner_id=ANA, assessment_id="asm_evd_1_tom", by="tom", met=False, reason=WHY))
    queue_id = told.last(AwardQueued).queue_id
    told.do(c.ReviewAward(learner_id=ANA, queue_id=queue_id, by="rae", decision="keep", reason=WHY))
    from_file(told, SAFETY, "e1")

    void(told)

    assert not told.lacks(WELDING)
    assert 1 == told.count_of(AwardQueued)


def test_undoing_a_batch_awards_nothing_that_it_does_not_concern() -> None:
    told = maker()
    told.earn(WELDING)
    told.assess(told.submit(WELDING))
    told.revoke(WELDING)
    from_file(told, SAFETY, "e1")

    void(told)

    assert told.lacks(WELDING)


def test_undoing_a_batch_queues_nothing_anew_that_a_person_declined() -> None:
    told = story({**MICROS, WELDING: micro(WELDING, awarding="confirm")})
    told.assess(told.submit(WELDING))
    queue_id = told.last(AwardQueued).queue_id
    told.do(c.DeclineAward(learner_id=ANA, queue_id=queue_id, by="rae", reason=WHY))
    from_file(told, SAFETY, "e1")

    void(told)

    assert {} == told.record.queued
