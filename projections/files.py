"""
Views in SQLite files: `views-<n>.db`, and `current`, which names the one in use.

A rebuilt file becomes current by one atomic rename. A file that was replaced is deleted when the next rebuild begins.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ledger.sqlite_file import available
from ledger.store import StoreUnavailable
from projections.connection import Target
from projections.shelf import Moved, ViewsMissing, Writer
from projections.tables import fingerprint, making, making_indexes

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.02
_NAME = re.compile(r"views-[0-9]{1,9}\.db")
_Kind = TypeVar("_Kind", bound=sqlite3.Connection)


class Files:
    """The shelf that is a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._pointer = directory / "current"
        self._seen: tuple[tuple[int, int], str] | None = None
        self._readers: list[tuple[str, sqlite3.Connection]] = []
        self._closed = False

    def current(self) -> str | None:
        """Return the file in use, None before the first; costs one `stat` while nothing changes."""
        try:
            found = self._pointer.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if self._seen is None or self._seen[0] != stamp:
                name = self._pointer.read_bytes().decode(errors="replace").strip()
                if not _NAME.fullmatch(name):  # spoilt: the views are built anew
                    return None
                self._seen = stamp, name
        except FileNotFoundError:
            return None
        return self._seen[1]

    @contextmanager
    def building(self) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with available():
            lock = sqlite3.connect(self.directory / "building.lock", isolation_level=None, timeout=_PATIENCE_SECONDS)
        try:
            deadline = time.monotonic() + 10 * _PATIENCE_SECONDS
            with available():
                while not _locked(lock):
                    if time.monotonic() > deadline:
                        raise StoreUnavailable("another process has been building the views for long; try again later")
            yield
        finally:
            lock.close()

    def fresh(self) -> str:
        current = self.current()
        numbers = [0]
        for path in self.directory.glob("views-*.db"):
            numbers.append(int(path.stem.partition("-")[2]))
            if path.name != current:
                self.discard(path.name)
        if current is not None:
            numbers.append(int(Path(current).stem.partition("-")[2]))
        return f"views-{max(numbers) + 1}.db"

    def draft(self, edition: str) -> Writer:
        draft = self._open(edition, _Draft, create=True)
        draft.execute("PRAGMA journal_mode = OFF")
        draft.execute("PRAGMA synchronous = OFF")
        draft.execute("PRAGMA locking_mode = EXCLUSIVE")
        draft.executescript(making())
        draft.execute("INSERT INTO standing VALUES (0, ?, 0)", (fingerprint(),))
        return draft

    def finish(self, edition: str, draft: Writer) -> Writer:
        assert isinstance(draft, _Draft)
        if draft.in_transaction:
            draft.execute("COMMIT")
        draft.executescript(making_indexes())
        draft.close()
        return _tuned(self._open(edition, File))

    def discard(self, edition: str) -> None:
        """Delete a file with what SQLite keeps beside it."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            (self.directory / f"{edition}{suffix}").unlink(missing_ok=True)

    def writer(self, edition: str) -> Writer | None:
        connection = None
        with suppress(sqlite3.DatabaseError):
            connection = self._open(edition, File)
            if _made_alike(connection):
                return _tuned(connection)
        if connection is not None:
            connection.close()
        return None

    def serves(self, edition: str, writer: Writer) -> bool:
        del writer
        return edition == self.current()

    @contextmanager
    def replacing(self, edition: str) -> Iterator[None]:
        current = self.current()
        old = None if current is None else self.writer(current)
        try:
            if old is not None:
                old.execute("BEGIN IMMEDIATE")
            yield
            self.use(edition)
            if old is not None:
                old.execute("UPDATE standing SET retired = 1")
                old.execute("COMMIT")
        finally:
            if old is not None:
                old.close()

    def use(self, edition: str) -> None:
        """Make *edition* the current file, durably."""
        _sync(self.directory / edition)
        aside = self.directory / "current.new"
        aside.write_text(edition + "\n")
        _sync(aside)
        aside.replace(self._pointer)
        _sync(self.directory)
        self._seen = None

    @contextmanager
    def reading(self, seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        del seconds
        edition, connection = self._borrow()
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()
        except BaseException:
            connection.close()
            raise
        if self._closed or edition != self.current():
            connection.close()
        else:
            self._readers.append((edition, connection))

    def position(self) -> int:
        with self.reading() as connection:
            return int(connection.execute("SELECT position FROM standing").fetchone()[0])

    def watch(self, moved: Callable[[], None]) -> float:
        del moved  # another process cannot signal: look often
        return _POLL_SECONDS

    def close(self) -> None:
        self._closed = True
        while (reader := self._reader()) is not None:
            reader[1].close()

    def _borrow(self) -> tuple[str, sqlite3.Connection]:
        current = self.current()
        while (reader := self._reader()) is not None:
            if reader[0] == current:
                return reader
            reader[1].close()
        for _ in range(3):  # the file may be replaced between looking at the pointer and opening it
            current = self.current()
            if current is not None:
                with suppress(sqlite3.OperationalError):
                    connection = self._open(current, sqlite3.Connection)
                    connection.execute("PRAGMA query_only = ON")
                    if _made_alike(connection):
                        return current, connection
                    connection.close()
        raise ViewsMissing

    def _reader(self) -> tuple[str, sqlite3.Connection] | None:
        try:
            return self._readers.pop()
        except IndexError:
            return None

    def _open(self, edition: str, kind: type[_Kind], *, create: bool = False) -> _Kind:
        path = self.directory / edition
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={'rwc' if create else 'rw'}",
            uri=True,
            isolation_level=None,
            timeout=_PATIENCE_SECONDS,
            check_same_thread=False,
            factory=kind,
        )
        assert isinstance(connection, kind)
        if kind is not sqlite3.Connection:
            connection.execute("PRAGMA cache_size = -65536")
        return connection


class File(sqlite3.Connection):
    """One file, open for writing."""

    def begin(self) -> int:
        self.execute("BEGIN IMMEDIATE")
        position, retired = self.execute("SELECT position, retired FROM standing").fetchone()
        if retired:
            raise Moved
        return int(position)

    def end(self, position: int) -> None:
        self.execute("UPDATE standing SET position = ?", (position,))
        self.execute("COMMIT")

    def save(self, target: Target, rows: Collection[Sequence[Any]]) -> None:
        self.executemany(_replacing(target), rows)

    def delete(self, table: str, column: str, values: Collection[Any]) -> None:
        self.executemany(f"DELETE FROM {table} WHERE {column} = ?", ((value,) for value in values))  # noqa: S608

    def add(self, table: str, numbers: Iterable[tuple[str, int]]) -> None:
        self.executemany(
            f"INSERT INTO {table} VALUES (?, ?)"  # noqa: S608
            f" ON CONFLICT (name) DO UPDATE SET number = {table}.number + excluded.number",
            numbers,
        )


class _Draft(File):
    """A file that is being built: in one transaction, so that pages are written once and not with every batch."""

    def begin(self) -> int:
        if not self.in_transaction:
            return super().begin()
        return int(self.execute("SELECT position FROM standing").fetchone()[0])

    def end(self, position: int) -> None:
        self.execute("UPDATE standing SET position = ?", (position,))


@lru_cache(maxsize=64)
def _replacing(target: Target) -> str:
    names, marks = ", ".join(target.columns), ", ".join("?" * len(target.columns))
    return f"REPLACE INTO {target.table} ({names}) VALUES ({marks})"  # noqa: S608 -- names of our own tables


def _tuned(file: File) -> File:
    # A power cut may cost the last transactions, with their position: they are taken in again.
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")
    return file


def _made_alike(connection: sqlite3.Connection) -> bool:
    """Whether a file was made by this version of the views."""
    try:
        found = connection.execute("SELECT fingerprint FROM standing").fetchone()
    except sqlite3.DatabaseError:
        return False
    return found is not None and found[0] == fingerprint()


def _locked(lock: sqlite3.Connection) -> bool:
    """Take *lock*, or say that another process has it; only that is worth waiting for."""
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # directories cannot be synced everywhere
        if not path.is_dir():
            raise
    finally:
        os.close(handle)
