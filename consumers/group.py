"""
One member of a Kafka consumer group: facts to a handler in batches, at least once.

Offsets are committed after the handler has done its work, of some batches at once, so a crash in between hands the
same facts over again, and so does a partition that changes hands: handlers must be idempotent. The handler works in a
thread of its own, while this one keeps up its membership however long that takes; what fails is tried again, with
growing pauses, until it succeeds. A message that is no fact becomes a dead letter, once, and holds nothing up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol

from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata
from kafka.errors import FencedInstanceIdError, KafkaError

from consumers.cloud_events import Malformed, fact, place
from consumers.connecting import leaving_nothing
from consumers.follow import Handle
from consumers.looping import Loop
from consumers.topics import brokers
from consumers.trouble import Trouble
from ledger.codec import Unreadable, decode
from ledger.event import Event, Recorded, name_of

SESSION_MS = 6_000  # after which the partitions of a member that was killed go to others

_HEARTBEAT_MS = 1_500
_POLL_MS = 250
_AT_ONCE = 500
_CONNECT_MS = 5_000
_ANSWER_MS = 10_000
_COMMIT_MS = 5_000
_COMMIT_EVERY_S = 0.25
_AT_EASE_S = 1.0  # so long the handler may take before membership is kept up beside it
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_LOOK_MS = 2_000  # brokers that have just begun may not know of topics yet, and a group be left with no partitions
_AWAY_S = 600.0  # after which a consumer that does not find its brokers again is not trusted to

_log = logging.getLogger(__name__)


class DeadLetters(Protocol):
    """Where it is noted which messages could not be taken in."""

    def put(self, topic: str, partition: int, offset: int, source: str, id: str, reason: str) -> None:  # noqa: A002
        """Note a message by where it lies, durably; noting it again changes nothing."""


class NameTaken(Exception):
    """Another process that began later bears this one's name in the group."""


