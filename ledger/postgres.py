"""
PostgreSQL as this ledger uses it: durable sessions, each use with a deadline, one sentence for whatever goes wrong.

A session that is lost is replaced at its next use; a read is simply done again. The deadline is our own, because none
of the server's reaches a client whose packets are swallowed by a proxy: past it the socket is shut, and whoever waits
on it wakes up. Nothing here survives a fork, and says so.
"""

from __future__ import annotations

import os
import re
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from math import inf
from threading import Condition, Lock
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import Transformer
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format

from ledger.deadlines import watch
from ledger.postgres_binary import Query
from ledger.postgres_errors import MIGRATE_FIRST, sentence, translate, why_not_connected
from ledger.store import StoreUnavailable

__all__ = [
    "MIGRATE_FIRST",
    "PATIENCE_S",
    "Lost",
    "NoDatabase",
    "PostgresDatabase",
    "PostgresWriting",
    "Session",
    "Sessions",
    "connect",
    "lost",
    "marked",
    "sentence",
    "translate",
]

OLDEST_SERVER = 15
PATIENCE_S = 10.0
_CONNECT_S = 5
_SESSIONS = 16
# Those who write small tables take turns under an advisory lock; who need not wait for the disk has another one, not to
# wait for those who do.
_TURN_DURABLE = "SELECT pg_advisory_xact_lock(4991233001)"
_TURN_NOT_DURABLE = "SELECT pg_advisory_xact_lock(4991233002), set_config('synchronous_commit', 'off', true)"
_PLANS = {True: ("force_generic_plan", "off"), False: ("auto", "on")}
_LOST = ("08", "57P", "25006")  # SQLSTATEs after which a session is of no use: broken, shut down, on a standby
_DURABLE = """
SELECT set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply')
                                        THEN current_setting('synchronous_commit') ELSE 'on' END, false),
       set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
       set_config('idle_in_transaction_session_timeout', '60s', false),
       set_config('client_connection_check_interval', %s, false),
       set_config('search_path', 'ledger', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('plan_cache_mode', %s, false), set_config('enable_seqscan', %s, false),
       set_config('jit', 'off', false),
       current_setting('server_version_num')::int, pg_backend_pid(),
       (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))
"""


R = TypeVar("R")


class NoDatabase(StoreUnavailable):
    """The server has no database of that name."""


class Lost(StoreUnavailable):
    """The session broke while it was used: what it was doing may have been done, or not."""


class Session:
    """One connection, alone with whoever took it. `due` is when its use is to be over."""

    __slots__ = ("__weakref__", "_prepared", "_reader", "_socket", "backend", "connection", "due")

    def __init__(self, connection: psycopg.Connection[Any], backend: tuple[int, Any]) -> None:
        self.connection = connection
        self.backend = backend
        self.due = inf
        self._prepared: set[Query] = set()
        self._reader = Transformer(connection)
        # A duplicate, because libpq closes its own when it finds the connection lost, and the number is used again.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        watch(self)

    def ask(self, query: Query, values: Sequence[bytes], make: Callable[[Sequence[Any]], R]) -> list[R]:
        """Return all rows of a query, each as *make* makes it."""
        pgconn = self.connection.pgconn
        if query not in self._prepared:
            prepared = pgconn.prepare(query.name, query.text, query.types)
            if prepared.status != ExecStatus.COMMAND_OK:
                raise error_from_result(prepared)
            self._prepared.add(query)
        result = pgconn.exec_prepared(query.name, values, query.formats, 1)
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result)
        self._reader.set_pgresult(result, set_loaders=True, format=Format.BINARY)
        return self._reader.load_rows(0, result.ntuples, make)

    def shut(self) -> None:
        """Wake whoever waits on this session; to be called from another thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the session."""
        with suppress(psycopg.Error):
            self.connection.close()
        self._socket.close()


