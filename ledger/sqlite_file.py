"""
SQLite files opened the one way this ledger trusts: WAL, synchronous=FULL, writes that take their lock first.

A reader sees the last commit and waits for nobody. A write that cannot get its lock, or finds the disk full,
is rolled back and raises StoreUnavailable.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from time import monotonic, sleep
from typing import Any

from ledger.errors import NOT_UNICODE, Invalid
from ledger.store import StoreUnavailable

_LOCK_TIMEOUT_S = 10.0
_FULL = 2


def connect(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Open *path* for durable writes, or for reading alone; a file that is missing is made by whoever writes."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_LOCK_TIMEOUT_S)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return connection
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # else INSERT OR REPLACE deletes rows past their triggers
    if connection.execute("PRAGMA synchronous").fetchone()[0] != _FULL:
        connection.close()
        msg = f"{path} cannot be written durably: synchronous is not FULL"
        raise StoreUnavailable(msg)
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch once for the life of the file; SQLite does not wait for its lock here, so this does."""
    until = monotonic() + _LOCK_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        if monotonic() > until:
            raise StoreUnavailable("the file cannot be switched to a write-ahead log")
        sleep(0.01)


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """
    One durable transaction.

    It takes the write lock before it reads: SQLite refuses at once, without waiting, to turn a reading transaction
    into a writing one when another has written meanwhile.
    """
    with available():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")


class available:  # noqa: N801 -- read as a word: `with available():`
    """
    Say StoreUnavailable for whatever keeps SQLite from its work, and Invalid for text that is none.

    A class, because a generator here would cost every command some microseconds, several times.
    """

    def __enter__(self) -> None:
        return

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error):
            msg = f"the store cannot be used: {error}"
            raise StoreUnavailable(msg) from error
        if isinstance(error, UnicodeEncodeError):
            raise Invalid(NOT_UNICODE) from None


class Readers:
    """Connections for reading, one per read that is under way, kept for the next."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._process = os.getpid()
        self._closed = False

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows; the read ends with the call, so that it never keeps the write-ahead log from shrinking."""
        self.check_open()
        try:
            connection = self._idle.pop()
        except IndexError:
            with available():
                connection = connect(self._path, read_only=True)
        with available():
            rows = connection.execute(query, parameters).fetchall()
        self._idle.append(connection)
        return rows

    def check_open(self) -> None:
        """Raise StoreUnavailable once closed, and in a child process: SQLite's locks do not survive a fork."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._process != os.getpid():
            raise StoreUnavailable("the store was opened before this process was forked; open it in the worker")

    def close(self) -> None:
        """Close what is idle; reads under way finish and are the last."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


class SQLiteDatabase:
    """A small database in one file; see `ledger.database.Database`. *tables* are made where they are missing."""

    def __init__(self, path: Path | str, tables: Sequence[str], *, synchronous: str = "FULL") -> None:
        self._lock = RLock()
        with available():
            self._writer = connect(path)
        try:
            with writing(self._writer):
                for table in tables:
                    self._writer.execute(table)
            self._writer.execute(f"PRAGMA synchronous = {synchronous}")
        except BaseException:
            self._writer.close()
            raise
        self._readers = Readers(path)

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._readers.fetch(query, parameters)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        self._readers.check_open()
        with self._lock, writing(self._writer):
            yield self._writer

    def close(self) -> None:
        self._readers.close()
        with self._lock:
            self._writer.close()
