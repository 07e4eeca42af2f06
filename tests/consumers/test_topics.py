"""Topics are made once, and what cannot serve a ledger is refused at start with what to do about it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient
from kafka.protocol.metadata import ApiVersionsRequest

from consumers.topics import PARTITIONS, Topics, check, create
from ledger.settings import UnusableSettings
from tests.servers.kafka import Broker


@pytest.fixture
def topics() -> Topics:
    return Topics(f"t{secrets.token_hex(4)}")


def _make(kafka: Broker, changed: dict[str, dict[str, Any]], topics: Topics) -> None:
    """Make the topics by hand, some otherwise than they should be."""
    asked = {
        topic.name: {"num_partitions": topic.partitions, "replication_factor": 1, "configs": dict(topic.settings)}
        | changed.get(topic.name, {})
        for topic in topics.all()
    }
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
        admin.create_topics(asked, wait_for_metadata=True)


def test_topics_are_made_once_and_then_serve(kafka: Broker, topics: Topics) -> None:
    made = create(kafka.bootstrap, topics)
    again = create(kafka.bootstrap, topics)

    assert [topic.name for topic in topics.all()] == made
    assert [] == again
    assert PARTITIONS == check(kafka.bootstrap, topics)[topics.events]


def test_missing_topics_are_named_with_the_command_that_makes_them(kafka: Broker, topics: Topics) -> None:
    with pytest.raises(UnusableSettings, match=rf"no topic {topics.events}, .*; run `ledger migrate`"):
        check(kafka.bootstrap, topics)


def test_too_few_partitions_are_refused(kafka: Broker, topics: Topics) -> None:
    _make(kafka, {topics.events: {"num_partitions": 6}}, topics)

    with pytest.raises(UnusableSettings, match=rf"{topics.events} has 6 partitions, and needs 24"):
        check(kafka.bootstrap, topics)


def test_definitions_in_several_partitions_are_refused_for_they_would_lose_their_order(
    kafka: Broker, topics: Topics
) -> None:
    _make(kafka, {topics.definitions: {"num_partitions": 3}}, topics)

    with pytest.raises(UnusableSettings, match=rf"{topics.definitions} has 3 partitions, and must have one"):
        check(kafka.bootstrap, topics)


def test_fewer_partitions_than_before_are_refused(kafka: Broker, topics: Topics) -> None:
    create(kafka.bootstrap, topics)

    with pytest.raises(UnusableSettings, match=rf"{topics.events} has 24 partitions, and had 48"):
        check(kafka.bootstrap, topics, before=lambda name: 48 if name == topics.events else 1)


def test_transcripts_that_are_not_compacted_are_refused(kafka: Broker, topics: Topics) -> None:
    _make(kafka, {topics.transcripts: {"configs": {"cleanup.policy": "delete"}}}, topics)

    with pytest.raises(UnusableSettings, match=rf"{topics.transcripts} has cleanup.policy=delete; set it to compact"):
        check(kafka.bootstrap, topics)


def test_facts_that_would_be_compacted_away_are_refused(kafka: Broker, topics: Topics) -> None:
    _make(kafka, {topics.events: {"configs": {"cleanup.policy": "compact"}}}, topics)

    with pytest.raises(UnusableSettings, match=rf"{topics.events} has cleanup.policy=compact; set it to delete"):
        check(kafka.bootstrap, topics)


def test_too_old_a_broker_is_refused_by_what_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiVersionsRequest, "max_version", 2)  # librdkafka's broker misreads newer ones
    old = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored"})
    broker = next(iter(old.list_topics(timeout=10).brokers.values()))

    with pytest.raises(UnusableSettings, match=r"answers no requests newer than those of Kafka [\d.]+; upgrade it"):
        check(f"{broker.host}:{broker.port}")


@pytest.mark.slow
def test_a_broker_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnusableSettings, match=r"no Kafka broker answers at 127.0.0.1:1: start it, or correct LEDGER_"):
        check("127.0.0.1:1")


@pytest.mark.parametrize("address", ["localhost:kafka", "::", ""])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(UnusableSettings, match=r"LEDGER_KAFKA must be host:port"):
        check(address)
