"""
How fast the relay hands facts to Kafka, against kafka-python producing the very same messages alone.

    python -m tests.benchmarks.bench_relay
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from consumers.cloud_events import message
from consumers.positions import Positions
from consumers.relay import Relay, facts
from consumers.topics import Topics, create
from consumers.turn import AlwaysMine
from ledger.store import Stored
from tests.servers.kafka import broker, close_broker

FACTS = 40_000
ROUNDS = 5
BODY = b'{"actor":{"client":"bench","id":"per_1","role":"assessor"},"fact":{"text":"%b"}}' % (b"x" * 400)


class Log:
    """A store that has its facts in memory, so that Kafka alone is measured."""

    def __init__(self) -> None:
        self._facts = [
            Stored(
                number + 1,
                f"learner-lrn_{number % 3000:030d}",
                1 + number // 3000,
                "evidence.submitted.v1",
                BODY,
                1_790_000_000_000_000 + 100 * number,
            )
            for number in range(FACTS)
        ]

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:  # noqa: ARG002
        return self._facts[after : after + limit]

    def head(self) -> int:
        return FACTS

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def alone(log: Log, bootstrap: str, topics: Topics) -> float:
    """Return facts a second of kafka-python, given messages that are ready."""
    ready = [message(stored, topics.events) for stored in log.read_log(0, FACTS)]
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5, batch_size=256 * 1024
    )
    producer.partitions_for(topics.events)
    began = time.perf_counter()
    sent = [
        producer.send(one.topic, key=one.key, value=one.value, headers=one.headers, timestamp_ms=one.timestamp_ms)
        for one in ready
    ]
    producer.flush()
    assert all(one.succeeded() for one in sent)
    seconds = time.perf_counter() - began
    producer.close()
    return FACTS / seconds


def relayed(log: Log, bootstrap: str, topics: Topics) -> float:
    """Return facts a second of the relay, positions in a file."""
    with tempfile.TemporaryDirectory() as directory:
        positions = Positions.in_file(Path(directory) / "followers.db")
        relay = Relay("relay", log, positions, bootstrap, AlwaysMine(), facts(topics))
        relay.connect()
        began = time.perf_counter()
        assert relay.catch_up() == FACTS
        seconds = time.perf_counter() - began
        relay.close()
        positions.close()
    return FACTS / seconds


def main() -> None:
    """Measure in turns, and say the ratio."""
    bootstrap, kind = broker().bootstrap, broker().kind
    log = Log()
    ratios = []
    for _ in range(ROUNDS):
        speeds = []
        for measured in (alone, relayed):
            topics = Topics(f"bench{secrets.token_hex(4)}")
            create(bootstrap, topics)
            speeds.append(measured(log, bootstrap, topics))
        ratios.append(speeds[1] / speeds[0])
        print(f"kafka-python alone {speeds[0]:8,.0f}/s   relay {speeds[1]:8,.0f}/s   ratio {ratios[-1]:.2f}")
    print(f"relay to kafka-python alone on {kind}: median {statistics.median(ratios):.2f} (aim 0.70)")
    close_broker()


if __name__ == "__main__":
    main()
