"""Milestones by way of Kafka: whoever handles the facts, and however often, each completed stack is one milestone."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer

from consumers.awarder import Awarder
from consumers.dead_letters import DeadLetters
from consumers.topics import Topics
from consumers.turn import AlwaysMine
from ledger.events import AchievementAwarded
from ledger.settings import PostgresUrls
from projections.views import Views
from tests import examples as ex
from tests.consumers.messages import messages, until
from tests.consumers.scaled import Scaled
from tests.servers.kafka import Broker


@pytest.fixture
def college(tmp_path: Path, database: PostgresUrls, kafka: Broker, topics: Topics) -> Iterator[Scaled]:
    college = Scaled(tmp_path, urls=database, bootstrap=kafka.bootstrap)
    yield college
    college.end()


@pytest.fixture
def awarder(college: Scaled) -> Iterator[Awarder]:
    letters = DeadLetters.of_ledger(college.settings)
    assert letters is not None
    with closing(Views.of_ledger(college.settings)) as views, closing(letters):
        awarder = Awarder(college.ledger, views, college.positions, college.bootstrap, letters, AlwaysMine())
        awarder.start()
        yield awarder
        awarder.close()


def _one_each(learners: list[str]) -> dict[str, int]:
    """One completed stack and one milestone for each."""
    return dict.fromkeys(learners, 2)


def test_a_completed_stack_becomes_a_milestone(college: Scaled, awarder: Awarder) -> None:
    college.become_welder("lrn_lee")
    until(college.milestones)

    assert _one_each(["lrn_lee"]) == dict(college.milestones())


def test_what_falls_due_by_the_clock_is_acted_on(college: Scaled, awarder: Awarder) -> None:
    college.become_welder("lrn_lee")
    until(college.milestones)
    with closing(Views.of_ledger(college.settings)) as views:
        views.catch_up(college.ledger.store)
    college.pass_(days=90)  # TIG runs out, and the milestone with its grace

    until(lambda: "award.expired.v1" in [one.name for one in college.ledger.store.read("learner-lrn_lee")])


def test_redelivery_of_everything_records_nothing_new(
    college: Scaled, awarder: Awarder, kafka: Broker, topics: Topics
) -> None:
    learners = [f"lrn_{number}" for number in range(5)]
    for learner in learners:
        college.become_welder(learner)
    until(lambda: dict(college.milestones()) == _one_each(learners))
    until(lambda: college.positions.of("relay") == college.ledger.store.head())
    head = college.ledger.store.head()
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    again = messages(kafka.bootstrap, topics.events) + messages(kafka.bootstrap, topics.definitions)
    for one in reversed(again):
        producer.send(one.topic, key=one.key, value=one.value, headers=list(one.headers), partition=one.partition)
    producer.flush()
    producer.close()
    time.sleep(2)

    assert head == college.ledger.store.head()


@pytest.mark.slow
def test_processes_that_come_go_and_are_killed_leave_one_milestone_each(college: Scaled) -> None:
    """Three at a time; one is killed and one told to end while learners complete their stacks."""
    processes = [college.process() for _ in range(3)]
    learners = [f"lrn_{number}" for number in range(90)]
    for number, learner in enumerate(learners):
        college.become_welder(learner)
        if number == 30:
            processes[0].send_signal(signal.SIGKILL)
        if number == 45:
            college.process()
        if number == 60:
            processes[1].terminate()
    until(lambda: len(college.milestones()) == len(learners))
    time.sleep(1)

    assert _one_each(learners) == dict(college.milestones())
    assert 0 == processes[1].wait(20), "told to end, it leaves in order"


@pytest.mark.slow
def test_a_stack_defined_later_is_awarded_once_by_whoever_hears_of_it(college: Scaled) -> None:
    for _ in range(2):
        college.process()
    learners = [f"lrn_{number}" for number in range(20)]
    for learner in learners:
        college.earn(learner, ex.MIG)
    college.say(
        *ex.published("beginner", ex.milestone("Beginner")),
        *ex.activated("beginning", ex.stack("beginner", ex.all_of(ex.MIG))),
    )
    until(lambda: len(_holders(college, "beginner")) >= len(learners))
    time.sleep(1)

    assert Counter(learners) == _holders(college, "beginner")


def _holders(college: Scaled, achievement_id: str) -> Counter[str]:
    return Counter(
        at.subject
        for stream in college.ledger.store.streams("learner")
        for at in college.ledger.facts(stream)
        if isinstance(at.fact, AchievementAwarded) and at.fact.achievement_id == achievement_id
    )
