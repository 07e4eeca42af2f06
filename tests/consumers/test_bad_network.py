"""A network that cuts and stalls connections between us and Kafka, and a database that is away: nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.group import Member
from consumers.positions import Positions
from consumers.relay import Relay, facts
from consumers.topics import Topics
from consumers.turn import AlwaysMine
from ledger.event import Recorded
from ledger.events import AchievementAwarded
from tests import examples as ex
from tests.consumers import messages as read
from tests.consumers.messages import in_order, until
from tests.consumers.scaled import Scaled
from tests.projections.college import College
from tests.servers.kafka import Broker
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.slow


class NoLetters:
    """Dead letters, of which there are to be none."""

    def put(self, *message: object) -> None:
        raise AssertionError(message)


@pytest.fixture
def proxy(kafka: Broker, topics: Topics) -> Iterator[Proxy]:
    with kafka.behind_proxy() as proxy:
        yield proxy


def _award(college: College, prefix: str, count: int = 20) -> None:
    for number in range(count):
        college.earn(f"lrn_{prefix}{number}", ex.MIG)


@pytest.mark.parametrize("trouble", ["reset", "refuse", "stall"])
def test_the_relay_and_a_member_get_over_it(
    college: College, positions: Positions, kafka: Broker, topics: Topics, proxy: Proxy, trouble: str
) -> None:
    heard: list[Recorded] = []
    relay = Relay("relay", college.ledger.store, positions, proxy.address, AlwaysMine(), facts(topics))
    member = Member(proxy.address, "ledger-tests", (topics.events,), heard.extend, (AchievementAwarded,), NoLetters())
    relay.loop.start()
    member.loop.start()
    _award(college, "before")
    until(lambda: len(heard) >= 20)
    getattr(proxy, trouble)()
    _award(college, "meanwhile")
    time.sleep(0.1 if trouble == "reset" else 8)  # longer than the session
    proxy.heal()
    _award(college, "after")
    until(lambda: len({fact.subject for fact in heard}) == 60, 10)
    relay.close()
    member.close()

    everything = college.ledger.store.read_log(0, 10_000)
    assert everything == read.facts(kafka.bootstrap, topics.events, topics.definitions)
    assert in_order(kafka.bootstrap, topics.events)


def test_the_relay_gets_over_a_database_that_is_killed(
    own_postgres: PostgresServer, kafka: Broker, topics: Topics, tmp_path: Path
) -> None:
    college = Scaled(tmp_path, urls=own_postgres.new_database(), bootstrap=kafka.bootstrap)
    store, positions = college.ledger.store, college.positions
    _award(college, "before")
    until(lambda: positions.of("relay") == store.head())
    own_postgres.kill()
    time.sleep(1)
    own_postgres.start()
    _award(college, "after")
    until(lambda: positions.of("relay") == store.head())
    everything = store.read_log(0, 10_000)
    college.end()

    assert everything == read.facts(kafka.bootstrap, topics.events, topics.definitions)
