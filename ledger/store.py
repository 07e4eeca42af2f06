"""
What the ledger asks of a store: append in one transaction, read by stream, by position, by instant.

Streams are `<category>-<subject>`. Positions order the whole log and versions order one stream, both from 1.
Reference facts are those of definitions and people: every stream but those of learners, batches, auditors' reads and
the log's own heads.
Decisions rest on them, so an append can be made to depend on there being none newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from ledger.errors import TooLarge

LARGEST_APPEND = 8 * 1024 * 1024
_NOT_REFERENCE = ("learner-", "batch-", "audit-", "log-")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class StoreUnavailable(Exception):
    """The store cannot be used now (full, locked, missing, not a ledger); nothing was half-written."""


class StoreBusy(StoreUnavailable):
    """More waits to be written than can be written soon; nothing was written, and a second later it may be."""


class CatalogueMoved(Exception):
    """A definition or a person changed since the decision was made; decide again. Nothing was written."""


class Stored(NamedTuple):
    """A fact as it stands in the log; `recorded_us` counts microseconds since 1970, UTC."""

    position: int
    stream: str
    version: int
    name: str
    body: bytes
    recorded_us: int

    @property
    def recorded_at(self) -> datetime:
        """When the ledger learned of it; never earlier than that of the fact before it."""
        return instant(self.recorded_us)


class NewFact(NamedTuple):
    """A fact on its way into the log."""

    name: str
    body: bytes


class KeyedReceipt(NamedTuple):
    """
    The answer to a command that carried an idempotency key, kept so that repetition can be answered the same.

    In an append with facts, `version`, `position` and `recorded` are set by the store;
    `recorded` counts the facts, which stand at the positions up to `position`. `status` is `done`; of a request that
    is many commands, what was answered.
    """

    principal: str
    key: str
    request_hash: bytes
    stream: str
    version: int = 0
    position: int = 0
    recorded: int = 0
    status: str = "done"


class Append(NamedTuple):
    """Facts to follow version `after_version` of a stream, with the receipt to be kept beside them."""

    stream: str
    after_version: int
    facts: tuple[NewFact, ...]
    receipt: KeyedReceipt | None = None


Decide = Callable[[int], Append]
"""What makes an append of the position of the last fact."""


class Store(Protocol):
    """The durable log. All methods may be called from any thread."""

    def append(
        self, appends: Sequence[Append], *, now: datetime, catalogue_position: int | None = None
    ) -> list[tuple[int, ...] | None]:
        """
        Write in one transaction; return each append's positions once they are durable.

        Each stream stands alone: an append is None, and not written, where its stream is not at `after_version` or
        its receipt's key is taken; and so is what follows on the same stream, for it was decided upon that.
        An append without facts only keeps its receipt.
        `recorded_at` is the later of *now* and the newest fact's, set under the lock that orders the log.
        Raises CatalogueMoved where a reference fact stands after *catalogue_position*.
        """

    def append_at_head(
        self, decide: Decide, *, now: datetime, catalogue_position: int | None = None
    ) -> tuple[int, ...] | None:
        """
        Write what *decide* makes of the log's head, as `append` would: under the lock, so that nothing comes between.

        All others who append wait meanwhile, so it is to be quick; it may read, and may be asked more than once.
        What it raises is raised here, and nothing is written.
        """

    def read(self, stream: str, after_version: int = 0, until: int | None = None) -> list[Stored]:
        """Facts of one stream after a version, up to position *until*."""

    def read_many(self, streams: Iterable[str]) -> dict[str, list[Stored]]:
        """All facts of many streams, by stream; streams without facts are left out."""

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """Return the version each stream is at; 0 where it has no facts."""

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:
        """Up to *limit* facts after position *after*, up to position *until*."""

    def read_reference(self, after: int = 0, until: int | None = None) -> list[Stored]:
        """All reference facts after position *after*, up to position *until*."""

    def reference_head(self, until: int | None = None) -> int:
        """Position of the last reference fact, up to position *until*; 0 when there is none."""

    def head(self) -> int:
        """Position of the last fact; 0 when there is none."""

    def position_at(self, instant: datetime) -> int:
        """Position of the last fact recorded at or before *instant*; 0 when there is none."""

    def streams(self, category: str, after: str = "", limit: int = 1000) -> list[str]:
        """Names of streams of one category in order, following the name *after*."""

    def receipt(self, principal: str, key: str) -> KeyedReceipt | None:
        """The receipt kept for the key of one principal."""

    def wait(self, after: int, timeout: float) -> bool:
        """Return True as soon as a fact stands after position *after*, False when *timeout* seconds have passed."""

    def close(self) -> None:
        """Release everything; later calls raise StoreUnavailable."""


def is_reference(stream: str) -> bool:
    """Whether the facts of *stream* are definitions or people, on which decisions about learners rest."""
    return not stream.startswith(_NOT_REFERENCE)


def size_of(appends: Sequence[Append]) -> int:
    """Return how many bytes the facts have; TooLarge where those of one append are more than a command may record."""
    size = sum([len(fact.body) for append in appends for fact in append.facts])
    if size > LARGEST_APPEND:
        for append in appends:
            if sum(len(fact.body) for fact in append.facts) > LARGEST_APPEND:
                msg = f"One command can record at most {LARGEST_APPEND // 1024 // 1024} MiB; send it in parts."
                raise TooLarge(msg)
    return size


def microseconds(moment: datetime) -> int:
    """Microseconds from 1970 to *moment*, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def instant(recorded_us: int) -> datetime:
    """Return the instant *recorded_us* microseconds after 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=recorded_us)
