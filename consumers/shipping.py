"""
Checkpoints on their way out of the house: to witnesses, and to a Kafka topic.

The file of checkpoints comes first, and is written before anything is published (`ledger.transparency.outside`). What
is told here can be told again: whoever keeps one checkpoint can show what was rewritten since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from consumers.looping import Loop
from consumers.positions import Positions
from consumers.turn import AdvisoryTurn
from consumers.witnesses import Witnessing, to_be_asked
from ledger.settings import PostgresUrls, Settings
from ledger.transparency.log import Log

if TYPE_CHECKING:
    from consumers.checkpoint_relay import CheckpointRelay


class Shipping:
    """Everything that takes checkpoints of one log outside, each in a thread of its own; nobody waits for it."""

    def __init__(self, relay: CheckpointRelay | None, witnessing: Iterable[Witnessing]) -> None:
        self._relay = relay
        self.loops: tuple[Loop, ...] = tuple(one.loop for one in witnessing)
        if relay is not None:
            self.loops = (relay.loop, *self.loops)

    @classmethod
    def of_ledger(cls, settings: Settings, log: Log, positions: Positions) -> Shipping:
        """Return what ships the checkpoints of the ledger that *settings* name, which is signed in this process."""
        witnessing = [Witnessing(one, log) for one in to_be_asked(settings.witnesses)]
        if settings.kafka is None or not isinstance(settings.database, PostgresUrls):
            return cls(None, witnessing)
        from consumers.checkpoint_relay import NAME, CheckpointRelay  # noqa: PLC0415  embedded, there is no Kafka
        from consumers.topics import Topics  # noqa: PLC0415

        turn = AdvisoryTurn(settings.database.log, NAME)
        return cls(CheckpointRelay(log, positions, settings.kafka, turn, Topics()), witnessing)

    def start(self) -> None:
        """Begin, in threads."""
        for loop in self.loops:
            loop.start()

    def close(self) -> None:
        """Stop, each after what is under way."""
        for loop in self.loops:  # all at once: each may be waiting for an answer of its own
            loop.wind_down()
        for loop in self.loops:
            loop.stop()
        if self._relay is not None:
            self._relay.close()
