"""
When something is due by the ledger's clock, act: awards that run out, breaks whose grace is over, stacks that start.

Acting is settling the learner: the rules know what is due. Nothing is kept in memory that matters,
so it survives restarts; and settling twice records nothing, so two schedulers do no harm.
"""

from __future__ import annotations

import time

from consumers.looping import Loop
from consumers.positions import Positions
from consumers.when_holdings_or_stacks_change_then_settle import Settler
from ledger import Ledger
from projections.due import Due, due, starts
from projections.views import Views

_LOOK_EVERY_SECONDS = 0.2
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 3600.0
_AT_ONCE = 5_000


class Scheduler:
    """Looks at what is due a few times a second."""

    def __init__(self, ledger: Ledger, views: Views, settler: Settler, positions: Positions) -> None:
        self._ledger = ledger
        self._views = views
        self._settler = settler
        self._positions = positions
        self._tried: dict[Due, tuple[float, float]] = {}
        self.loop = Loop("scheduler", self.act, lambda: self.loop.pause(_LOOK_EVERY_SECONDS))

    def act(self) -> int:
        """
        Act on what is due now; return how many facts that recorded.

        What stays due although it was acted on (an appeal holds it up, or the views have not heard yet)
        is tried again, ever less often.
        """
        now = self._ledger.now()
        with self._views.reading() as connection:
            everything = due(connection, now, limit=_AT_ONCE + len(self._tried))
            begun = starts(connection, now)
        self._tried = {one: self._tried[one] for one in everything if one in self._tried}
        instant = time.monotonic()
        ready = [one for one in everything if self._tried.get(one, (0.0, 0.0))[0] <= instant]
        recorded = self._settler.settle(dict.fromkeys(one.learner_id for one in ready))
        for one in ready:
            pause = self._tried.get(one, (0.0, _FIRST_RETRY_SECONDS))[1]
            self._tried[one] = instant + pause, min(2 * pause, _LONGEST_RETRY_SECONDS)
        new = [start for start in begun if not self._positions.acted(start.subject)]
        if new:
            recorded += self._settler.settle_holders(sorted({start.stack_id for start in new}))
            for start in new:
                self._positions.act(start.subject)
        return recorded
