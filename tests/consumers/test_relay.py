"""The relay: every fact reaches Kafka, a learner's in their order, whatever stops it and however often it begins."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from consumers.cloud_events import fact
from consumers.positions import Positions
from consumers.producing import NotSent
from consumers.relay import Publish, Relay, TurnLost, facts
from consumers.topics import Topics
from consumers.turn import AlwaysMine, Turn
from ledger.reads import NoteRead
from ledger.store import Append, NewFact, Stored
from tests import examples as ex
from tests.consumers import messages as read
from tests.consumers.messages import in_order, messages, until
from tests.projections.college import OFFICE, College
from tests.servers.kafka import Broker

Make = Callable[..., Relay]


class Given:
    """A turn that is given and taken by hand."""

    def __init__(self, mine: bool = True) -> None:
        self.given = mine

    def mine(self) -> bool:
        return self.given

    def over(self) -> None:
        self.given = False


@pytest.fixture
def relay(college: College, positions: Positions, kafka: Broker, topics: Topics) -> Iterator[Make]:
    made: list[Relay] = []

    def make(turn: Turn | None = None, publish: Publish | None = None, positions: Positions = positions) -> Relay:
        store = college.ledger.store
        made.append(Relay("relay", store, positions, kafka.bootstrap, turn or AlwaysMine(), publish or facts(topics)))
        return made[-1]

    yield make
    for relay in made:
        relay.close()


def _log(college: College) -> list[Stored]:
    return college.ledger.store.read_log(0, 100_000)


def _relayed(kafka: Broker, topics: Topics) -> list[Stored]:
    return read.facts(kafka.bootstrap, topics.events, topics.definitions)


def _set(kafka: Broker, topic: str, name: str, value: str) -> None:
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
        admin.alter_configs([ConfigResource("topic", topic, {name: value})])
        asked = [ConfigResource("topic", topic)]
        until(lambda: admin.describe_configs(asked, config_filter="all")["topic"][topic][name]["value"] == value)


def _many(college: College, learners: int, facts: int) -> None:
    """Append facts of many learners, interleaved, without rules."""
    store = college.ledger.store
    for version in range(facts):
        store.append(
            [
                Append(f"learner-lrn_many{number}", version, (NewFact("learner.registered.v1", b'{"n":1}'),))
                for number in range(learners)
            ],
            now=college.now,
        )


def test_every_fact_arrives_as_it_is_in_the_log(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions
) -> None:
    college.earn("lrn_lee", ex.MIG)

    assert college.ledger.store.head() == relay().catch_up()
    assert _log(college) == _relayed(kafka, topics)
    assert college.ledger.store.head() == positions.of("relay")


def test_what_auditors_read_stays_inside(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions
) -> None:
    before = _log(college)
    note = NoteRead(account="per_ann", day=college.now.date(), what="awards.why", learner="lrn_lee")
    college.ledger.execute(note, actor=OFFICE)
    assert "record.read.v1" == _log(college)[-1].name
    relaying = relay()

    assert college.ledger.store.head() == relaying.catch_up() == positions.of("relay")
    assert before == _relayed(kafka, topics)

    college.earn("lrn_lee", ex.MIG)
    relaying.catch_up()
    assert [one for one in _log(college) if one.position != len(before) + 1] == _relayed(kafka, topics)


def test_facts_of_learners_and_of_all_else_go_to_topics_of_their_own(
    college: College, relay: Make, kafka: Broker, topics: Topics
) -> None:
    college.earn("lrn_lee", ex.MIG)
    relay().catch_up()

    streams = {stored.stream for stored in read.facts(kafka.bootstrap, topics.events)}
    assert {"learner-lrn_lee"} == streams
    definitions = [message.offset for message in messages(kafka.bootstrap, topics.definitions)]
    assert list(range(len(_log(college)) - len(college.ledger.store.read("learner-lrn_lee")))) == definitions


def test_a_learners_facts_stand_in_one_partition_in_their_order(
    college: College, relay: Make, kafka: Broker, topics: Topics
) -> None:
    _many(college, learners=40, facts=25)
    relay().catch_up()

    partitions: dict[bytes, set[int]] = {}
    for message in messages(kafka.bootstrap, topics.events):
        partitions.setdefault(message.key, set()).add(message.partition)
    assert {1} == {len(one) for one in partitions.values()}
    assert in_order(kafka.bootstrap, topics.events)


def test_a_relay_goes_on_where_the_one_before_it_left_off(
    college: College, relay: Make, kafka: Broker, topics: Topics
) -> None:
    relay().catch_up()
    college.earn("lrn_lee", ex.MIG)
    relay().catch_up()

    found = messages(kafka.bootstrap, topics.events) + messages(kafka.bootstrap, topics.definitions)
    assert len(_log(college)) == len(found), "nothing came twice"


def test_a_crash_between_sending_and_saving_sends_again_under_the_same_ids(
    college: College, relay: Make, kafka: Broker, topics: Topics, tmp_path: Path
) -> None:
    class Crashing(Positions):
        def go_on(self, *_: object) -> bool:
            raise SystemExit

    _many(college, learners=20, facts=10)
    with closing(Crashing.in_file(tmp_path / "crashing.db")) as crashing, pytest.raises(SystemExit):
        relay(positions=crashing).catch_up()
    relay().catch_up()

    found = messages(kafka.bootstrap, topics.events)
    assert 2 * 200 == len(found)
    assert _log(college) == _relayed(kafka, topics)
    assert in_order(kafka.bootstrap, topics.events)


def test_the_second_of_two_relays_waits_for_its_turn(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions
) -> None:
    turn = threading.Lock()

    class OfTwo(Given):
        def mine(self) -> bool:
            self.given = self.given or turn.acquire(blocking=False)
            return self.given

        def over(self) -> None:
            if self.given:
                self.given = False
                turn.release()

    first, second = relay(OfTwo(mine=False)), relay(OfTwo(mine=False))
    first.step()
    second.loop.start()
    _many(college, learners=5, facts=2)
    first.catch_up()
    assert 0 == second.step(), "it is not its turn"
    first.close()
    _many_more = len(_log(college))
    college.earn("lrn_lee", ex.MIG)
    until(lambda: positions.of("relay") == college.ledger.store.head())

    assert _many_more < len(_log(college))
    assert len(_log(college)) == sum(len(messages(kafka.bootstrap, one)) for one in (topics.events, topics.definitions))


def test_who_loses_the_turn_while_sending_saves_no_position(
    college: College, relay: Make, positions: Positions
) -> None:
    class LostMeanwhile(Given):
        asked = 0

        def mine(self) -> bool:
            self.asked += 1
            return self.asked == 1

    _many(college, learners=5, facts=2)
    with pytest.raises(TurnLost):
        relay(LostMeanwhile()).step()

    assert 0 == positions.of("relay")


def test_a_message_that_kafka_refuses_is_never_skipped(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions
) -> None:
    publish = facts(topics)
    spoil = [True]

    def spoiling(batch: list[Stored]) -> object:
        for message in publish(batch):
            if message.key == b"lrn_many3" and spoil[0]:
                yield message._replace(value=b"x" * 9_000_000)
            yield message

    _many(college, learners=6, facts=3)
    stuck = relay(publish=spoiling)
    with pytest.raises(NotSent, match="MessageSizeTooLarge"):
        stuck.step()
    assert 0 == positions.of("relay")
    spoil[0] = False
    stuck.catch_up()

    assert _log(college) == _relayed(kafka, topics)
    assert in_order(kafka.bootstrap, topics.events)


def test_what_the_brokers_refuse_holds_up_what_comes_after_it(
    college: College, relay: Make, kafka: Broker, topics: Topics
) -> None:
    """The refusal is heard of later, when more is on its way already."""
    _many(college, learners=1, facts=3)
    _set(kafka, topics.events, "max.message.bytes", "1000")
    large = NewFact("learner.registered.v1", b'"%b"' % random.randbytes(1500).hex().encode())
    college.ledger.store.append([Append("learner-lrn_many0", 3, (large,))], now=college.now)
    college.ledger.store.append(
        [Append("learner-lrn_many0", 4, (NewFact("learner.registered.v1", b"{}"),) * 50)], now=college.now
    )
    stuck = relay()
    for _ in range(3):
        with pytest.raises(NotSent, match="MessageSizeTooLarge"):
            stuck.step()
    held_up = messages(kafka.bootstrap, topics.events)
    _set(kafka, topics.events, "max.message.bytes", "100000")
    stuck.catch_up()

    assert all(fact(message).version < 4 for message in held_up)
    assert _log(college) == _relayed(kafka, topics)
    assert in_order(kafka.bootstrap, topics.events)


def test_an_older_copy_of_the_log_put_back_is_sent_from_its_first_fact(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions
) -> None:
    positions.save("relay", college.ledger.store.head() + 100)

    relay().catch_up()

    assert _log(college) == _relayed(kafka, topics)


def test_a_position_that_is_taken_back_has_everything_sent_again(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions
) -> None:
    _many(college, learners=20, facts=10)
    running = relay()
    running.catch_up()
    positions.start_over()
    running.catch_up()

    assert 2 * 200 == len(messages(kafka.bootstrap, topics.events))
    assert college.ledger.store.head() == positions.of("relay")


def test_a_position_that_is_taken_back_at_the_moment_of_saving_is_not_written_over(
    college: College, relay: Make, kafka: Broker, topics: Topics, tmp_path: Path
) -> None:
    class TakenBackMeanwhile(Positions):
        taken = False

        def go_on(self, name: str, before: int, position: int) -> bool:
            if before and not self.taken:
                self.taken = True
                self.take_back(name, 7)
            return super().go_on(name, before, position)

    _many(college, learners=20, facts=2)
    with closing(TakenBackMeanwhile.in_file(tmp_path / "taken.db")) as positions:
        running = relay(positions=positions)
        running.catch_up()
        college.earn("lrn_lee", ex.MIG)
        running.catch_up()
        saved = positions.of("relay")
        running.close()

    head = college.ledger.store.head()
    found = messages(kafka.bootstrap, topics.events) + messages(kafka.bootstrap, topics.definitions)
    came = Counter(fact(message).position for message in found)
    assert head == saved
    assert {position: 1 if position <= 7 else 2 for position in range(1, head + 1)} == dict(came)


def test_a_running_relay_sends_a_fact_at_once(college: College, relay: Make, positions: Positions) -> None:
    running = relay()
    running.loop.start()
    until(lambda: positions.of("relay") == college.ledger.store.head())
    started = time.perf_counter()
    college.earn("lrn_lee", ex.MIG)
    until(lambda: positions.of("relay") == college.ledger.store.head())

    assert time.perf_counter() - started < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_brokers_that_are_away_are_waited_for(
    college: College, relay: Make, kafka: Broker, topics: Topics, positions: Positions, end: str
) -> None:
    if not kafka.keeps:
        pytest.skip(f"{kafka.kind} keeps nothing over its end")
    running = relay()
    running.loop.start()
    _many(college, learners=30, facts=5)
    until(lambda: positions.of("relay") == college.ledger.store.head())
    kafka.kill() if end == "kill" else kafka.stop()
    for _ in range(3):
        for number in range(30):
            college.earn(f"lrn_{_}{number}", ex.MIG)
    until(lambda: running.loop.failing is not None)
    kafka.start()
    until(lambda: positions.of("relay") == college.ledger.store.head())

    assert _log(college) == _relayed(kafka, topics)
    assert in_order(kafka.bootstrap, topics.events)


@pytest.mark.slow
def test_a_relay_can_be_stopped_while_brokers_are_away(college: College, relay: Make, kafka: Broker) -> None:
    running = relay()
    running.catch_up()
    kafka.stop()
    college.earn("lrn_lee", ex.MIG)
    running.loop.start()
    time.sleep(0.5)
    started = time.monotonic()
    running.close()

    assert time.monotonic() - started < 8
    assert running.position < college.ledger.store.head()


@pytest.mark.slow
def test_a_relay_killed_at_any_moment_loses_nothing(
    college: College, relay: Make, kafka: Broker, topics: Topics, tmp_path: Path
) -> None:
    """Processes are killed at moments all over the first second; what they sent twice is still in order."""
    _many(college, learners=50, facts=100)
    program = [sys.executable, "-m", "tests.consumers.killed_relay", str(tmp_path), kafka.bootstrap]
    for number in range(6):
        process = subprocess.Popen(program, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05 + 0.06 * number)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    relay().catch_up()

    assert _log(college) == _relayed(kafka, topics)
    assert in_order(kafka.bootstrap, topics.events)
