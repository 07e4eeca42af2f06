"""
SQLite files opened the one way this ledger trusts: WAL, synchronous=FULL, writes that take their lock first.

A reader sees the last commit and waits for nobody. A write that cannot get its lock, or finds the disk full,
is rolled back and raises StoreUnavailable.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.store import StoreUnavailable

_LOCK_TIMEOUT_S = 10.0
_FULL = 2


def connect(path: Path | str, *, read_only: bool = False, autocheckpoint_pages: int = 1000) -> sqlite3.Connection:
    """Open *path* for durable writes, or for reading alone; a file that is missing is made by whoever writes."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_LOCK_TIMEOUT_S)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return connection
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # else INSERT OR REPLACE deletes rows past their triggers
    connection.execute(f"PRAGMA wal_autocheckpoint = {autocheckpoint_pages:d}")
    if connection.execute("PRAGMA synchronous").fetchone()[0] != _FULL:
        connection.close()
        msg = f"{path} cannot be written durably: synchronous is not FULL"
        raise StoreUnavailable(msg)
    return connection


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


@contextmanager
def available() -> Iterator[None]:
    """Say StoreUnavailable for whatever keeps SQLite from its work."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error) from error


def unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """Return what a person should know of *error*."""
    return StoreUnavailable(f"the store cannot be used: {error}")


class Readers:
    """Connections for reading, one per read that is under way, kept for the next."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._process = os.getpid()
        self._closed = False

    def fetch(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Return all rows; the read ends with the call, so that it never keeps the write-ahead log from shrinking."""
        if self._process != os.getpid() or self._closed:
            raise StoreUnavailable(AFTER_FORK if not self._closed else "the store is closed")
        try:
            connection = self._idle.pop()
        except IndexError:
            with available():
                connection = connect(self._path, read_only=True)
        try:
            rows = connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            connection.close()
            raise unavailable(error) from error
        self._idle.append(connection)
        return rows

    def close(self) -> None:
        """Close what is idle; reads under way finish and are the last."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


AFTER_FORK = "the store was opened before this process was forked; open it in the worker"
