"""Lists across learners: awards with their standing, batches, the catalogue, learners."""

from __future__ import annotations

from datetime import timedelta

from ledger import events as e
from ledger.learners import commands as c
from projections.award_register import award, awards, holders
from projections.batches import batch, batch_learners, batches
from projections.catalogue import achievement_versions, endorsements, stack_versions
from projections.learners import learners
from projections.totals import statistics
from projections.views import Views
from tests import examples as ex
from tests.projections.college import WHY, College, submission

LEE = ex.LEE


def _caught_up(college: College) -> Views:
    views = college.views()
    views.catch_up(college.ledger.store)
    return views


def test_an_award_is_expired_from_its_valid_until_recorded_or_not(college: College) -> None:
    college.do(c.RegisterLearner(learner_id=LEE))
    college.do(c.RecogniseLearning(learner_id=LEE, recognition_id="r", achievement_id=ex.TIG, by=ex.BEN, source=WHY))
    with _caught_up(college).reading() as connection:
        (live,) = awards(connection, college.now)
        assert live.valid_until is not None
        before = live.valid_until - timedelta(microseconds=1)

        assert "live" == live.status
        assert [live] == awards(connection, before, status="live")
        assert 1 == statistics(connection, before)["awards_live"]
        assert ["expired"] == [one.status for one in awards(connection, live.valid_until)]
        assert [] == awards(connection, live.valid_until, status="live")
        assert 0 == statistics(connection, live.valid_until)["awards_live"]


def test_awards_are_listed_in_the_order_recorded_page_by_page_and_by_filter(college: College) -> None:
    for learner in (LEE, "lrn_mo", "lrn_nia"):
        college.earn(learner, ex.MIG)
    with _caught_up(college).reading() as connection:
        first = awards(connection, college.now, limit=2)
        rest = awards(connection, college.now, after=first[-1].position)

        assert [LEE, "lrn_mo", "lrn_nia"] == [one.learner_id for one in first + rest]
        assert [LEE] == [one.learner_id for one in awards(connection, college.now, learner_id=LEE)]
        assert [] == awards(connection, college.now, achievement_id=ex.TIG)
        assert [] == awards(connection, college.now, kind="milestone")
        assert first[0] == award(connection, first[0].award_id, college.now)
        assert None is award(connection, "awd_unknown", college.now)
        assert [LEE, "lrn_mo", "lrn_nia"] == holders(connection, [ex.MIG, ex.TIG])


def test_a_batch_is_listed_with_what_came_of_it_and_whom_it_concerns(college: College) -> None:
    for learner in (LEE, "lrn_mo"):
        college.do(c.RegisterLearner(learner_id=learner), submission(learner, ex.MIG, batch_id="bat"))
    fact = e.BatchRecorded(
        effective_at=college.now, digest="d", rows=3, recorded=2, repeated=0, refused=1, after_position=1
    )
    college.say(("batch-bat", fact))
    with _caught_up(college).reading() as connection:
        (one,) = batches(connection)

        assert (3, 2, 1, 2, "recorded") == (one.rows, one.recorded, one.refused, one.learners, one.state)
        assert [LEE, "lrn_mo"] == batch_learners(connection, "bat")

    college.say(
        ("batch-bat", e.BatchUndone(effective_at=college.now, undone_by=ex.REGISTRAR, approved_by=None, learners=2))
    )
    with _caught_up(college).reading() as connection:
        undone = batch(connection, "bat")
        assert undone is not None
        assert ("undone", college.now) == (undone.state, undone.undone_at)


def test_the_catalogue_keeps_every_version_with_its_status(college: College) -> None:
    college.say(
        *ex.published(ex.MIG, ex.micro_credential("MIG welding II"), version=2),
        *ex.drafted(ex.MIG, ex.micro_credential("MIG welding III"), version=3),
        *ex.retired(ex.TIG),
    )
    stack = ex.stack(ex.WELDER, ex.leaf(ex.MIG))
    college.say(*ex.activated("welding", stack, version=2, at=college.now + timedelta(days=1), applies_to="holders"))
    with _caught_up(college).reading() as connection:
        migs = achievement_versions(connection, ex.MIG)
        welding = stack_versions(connection, "welding")

        assert ["superseded", "published", "drafted"] == [one.status for one in migs]
        assert ["MIG welding", "MIG welding II", "MIG welding III"] == [one.definition.name for one in migs]
        assert ["retired"] == [one.status for one in achievement_versions(connection, ex.TIG)]
        assert [("superseded", "new"), ("published", "holders")] == [(one.status, one.applies_to) for one in welding]
        assert stack == welding[1].definition


def test_endorsements_are_listed_with_the_version_they_are_for(college: College) -> None:
    endorsed = e.AchievementEndorsed(
        effective_at=college.now, endorsement_id="end", version=1, partner="per_acme", statement="We hire them."
    )
    withdrawn = e.EndorsementWithdrawn(effective_at=college.now, endorsement_id="end", reason="Merged.")
    college.say((f"achievement-{ex.MIG}", endorsed), (f"achievement-{ex.MIG}", withdrawn))
    with _caught_up(college).reading() as connection:
        (one,) = endorsements(connection, ex.MIG)

    assert ("per_acme", 1, "Merged.") == (one.partner, one.version, one.withdrawn)


def test_learners_are_listed_in_the_order_in_which_they_came(college: College) -> None:
    college.do(*(c.RegisterLearner(learner_id=learner) for learner in ("lrn_z", "lrn_a")))
    with _caught_up(college).reading() as connection:
        found = learners(connection)

    assert ["lrn_z", "lrn_a"] == [one.learner_id for one in found]
