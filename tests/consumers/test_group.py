"""Members of a consumer group: at least once, nothing held up by what is no fact, nothing lost by what fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import FencedInstanceIdError

from consumers.cloud_events import Outgoing, message
from consumers.group import Member
from consumers.topics import Topics
from ledger.codec import encode
from ledger.event import Recorded
from ledger.events import LearnerRegistered
from ledger.store import Stored, StoreUnavailable
from tests import examples as ex
from tests.consumers.messages import until
from tests.projections.college import OFFICE
from tests.servers.kafka import Broker

Make = Callable[..., Member]
GROUP = "ledger-tests"
PLACE = TopicPartition("ledger.events.v1", 0)


class Letters:
    """Dead letters, kept in memory by where they lie."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int, int], tuple[str, str, str]] = {}

    def put(self, topic: str, partition: int, offset: int, source: str, id: str, reason: str) -> None:  # noqa: A002
        self.kept[topic, partition, offset] = source, id, reason

    @property
    def reasons(self) -> list[str]:
        return sorted(reason for _, _, reason in self.kept.values())


class Heard:
    """A handler that counts what it heard, and fails as often as it is told to."""

    def __init__(self, failures: int = 0, seconds: float = 0) -> None:
        self.facts: list[Recorded] = []
        self.failures = failures
        self.seconds = seconds

    def __call__(self, facts: list[Recorded]) -> None:
        time.sleep(self.seconds)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the database is away")
        self.facts.extend(facts)

    @property
    def positions(self) -> list[int]:
        return [fact.position for fact in self.facts]


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def member(kafka: Broker, topics: Topics, letters: Letters) -> Iterator[Make]:
    made: list[Member] = []

    def make(heard: Callable[[list[Recorded]], None], instance: str | None = None) -> Member:
        followed = (topics.events, topics.definitions)
        about = (LearnerRegistered,)
        made.append(Member(kafka.bootstrap, GROUP, followed, heard, about, letters, instance=instance))
        made[-1].loop.start()
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def send(kafka: Broker) -> Iterator[Callable[..., None]]:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, reconnect_backoff_max_ms=500)

    def send(*sent: Outgoing) -> None:
        for topic, key, value, headers, timestamp_ms in sent:
            producer.send(topic, key=key, value=value, headers=headers, timestamp_ms=timestamp_ms)
        producer.flush()

    yield send
    producer.close()


def _registered(topics: Topics, *positions: int) -> list[Outgoing]:
    """Return as many learners' first facts."""
    new = encode(LearnerRegistered(effective_at=ex.START), OFFICE)
    return [
        message(Stored(one, f"learner-lrn_{one}", 1, new.name, new.body, 1_790_000_000_000_000 + one), topics.events)
        for one in positions
    ]


