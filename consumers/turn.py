"""One process at a time: whoever holds an advisory lock of PostgreSQL acts, the others wait for it."""

from __future__ import annotations

import zlib
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, Protocol

import psycopg

from ledger.postgres import Session, connect
from ledger.store import StoreUnavailable

_ANSWER_S = 3.0
_NAMESPACE = 0x6C65_6467  # "ledg": our locks among those of others in the same database
_TELL_WHEN_WE_ARE_GONE = """
    SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
           set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '10000', false)
"""


class Turn(Protocol):
    """Whose turn it is to act."""

    def mine(self) -> bool:
        """Whether it is this process's turn now; takes it where it is free. Asked before, and again after, acting."""

    def over(self) -> None:
        """Let another process have it."""


class AlwaysMine:
    """The turn where there is but one process."""

    def mine(self) -> bool:
        return True

    def over(self) -> None:
        pass


class AdvisoryTurn:
    """
    The turn under one *name*, held by a connection of its own to the database at *url*.

    The lock ends with the connection, and the server is told to notice within seconds when this machine is gone.
    Whoever loses it learns of it when next asking, so another may act at the same time for a moment:
    what is done in a turn must bear being done twice.
    """

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._url = url
        self._key = zlib.crc32(name.encode()) - 2**31
        self._session: Session | None = None
        self._held = False

    def mine(self) -> bool:
        try:
            if self._session is None:
                self._session = connect(self._url, purpose=f"turn {self.name}")
                self._ask(_TELL_WHEN_WE_ARE_GONE)
            if self._held:
                self._ask("SELECT 1")
            else:
                self._held = self._ask("SELECT pg_try_advisory_lock(%s, %s)", (_NAMESPACE, self._key))
        except (psycopg.Error, StoreUnavailable):
            self.over()
        return self._held

    def over(self) -> None:
        self._held = False
        session, self._session = self._session, None
        if session is not None:
            with suppress(OSError):
                session.close()

    def _ask(self, query: str, parameters: tuple[Any, ...] = ()) -> bool:
        assert self._session is not None
        self._session.due = monotonic() + _ANSWER_S
        try:
            row = self._session.connection.execute(query, parameters).fetchone()
        finally:
            self._session.due = inf
        return row is not None and bool(row[0])
