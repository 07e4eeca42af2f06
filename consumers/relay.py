"""
The relay: the facts of the log to Kafka, at least once, those of one learner in their order.

The log is the outbox: facts are read after the saved position, sent, seen to have arrived, and only then is the
position saved, a few times a second. A crash in between sends the same facts again, under the same `ce_id`; so may a
relay whose turn has just gone to another. However that falls out, when a fact is in a partition for the first time, so
are all before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic

from kafka.errors import KafkaError

from consumers.cloud_events import Outgoing, message
from consumers.looping import Loop
from consumers.positions import Positions
from consumers.producing import NotSent, Sending
from consumers.topics import Topics
from consumers.turn import Turn
from ledger.store import Store, Stored, StoreUnavailable

NAME = "relay"

_BATCH = 4_000
_BATCH_BYTES = 16 * 1024 * 1024
_WAIT_S = 0.25
_EVERY_S = 0.01
_STATES_EVERY_S = 0.5
_SAVE_EVERY_S = 0.25
_AWAY_S = 5.0
_LONGEST_PAUSE_S = 0.5  # brokers that are back are to be noticed
_LEARNER = "learner-"
_READS = "audit-"


class TurnLost(Exception):
    """Another relay may be at work; what was under way is sent again by whoever has the turn."""


Publish = Callable[[list[Stored]], Iterable[Outgoing]]


def facts(topics: Topics) -> Publish:
    """
    Return what the relay publishes of a batch: every fact, learners' apart from all others.

    But for what auditors read: whose record somebody looked at is nobody's business outside, and changes nothing.
    """
    events, definitions = topics.events, topics.definitions
    return lambda batch: (
        message(stored, events if stored.stream.startswith(_LEARNER) else definitions)
        for stored in batch
        if not stored.stream.startswith(_READS)
    )


class Relay:
    """
    Follows the log of *store* and hands to Kafka what *publish* makes of its facts, while it is its turn.

    Where *publish* makes *states*, of which the newest message is all there is, no older one may come after it, not
    even from a relay that was frozen and wakes up: each then connects before it reads, and so ends those before it.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        positions: Positions,
        bootstrap: str,
        turn: Turn,
        publish: Publish,
        *,
        states: bool = False,
    ) -> None:
        self.name = name
        self._store = store
        self._positions = positions
        self._turn = turn
        self._publish = publish
        self._sending = Sending(bootstrap, f"ledger-{name}", alone=states)
        self._sent = self._saved = 0
        self._saved_at = monotonic()
        self._goes_on = False
        # Of states each learner's newest is enough, and costs as much as all in between.
        every = _STATES_EVERY_S if states else _EVERY_S
        outside = (KafkaError, NotSent, TurnLost)
        self.loop = Loop(name, self.step, self._wait, _LONGEST_PAUSE_S, every=every, outside=outside)

    @property
    def position(self) -> int:
        """The position up to which every fact is known to have arrived, by this process or one before it."""
        return self._sending.arrived if self._goes_on else self._positions.of(self.name)

    def step(self) -> int:
        """
        Send the next facts; return how many, 0 also while another has the turn.

        While behind, one batch is sent while the one before it arrives; at the head it is waited for.
        Whatever fails, the next step goes on after the saved position.
        """
        try:
            return self._step()
        except BaseException:
            self._abandon()
            raise

    def connect(self) -> None:
        """Connect before there is anything to send; NotSent where no broker answers."""
        self._sending.connect()

    def catch_up(self) -> int:
        """Send every fact there is; return the position."""
        while self.step() or not self._save(at_once=True):
            pass
        return self.position

    def close(self) -> None:
        """Stop, and let another relay have the turn; what is under way is sent again by it."""
        self.loop.stop()
        if self._turn.mine():
            with suppress(StoreUnavailable):
                self._save(at_once=True)
        self._abandon()
        self._turn.over()

    def _step(self) -> int:
        if not self._turn.mine():
            self._abandon()
            return 0
        if not self._goes_on:
            self._sending.connect()
            self._go_on()
        read = self._store.read_log(self._sent, _BATCH)
        if not read and self._sent > self._store.head():
            # An older copy of the log was put back: what was followed is no more.
            self._abandon()
            self._positions.start_over()
            return self._step()
        batch = _up_to(read, _BATCH_BYTES)
        if batch:
            self._sent = batch[-1].position
            self._sending.hand_over(self._publish(batch), self._sent)
        if self._sending.under_way:
            self._see_it_arrive(leave=1 if self._more_to_come(batch, read) else 0)
        self._save()
        return len(batch)

    def _more_to_come(self, batch: list[Stored], read: list[Stored]) -> bool:
        return not self._sending.alone and (len(batch) == _BATCH or len(batch) < len(read))

    def _go_on(self) -> None:
        self._sent = self._saved = self._sending.arrived = self._positions.of(self.name)
        self._goes_on = True

    def _abandon(self) -> None:
        """Stop sending; what is not saved is sent again."""
        self._sending.abandon()
        self._goes_on = False

    def _see_it_arrive(self, leave: int) -> None:
        """Wait until no more than *leave* batches are under way, for as long as it takes."""
        since = monotonic()
        while not self._sending.wait(_WAIT_S, leave):
            if self.loop.stopping:
                return
            self._see_whose_turn_it_is()
            if self.loop.failing is None and monotonic() - since > _AWAY_S:
                self.loop.waits(f"Kafka does not take in what was sent after position {self.position}")
        self._see_whose_turn_it_is()

    def _save(self, *, at_once: bool = False) -> bool:
        """Save now and then how far all has arrived; False where another position was saved, after which to go on."""
        if not self._goes_on or (not at_once and monotonic() - self._saved_at < _SAVE_EVERY_S):
            return True
        self._saved_at = monotonic()
        if self._positions.of(self.name) != self._saved:
            self._abandon()
            return False
        if self._sending.arrived > self._saved:
            if not self._positions.go_on(self.name, self._saved, self._sending.arrived):
                self._abandon()
                return False
            self._saved = self._sending.arrived
        return True

    def _see_whose_turn_it_is(self) -> None:
        if not self._turn.mine():
            raise TurnLost("another relay may have begun")

    def _wait(self) -> None:
        if self._turn.mine():
            self._store.wait(self._sent, _WAIT_S)
        else:
            self.loop.pause(_WAIT_S)


def _up_to(batch: list[Stored], size: int) -> list[Stored]:
    """Return as many facts of *batch* as *size* bytes hold, one at least."""
    for number, stored in enumerate(batch):
        size -= len(stored.body)
        if size < 0:
            return batch[: number + 1]
    return batch