def _committed(kafka: Broker, topics: Topics) -> int:
    """Return how many messages of the events the group is done with."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=GROUP)
    try:
        return sum(consumer.committed(TopicPartition(topics.events, number)) or 0 for number in range(24))
    finally:
        consumer.close(autocommit=False)


def test_members_share_the_facts_and_hear_each_once(
    member: Make, send: Callable[..., None], kafka: Broker, topics: Topics
) -> None:
    one, two = Heard(), Heard()
    member(one)
    member(two)
    send(*_registered(topics, *range(1, 301)))
    until(lambda: len(one.facts) + len(two.facts) >= 300)
    until(lambda: _committed(kafka, topics) == 300)

    assert sorted(set(one.positions + two.positions)) == list(range(1, 301))


def test_a_new_group_begins_with_the_first_message_and_a_known_one_where_it_left_off(
    member: Make, send: Callable[..., None], topics: Topics, kafka: Broker
) -> None:
    send(*_registered(topics, 1, 2, 3))
    first, second = Heard(), Heard()
    leaving = member(first)
    until(lambda: len(first.facts) == 3)
    until(lambda: _committed(kafka, topics) == 3)
    leaving.close()
    send(*_registered(topics, 4))
    member(second)
    until(lambda: second.facts)

    assert [4] == second.positions


def test_what_is_no_fact_becomes_a_dead_letter_and_holds_nothing_up(
    member: Make, send: Callable[..., None], topics: Topics, letters: Letters
) -> None:
    good = _registered(topics, *range(1, 21))
    poison = good[0]
    send(
        poison._replace(headers=[]),
        poison._replace(value=b"not JSON, and a secret"),
        poison._replace(value=None),
        poison._replace(headers=[(name, b"\xff\xfe") for name, _ in poison.headers]),
        *good,
    )
    heard = Heard()
    member(heard)
    until(lambda: len(heard.facts) == 20)

    assert 4 == len(letters.kept)
    assert "the value cannot be read as its ce_type" in letters.reasons
    assert "secret" not in str(letters.kept)


def test_facts_that_nobody_asked_about_are_passed_over_unread(
    member: Make, send: Callable[..., None], topics: Topics, letters: Letters, kafka: Broker
) -> None:
    unknown = [(name, b"learner.sang.v1" if name == "ce_type" else old) for name, old in _registered(topics, 1)[0][3]]
    send(_registered(topics, 1)[0]._replace(headers=unknown, value=b"?"), *_registered(topics, 2))
    heard = Heard()
    member(heard)
    until(lambda: _committed(kafka, topics) == 2)

    assert [2] == heard.positions
    assert not letters.kept


def test_what_fails_is_tried_again_until_it_succeeds(
    member: Make, send: Callable[..., None], topics: Topics, letters: Letters, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard(failures=4)
    failing = member(heard)
    send(*_registered(topics, 1))
    until(lambda: failing.loop.failing is not None)
    until(lambda: heard.facts)

    assert not letters.kept, "a fault of ours is nobody's dead letter"
    assert [1] == heard.positions
    began, over = [record.getMessage() for record in caplog.records if record.name == "consumers.trouble"]
    assert began.startswith("ledger-tests does not get on: StoreUnavailable")
    assert over.startswith("ledger-tests gets on again")
    assert "Traceback" not in caplog.text


def test_offsets_wait_for_the_handler(member: Make, send: Callable[..., None], topics: Topics, kafka: Broker) -> None:
    ready = threading.Event()
    slow = member(lambda _: ready.wait() and None)
    send(*_registered(topics, 1))
    time.sleep(0.5)
    before = _committed(kafka, topics)
    ready.set()
    until(lambda: _committed(kafka, topics) == 1)

    assert 0 == before
    assert slow.loop.running


@pytest.mark.slow
def test_a_slow_handler_keeps_its_place_in_the_group(
    member: Make, send: Callable[..., None], topics: Topics, kafka: Broker
) -> None:
    """It takes longer than the session timeout; were it put out, the facts would come again."""
    heard = Heard(seconds=8)
    member(heard)
    send(*_registered(topics, 1))
    until(lambda: _committed(kafka, topics) == 1)

    assert [1] == heard.positions


@pytest.mark.slow
def test_partitions_of_a_member_that_leaves_go_to_the_others_at_once(
    member: Make, send: Callable[..., None], topics: Topics, kafka: Broker
) -> None:
    one, two = Heard(), Heard()
    leaving = member(one)
    member(two)
    send(*_registered(topics, *range(1, 101)))
    until(lambda: one.facts and two.facts and _committed(kafka, topics) == 100)
    leaving.close()
    started = time.monotonic()
    send(*_registered(topics, *range(101, 201)))
    until(lambda: len(set(one.positions + two.positions)) == 200)

    assert time.monotonic() - started < 5, "no session has to run out"


@pytest.mark.slow
def test_a_member_with_a_name_has_its_partitions_again_when_it_is_back(
    member: Make, send: Callable[..., None], topics: Topics, kafka: Broker
) -> None:
    one, two = Heard(), Heard()
    leaving = member(one, instance="one")
    member(two, instance="two")
    send(*_registered(topics, *range(1, 101)))
    until(lambda: one.facts and two.facts and _committed(kafka, topics) == 100)
    theirs = {fact.position % 1000 for fact in two.facts}
    leaving.close()
    back = Heard()
    member(back, instance="one")
    send(*_registered(topics, *range(1, 101)))
    until(lambda: len({*back.positions, *two.positions[len(theirs) :]}) == 100)

    assert theirs == set(two.positions), "who stayed has what it had"


def test_a_member_whose_place_another_took_can_be_closed(letters: Letters) -> None:
    class PutOut:
        closed = False

        def assignment(self) -> set[TopicPartition]:
            return {PLACE}

        def commit(self, *_: object, **__: object) -> NoReturn:
            raise FencedInstanceIdError

        def close(self, **_: object) -> None:
            self.closed = True

    put_out = PutOut()
    one = Member("127.0.0.1:1", GROUP, (PLACE.topic,), lambda _: None, (), letters, instance="same")
    one._consumer, one._owed = put_out, {PLACE: 3}
    one.close()

    assert put_out.closed


@pytest.mark.slow
def test_of_two_that_bear_one_name_the_first_stays_out_says_why_and_is_back_after_the_other(
    member: Make, send: Callable[..., None], topics: Topics, kafka: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    if kafka.kind == "Tansu":
        pytest.skip("Tansu knows no members by name")
    one, two = Heard(), Heard()
    first = member(one, instance="same")
    send(*_registered(topics, *range(1, 51)))
    until(lambda: len(one.facts) == 50 and _committed(kafka, topics) == 50)
    second = member(two, instance="same")
    until(lambda: first.loop.failing is not None, 15)
    send(*_registered(topics, *range(51, 101)))
    until(lambda: len(two.facts) >= 50 and _committed(kafka, topics) == 100)
    time.sleep(5)
    told = [record.getMessage() for record in caplog.records if record.name == "consumers.trouble"]
    why = str(first.loop.failing)

    assert "another process bears LEDGER_INSTANCE=same too" in why
    assert 50 == len(one.facts)
    assert second.loop.failing is None
    assert [f"ledger-tests does not get on: {why}; it tries again until it does"] == told
    second.close()
    send(*_registered(topics, *range(101, 151)))
    until(lambda: len(one.facts) >= 100, 30)
    assert first.loop.failing is None


@pytest.mark.slow
def test_a_member_outlives_its_brokers(member: Make, send: Callable[..., None], topics: Topics, kafka: Broker) -> None:
    if not kafka.keeps:
        pytest.skip(f"{kafka.kind} keeps nothing over its end")
    heard = Heard()
    following = member(heard)
    send(*_registered(topics, 1))
    until(lambda: heard.facts)
    kafka.kill()
    time.sleep(8)  # longer than the session
    kafka.start()
    send(*_registered(topics, 2))
    until(lambda: 2 in heard.positions, 5)

    assert following.loop.running


def _all(heard: list[Heard]) -> set[Any]:
    return {position for one in heard for position in one.positions}


@pytest.mark.slow
def test_members_that_come_and_go_under_load_miss_nothing(
    member: Make, send: Callable[..., None], topics: Topics
) -> None:
    heard = [Heard(seconds=0.02) for _ in range(4)]
    members = [member(heard[0])]
    for number in range(1, 4):
        send(*_registered(topics, *range(1000 * number - 999, 1000 * number + 1)))
        members.append(member(heard[number]))
        time.sleep(0.3)
        members.pop(0).close()
    until(lambda: len(_all(heard)) == 3000, 60)

    assert _all(heard) == set(range(1, 3001))
