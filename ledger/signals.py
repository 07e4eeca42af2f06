"""Who waits for new facts is told within the process at the moment of commit, and looks four times a second else."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition, Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from eventsourcing.persistence import ListenNotifySubscription

if TYPE_CHECKING:
    from ledger.sqlite_store import SQLiteStore

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


class SignalledSubscription(ListenNotifySubscription["SQLiteStore"]):
    """A subscription of the library's kind, woken by commits in this process and by looking for those of others."""

    def __init__(self, recorder: SQLiteStore, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)

    def _loop_on_pull(self) -> None:
        seen = self._last_notification_id or 0
        try:
            while not self._has_been_stopped:
                head = self._recorder.head()
                self._pull()
                seen = max(seen, head)  # with topics, what was passed over counts as seen
                self._recorder.wait(seen, POLL_S)
        except BaseException as error:  # noqa: BLE001  raised again by the thread that reads
            self._thread_error = self._thread_error or error
            self.stop()


_signals: WeakValueDictionary[tuple[int, int], Signal] = WeakValueDictionary()
_lock = Lock()


def signal_of(file: tuple[int, int]) -> Signal:
    """Return the one signal that all stores of this process share for the same file (device, inode)."""
    with _lock:
        signal = _signals.get(file)
        if signal is None:
            signal = _signals[file] = Signal()
        return signal