class Member:
    """
    Follows *topics* as a member of *group*, and hands on the facts of the classes *about*.

    A member that is named by *instance* takes up its partitions again when it is back within the session timeout,
    without the others noticing. Of two that bear the same name the one that joined last has its place, for the other
    may be a process that was frozen; that one stays out until no member of its name is left.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        handle: Handle,
        about: Iterable[type[Event]],
        dead_letters: DeadLetters,
        *,
        instance: str | None = None,
        outside: tuple[type[Exception], ...] = (),
    ) -> None:
        self.group = group
        self._bootstrap = bootstrap
        self._topics = list(topics)
        self._handle = handle
        self._about = frozenset(_any_version(name_of(cls)) for cls in about)
        self._dead_letters = dead_letters
        self._instance = instance
        self._consumer: Any = None
        self._early: dict[Any, list[Any]] = {}
        self._owed: dict[Any, int] = {}
        self._committed_at = monotonic()
        self._away_since: float | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"{group}-handler")
        self._put_out = False
        self.loop = Loop(group, self.step, lambda: None, _LONGEST_PAUSE_S, outside=(KafkaError, NameTaken, *outside))
        self._committing = Trouble(f"{group}, whose facts will come again,", KafkaError)

    def step(self) -> int:
        """Handle the next batch of messages and commit their offsets; return how many they were."""
        try:
            done = self._step()
        except Exception as error:
            if not self._may_stay(error):
                self._leave()  # whatever state it is in: join anew, and go on after what was committed
            if isinstance(error, FencedInstanceIdError):
                self._put_out = True
                self._stay_out_while_another_is_in()
            raise
        self._away_since = None
        return done

    def close(self) -> None:
        """Stop after the batch at hand, and leave the group, so that others take over at once."""
        self.loop.stop()
        if self._consumer is not None:
            with suppress(FencedInstanceIdError):  # then another goes on, from what was committed before
                self._commit()
        self._leave()
        self._worker.shutdown()

    def _may_stay(self, error: Exception) -> bool:
        """
        Whether the place in the group is kept: while brokers are away, for what is in hand then is nothing.

        Who joins anew instead has to wait, with everybody else, until brokers that are back give up the old place.
        """
        if not _passes(error):
            return False
        self._away_since = self._away_since or monotonic()
        return monotonic() - self._away_since < _AWAY_S

    def _stay_out_while_another_is_in(self) -> None:
        """Raise NameTaken while a member of our name, which we are not, is in the group."""
        with leaving_nothing() as connections:
            admin = KafkaAdminClient(
                bootstrap_servers=brokers(self._bootstrap),
                bootstrap_timeout_ms=_CONNECT_MS,
                request_timeout_ms=_ANSWER_MS,
                kafka_client=connections,
            )
        try:
            members = admin.describe_groups([self.group])[self.group]["members"]
        finally:
            admin.close()
        if any(member.get("group_instance_id") == self._instance for member in members):
            raise NameTaken(
                f"another process bears LEDGER_INSTANCE={self._instance} too, and has this one's place in the group:"
                " give each a name of its own and start it again, or end the other"
            )
        self._put_out = False

    def _step(self) -> int:
        consumer = self._joined()
        polled, self._early = self._early, {}
        if not polled:
            polled = consumer.poll(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
        if polled:
            if not self._done(lambda: self._take_in(polled)):
                return 0
            consumer.resume(*consumer.paused())
            self._owed.update({where: messages[-1].offset + 1 for where, messages in polled.items()})
        if self._owed and (not polled or monotonic() - self._committed_at > _COMMIT_EVERY_S):
            self._commit()
        return sum(map(len, polled.values()))

    def _take_in(self, polled: dict[Any, list[Any]]) -> None:
        facts: list[Recorded] = []
        for messages in polled.values():
            for message in messages:
                try:
                    stored = fact(message)
                    if _any_version(stored.name) in self._about:
                        facts.append(decode(stored))
                except (Malformed, Unreadable) as error:
                    source, ident = place(message)
                    reason = str(error) if isinstance(error, Malformed) else "the value cannot be read as its ce_type"
                    self._dead_letters.put(message.topic, message.partition, message.offset, source, ident, reason)
        if facts:
            facts.sort(key=lambda recorded: recorded.position)
            self._handle(facts)

    def _done(self, work: Callable[[], None]) -> bool:
        """Do *work* until it succeeds, keeping up the membership meanwhile; False when told to stop before that."""
        pause = _FIRST_PAUSE_S
        while True:
            error = self._attend(self._worker.submit(_outcome, work))
            if error is None:
                self.loop.gets_on()
                return True
            self.loop.fails(error)
            self._keep_up_membership(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            if self.loop.stopping:
                return False

    def _attend(self, working: Future[Exception | None]) -> Exception | None:
        try:
            return working.result(_AT_EASE_S)
        except NotYet:
            while not working.done():
                self._keep_up_membership(0.1)
            return working.result()

    def _keep_up_membership(self, seconds: float) -> None:
        """Poll without asking for more; what comes all the same, of partitions just assigned, is kept for later."""
        self._consumer.pause(*self._consumer.assignment())
        try:
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except KafkaError as error:
            if not _passes(error):
                raise
            self.loop.pause(seconds)
            return
        for where, messages in polled.items():
            self._early.setdefault(where, []).extend(messages)

    def _commit(self) -> None:
        """Commit, except for partitions that were taken away meanwhile: whoever has them goes on from its own."""
        assigned = self._consumer.assignment()
        owed, self._owed = self._owed, {}
        ours = {where: OffsetAndMetadata(offset, "", -1) for where, offset in owed.items() if where in assigned}
        if ours:
            try:
                self._consumer.commit(ours, timeout_ms=_COMMIT_MS)
            except FencedInstanceIdError:
                raise
            except KafkaError as error:
                if _passes(error):
                    self._owed = owed  # for another time: on a quiet partition nothing else would bring it up again
                self._committing.fails(error)
            else:
                self._committing.over()
        self._committed_at = monotonic()

    def _joined(self) -> Any:
        if self._put_out:
            self._stay_out_while_another_is_in()
        if self._consumer is not None and self._instance is not None and _is_put_out(self._consumer):
            raise FencedInstanceIdError(self._instance)
        if self._consumer is None:
            with leaving_nothing() as connections:
                self._consumer = KafkaConsumer(
                    bootstrap_servers=brokers(self._bootstrap),
                    group_id=self.group,
                    group_instance_id=self._instance,
                    client_id=f"{self.group}-{self._instance or 'member'}",
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    session_timeout_ms=SESSION_MS,
                    heartbeat_interval_ms=_HEARTBEAT_MS,
                    bootstrap_timeout_ms=_CONNECT_MS,
                    request_timeout_ms=_ANSWER_MS,
                    reconnect_backoff_max_ms=1_000,
                    metadata_max_age_ms=_LOOK_MS,
                    allow_auto_create_topics=False,
                    metrics_enabled=False,
                    kafka_client=connections,
                )
            self._consumer.subscribe(self._topics)
        return self._consumer

    def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        self._early = {}
        self._owed = {}
        if consumer is not None:
            try:
                consumer.close(autocommit=False, timeout_ms=_COMMIT_MS)
            except KafkaError as error:
                _log.warning("%s did not leave its group properly: %s", self.group, error)


def _outcome(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 -- a consumer outlives whatever fails
        return error
    return None


def _is_put_out(consumer: Any) -> bool:
    """
    Whether another member took the place of *consumer*, which the library keeps to itself.

    It ceases to tell the group that it is there, but goes on reading the partitions that it had.
    """
    coordinator = consumer._coordinator  # noqa: SLF001
    with coordinator._lock:  # noqa: SLF001
        settled = coordinator.stable() and not coordinator.rejoin_needed
        return bool(settled and not coordinator._heartbeat_enabled)  # noqa: SLF001


def _passes(error: Exception) -> bool:
    return isinstance(error, KafkaError) and bool(error.retriable)


def _any_version(name: str) -> str:
    return name.rpartition(".v")[0]
