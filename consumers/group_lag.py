"""What Kafka consumer groups have not handled yet: how many messages, and since when the first of them waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from consumers.connecting import leaving_nothing
from consumers.topics import LARGEST_MESSAGE, brokers
from ledger.store import StoreUnavailable

_PATIENCE_S = 5.0
_ANSWER_MS = 5_000


class Groups:
    """Asks about groups without becoming a member of any."""

    def __init__(self, consumer: Any, admin: Any) -> None:
        self._consumer = consumer
        self._admin = admin

    def behind(self, group: str, topics: Iterable[str]) -> tuple[int, int | None]:
        """
        Return how many messages wait, and the timestamp in milliseconds of the oldest, None where none waits.

        Raises StoreUnavailable where that cannot be known.
        """
        try:
            waiting = self._waiting(group, topics)
            return sum(end - at for at, end in waiting.values()), self._oldest(waiting)
        except KafkaError as error:
            msg = f"Kafka cannot be asked about {group}: {type(error).__name__}"
            raise StoreUnavailable(msg) from error

    def _waiting(self, group: str, topics: Iterable[str]) -> dict[Any, tuple[int, int]]:
        """Return by partition, where anything waits, the first offset that does and the one after the last."""
        places = []
        for topic in topics:
            partitions = self._consumer.partitions_for_topic(topic)
            if not partitions:
                raise StoreUnavailable(f"Kafka has no topic {topic}; run `ledger migrate`, which makes it")
            places += [TopicPartition(topic, partition) for partition in sorted(partitions)]
        first, ends = self._consumer.beginning_offsets(places), self._consumer.end_offsets(places)
        committed = self._admin.list_group_offsets({group: places}).get(group, {})
        waiting: dict[Any, tuple[int, int]] = {}
        for place in places:
            done = committed[place].offset if place in committed else 0
            at = max(done, first[place])  # what was removed before it was handled waits no more
            if ends[place] > at:
                waiting[place] = at, ends[place]
        return waiting

    def _oldest(self, waiting: dict[Any, tuple[int, int]]) -> int | None:
        if not waiting:
            return None
        consumer = self._consumer
        consumer.assign(list(waiting))
        for place, (at, _) in waiting.items():
            consumer.seek(place, at)
        stamps: list[int] = []
        unread = set(waiting)
        until = monotonic() + _PATIENCE_S
        while unread and monotonic() < until:
            for place, records in consumer.poll(timeout_ms=200).items():
                if place in unread:
                    stamps.append(records[0].timestamp)
                    unread.discard(place)
                    consumer.pause(place)
        return min(stamps, default=None)


@contextmanager
def groups(bootstrap: str) -> Iterator[Groups]:
    """Connect to the brokers for as long as groups are asked about; StoreUnavailable where none answers."""
    settings: dict[str, Any] = {
        "bootstrap_servers": brokers(bootstrap),
        "bootstrap_timeout_ms": _ANSWER_MS,
        "request_timeout_ms": _ANSWER_MS,
    }
    admin = consumer = None
    try:
        with leaving_nothing() as connections:
            admin = KafkaAdminClient(**settings, kafka_client=connections)
        with leaving_nothing() as connections:
            consumer = KafkaConsumer(
                **settings,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=LARGEST_MESSAGE,
                metrics_enabled=False,
                kafka_client=connections,
            )
        yield Groups(consumer, admin)
    except KafkaError as error:
        msg = f"no Kafka broker answers at {bootstrap} ({type(error).__name__})"
        raise StoreUnavailable(msg) from error
    finally:
        for client in (consumer, admin):
            if client is not None:
                client.close()
