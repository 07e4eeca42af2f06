"""Settling and the scheduler: what follows by rule is recorded, once, whatever runs twice, late or is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.positions import Positions
from consumers.run import Followers
from consumers.when_holdings_or_stacks_change_then_settle import Settler
from ledger.events import (
    AchievementEndorsed,
    AwardExpired,
    AwardQueued,
    AwardSuspended,
    EndorsementWithdrawn,
    StackBroken,
    StackCompleted,
)
from ledger.learners import commands as c
from projections.award_register import Award, awards
from tests import examples as ex
from tests.projections.college import WHY, College

LEE = ex.LEE


@pytest.fixture
def college(tmp_path: Path) -> College:
    return College(tmp_path)


@pytest.fixture
def followers(college: College) -> Iterator[Followers]:
    followers = Followers(college.ledger, college.views(), _positions(college))
    yield followers
    followers.close()


def _positions(college: College, name: str = "ledger-followers.db") -> Positions:
    return Positions.in_file(college.directory / name)


def _register(college: College) -> dict[str, Award]:
    views = college.views()
    views.catch_up(college.ledger.store)
    with views.reading() as connection:
        return {one.achievement_id: one for one in awards(connection, college.now)}


def _facts(college: College, cls: type, learner_id: str = LEE) -> list[object]:
    return [at.fact for at in college.ledger.facts(f"learner-{learner_id}") if isinstance(at.fact, cls)]


def _confirm_all(college: College) -> None:
    for queue_id in college.ledger.record(LEE).queued:
        college.do(c.ConferAward(learner_id=LEE, queue_id=queue_id, by=ex.REGISTRAR))


def _become_welder(college: College) -> None:
    college.earn(LEE, ex.MIG)
    college.do(c.RecogniseLearning(learner_id=LEE, recognition_id="r1", achievement_id=ex.TIG, by=ex.BEN, source=WHY))


def test_catching_up_records_milestones_and_chains_and_brings_the_views_along(
    college: College, followers: Followers
) -> None:
    _become_welder(college)
    college.do(c.RecogniseLearning(learner_id=LEE, recognition_id="r2", achievement_id="arc", by=ex.BEN, source=WHY))
    _confirm_all(college)

    position = followers.catch_up()

    assert college.ledger.store.head() == position
    assert {"mig", "tig", "arc", "welder", "master"} == set(_register(college))


def test_catching_up_again_records_nothing(college: College, followers: Followers) -> None:
    _become_welder(college)
    position = followers.catch_up()

    assert position == followers.catch_up()


def test_two_processes_that_settle_the_same_facts_award_one_milestone(college: College) -> None:
    for number in range(5):
        learner = f"lrn_{number}"
        college.earn(learner, ex.MIG)
        college.do(
            c.RecogniseLearning(learner_id=learner, recognition_id="r", achievement_id=ex.TIG, by=ex.BEN, source=WHY)
        )
    views = college.views()
    each = [Followers(college.ledger, views, _positions(college, f"followers-{n}.db")) for n in range(2)]

    threads = [threading.Thread(target=one.catch_up) for one in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number in range(5):
        assert 1 == len(_facts(college, StackCompleted, f"lrn_{number}"))


def test_a_crash_between_settling_and_saving_the_position_doubles_nothing(
    college: College, followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _become_welder(college)
    with monkeypatch.context() as patched:
        patched.setattr("consumers.positions.Positions.save", _killed)
        with pytest.raises(KeyboardInterrupt):
            followers.catch_up()
    assert 1 == len(_facts(college, StackCompleted))

    followers.catch_up()

    assert 1 == len(_facts(college, StackCompleted))


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_stack_defined_later_awards_those_who_completed_it_earlier(college: College, followers: Followers) -> None:
    college.earn(LEE, ex.MIG)
    college.earn("lrn_mo", ex.SAFETY)
    followers.catch_up()
    college.say(
        *ex.published("starter", ex.milestone("Starter")),
        *ex.activated("starting", ex.stack("starter", ex.leaf(ex.MIG))),
    )

    followers.catch_up()

    assert LEE == _register(college)["starter"].learner_id


def test_a_stack_that_starts_later_is_settled_when_its_time_comes(college: College, followers: Followers) -> None:
    college.earn(LEE, ex.MIG)
    definition = ex.stack("starter", ex.leaf(ex.MIG))
    start = college.now + timedelta(days=3)
    college.say(*ex.published("starter", ex.milestone("Starter")), *ex.activated("starting", definition, at=start))
    followers.catch_up()
    assert "starter" not in _register(college)

    college.pass_(days=3)
    followers.catch_up()

    assert "starter" in _register(college)


def test_a_withdrawn_endorsement_puts_its_holders_up_for_review(college: College, followers: Followers) -> None:
    college.earn(LEE, ex.MIG)
    followers.catch_up()
    endorsed = AchievementEndorsed(
        effective_at=college.now, endorsement_id="end", version=1, partner="per_acme", statement="We hire them."
    )
    withdrawn = EndorsementWithdrawn(effective_at=college.now, endorsement_id="end", reason="Merged.")
    college.say((f"achievement-{ex.MIG}", endorsed), (f"achievement-{ex.MIG}", withdrawn))

    followers.catch_up()

    assert "live" == _register(college)[ex.MIG].status
    assert ["endorsement withdrawn"] == [
        fact.reason for fact in _facts(college, AwardQueued) if isinstance(fact, AwardQueued)
    ]


def test_an_award_is_recorded_as_expired_when_its_validity_ends(college: College, followers: Followers) -> None:
    _become_welder(college)
    followers.catch_up()
    until = _register(college)[ex.TIG].valid_until
    assert until is not None
    college.now = until - timedelta(microseconds=1)
    followers.catch_up()
    assert [] == _facts(college, AwardExpired)

    college.now = until + timedelta(hours=1)
    assert "expired" == _register(college)[ex.TIG].status, "expired before anybody recorded it"
    followers.catch_up()

    assert [until] == [fact.effective_at for fact in _facts(college, AwardExpired) if isinstance(fact, AwardExpired)]


def test_when_grace_is_over_the_policy_acts_and_once(college: College, followers: Followers) -> None:
    _become_welder(college)
    followers.catch_up()
    mig = _register(college)[ex.MIG]
    college.do(c.SuspendAward(learner_id=LEE, award_id=mig.award_id, by=ex.REGISTRAR, reason=WHY))
    followers.catch_up()
    assert 1 == len(_facts(college, StackBroken))
    assert "live" == _register(college)[ex.WELDER].status

    college.pass_(days=10)
    restarted = Followers(college.ledger, college.views(), _positions(college))
    restarted.catch_up()
    restarted.catch_up()
    followers.catch_up()

    assert "suspended" == _register(college)[ex.WELDER].status
    assert ["stack"] == [fact.cause for fact in _facts(college, AwardSuspended) if isinstance(fact, AwardSuspended)][1:]


def test_a_policy_that_acted_acts_again_at_a_later_due_date(college: College, followers: Followers) -> None:
    _become_welder(college)
    followers.catch_up()
    register = _register(college)
    award_id = register[ex.MIG].award_id
    college.do(c.SuspendAward(learner_id=LEE, award_id=award_id, by=ex.REGISTRAR, reason=WHY))
    followers.catch_up()
    college.pass_(days=10)
    followers.catch_up()
    welder = register[ex.WELDER].award_id
    later = college.now + timedelta(days=30)
    college.do(c.ExtendAward(learner_id=LEE, award_id=welder, by=ex.REGISTRAR, reason=WHY, due_at=later))
    followers.catch_up()
    assert "live" == _register(college)[ex.WELDER].status

    college.pass_(days=30)
    followers.catch_up()

    assert "suspended" == _register(college)[ex.WELDER].status


def test_what_stays_due_is_tried_again_ever_less_often(
    college: College, followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _become_welder(college)
    followers.catch_up()
    mig = _register(college)[ex.MIG]
    college.do(c.SuspendAward(learner_id=LEE, award_id=mig.award_id, by=ex.REGISTRAR, reason=WHY))
    followers.catch_up()
    welder = _register(college)[ex.WELDER]
    college.do(c.LodgeAppeal(learner_id=LEE, appeal_id="ap", award_id=welder.award_id, grounds=WHY))
    college.pass_(days=11)
    settled: list[str] = []
    settle = Settler.settle

    def counting(settler: Settler, learner_ids: dict[str, None]) -> int:
        settled.extend(learner_ids)
        return settle(settler, learner_ids)

    monkeypatch.setattr(Settler, "settle", counting)

    for _ in range(5):
        followers.scheduler.act()

    assert [LEE] == settled, "the appeal stops the clock; looking again can wait"
    assert "live" == _register(college)[ex.WELDER].status


def test_running_followers_make_a_milestone_visible_by_themselves(college: College, followers: Followers) -> None:
    followers.start()
    assert {} == followers.failing()
    _become_welder(college)

    deadline = time.monotonic() + 5
    views = college.views()
    milestones: list[Award] = []
    while not milestones and time.monotonic() < deadline:
        with views.reading() as connection:
            milestones = awards(connection, college.now, kind="milestone")
    followers.stop()

    assert [ex.WELDER] == [one.achievement_id for one in milestones]
    assert {"project", "settle", "scheduler"} == set(followers.failing())


def test_the_scheduler_acts_by_the_ledgers_clock_while_running(college: College, followers: Followers) -> None:
    _become_welder(college)
    followers.start()
    college.pass_(days=61)

    deadline = time.monotonic() + 5
    while not _facts(college, AwardExpired) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert 1 == len(_facts(college, AwardExpired))


def test_what_settling_records_is_not_settled_again(
    college: College, followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    followers.catch_up()
    _become_welder(college)
    settled: list[str] = []
    settle = Settler.settle

    def counting(settler: Settler, learner_ids: dict[str, None]) -> int:
        settled.extend(learner_ids)
        return settle(settler, learner_ids)

    monkeypatch.setattr(Settler, "settle", counting)
    followers.catch_up()

    assert 1 == settled.count(LEE)


def test_an_older_copy_of_the_log_put_back_is_followed_from_its_first_fact(tmp_path: Path) -> None:
    before, after = College(tmp_path / "before"), College(tmp_path / "after")
    newer = Followers(after.ledger, after.views(), _positions(after))
    for learner in ("lrn_mo", "lrn_may", "lrn_max"):
        after.earn(learner, ex.MIG)
    newer.catch_up()
    newer.close()
    _become_welder(before)

    followers = Followers(
        before.ledger, after.views(), _positions(after)
    )  # the log was put back, what followed the newer one was not
    followers.catch_up()
    followers.close()

    assert {ex.MIG, ex.TIG, ex.WELDER} == {one.achievement_id for one in _register_of(before, after)}


def test_a_spoilt_file_of_positions_is_begun_anew(college: College, followers: Followers) -> None:
    _become_welder(college)
    followers.catch_up()
    followers.close()
    path = college.directory / "ledger-followers.db"
    for beside in path.parent.glob("ledger-followers.db*"):
        beside.write_bytes(b"no database" * 999)

    again = Followers(college.ledger, college.views(), _positions(college))
    try:
        assert college.ledger.store.head() == again.catch_up()
    finally:
        again.close()


def _register_of(college: College, kept: College) -> list[Award]:
    with kept.views().reading() as connection:
        return awards(connection, college.now)
