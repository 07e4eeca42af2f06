"""
Who waits for new facts is told within the process at the moment of commit, and looks four times a second else.

Other processes on PostgreSQL say so too; see `ledger.postgres_signals`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from threading import Condition, Lock
from time import monotonic
from typing import Protocol
from weakref import WeakValueDictionary

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription

POLL_S = 0.25


class Signal:
    """How far one log is known, in this process, to reach."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._head = 0

    def reached(self, head: int) -> None:
        """Tell all who wait that the log reaches *head*."""
        if head > self._head:
            with self._condition:
                self._head = max(head, self._head)
                self._condition.notify_all()

    def above(self, after: int, timeout: float) -> bool:
        """Whether the log reaches beyond *after*, at the latest when *timeout* seconds have passed."""
        if self._head > after:
            return True
        with self._condition:
            return self._condition.wait_for(lambda: self._head > after, timeout)

    def wait(self, after: int, timeout: float, head: Callable[[], int]) -> bool:
        """Whether the log reaches beyond *after* before *timeout* seconds have passed; *head* asks the log itself."""
        until = monotonic() + timeout
        while not self.above(after, 0):
            if (found := head()) > after:  # another process may have written
                self.reached(found)
            elif (left := until - monotonic()) <= 0:
                return False
            else:
                self.above(after, min(left, POLL_S))
        return True


class Waiting(Protocol):
    """What a subscription needs of a store beside the library's recorder."""

    def head(self) -> int:
        """See `ledger.store.Store`."""

    def wait(self, after: int, timeout: float) -> bool:
        """See `ledger.store.Store`."""


class SignalledSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """A subscription of the library's kind, woken by commits in this process and by looking for those of others."""

    def __init__(
        self, recorder: ApplicationRecorder, store: Waiting, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        self._store = store
        super().__init__(recorder=recorder, gt=gt, topics=topics)

    def _loop_on_pull(self) -> None:
        seen = self._last_notification_id or 0
        try:
            while not self._has_been_stopped:
                head = self._store.head()
                self._pull()
                seen = max(seen, head)  # with topics, what was passed over counts as seen
                self._store.wait(seen, POLL_S)
        except BaseException as error:  # noqa: BLE001  raised again by the thread that reads
            self._thread_error = self._thread_error or error
            self.stop()


_signals: WeakValueDictionary[Hashable, Signal] = WeakValueDictionary()
_lock = Lock()


def signal_of(log: Hashable) -> Signal:
    """Return the one signal that all stores of this process share for the same log, as a file's device and inode."""
    with _lock:
        signal = _signals.get(log)
        if signal is None:
            signal = _signals[log] = Signal()
        return signal
