"""
Another system that sends evidence and judgements by Kafka, and whoever else can write to the topics: copies of what is
there, poison, facts that never were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from random import Random
from threading import Event, Thread
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from consumers.topics import PARTITIONS
from tests.consumers.sending import TOPIC, Sent, message
from tests.journeys.scaled.campus import LMS, MICROS

Place = tuple[str, int, int]
_ANSWER_SECONDS = 20.0


class Sender:
    """Sends what each learner needs for everything; a fifth of it twice, where *doubling* is 0.2."""

    def __init__(self, run: str, bootstrap: str, pace: float, doubling: float = 0.0) -> None:
        self.acknowledged: dict[str, set[str]] = {}
        self.doubled = 0
        self._run = run
        self._pace = pace
        self._doubling = doubling
        self._chance = Random(run)
        self._bootstrap = bootstrap
        self._producer = open_producer(bootstrap)
        self._ended = Event()
        self._thread = Thread(target=self._work, name="lms", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()

    def join(self) -> None:
        self._thread.join()
        _give_up(self._producer)

    def _work(self) -> None:
        for ref, micro, sent in self._wishes():
            self._arrived(ref, sent)
            if self._chance.random() < self._doubling:
                self._arrived(ref, sent)
                self.doubled += 1
            if micro:
                self.acknowledged.setdefault(ref, set()).add(micro)
            if self._ended.wait(self._pace):
                return

    def _wishes(self) -> Iterator[tuple[str, str | None, Sent]]:
        for number in count():
            ref = f"{self._run}-lms-{number}"
            for micro in MICROS:
                about = {"learner_ref": ref, "evidence_id": f"{ref}-{micro}"}
                handed_in = {**about, "achievement": micro, "submitted_at": "2026-03-01T09:00:00Z"}
                handed_in["evidence_url"] = "https://work.example/it"
                yield ref, None, message("evidence.submit.v1", handed_in, f"{ref}-{micro}-in", LMS)
                judged = {**about, "assessor_ref": "tea", "assessed_at": "2026-03-02T09:00:00Z", "met": True}
                yield ref, micro, message("evidence.assess.v1", judged, f"{ref}-{micro}-met", LMS)

    def _arrived(self, key: str, sent: Sent) -> None:
        """Send until the broker has it, as any careful system does; so it may be there more than once."""
        while True:
            try:
                future = self._producer.send(TOPIC, key=key.encode(), value=sent.value, headers=sent.headers)
                future.get(_ANSWER_SECONDS)
            except KafkaError:
                if self._ended.wait(0.5):
                    return
                with suppress(KafkaError):
                    # What one producer neither sent nor failed to send, in as long, it may never.
                    producer = open_producer(self._bootstrap)
                    _give_up(self._producer)
                    self._producer = producer
            else:
                return


def open_producer(bootstrap: str) -> Any:
    """Return a producer that waits for each message's arrival."""
    return KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_block_ms=5_000, request_timeout_ms=5_000, metrics_enabled=False
    )


def _give_up(producer: Any) -> None:
    """Close a producer that nothing is expected of any more."""
    with suppress(KafkaError):
        producer.close(timeout=5)


def copied(producer: Any, messages: list[Any], *, elsewhere: bool = False) -> list[Place]:
    """Send messages again as they are; *elsewhere*, to another partition than that of their key."""
    sent = []
    for one in messages:
        partition = (one.partition + 1) % PARTITIONS if elsewhere else one.partition
        future = producer.send(one.topic, key=one.key, value=one.value, headers=list(one.headers), partition=partition)
        sent.append((one.topic, future))
    return [_place(topic, future) for topic, future in sent]


def poisoned(producer: Any, topic: str, fact: Any) -> list[Place]:
    """Send what is no message at all, and spoilt likenesses of *fact*, an award; each has to become a dead letter."""
    headers = dict(fact.headers)
    spoilt = [
        (fact.key, fact.value, {**headers, "ce_position": b"-1"}),
        (fact.key, fact.value, {**headers, "ce_specversion": b"0.3"}),
        (fact.key, fact.value, {**headers, "ce_type": b"\xff\xfe"}),
        (b"somebody else", fact.value, headers),
        (fact.key, b'{"award_id": "', headers),
        (fact.key, b"\x00" * 1000, headers),
        (fact.key, None, headers),
    ]
    alien: list[tuple[bytes | None, bytes | None, dict[str, bytes]]] = [
        (None, b"", {}),
        (b"", None, {}),
        (b"\xff", b"hello", {"x": b""}),
        (b"k", b"[" * 5000, {"ce_specversion": b"1.0", "ce_type": b"evidence.submit.v1", "ce_source": LMS.encode()}),
    ]
    sent = [
        producer.send(topic, key=key, value=value, headers=list(of.items())) for key, value, of in (*spoilt, *alien)
    ]
    return [_place(topic, future) for future in sent]


def forged(producer: Any, fact: Any) -> Place:
    """Send a fact that never was: readable, of a learner whom there is, at a version that there is not."""
    stream = dict(fact.headers)["ce_subject"]
    headers = dict(fact.headers) | {
        "ce_id": stream + b"/900000",
        "ce_streamversion": b"900000",
        "ce_position": b"9000000000",
    }
    future = producer.send(fact.topic, key=fact.key, value=fact.value, headers=list(headers.items()))
    return _place(fact.topic, future)


def _place(topic: str, future: Any) -> Place:
    arrived = future.get(_ANSWER_SECONDS)
    return topic, arrived.partition, arrived.offset
