"""
The sequencer: whatever is recorded into the transparency log's tree, and its head published, within about a second.

Embedded, facts are in the tree as soon as they are recorded, and only what is behind is made up here. Two at once do no
harm: what is written to the tree follows from the facts, and who signs holds the file of checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from consumers.looping import Loop
from consumers.turn import AdvisoryTurn, AlwaysMine, Turn
from ledger.settings import Settings
from ledger.store import Store
from ledger.transparency.log import Log

NAME = "sequencer"
_WAIT_S = 0.25
_EVERY_S = 0.1


class Sequencer:
    """Keeps *log* up with *store*, while it is its *turn*."""

    def __init__(self, log: Log, store: Store, now: Callable[[], datetime], turn: Turn) -> None:
        self._log = log
        self._store = store
        self._now = now
        self._turn = turn
        self.loop = Loop(NAME, self.step, self._wait, longest_pause=1.0, every=_EVERY_S)

    @classmethod
    def of_ledger(cls, settings: Settings, log: Log, store: Store, now: Callable[[], datetime]) -> Sequencer:
        """Return the one of the ledger that *settings* name."""
        database = settings.database
        return cls(log, store, now, AlwaysMine() if isinstance(database, Path) else AdvisoryTurn(database.log, NAME))

    def step(self) -> int:
        """Take in the next facts; once there are none, publish the head if it grew. Return how many were taken in."""
        if not self._turn.mine():
            return 0
        taken = self._log.integrate()
        if not taken:
            self._log.publish(self._now())
        return taken

    def catch_up(self) -> None:
        """Take in every fact there is and publish the head, unless another does."""
        if self._turn.mine():
            while self._log.integrate():
                pass
            self._log.publish(self._now(), at_once=True)

    def halted(self) -> bool:
        """Whether the ledger is read-only."""
        return self._log.halted() is not None

    def close(self) -> None:
        """Stop, and let another have the turn."""
        self.loop.stop()
        self._turn.over()

    def _wait(self) -> None:
        self._store.wait(self._log.tree.size(), _WAIT_S)
