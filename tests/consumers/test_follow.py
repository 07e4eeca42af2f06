"""Following: at least once, in order, from where one left off; a failure is tried again, never passed over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consumers.follow import Follower
from consumers.looping import Loop
from consumers.positions import Positions
from ledger.event import Recorded
from ledger.events import AchievementAwarded, LearnerRegistered
from tests import examples as ex
from tests.projections.college import College


@pytest.fixture
def college(tmp_path: Path) -> College:
    college = College(tmp_path)
    college.earn("lrn_lee", ex.MIG)
    return college


@pytest.fixture
def positions(tmp_path: Path) -> Iterator[Positions]:
    positions = Positions.in_file(tmp_path / "followers.db")
    yield positions
    positions.close()


def _follower(college: College, positions: Positions, handle: Callable[[list[Recorded]], None]) -> Follower:
    return Follower("heard", college.ledger.store, positions, handle, (LearnerRegistered, AchievementAwarded))


def _classes(facts: list[Recorded]) -> list[type]:
    return [type(recorded.fact) for recorded in facts]


def test_a_follower_is_handed_the_facts_it_is_about_once_and_in_order(college: College, positions: Positions) -> None:
    heard: list[Recorded] = []
    follower = _follower(college, positions, heard.extend)

    follower.catch_up()
    follower.catch_up()

    assert [LearnerRegistered, AchievementAwarded] == _classes(heard)
    assert college.ledger.store.head() == follower.position, "what it is not about counts as followed"


def test_a_follower_goes_on_where_it_left_off_after_a_restart(college: College, positions: Positions) -> None:
    _follower(college, positions, lambda _: None).catch_up()
    heard: list[Recorded] = []
    college.earn("lrn_mo", ex.MIG)

    _follower(college, positions, heard.extend).catch_up()

    assert {"lrn_mo"} == {recorded.subject for recorded in heard}


def test_facts_whose_handling_failed_are_handed_over_again(college: College, positions: Positions) -> None:
    heard: list[list[Recorded]] = []

    def failing_once(facts: list[Recorded]) -> None:
        heard.append(facts)
        if len(heard) == 1:
            message = "disk full"
            raise OSError(message)

    follower = _follower(college, positions, failing_once)
    with pytest.raises(OSError, match="disk full"):
        follower.catch_up()
    follower.catch_up()

    assert heard[0] == heard[1]


def test_a_position_never_goes_back_when_another_process_is_further(positions: Positions) -> None:
    positions.save("heard", 20)
    positions.save("heard", 10)

    assert 20 == positions.of("heard")


def test_positions_of_followers_are_their_own(positions: Positions) -> None:
    positions.save("heard", 20)

    assert 0 == positions.of("other")


def test_a_running_follower_hears_of_a_fact_at_once(college: College, positions: Positions) -> None:
    heard: list[float] = []
    follower = _follower(college, positions, lambda _: heard.append(time.perf_counter()))
    follower.loop.start()
    _until(lambda: len(heard) == 1)
    college.earn("lrn_mo", ex.MIG)
    recorded = time.perf_counter()
    _until(lambda: len(heard) >= 2)
    follower.loop.stop()

    assert heard[-1] - recorded < 0.2, "told of the commit rather than polling for it"
    assert not follower.loop.running


def test_a_loop_outlives_failures_and_says_what_fails(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def step() -> int:
        calls.append(1)
        if len(calls) == 1:
            message = "disk full"
            raise OSError(message)
        return 0

    loop = Loop("trying", step, lambda: time.sleep(0.001))
    loop.start()
    _until(lambda: loop.failing is not None)
    assert loop.failing == "OSError: disk full"
    _until(lambda: loop.failing is None and len(calls) > 2)
    loop.stop()

    assert "trying does not get on: OSError: disk full" in caplog.text
    assert "trying gets on again" in caplog.text


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.001)
