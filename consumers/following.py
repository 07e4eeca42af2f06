"""Everything that follows one ledger, asked at once: how far each is, and how many dead letters wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from threading import Lock, Thread
from time import monotonic

from consumers.dead_letters import DeadLetters
from consumers.lag import Lag, Unasked, of_checkpoints, of_followers, of_groups
from consumers.witnesses import to_be_asked
from ledger.settings import Settings
from ledger.store import Store
from ledger.transparency.note import VerifierKey
from ledger.transparency.published import PublishedLog
from projections.views import Views

VIEWS = "views"
CHECKPOINTS = "checkpoints"  # whose position is no fact's
_HERE = ("settle",)
_WITH_KAFKA = ("relay", "transcripts")
_GROUPS_FRESH_S = 5.0

Found = list[Lag | Unasked]


class Following:
    """
    Who follows depends on the mode: settling in this process or, with Kafka, relay, transcripts and consumer groups.

    *positions* says what each has handled, by its name. *witnesses* are asked to cosign what is *published*, and are
    as far as they did.
    """

    def __init__(
        self,
        store: Store,
        views: Views,
        positions: Callable[[], Mapping[str, int]],
        now: Callable[[], datetime],
        *,
        kafka: str | None = None,
        letters: DeadLetters | None = None,
        published: PublishedLog | None = None,
        witnesses: Iterable[VerifierKey] = (),
    ) -> None:
        self._store = store
        self._views = views
        self._positions = positions
        self._now = now
        self._kafka = kafka
        self._letters = letters
        self._published = published
        self._witnesses = tuple(witnesses)
        self._groups: Found = []
        self._asked_at = float("-inf")
        self._asking = Lock()

    @classmethod
    def of_ledger(
        cls,
        settings: Settings,
        store: Store,
        views: Views,
        positions: Callable[[], Mapping[str, int]],
        now: Callable[[], datetime],
        published: PublishedLog,
    ) -> Following:
        """Return what follows the ledger that *settings* name."""
        return cls(
            store,
            views,
            positions,
            now,
            kafka=settings.kafka,
            letters=DeadLetters.of_ledger(settings),
            published=published,
            witnesses=[one.key for one in to_be_asked(settings.witnesses)],
        )

    def position(self) -> int:
        """Return the position of the log's last fact."""
        return self._store.head()

    def lags(self) -> Found:
        """Return the lag of every follower; waits for Kafka's brokers where there are any."""
        return [*self.followers(), *self._ask_groups()]

    def followers(self) -> list[Lag]:
        """Return the lag of those who follow the log itself, and of whatever takes its checkpoints outside."""
        expected, gone = (_WITH_KAFKA, _HERE) if self._kafka else (_HERE, _WITH_KAFKA)
        saved = {name: position for name, position in self._positions().items() if name not in gone}
        sent_us = saved.pop(CHECKPOINTS, 0)
        positions = {VIEWS: self._views.position(), **dict.fromkeys(expected, 0), **saved, **self._cosigned()}
        now = self._now()
        found = of_followers(self._store, positions, now)
        if self._kafka and self._published is not None:
            found.append(of_checkpoints(CHECKPOINTS, self._published, sent_us, now))
        return found

    def _cosigned(self) -> dict[str, int]:
        """Return by witness up to which fact it cosigned the log; one that is away stays where it was."""
        newest = None if self._published is None or not self._witnesses else self._published.newest()
        if self._published is None or newest is None:
            return {}
        origin = newest.checkpoint.origin
        return {f"witness {key.name}": self._published.cosigned_up_to(origin, key) or 0 for key in self._witnesses}

    def groups(self) -> Found:
        """Return the lag of consumer groups as last heard, and ask anew meanwhile: never waits for the brokers."""
        if self._kafka and monotonic() - self._asked_at > _GROUPS_FRESH_S and self._asking.acquire(blocking=False):
            Thread(target=self._refresh, name="lag", daemon=True).start()
        return self._groups

    def dead_letters(self) -> int:
        """Return how many dead letters wait."""
        return 0 if self._letters is None else self._letters.waiting()

    def close(self) -> None:
        """Release what was opened for this."""
        if self._letters is not None:
            self._letters.close()

    def _refresh(self) -> None:
        try:
            self._groups = self._ask_groups()
        finally:
            self._asked_at = monotonic()
            self._asking.release()

    def _ask_groups(self) -> Found:
        if not self._kafka:
            return []
        from consumers.topics import Topics  # noqa: PLC0415  the embedded ledger starts without Kafka's client

        topics = Topics()
        groups = {
            f"{topics.prefix}-awarder": (topics.events, topics.definitions),
            f"{topics.prefix}-intake": (topics.commands,),
        }
        return of_groups(self._kafka, groups, self._now())
