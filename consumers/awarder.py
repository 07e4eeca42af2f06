"""
Milestones by way of Kafka: the same settling as in one process, in as many processes as there are partitions.

All are members of one consumer group, so each fact is handled by one of them; where two settle the same learner all
the same, the record decides, and one milestone comes of it. What falls due by the clock is looked for by one process.
"""

from __future__ import annotations

from consumers.group import DeadLetters, Member
from consumers.looping import Loop
from consumers.positions import Positions
from consumers.topics import Topics
from consumers.turn import Turn
from consumers.when_due_then_act import Scheduler
from consumers.when_holdings_or_stacks_change_then_settle import (
    ABOUT_A_LEARNER,
    ABOUT_A_STACK,
    ABOUT_AN_ACHIEVEMENT,
    Settler,
)
from ledger import Ledger
from projections.views import Views

_LOOK_EVERY_S = 0.2


class Awarder:
    """One process that settles learners."""

    def __init__(
        self,
        ledger: Ledger,
        views: Views,
        positions: Positions,
        bootstrap: str,
        dead_letters: DeadLetters,
        turn: Turn,
        *,
        topics: Topics | None = None,
        instance: str | None = None,
    ) -> None:
        topics = topics or Topics()
        settler = Settler(ledger, views)
        self._turn = turn
        self._scheduler = Scheduler(ledger, views, settler, positions)
        self.member = Member(
            bootstrap,
            f"{topics.prefix}-awarder",
            (topics.events, topics.definitions),
            settler.handle,
            (*ABOUT_A_LEARNER, *ABOUT_A_STACK, *ABOUT_AN_ACHIEVEMENT),
            dead_letters,
            instance=instance,
        )
        self.scheduling = Loop("scheduler", self._act, lambda: self.scheduling.pause(_LOOK_EVERY_S))
        self.loops = (self.member.loop, self.scheduling)

    def start(self) -> None:
        """Join the others."""
        for loop in self.loops:
            loop.start()

    def close(self) -> None:
        """Leave the group, so that others take over at once, and the scheduler's turn to whoever waits for it."""
        self.scheduling.stop()
        self._turn.over()
        self.member.close()

    def _act(self) -> int:
        return self._scheduler.act() if self._turn.mine() else 0
