"""
Handing messages to Kafka so that none is lost and those of one key keep their order, however long the brokers are away.

The producer is idempotent and never gives up: while brokers are away for a moment what was handed over waits, and is
sent once, in order, when they are back; after longer it is sent again. What cannot be sent at all (too large, not
allowed, lost by the brokers) fails what was handed over after it too, so that a partition never holds a message without
those before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from consumers.cloud_events import Outgoing
from consumers.connecting import leaving_nothing
from consumers.topics import LARGEST_MESSAGE, brokers

_NEVER_MS = 2**31 - 1
_CONNECT_MS = 5_000
_ANSWER_MS = 10_000
_BATCH_BYTES = 256 * 1024
_LINGER_MS = 5
_TRANSACTION_MS = 600_000  # after which brokers end it, who take up to 15 minutes; whoever connects next does at once
_STANDS_STILL_S = 30.0
_TRANSACTION_STANDS_STILL_S = 4.0  # who reads committed messages waits for its end
_LONGEST = 4  # times that


class NotSent(Exception):
    """Messages could not be handed to Kafka; hand them over again."""


class Sending:
    """
    Messages on their way to Kafka, in batches that are told apart by a mark; used by one thread.

    *arrived* is the mark of the last batch of which, and of all before it, every message has arrived.
    With *alone*, whoever connects under the same *client_id* puts an end to all who did before: nothing of theirs
    arrives any more. Each batch is then a transaction of its own, which is what Kafka offers that by.
    """

    def __init__(self, bootstrap: str, client_id: str, *, alone: bool = False) -> None:
        self.arrived = 0
        self.alone = alone
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._producer: Any = None
        self._under_way: deque[tuple[int, list[Any]]] = deque()
        self._commit: Any = None
        self._done = 0
        self._moved_at = 0.0
        self._shortest = self._patience = _TRANSACTION_STANDS_STILL_S if alone else _STANDS_STILL_S

    @property
    def under_way(self) -> int:
        """How many batches it is not known of yet that they arrived."""
        return len(self._under_way)

    def connect(self) -> None:
        """Connect before there is anything to send."""
        try:
            self._open()
        except KafkaError as error:
            raise NotSent(f"Kafka takes no messages: {type(error).__name__}: {error}") from error

    def hand_over(self, messages: Iterable[Outgoing], mark: int) -> None:
        """Begin to send a batch; where that raises NotSent, nothing that has not arrived yet may be counted on."""
        futures: list[Any] = []
        self._under_way.append((mark, futures))
        try:
            producer = self._open()
            if self.alone:
                producer.begin_transaction()
            send = producer.send
            stop = producer._sender.force_close  # noqa: SLF001
            for topic, key, value, headers, timestamp_ms in messages:
                future = send(topic, key=key, value=value, headers=headers, timestamp_ms=timestamp_ms)
                # Called by the thread that sends, before it sends anything more.
                future.add_errback(lambda _: stop())
                futures.append(future)
            self._done, self._moved_at = 0, monotonic()
        except KafkaError as error:
            self.abandon()
            raise NotSent(f"Kafka takes no messages: {type(error).__name__}: {error}") from error

    def wait(self, seconds: float, leave: int = 0) -> bool:
        """
        Whether no more than *leave* batches are under way; waits up to *seconds* for that.

        A batch has arrived when every message is on as many replicas as must have it.
        Raises NotSent where one never will be; then nothing that has not arrived yet may be counted on.
        """
        deadline = monotonic() + seconds
        if self._stands_still():
            # After a broker died a message or a transaction may neither arrive nor fail: kafka-python has lost it.
            # Where the network is but slow, the next is given longer.
            self._patience = min(2 * self._patience, _LONGEST * self._shortest)
            self.abandon()
            raise NotSent("Kafka neither takes nor refuses what was sent; it is sent again")
        while len(self._under_way) > leave:
            mark, futures = self._under_way[0]
            if not leave:
                # Its errors say nothing: of a batch that was too large and is sent in parts, for one.
                with suppress(KafkaError):
                    self._producer.flush(max(0.0, deadline - monotonic()))
            try:
                for future in futures:
                    future.get(max(0.0, deadline - monotonic()))
                if self.alone and not self._committed(max(0.0, deadline - monotonic())):
                    return False
            except KafkaError as error:
                failed = next((one.exception for one in futures if one.is_done and one.exception), None)
                if failed is None and isinstance(error, KafkaTimeoutError):
                    return False
                self.abandon()
                raise NotSent(
                    f"Kafka refuses a message: {type(failed or error).__name__}: {failed or error}"
                ) from error
            self._under_way.popleft()
            self.arrived = mark
            self._patience = self._shortest
            self._done, self._moved_at = 0, monotonic()
        return True

    def _stands_still(self) -> bool:
        """Whether nothing more of what is under way has arrived for too long."""
        if not self._under_way:
            return False
        done = sum(future.is_done for _, futures in self._under_way for future in futures) + (self._commit is not None)
        if done > self._done:
            self._done, self._moved_at = done, monotonic()
        return monotonic() - self._moved_at > self._patience

    def _committed(self, seconds: float) -> bool:
        """Commit the transaction; kafka-python's own call would wait for as long as the brokers are away."""
        if self._commit is None:
            self._commit = self._producer._transaction_manager.begin_commit()  # noqa: SLF001
            self._producer._sender.wakeup()  # noqa: SLF001
        if not self._commit.wait(timeout_ms=int(seconds * 1000)):
            return False
        self._commit = None
        return True

    def abandon(self) -> None:
        """Stop sending at once: what has not left yet will not, and what has may have arrived or not."""
        producer, self._producer = self._producer, None
        self._commit = None
        self._under_way.clear()
        if producer is not None:
            # Closing without time to finish raises, and leaves a thread behind that goes on sending.
            producer._sender.force_close()  # noqa: SLF001
            with suppress(KafkaError):
                producer.close(timeout=1)

    def _open(self) -> Any:
        if self._producer is None:
            with leaving_nothing() as connections:
                self._producer = KafkaProducer(
                    bootstrap_servers=brokers(self._bootstrap),
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    delivery_timeout_ms=_NEVER_MS,
                    request_timeout_ms=_ANSWER_MS,
                    bootstrap_timeout_ms=_CONNECT_MS,
                    max_block_ms=_CONNECT_MS,
                    reconnect_backoff_max_ms=1_000,
                    linger_ms=_LINGER_MS,
                    batch_size=_BATCH_BYTES,
                    max_request_size=LARGEST_MESSAGE,
                    allow_auto_create_topics=False,
                    metrics_enabled=False,
                    transactional_id=self._client_id if self.alone else None,
                    transaction_timeout_ms=_TRANSACTION_MS,
                    kafka_client=connections,
                )
            if self.alone:
                try:
                    self._producer.init_transactions()
                except BaseException:
                    self.abandon()
                    raise
        return self._producer
