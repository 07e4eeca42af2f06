"""How far followers are behind: in facts, and in seconds since the first one that waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumers.dead_letters import DeadLetters
from consumers.following import Following
from consumers.intake import DeadLetter
from consumers.lag import Lag, of_followers
from ledger import Ledger
from ledger.event import Actor
from ledger.learners.commands import RegisterLearner
from ledger.store import microseconds
from projections.views import Views
from tests.consumers.recorded import COSIGNER, OTHER, Recorded
from tests.places import settings_in

ACTOR = Actor(id="local", role="operator", client="test")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    ledger = Ledger.open(settings_in(tmp_path), create=True, clock=clock)
    yield ledger
    ledger.close()


def register(ledger: Ledger, *names: str) -> None:
    for name in names:
        ledger.execute(RegisterLearner(learner_id=f"lrn_{name}"), actor=ACTOR)


def lag(follower: str, behind: int, seconds: float, position: int) -> Lag:
    return Lag(follower=follower, behind=behind, counted="facts", seconds=seconds, position=position)


def test_who_has_handled_everything_is_behind_by_nothing(ledger: Ledger, clock: Clock) -> None:
    register(ledger, "a", "b")
    clock.now += timedelta(hours=1)

    assert [lag("views", 0, 0.0, 2)] == of_followers(ledger.store, {"views": 2}, clock.now)
    assert [lag("views", 0, 0.0, 9)] == of_followers(ledger.store, {"views": 9}, clock.now)


def test_seconds_are_the_age_of_the_first_fact_that_waits(ledger: Ledger, clock: Clock) -> None:
    register(ledger, "a")
    clock.now += timedelta(seconds=30)
    register(ledger, "b", "c")
    clock.now += timedelta(seconds=12.5)

    assert [lag("settle", 2, 12.5, 1), lag("views", 3, 42.5, 0)] == of_followers(
        ledger.store, {"settle": 1, "views": 0}, clock.now
    )


def test_a_fact_from_a_faster_clock_is_not_late(ledger: Ledger, clock: Clock) -> None:
    register(ledger, "a")

    assert 0.0 == of_followers(ledger.store, {"views": 0}, clock.now - timedelta(hours=1))[0].seconds


def test_the_embedded_ledger_is_followed_by_views_and_settling(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    register(ledger, "a")
    views = Views(tmp_path / "views")
    following = Following(ledger.store, views, lambda: {"relay": 7, "other": 1}, clock)

    assert [lag("views", 1, 0.0, 0), lag("settle", 1, 0.0, 0), lag("other", 0, 0.0, 1)] == following.lags()
    assert 1 == following.position()
    assert 0 == following.dead_letters()
    views.close()


def test_with_kafka_relay_and_transcripts_follow_the_log(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    views = Views(tmp_path / "views")
    letters = DeadLetters.in_file(tmp_path / "dead-letters.db")
    letters.keep([DeadLetter("ledger.commands.v1", 0, 1, "lms", "m1", "invalid", "met is missing.")], clock.now)
    following = Following(
        ledger.store, views, lambda: {"settle": 3, "relay": 0}, clock, kafka="127.0.0.1:1", letters=letters
    )

    assert ["views", "relay", "transcripts"] == [one.follower for one in following.followers()]
    assert 1 == following.dead_letters()
    views.close()
    following.close()


def test_a_witness_that_is_away_is_behind_and_says_since_when(tmp_path: Path, clock: Clock) -> None:
    with ExitStack() as ends:
        recorded = Recorded(tmp_path, ends)
        views = ends.enter_context(closing(Views(tmp_path / "views")))
        published = recorded.log.published
        both = [COSIGNER.verifier, OTHER.verifier]
        now = lambda: recorded.now  # noqa: E731
        following = Following(recorded.store, views, dict, now, published=published, witnesses=both)
        assert ["views", "settle"] == [one.follower for one in following.followers()], "nothing is published yet"
        recorded.grow(3)
        newest = published.newest()
        assert newest is not None
        text = newest.note.partition("\n\n")[0] + "\n"
        published.add_cosignature(3, COSIGNER.cosign(text, 1).line)
        recorded.grow(2)
        recorded.now += timedelta(minutes=10)

        assert [
            lag("witness witness.example/w1", 2, 600.0, 3),
            lag("witness witness.example/w2", 5, 602.0, 0),
        ] == following.followers()[2:]


def test_checkpoints_that_were_not_sent_yet_are_counted(tmp_path: Path) -> None:
    with ExitStack() as ends:
        recorded = Recorded(tmp_path, ends)
        views = ends.enter_context(closing(Views(tmp_path / "views")))
        saved: dict[str, int] = {}
        published = recorded.log.published
        following = Following(
            recorded.store, views, lambda: saved, lambda: recorded.now, kafka="127.0.0.1:1", published=published
        )
        for _ in range(3):
            recorded.grow(2)
        first, *_ = published.after(0, 10)
        saved["checkpoints"] = microseconds(first.at)
        recorded.now += timedelta(minutes=1)

        assert Lag(follower="checkpoints", behind=2, counted="messages", seconds=62.0) == following.followers()[-1]
        saved["checkpoints"] = microseconds(recorded.now)
        assert Lag(follower="checkpoints", behind=0, counted="messages", seconds=0.0) == following.followers()[-1]


@pytest.mark.slow
def test_groups_of_brokers_that_do_not_answer_are_told_apart(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    views = Views(tmp_path / "views")
    following = Following(ledger.store, views, dict, clock, kafka="127.0.0.1:1")

    unasked = [one for one in following.lags() if not isinstance(one, Lag)]

    assert ["ledger-awarder", "ledger-intake"] == [one.follower for one in unasked]
    assert all("127.0.0.1:1" in one.reason for one in unasked)
    assert [] == following.groups()  # asked meanwhile, never waited for
    views.close()
