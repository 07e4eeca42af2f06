"""Uses of connections end in time: one thread of the process shuts those that are overdue."""

from __future__ import annotations

import os
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Protocol
from weakref import WeakSet

_LOOK_EVERY_S = 0.25


class Watched(Protocol):
    """Something in use until `due`, on the clock of `time.monotonic`; infinity while nobody uses it."""

    due: float

    def shut(self) -> None:
        """Wake whoever waits on it, with an error."""


_watched: WeakSet[Watched] = WeakSet()
_watching = 0  # the process in which a thread watches
_watch_lock = Lock()


def watch(session: Watched) -> None:
    """Shut *session* whenever it is overdue, as long as it lives."""
    global _watching  # noqa: PLW0603
    with _watch_lock:
        _watched.add(session)
        if _watching != os.getpid():
            _watching = os.getpid()
            Thread(target=_shut_overdue, name="database deadlines", daemon=True).start()


def _watch_anew() -> None:
    global _watch_lock, _watched  # noqa: PLW0603
    _watch_lock = Lock()  # another thread may have held the old one at the moment of the fork
    _watched = WeakSet()


os.register_at_fork(after_in_child=_watch_anew)


def _shut_overdue() -> None:
    while True:
        sleep(_LOOK_EVERY_S)
        with _watch_lock:
            sessions = list(_watched)
        now = monotonic()
        for session in sessions:
            if session.due < now:
                session.shut()
