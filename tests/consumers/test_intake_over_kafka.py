"""The intake on a real broker: members share the work, nothing is lost or doubled, what is refused is told of once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumers.dead_letters import DeadLetters
from consumers.following import Following
from consumers.header_names import Batch
from consumers.intake import Intake
from consumers.intake_member import IntakeMember
from consumers.lag import Lag
from consumers.originals import Originals
from consumers.topics import Topics
from ledger import Ledger
from ledger.events import AchievementAwarded, EvidenceAssessed, EvidenceSubmitted
from ledger.store import StoreUnavailable
from projections.views import Views
from tests.consumers.messages import until
from tests.consumers.sending import LMS, Sent, assess, letters_in, submit
from tests.consumers.sending import college as opened
from tests.places import settings_in
from tests.servers.kafka import Broker

SOURCES = frozenset({LMS})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = opened(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def letters(tmp_path: Path, ledger: Ledger) -> Iterator[DeadLetters]:
    assert ledger
    letters = letters_in(tmp_path)
    yield letters
    letters.close()


@pytest.fixture
def join(kafka: Broker, topics: Topics, letters: DeadLetters) -> Iterator[Callable[[Ledger], IntakeMember]]:
    """Start members, which leave in the end."""
    members: list[IntakeMember] = []

    def start(ledger: Ledger) -> IntakeMember:
        members.append(IntakeMember(ledger, SOURCES, letters, kafka.bootstrap, topics=topics))
        members[-1].start()
        return members[-1]

    yield start
    for member in members:
        member.close()


@pytest.fixture
def send(kafka: Broker, topics: Topics) -> Iterator[Callable[..., None]]:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")

    def send(*messages: Sent) -> None:
        sent = [
            producer.send(topics.commands, key=key(each), value=each.value, headers=each.headers) for each in messages
        ]
        producer.flush()
        assert all(future.succeeded() for future in sent)

    yield send
    producer.close()


def key(message: Sent) -> bytes:
    """Return the learner's ref, so that a learner's messages keep their order."""
    try:
        return str(msgspec.json.decode(message.value or b"{}")["learner_ref"]).encode()
    except (msgspec.DecodeError, KeyError, TypeError):
        return b"?"


def count(ledger: Ledger, cls: type) -> int:
    return sum(isinstance(recorded.fact, cls) for recorded in ledger.log(0, 100_000))


def told(kafka: Broker, topics: Topics, wanted: int) -> list[Any]:
    """Return what stands on the topic of dead letters, when it is *wanted* or does not become that."""
    place = TopicPartition(topics.commands_dead, 0)
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    found: list[Any] = []
    deadline = time.monotonic() + 10
    while len(found) < wanted and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=300).values():
            found += [msgspec.json.decode(record.value) for record in records]
    for records in consumer.poll(timeout_ms=500).values():
        found += [msgspec.json.decode(record.value) for record in records]
    consumer.close()
    return found


def semester(learners: int) -> list[Sent]:
    """Return evidence and judgement of each learner, every fifth message twice, with poison between."""
    batch: list[Sent] = []
    for number in range(learners):
        who: dict[str, Any] = {"learner_ref": f"l{number}", "evidence_id": f"e{number}"}
        batch += [submit(f"s{number}", **who), assess(f"a{number}", **who)]
        if not number % 5:
            batch += [submit(f"s{number}", **who), assess(f"a{number}", **who)]
        if not number % 10:
            batch.append(submit(f"p{number}", **who)._replace(value=b"{poison"))
    return batch


def test_members_share_the_work_and_nothing_is_lost_or_doubled(
    kafka: Broker,
    topics: Topics,
    ledger: Ledger,
    letters: DeadLetters,
    join: Callable[[Ledger], IntakeMember],
    send: Callable[..., None],
    tmp_path: Path,
) -> None:
    other = Ledger.open(settings_in(tmp_path))
    batch = semester(60)
    send(*batch[:100])
    members = [join(ledger), join(other)]
    send(*batch[100:])

    until(lambda: count(ledger, EvidenceAssessed) == 60 and letters.waiting() == 6, 40)
    members[0].close()
    send(*batch[:50], submit("last", learner_ref="late", evidence_id="x"))
    until(lambda: count(ledger, EvidenceSubmitted) == 61, 30)
    until(lambda: letters.waiting() == 8, 20)  # poison sent again is another message, at another place

    assert (61, 60, 60) == (
        count(ledger, EvidenceSubmitted),
        count(ledger, EvidenceAssessed),
        count(ledger, AchievementAwarded),
    )
    refused = told(kafka, topics, 8)
    assert 8 == len(refused) == len({(one["partition"], one["offset"]) for one in refused})
    assert {"The data are not JSON (line 1, column 2)."} == {one["reason"] for one in refused}
    members[1].close()
    other.close()


def test_replayed_from_the_earliest_message_nothing_changes(
    kafka: Broker,
    topics: Topics,
    ledger: Ledger,
    letters: DeadLetters,
    join: Callable[[Ledger], IntakeMember],
    send: Callable[..., None],
    tmp_path: Path,
) -> None:
    views = Views.of_ledger(settings_in(tmp_path))
    following = Following(ledger.store, views, dict, ledger.now, kafka=kafka.bootstrap)
    send(*semester(10))
    (before,) = intake_lag(following)
    assert 10 * 2 + 2 * 2 + 1 == before.behind
    assert before.seconds > 0
    member = join(ledger)
    until(lambda: [0] == [one.behind for one in intake_lag(following)], 30)
    head = ledger.store.head()
    member.close()

    forget(kafka, member.group)
    assert [before.behind] == [one.behind for one in intake_lag(following)]
    again = join(ledger)
    until(lambda: [0] == [one.behind for one in intake_lag(following)], 30)
    again.close()

    assert head == ledger.store.head()
    assert 1 == letters.waiting() == len(told(kafka, topics, 1))
    views.close()


def test_while_the_store_is_away_nothing_becomes_a_dead_letter(
    ledger: Ledger,
    letters: DeadLetters,
    join: Callable[[Ledger], IntakeMember],
    send: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    def away(*_: Any, **__: Any) -> Any:
        tries.append(1)
        raise StoreUnavailable("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "execute_many", away)
        join(ledger)
        send(submit(), assess())
        until(lambda: len(tries) > 3, 30)
        assert (0, 0) == (count(ledger, EvidenceSubmitted), letters.waiting())

    until(lambda: count(ledger, EvidenceAssessed) == 1, 30)
    assert 0 == letters.waiting()


def test_a_dead_letter_is_tried_again_from_where_its_message_stands(
    kafka: Broker,
    ledger: Ledger,
    letters: DeadLetters,
    join: Callable[[Ledger], IntakeMember],
    send: Callable[..., None],
) -> None:
    join(ledger)
    send(assess())
    until(lambda: letters.waiting() == 1, 30)
    send(submit())
    until(lambda: count(ledger, EvidenceSubmitted) == 1, 30)
    originals, intake, (letter,) = Originals(kafka.bootstrap), Intake(ledger, SOURCES), letters.list()

    assert None is letters.retry(letter, originals, intake, by="local", now=ledger.now())
    assert (0, 1) == (letters.waiting(), count(ledger, EvidenceAssessed))
    assert None is originals(letter.topic, letter.partition, 10_000)
    assert None is originals("ledger.nothing.v1", 0, 0)
    originals.close()


class Hostile(str):
    """A header's name that is written as bytes that are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe"


