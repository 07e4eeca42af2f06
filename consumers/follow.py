"""Following the log from where one left off: at least once, in order, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from consumers.looping import Loop
from consumers.positions import Positions
from ledger.codec import decode
from ledger.event import Event, Recorded, name_of
from ledger.store import Store

Handle = Callable[[list[Recorded]], None]

_BATCH = 10_000
_WAIT_SECONDS = 0.25


class Follower:
    """
    Hands facts to *handle*, and saves its position afterwards.

    A crash in between hands the same facts over again, and so may two processes at once: handlers must be idempotent.
    Facts that are not of the classes *about* are passed over undecoded, but count as followed.
    """

    def __init__(
        self, name: str, store: Store, positions: Positions, handle: Handle, about: Iterable[type[Event]]
    ) -> None:
        self.name = name
        self._store = store
        self._positions = positions
        self._handle = handle
        self._about = frozenset(_any_version(name_of(cls)) for cls in about)
        self._position = 0
        self.loop = Loop(name, self.step, lambda: store.wait(self._position, _WAIT_SECONDS))

    @property
    def position(self) -> int:
        """The position up to which everything has been handled."""
        return self._positions.of(self.name)

    def step(self) -> int:
        """Handle the next batch of facts; return how many were followed."""
        self._position = self.position
        batch = self._store.read_log(self._position, _BATCH)
        if not batch:
            return 0
        facts = [decode(stored) for stored in batch if _any_version(stored.name) in self._about]
        if facts:
            self._handle(facts)
        self._position = batch[-1].position
        self._positions.save(self.name, self._position)
        return len(batch)

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Handle every fact there is, those recorded meanwhile too; return the position."""
        while self.step():
            if progress is not None:
                progress(self._position, self._store.head())
        return self._position


def _any_version(name: str) -> str:
    """`award.revoked` of `award.revoked.v1`: facts stored under an older version are followed like today's."""
    return name.rpartition(".v")[0]
