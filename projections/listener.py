"""Hearing of what others commit: a thread that listens on a channel of PostgreSQL, from when it is first asked to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic

import psycopg

from ledger.postgres import Session, connect
from ledger.store import StoreUnavailable

_DEAF_POLL_S = 0.02
_LISTENING_POLL_S = 0.25
_AGAIN_S = 0.5
_ALIVE_EVERY_S = 5.0


class Listener:
    """Listens on *channel*; a server that is lost is looked for until it is back."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._lock = Lock()
        self._thread: Thread | None = None
        self._session: Session | None = None
        self._closed = Event()
        self._listening = False

    def listen(self, told: Callable[[], None]) -> float:
        """Have *told* called at every commit; return after how many seconds to look by oneself all the same."""
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed.is_set():
                    self._thread = Thread(target=self._run, args=(told,), name=f"listen {self._channel}", daemon=True)
                    self._thread.start()
        return _LISTENING_POLL_S if self._listening else _DEAF_POLL_S

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._session is not None:
            self._session.shut()
        if self._thread is not None:
            self._thread.join(1)

    def _run(self, told: Callable[[], None]) -> None:
        while not self._closed.is_set():
            with suppress(StoreUnavailable, psycopg.Error):
                session = self._session = connect(self._url, purpose=f"listening for {self._channel}")
                try:
                    self._hear(session, told)
                finally:
                    self._listening = False
                    session.close()
            self._closed.wait(_AGAIN_S)

    def _hear(self, session: Session, told: Callable[[], None]) -> None:
        session.connection.execute(f"LISTEN {self._channel}".encode())
        self._listening = True
        while not self._closed.is_set():
            for _ in session.connection.notifies(timeout=_ALIVE_EVERY_S):
                told()
            session.due = monotonic() + _ALIVE_EVERY_S
            session.connection.execute("SELECT 1")
            session.due = float("inf")
