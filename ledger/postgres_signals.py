"""Who waits for new facts on PostgreSQL is woken by the commit's notification: one connection a process listens."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Lock, Thread

import psycopg

from ledger.postgres import Session, connect
from ledger.signals import Signal
from ledger.store import StoreUnavailable

_LOOK_S = 30.0
_RECONNECT_S = 0.5


class Listener:
    """Listens from the first wait on; while it cannot, who waits still looks four times a second."""

    def __init__(self, url: str, purpose: str, signal: Signal) -> None:
        self._url = url
        self._purpose = purpose
        self._signal = signal
        self._lock = Lock()
        self._thread: Thread | None = None
        self._session: Session | None = None
        self._stopped = Event()
        self.listens = Event()

    def start(self) -> None:
        """Begin to listen, unless that is done already."""
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._stopped.is_set():
                    self._thread = Thread(target=self._listen, name="listening to the log", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Stop, and wait until that is done."""
        with self._lock:
            self._stopped.set()
            if self._session is not None:
                self._session.shut()
        if self._thread is not None:
            self._thread.join(_LOOK_S)

    def _listen(self) -> None:
        while not self._stopped.is_set():
            with suppress(StoreUnavailable, psycopg.Error):
                self._follow(connect(self._url, purpose=self._purpose))
            self.listens.clear()
            self._stopped.wait(_RECONNECT_S)

    def _follow(self, session: Session) -> None:
        with self._lock:
            self._session = session
        try:
            session.connection.execute("LISTEN ledger")
            self.listens.set()
            while not self._stopped.is_set():
                for notification in session.connection.notifies(timeout=_LOOK_S):
                    self._signal.reached(int(notification.payload))
                session.connection.execute("SELECT 1")  # a connection that is silently dead is found by asking
        finally:
            with self._lock:
                self._session = None
            session.close()
