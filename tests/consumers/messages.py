"""Reading topics as any reader would, and waiting for what comes by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from consumers.cloud_events import fact
from ledger.store import Stored


def messages(bootstrap: str, topic: str) -> list[Any]:
    """Return every message of *topic*, partition by partition."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        # Where the first answer about topics is lost, the next says which partitions there are.
        until(lambda: consumer.partitions_for_topic(topic))
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Any] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for polled in consumer.poll(timeout_ms=200).values():
                found.extend(polled)
        return sorted(found, key=lambda message: (message.partition, message.offset))
    finally:
        consumer.close()


def facts(bootstrap: str, *topics: str) -> list[Stored]:
    """Return the facts of *topics*, each once, in the order of the log."""
    return sorted({fact(message) for topic in topics for message in messages(bootstrap, topic)})


def in_order(bootstrap: str, topic: str) -> bool:
    """Whether no fact comes before an earlier one of its stream that has not been there yet."""
    reached: dict[str, int] = {}
    for message in messages(bootstrap, topic):
        stored = fact(message)
        if stored.version > reached.get(stored.stream, 0) + 1:
            return False
        reached[stored.stream] = max(reached.get(stored.stream, 0), stored.version)
    return True


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for what comes by itself."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
