"""One process of the intake: a member of its consumer group, that keeps and tells of what is refused."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from consumers.dead_letters import DeadLetters, Taking
from consumers.group import Member
from consumers.intake import Intake
from consumers.producing import NotSent, Sending
from consumers.topics import Topics
from ledger import Ledger
from ledger.store import StoreUnavailable

_ARRIVE_S = 10.0

_log = logging.getLogger(__name__)


def group(topics: Topics) -> str:
    """Return the name of the intake's consumer group."""
    return f"{topics.prefix}-intake"


class IntakeMember(Member):
    """Takes in what other systems send; any number of processes may be members at once."""

    def __init__(
        self,
        ledger: Ledger,
        sources: frozenset[str],
        letters: DeadLetters,
        bootstrap: str,
        *,
        topics: Topics | None = None,
        instance: str | None = None,
    ) -> None:
        topics = topics or Topics()
        named = group(topics)
        super().__init__(
            bootstrap, named, (topics.commands,), lambda _: None, (), letters, instance=instance, outside=(NotSent,)
        )
        self._telling = Telling(bootstrap, f"{named}-{instance or 'member'}")
        self._taking = Taking(Intake(ledger, sources), letters, self._telling, topics.commands, ledger.now)
        if not sources:
            _log.warning("LEDGER_INTAKE_SOURCES names nobody: every message will be a dead letter")

    def start(self) -> None:
        """Tell of what was refused before a crash, then join the others."""
        with suppress(NotSent, StoreUnavailable):  # then with the next that is refused
            self._taking.begin()
        self.loop.start()

    def close(self) -> None:
        """Stop after the batch at hand, and leave the group, so that others take over at once."""
        super().close()
        self._telling.close()

    def _take_in(self, polled: dict[Any, list[Any]]) -> None:
        self._taking.handle([message for messages in polled.values() for message in messages])


class Telling:
    """Hands messages to Kafka and returns when they have arrived; NotSent where that cannot be known."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._sending = Sending(bootstrap, client_id)
        self._mark = 0

    def __call__(self, messages: Any) -> None:
        self._mark += 1
        self._sending.hand_over(messages, self._mark)
        if not self._sending.wait(_ARRIVE_S):
            self._sending.abandon()
            raise NotSent("Kafka does not say that dead letters arrived")

    def close(self) -> None:
        """Release the connection."""
        self._sending.abandon()
