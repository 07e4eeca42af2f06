"""Everything that follows the log of one ledger: the views, settling, the scheduler, the sequencer."""

from __future__ import annotations

import logging
from collections.abc import Callable

from consumers.follow import Follower
from consumers.looping import Loop
from consumers.positions import Positions
from consumers.sequencer import Sequencer
from consumers.shipping import Shipping
from consumers.when_due_then_act import Scheduler
from consumers.when_holdings_or_stacks_change_then_settle import (
    ABOUT_A_LEARNER,
    ABOUT_A_STACK,
    ABOUT_AN_ACHIEVEMENT,
    Settler,
)
from ledger import Ledger
from ledger.store import StoreUnavailable
from projections.views import Views

_WAIT_SECONDS = 0.25

_log = logging.getLogger(__name__)


class Projector:
    """Keeps the views up with the log; rebuilt first where an older copy of the log was put back."""

    def __init__(self, ledger: Ledger, views: Views) -> None:
        self._store = ledger.store
        self._views = views
        self._projected = 0
        if views.position() > ledger.store.head():
            views.rebuild(ledger.store)
        self.loop = Loop("project", self.step, lambda: self._store.wait(self._projected, _WAIT_SECONDS))

    def step(self) -> int:
        """Take in what is new; return how many facts that were."""
        taken = self._views.step(self._store)
        self._projected = self._views.projected
        return taken


class Followers:
    """
    The followers of one ledger: run them in threads (`start`), or all at once to where nothing is left (`catch_up`).

    Both may happen in several processes at the same time. Where others settle (*settles* is False: consumers of
    Kafka do), this one keeps no more than the views up. *sequencer* and *shipping* are left out where
    they run elsewhere.
    """

    def __init__(
        self,
        ledger: Ledger,
        views: Views,
        positions: Positions,
        *,
        settles: bool = True,
        sequencer: Sequencer | None = None,
        shipping: Shipping | None = None,
    ) -> None:
        self._ledger = ledger
        self._views = views
        self._positions = positions
        self._settles = settles
        self._sequencer = sequencer
        self._shipping = shipping
        settler = Settler(ledger, views)
        self.settling = Follower(
            "settle",
            ledger.store,
            self._positions,
            settler.handle,
            (*ABOUT_A_LEARNER, *ABOUT_A_STACK, *ABOUT_AN_ACHIEVEMENT),
        )
        self.scheduler = Scheduler(ledger, views, settler, self._positions)
        self._loops: tuple[Loop, ...] = ()
        if settles:
            if self.settling.position > ledger.store.head():  # what was followed is no more
                self._positions.start_over()
            self._loops = (Projector(ledger, views).loop, self.settling.loop, self.scheduler.loop)
        if sequencer is not None:
            self._loops += (sequencer.loop,)

    def positions(self) -> dict[str, int]:
        """Return what each follower that keeps a position has handled, of this process or another."""
        return self._positions.all()

    def start(self) -> None:
        """Catch up, then follow in threads."""
        if self._loops:
            self._views.catch_up(self._ledger.store)
        for loop in self._loops:
            loop.start()
        if self._shipping is not None:
            self._shipping.start()

    def stop(self) -> None:
        """Stop the threads, each after the step under way."""
        if self._shipping is not None:
            self._shipping.close()
        for loop in reversed(self._loops):
            loop.stop()

    def close(self) -> None:
        """Stop, and release the positions."""
        self.stop()
        if self._sequencer is not None:
            self._sequencer.close()
        self._positions.close()

    def failing(self) -> dict[str, str]:
        """Return by follower why it does not get on; empty while all is well."""
        stopped = {loop.name: "not running" for loop in self._loops if not loop.running}
        return stopped | {loop.name: loop.failing for loop in self._loops if loop.failing is not None}

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> int:
        """
        Settle, act on what is due, and bring the views up to date, until nothing more follows; return the position.

        Works beside running threads and other processes.
        """
        while self._settles and not (self._sequencer is not None and self._sequencer.halted()):
            self.settling.catch_up(progress)
            self._views.catch_up(self._ledger.store, progress)
            if not self.scheduler.act() and self.settling.position >= self._ledger.store.head():
                break
        self._sequence()
        return self._views.catch_up(self._ledger.store, progress)

    def _sequence(self) -> None:
        """Publish what was recorded; whatever keeps the log from it keeps nobody from reading."""
        if self._sequencer is not None:
            try:
                self._sequencer.catch_up()
            except StoreUnavailable as error:
                _log.warning("The transparency log does not get on: %s", error)
