"""
The views of one ledger: kept up with the log, read at any time, rebuilt beside themselves.

Rows and position are saved in one transaction, so a crash or a second delivery changes nothing.
Thousands of facts a transaction while behind, one by one at the head.
Any number of threads and processes may keep the same views up, and read them; readers never wait for writers.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.store import Store
from projections.files import Files, delete, open_file, open_reader
from projections.tables import Moved, Tables, digest, fingerprint

Progress = Callable[[int, int], None]

_BATCH = 5_000
_POLL_SECONDS = 0.02


class ViewsMissing(Exception):
    """The views were never built, or by another version of the ledger; catching up builds them."""


class Views:
    """Read models over the facts of a store, in *directory*."""

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self._files = Files(self.directory)
        self._writing = threading.RLock()
        self._moved = threading.Condition()
        self._path: Path | None = None
        self._connection: sqlite3.Connection | None = None
        self._tables: Tables | None = None
        self._readers: list[tuple[Path, sqlite3.Connection]] = []
        self._closed = False

    # Keeping up

    def catch_up(self, store: Store, progress: Progress | None = None) -> int:
        """Take in every fact there is, building the views first where they are missing; return the position."""
        while self.step(store):
            if progress is not None:
                progress(self.position(), store.head())
        return self.position()

    def step(self, store: Store, limit: int = _BATCH) -> int:
        """Take in the next facts, up to *limit*, in one transaction; return how many there were."""
        taken = None
        while taken is None:
            with self._writing:
                tables = self._ready()
                with suppress(Moved):
                    if tables is not None:
                        taken = tables.take(store, limit) if store.head() > tables.position else 0
            if tables is None:
                self._build_missing(store)
        if taken:
            self._signal()
        return taken

    def rebuild(self, store: Store, progress: Progress | None = None) -> None:
        """
        Build all views anew from the first fact, beside those in use, and put them in their place.

        Appends and readers go on meanwhile, and so do the old views; until the last moment nothing is changed
        that anybody sees, so that killing a rebuild costs nothing but its work.
        """
        with self._files.building():
            path = self._files.fresh()
            try:
                connection, tables = _build(path, store, progress)
            except BaseException:
                delete(path)
                raise
            with self._writing:
                self._swap(path, connection, tables, store)
        self._signal()

    @property
    def projected(self) -> int:
        """The position that this process last took the views to; others may have taken them further."""
        tables = self._tables
        return 0 if tables is None else max(tables.position, 0)

    # Reading

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one state of all views; the query functions of the view modules take it."""
        path, connection = self._borrow()
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
        if self._closed or path != self._files.current():
            connection.close()
        else:
            self._readers.append((path, connection))

    def position(self) -> int:
        """Return the position of the last fact taken in, by whichever process; 0 before the first."""
        try:
            with self.reading() as connection:
                return position(connection)
        except ViewsMissing:
            return 0

    def wait(self, position: int, timeout: float) -> bool:
        """Return True as soon as the fact at *position* is in the views, False when *timeout* seconds have passed."""
        deadline = time.monotonic() + timeout
        with self._moved:
            while self.position() < position:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # Another process may be the one that projects: it cannot signal, so look again soon.
                self._moved.wait(min(left, _POLL_SECONDS))
        return True

    def hash(self) -> str:
        """Return one digest over every row, the same for the same facts however they came in."""
        with self.reading() as connection:
            return digest(connection)

    def close(self) -> None:
        """Release everything."""
        self._closed = True
        with self._writing:
            self._let_go()
        while (reader := self._reader()) is not None:
            reader[1].close()

    def _ready(self) -> Tables | None:
        """Return the tables of the current file, opened anew when it was replaced; None where none can be used."""
        path = self._files.current()
        if path is None or path != self._path:
            self._let_go()
            connection = None if path is None else _opened(path)
            if path is not None and connection is not None:
                self._keep(path, connection, Tables(connection))
        return self._tables

    def _build_missing(self, store: Store) -> None:
        """Build views where there are none that this version can use; unless another process did meanwhile."""
        with self._files.building():  # always before the lock for writing, or two threads could wait for each other
            with self._writing:
                if self._ready() is not None:
                    return
            path = self._files.fresh()
            connection, tables = _build(path, store, None)
            with self._writing:
                self._swap(path, connection, tables, store)

    def _swap(self, path: Path, connection: sqlite3.Connection, tables: Tables, store: Store) -> None:
        """Put a built file in the place of the current one; whoever writes to that is kept waiting, briefly."""
        current = self._files.current()
        old = None if current is None else _opened(current)
        try:
            if old is not None:
                old.execute("BEGIN IMMEDIATE")
            while tables.take(store, _BATCH):
                pass
            self._files.use(path)
            if old is not None:
                old.execute("UPDATE standing SET retired = 1")
                old.execute("COMMIT")
        finally:
            if old is not None:
                old.close()
        self._let_go()
        self._keep(path, connection, tables)

    def _keep(self, path: Path, connection: sqlite3.Connection, tables: Tables) -> None:
        self._path, self._connection, self._tables = path, connection, tables

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._path = self._connection = self._tables = None

    def _borrow(self) -> tuple[Path, sqlite3.Connection]:
        path = self._files.current()
        while (reader := self._reader()) is not None:
            if reader[0] == path:
                return reader
            reader[1].close()
        for _ in range(3):  # the file may be replaced between looking at the pointer and opening it
            path = self._files.current()
            if path is not None:
                with suppress(sqlite3.OperationalError):
                    connection = open_reader(path)
                    if _fingerprint(connection) == fingerprint():
                        return path, connection
                    connection.close()
        raise ViewsMissing

    def _reader(self) -> tuple[Path, sqlite3.Connection] | None:
        try:
            return self._readers.pop()
        except IndexError:
            return None

    def _signal(self) -> None:
        with self._moved:
            self._moved.notify_all()


def position(connection: sqlite3.Connection) -> int:
    """Return the position of the last fact that the views on *connection* have taken in."""
    return int(connection.execute("SELECT position FROM standing").fetchone()[0])


def _build(path: Path, store: Store, progress: Progress | None) -> tuple[sqlite3.Connection, Tables]:
    """Build a file from the first fact. Nothing of it is safe until it is finished, nor need it be."""
    connection = open_file(path, create=True)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    Tables.create(connection)
    tables = Tables(connection)
    connection.execute("BEGIN IMMEDIATE")  # one transaction: pages are written once, not with every batch
    while tables.take_within(store, 2 * _BATCH):
        if progress is not None:
            progress(tables.position, max(store.head(), tables.position))
    connection.execute("COMMIT")
    Tables.index(connection)
    connection.close()
    connection = open_file(path)
    _tune(connection)
    return connection, Tables(connection)


def _opened(path: Path) -> sqlite3.Connection | None:
    """Open a file for writing; None when it is gone, spoilt, or was made by another version."""
    connection = None
    with suppress(sqlite3.DatabaseError, FileNotFoundError):
        connection = open_file(path)
        if _fingerprint(connection) == fingerprint():
            _tune(connection)
            return connection
    if connection is not None:
        connection.close()
    return None


def _tune(connection: sqlite3.Connection) -> None:
    # A power cut may cost the last transactions, with their position: they are taken in again.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _fingerprint(connection: sqlite3.Connection) -> str | None:
    try:
        found = connection.execute("SELECT fingerprint FROM standing").fetchone()
    except sqlite3.DatabaseError:
        return None
    return None if found is None else str(found[0])