def connect(url: str, *, purpose: str = "", patience: float = PATIENCE_S, by_index: bool = False) -> Session:
    """
    Open a durable session in autocommit; StoreUnavailable says in one sentence why there is none.

    *by_index* is for those who find everything by an index: what they ask is planned once, and not differently while a
    table is young and nothing is known of it.
    """
    options: dict[str, Any] = {"connect_timeout": _CONNECT_S, "application_name": f"ledger{purpose}"}
    try:
        asked = conninfo_to_dict(url)
        if "," in str(asked.get("host", "")):
            options["target_session_attrs"] = "read-write"
        options |= {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
        connection = psycopg.connect(url, autocommit=True, **{k: v for k, v in options.items() if k not in asked})
    except (psycopg.Error, UnicodeError, ValueError) as error:
        missing = 'FATAL:  database "' in str(error) and "does not exist" in str(error)
        raise (NoDatabase if missing else StoreUnavailable)(why_not_connected(url, error)) from None
    session = Session(connection, (0, None))
    session.due = monotonic() + _CONNECT_S
    server_ms = int(patience * 900)
    try:
        settings = (f"{server_ms}ms", f"{server_ms // 2}ms", _check_interval(connection), *_PLANS[by_index])
        row = connection.execute(_DURABLE, settings, prepare=False).fetchone()
    except BaseException as error:
        session.close()
        if isinstance(error, psycopg.Error):
            raise StoreUnavailable(why_not_connected(url, error)) from None
        raise
    session.due = inf
    assert row is not None
    if row[-3] < OLDEST_SERVER * 10_000:
        session.close()
        msg = f"PostgreSQL {row[-3] // 10_000} is too old; the ledger needs {OLDEST_SERVER} or newer"
        raise StoreUnavailable(msg)
    session.backend = (row[-2], row[-1])
    return session


class Sessions:
    """Sessions to one database, one per use that is under way, kept for the next; further uses wait their turn."""

    def __init__(
        self,
        url: str,
        *,
        purpose: str = "",
        at_most: int = _SESSIONS,
        patience: float = PATIENCE_S,
        by_index: bool = False,
    ) -> None:
        self.url = url
        self._by_index = by_index
        self._purpose = purpose
        self._patience = patience
        self._idle: deque[Session] = deque()
        self._room = at_most
        self._returned = Condition(Lock())
        self._waiting = 0
        self._process = os.getpid()
        self._closed = False

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._again(lambda session: session.connection.execute(query, parameters, prepare=True).fetchall())

    def ask(self, query: Query, *values: Any, make: Callable[[Sequence[Any]], R]) -> list[R]:
        """Return all rows of a query, each as *make* makes it."""
        try:
            encoded = query.encoded(values)
        except UnicodeEncodeError as error:
            translate(error)
            raise
        return self._again(lambda session: session.ask(query, encoded, make))

    def _again(self, read: Callable[[Session], R]) -> R:
        """Read. Where the session turns out to be lost, as all are once a server was restarted, read on a new one."""
        try:
            with self.using() as session:
                return read(session)
        except Lost:
            with self.using() as session:
                return read(session)

    def using(self, patience: float | None = None) -> _Use:
        """Lend a session for the length of a block, which has *patience* seconds to end."""
        self.check_open()
        return _Use(self, self._patience if patience is None else patience)

    def check_open(self) -> None:
        """Raise StoreUnavailable once closed, and in a child process: both would speak on one connection."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._process != os.getpid():
            raise StoreUnavailable("the store was opened before this process was forked; open it in the worker")

    def take(self, patience: float) -> Session:
        """Return an idle session, a new one where there is room for it, or the next that is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        until = monotonic() + patience
        with self._returned:
            while self._room <= 0:
                self._waiting += 1
                try:
                    if self._idle:
                        return self._idle.pop()
                    if not self._returned.wait(until - monotonic()):
                        raise StoreUnavailable("every connection to the database is in use; try again")
                finally:
                    self._waiting -= 1
                self.check_open()
            if self._idle:
                return self._idle.pop()
            self._room -= 1
        try:
            return connect(self.url, purpose=self._purpose, patience=self._patience, by_index=self._by_index)
        except BaseException:
            self._make_room()
            raise

    def give(self, session: Session) -> None:
        """Take *session* back for the next use."""
        if self._closed:
            self.drop(session)
            return
        self._idle.append(session)
        if self._waiting:
            with self._returned:
                self._returned.notify()

    def drop(self, session: Session) -> None:
        """End *session*."""
        session.close()
        self._make_room()

    def drop_idle(self) -> None:
        """End all that are idle: where one was lost the others mostly are."""
        with suppress(IndexError):
            while True:
                self.drop(self._idle.pop())

    def close(self) -> None:
        """End what is idle; uses under way finish and are the last."""
        self._closed = True
        if self._process == os.getpid():
            self.drop_idle()

    def _make_room(self) -> None:
        with self._returned:
            self._room += 1
            self._returned.notify()


class _Use:
    """One use of a session. A class, because a generator here would cost every read some microseconds."""

    __slots__ = ("_patience", "_session", "_sessions")

    def __init__(self, sessions: Sessions, patience: float) -> None:
        self._sessions = sessions
        self._patience = patience

    def __enter__(self) -> Session:
        self._session = session = self._sessions.take(self._patience)
        session.due = monotonic() + self._patience
        return session

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        session = self._session
        overdue = session.due < monotonic()
        session.due = inf
        if error is None and not overdue:
            self._sessions.give(session)
            return
        if overdue or lost(session, error):
            self._sessions.drop(session)
            self._sessions.drop_idle()
            if isinstance(error, psycopg.Error):
                why = "the server did not answer in time" if overdue else sentence(error)
                raise Lost(f"the connection to the database was lost: {why}") from None
            return
        if session.connection.info.transaction_status:
            self._sessions.drop(session)
        else:
            self._sessions.give(session)
        if error is not None:
            translate(error)


class PostgresDatabase:
    """
    A small database; see `ledger.database.Database`. Its tables stand in the schema `ledger` (`ledger migrate`).

    Where it is not *durable*, the newest transactions may be lost with the server, in whole and in their order.
    """

    def __init__(self, url: str, *, purpose: str = "tables", at_most: int = 4, durable: bool = True) -> None:
        self._sessions = Sessions(url, purpose=purpose, at_most=at_most)
        self._take_turn = _TURN_DURABLE if durable else _TURN_NOT_DURABLE

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._sessions.fetch(marked(query), parameters)

    @contextmanager
    def writing(self) -> Iterator[PostgresWriting]:
        with self._sessions.using() as session, session.connection.transaction():
            # Writers take turns, as on SQLite: what one reads before it writes is still so when it writes.
            session.connection.execute(self._take_turn, prepare=True)
            yield PostgresWriting(session)

    def close(self) -> None:
        self._sessions.close()


class PostgresWriting:
    """A transaction under way."""

    def __init__(self, session: Session) -> None:
        self._connection = session.connection

    def execute(self, query: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        return self._connection.execute(marked(query), parameters, prepare=True)

    def executemany(self, query: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Insert many rows with one statement; psycopg's own executemany would use its pipeline, which can hang."""
        asked = list(rows)
        found = _VALUES.search(query)
        at_once = 1 if found is None or "DO UPDATE" in query.upper() else _ROWS_AT_ONCE
        for start in range(0, len(asked), at_once):
            some = asked[start : start + at_once]
            many = query
            if found is not None and len(some) > 1:
                values = ",".join([found[1]] * len(some))
                many = query[: found.start(1)] + values + query[found.end(1) :]
            self._connection.execute(marked(many), [value for row in some for value in row])


_VALUES = re.compile(r"\bVALUES\s*(\([^()]*\))", re.IGNORECASE)
_ROWS_AT_ONCE = 100


@lru_cache(maxsize=512)
def marked(query: str) -> str:
    """Return *query* with `?` as psycopg wants its marks; what stands in quotes is left as it is."""
    parts = query.replace("%", "%%").split("'")
    return "'".join(part if number % 2 else part.replace("?", "%s") for number, part in enumerate(parts))


def lost(session: Session, error: BaseException | None) -> bool:
    """Whether *session* is of no further use after *error*."""
    state = getattr(error, "sqlstate", None) or ""
    return session.connection.closed or session.connection.broken or state.startswith(_LOST)


def _check_interval(connection: psycopg.Connection[Any]) -> str:
    """Return how often the server looks whether we are still there, so that what we gave up is not done later."""
    local = connection.info.host.startswith("/")
    return "500ms" if not local or os.name == "posix" else "0"
