"""
Group commit: threads that append at the same time queue up, and the first of them writes for all.

One commit to disk serves many, and each append still stands alone: what conflicts is left out, the others are written.
Who writes next is woken before those who are answered, so that the database is not kept waiting by what they do next.
A lone writer pays next to nothing for it. The queue is bounded: where it is full, or does not move, StoreBusy says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from time import perf_counter, sleep
from typing import Protocol

from ledger.store import Append, Decide, StoreBusy, StoreUnavailable, microseconds, size_of

_LARGEST_GROUP = 20_000
_LARGEST_GROUP_BYTES = 16 * 1024 * 1024
_MOST_WAITING = 512
_PATIENCE_S = 30.0
_PAUSE_S = 0.00005


class Pending:
    """Appends of one caller, waiting for whoever writes; with *decide* they are yet to be made, under the lock."""

    __slots__ = (
        *("appends", "catalogue_position", "decide", "done", "error", "leads", "now_us", "results", "size", "woken"),
    )

    def __init__(
        self,
        appends: Sequence[Append],
        size: int,
        now_us: int,
        catalogue_position: int | None,
        decide: Decide | None = None,
    ) -> None:
        self.appends = appends
        self.decide = decide
        self.size = size
        self.now_us = now_us
        self.catalogue_position = catalogue_position
        self.results: list[tuple[int, ...] | None] = []
        self.error: str | Exception | None = None
        self.done = False
        self.leads = False
        self.woken = Lock()

    def decided(self, head: int) -> bool:
        """Make the appends that are decided at the *head* of the log; what goes wrong there is this caller's alone."""
        if self.decide is not None:
            try:
                self.appends = (self.decide(head),)
                size_of(self.appends)
            except Exception as error:  # noqa: BLE001
                self.appends, self.error = (), error
                return False
        return True


class Writer(Protocol):
    """Who knows how one kind of store writes a group; used by one thread at a time."""

    def write(self, group: Sequence[Pending]) -> int:
        """
        Write what of *group* can be written, in its order and durably, and set each one's `results` or `error`.

        Return the position of the last fact written, 0 if there is none.
        """

    def close(self) -> None:
        """Release what it writes with."""


class GroupCommit:
    """
    The one writer of a log in this process; *reached* is told how far each commit took the log.

    At most *most_waiting* callers wait, and none longer than *patience* seconds. Where a commit costs much more than
    what it writes, whoever writes waits *gather* seconds for as many as came together lately; one alone never waits.
    """

    def __init__(
        self,
        writer: Writer,
        reached: Callable[[int], None],
        *,
        most_waiting: int = _MOST_WAITING,
        patience: float = _PATIENCE_S,
        gather: float = 0.0,
    ) -> None:
        self.writer = writer
        self._reached = reached
        self._most_waiting = most_waiting
        self._patience = patience
        self._gather = gather
        self._usual = 0
        self._lock = Lock()
        self._waiting: deque[Pending] = deque()
        self._writing = False
        self._closed = False

    def append(
        self, appends: Sequence[Append], size: int, now: datetime, catalogue_position: int | None
    ) -> list[tuple[int, ...] | None]:
        """Write *appends*, of *size* bytes, and return once they are durable; see `ledger.store.Store.append`."""
        return self._written(Pending(appends, size, microseconds(now), catalogue_position))

    def append_at_head(self, decide: Decide, now: datetime, catalogue_position: int | None) -> tuple[int, ...] | None:
        """Write what is decided at the head of the log; see `ledger.store.Store.append_at_head`."""
        (placed,) = self._written(Pending((), 0, microseconds(now), catalogue_position, decide))
        return placed

    def _written(self, pending: Pending) -> list[tuple[int, ...] | None]:
        self._take_turn(pending)
        if pending.error is not None:
            raise StoreUnavailable(pending.error) if isinstance(pending.error, str) else pending.error
        return pending.results

    def close(self) -> None:
        """Release the writer once all that waits is written."""
        if not self._closed:
            last = Pending((), 0, 0, None)
            self._take_turn(last, closing=True)
            self.writer.close()

    def _take_turn(self, pending: Pending, *, closing: bool = False) -> None:
        """Return when *pending* is done: by whoever writes already, or else by this thread, for all who wait."""
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if len(self._waiting) >= self._most_waiting and not closing:
                raise StoreBusy("too many commands wait to be written; try again")
            self._closed = closing
            pending.leads = not self._writing
            self._writing = True
            self._waiting.append(pending)
            if not pending.leads:
                pending.woken.acquire()
        if not pending.leads:
            self._wait(pending)
        if not pending.done:
            self._write_for_all()

    def _wait(self, pending: Pending) -> None:
        """Wait until *pending* is done, or is to write."""
        try:
            woken = pending.woken.acquire(timeout=self._patience)
        except BaseException:
            self._withdraw(pending)
            raise
        if not woken and self._withdraw(pending):
            raise StoreBusy("the store is too slow for what waits to be written; try again")

    def _withdraw(self, pending: Pending) -> bool:
        """Leave the queue, and say whether that was still possible; else it is being written, and soon done."""
        with self._lock:
            if pending in self._waiting:
                self._waiting.remove(pending)
                if pending.leads:
                    self._wake_next()
                return True
        pending.woken.acquire()
        return False

    def _write_for_all(self) -> None:
        """Write what waits in one commit. Whatever happens, nobody is left waiting, and nobody is kept from writing."""
        if self._gather:
            self._await_others()
        group = self._next_group()
        error = ""
        try:
            head = self.writer.write(group)
        except BaseException as failure:
            error = str(failure) or type(failure).__name__
            if not isinstance(failure, StoreUnavailable):
                raise
        else:
            if head:
                self._reached(head)
        finally:
            with self._lock:
                self._wake_next()
            for pending in group:
                pending.error = error or pending.error
                pending.done = True
                if not pending.leads:
                    pending.woken.release()

    def _await_others(self) -> None:
        until = perf_counter() + self._gather
        while len(self._waiting) < self._usual and perf_counter() < until:
            sleep(_PAUSE_S)

    def _next_group(self) -> list[Pending]:
        group: list[Pending] = []
        count = size = 0
        with self._lock:
            while self._waiting and count < _LARGEST_GROUP and size < _LARGEST_GROUP_BYTES:
                if self._waiting[0].decide is not None and group:
                    break
                pending = self._waiting.popleft()
                group.append(pending)
                if pending.decide is not None:  # alone, so that who decides can read whatever stands before
                    break
                count += len(pending.appends)
                size += pending.size
        self._usual = (self._usual + len(group)) // 2
        return group

    def _wake_next(self) -> None:
        """Let the first who waits write next."""
        self._writing = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].woken.release()
