"""
Every checkpoint of the transparency log to the Kafka topic `ledger.checkpoints.v1`, at least once, kept for ever.

    key         the origin of the log
    value       the checkpoint as the log signed it
    timestamp   when it was signed, in milliseconds
    headers     content-type: text/plain; charset=utf-8
"""

from __future__ import annotations

from kafka.errors import KafkaError

from consumers.cloud_events import Outgoing
from consumers.looping import Loop
from consumers.positions import Positions
from consumers.producing import NotSent, Sending
from consumers.topics import Topics
from consumers.turn import Turn
from ledger.store import microseconds
from ledger.transparency.log import Log
from ledger.transparency.published import Published

NAME = "checkpoints"
_HEADERS = [("content-type", b"text/plain; charset=utf-8")]
_AT_ONCE = 500
_LOOK_S = 0.5
_ARRIVES_S = 5.0
_LONGEST_PAUSE_S = 5.0


class CheckpointRelay:
    """Hands every checkpoint of *log* to Kafka, at least once, in the order in which they were signed."""

    def __init__(self, log: Log, positions: Positions, bootstrap: str, turn: Turn, topics: Topics) -> None:
        self._log = log
        self._positions = positions
        self._turn = turn
        self._topic = topics.checkpoints
        self._sending = Sending(bootstrap, f"ledger-{NAME}")
        self.loop = Loop(NAME, self.step, self._wait, _LONGEST_PAUSE_S, outside=(KafkaError, NotSent))

    def step(self) -> int:
        """Send the next checkpoints, and note how far once they have arrived; return how many."""
        if not self._turn.mine():
            return 0
        sent_us = self._positions.of(NAME)
        some = self._log.published.after(sent_us, _AT_ONCE)
        if not some:
            return 0
        mark = microseconds(some[-1].at)
        self._sending.hand_over(map(self._message, some), mark)
        while not self._sending.wait(_ARRIVES_S):
            if self.loop.stopping or not self._turn.mine():
                self._sending.abandon()
                return 0
        self._positions.go_on(NAME, sent_us, mark)  # or it was taken back, and they are sent again
        return len(some)

    def close(self) -> None:
        """Stop, and let another have the turn."""
        self.loop.stop()
        self._sending.abandon()
        self._turn.over()

    def _message(self, published: Published) -> Outgoing:
        origin, at_ms = published.checkpoint.origin.encode(), microseconds(published.at) // 1000
        return Outgoing(self._topic, origin, published.note.encode(), _HEADERS, at_ms)

    def _wait(self) -> None:
        self.loop.pause(_LOOK_S)