def test_header_names_of_any_bytes_stop_nothing(
    kafka: Broker, topics: Topics, ledger: Ledger, letters: DeadLetters, join: Callable[[Ledger], IntakeMember]
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", linger_ms=200)
    with_others = submit("m0")._replace(headers=[*submit("m0").headers, (Hostile("x"), b"1")])
    batch = [with_others, submit("m1", evidence_id="e2"), assess("m2"), with_others, assess("m3", evidence_id="e2")]
    for each in batch:
        producer.send(topics.commands, key=b"lea", value=each.value, headers=each.headers)
    producer.flush()
    producer.close()

    join(ledger)

    until(lambda: count(ledger, EvidenceAssessed) == 2, 30)
    assert 0 == letters.waiting()


def test_the_library_still_fails_at_header_names_of_any_bytes() -> None:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1024,
    )  # fmt: skip
    builder.append(0, 1_772_000_000_000, None, b"value", [(Hostile("xx"), b"1"), ("ok", None)])
    written = bytes(builder.build())

    with pytest.raises(CorruptRecordError):
        list(DefaultRecordBatch(written))
    assert [[("\\xff\\xfe", b"1"), ("ok", None)]] == [record.headers for record in Batch(written)]


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_senders_compress_as_they_like(
    kafka: Broker, topics: Topics, ledger: Ledger, join: Callable[[Ledger], IntakeMember], compression: str
) -> None:
    if not kafka.transactional_reads:
        pytest.skip(f"{kafka.kind} hands on what was sent as it was compressed")
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "compression.type": compression, "linger.ms": 50})
    for each in (submit(), assess()):
        producer.produce(topics.commands, value=each.value, key=b"lea", headers=dict(each.headers), timestamp=1)
    assert 0 == producer.flush(20)

    join(ledger)

    until(lambda: count(ledger, EvidenceAssessed) == 1, 30)


def intake_lag(following: Following) -> list[Lag]:
    return [one for one in following.lags() if isinstance(one, Lag) and one.follower == "ledger-intake"]


def forget(kafka: Broker, group: str) -> None:
    """Let a group that has no members begin from the earliest message."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    until(lambda: not admin.describe_groups([group])[group]["members"], 20)
    admin.delete_groups([group])
    admin.close()
