"""One message read again where it stands, at its offset of a partition of a topic."""

from __future__ import annotations

from time import monotonic
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from consumers.intake_messages import Message
from consumers.topics import LARGEST_MESSAGE, brokers
from ledger.store import StoreUnavailable

_PATIENCE_S = 15.0
_POLL_MS = 500


class Originals:
    """Reads single messages of the brokers at *bootstrap*; StoreUnavailable where they do not answer."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: Any = None

    def __call__(self, topic: str, partition: int, offset: int) -> Message | None:
        """Return the message, None where it is there no more."""
        try:
            return self._read(TopicPartition(topic, partition), offset)
        except KafkaError as error:
            msg = f"Kafka at {self._bootstrap} cannot be asked for the message: {type(error).__name__}"
            raise StoreUnavailable(msg) from error

    def close(self) -> None:
        """Release the connection."""
        if self._consumer is not None:
            self._consumer.close()

    def _read(self, place: TopicPartition, offset: int) -> Message | None:
        consumer = self._open()
        if place.partition not in (consumer.partitions_for_topic(place.topic) or ()):
            return None
        first, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if not first <= offset < end:
            return None
        consumer.assign([place])
        consumer.seek(place, offset)
        until = monotonic() + _PATIENCE_S
        while monotonic() < until:
            for record in consumer.poll(timeout_ms=_POLL_MS, max_records=1).get(place, ()):
                found: Message = record
                return found if record.offset == offset else None
        msg = f"Kafka at {self._bootstrap} does not hand the message over; try again"
        raise StoreUnavailable(msg)

    def _open(self) -> Any:
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=brokers(self._bootstrap),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_partition_fetch_bytes=LARGEST_MESSAGE,
                metrics_enabled=False,
            )
        return self._consumer
