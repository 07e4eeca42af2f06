"""
The log in one SQLite file, on the recorder of the `eventsourcing` library.

What the library's recorder lacks and this one has: positions of its own (VACUUM renumbers bare rowids), `recorded_at`
set under the write lock, synchronous=FULL, writes on one connection that never keep readers waiting, subscriptions,
and several commands in one durable commit. Rows are never updated or deleted; triggers see to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore, SQLiteFactory

from ledger.group_commit import GroupCommit
from ledger.recorder import insert, notification_of
from ledger.signals import Signal, SignalledSubscription, signal_of
from ledger.sqlite_append import VERSIONS, SQLiteWriter
from ledger.sqlite_file import Readers, available, connect, writing
from ledger.store import Append, Decide, KeyedReceipt, Stored, StoreUnavailable, microseconds, size_of
from ledger.transparency import tables

_APPLICATION_ID = 0x4C454447  # "LEDG"
_FORMAT = 1
_TABLES = (
    """CREATE TABLE IF NOT EXISTS facts (
        position INTEGER PRIMARY KEY, originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL, state BLOB NOT NULL, recorded_at INTEGER NOT NULL,
        UNIQUE (originator_id, originator_version))""",
    """CREATE TRIGGER IF NOT EXISTS facts_are_not_edited BEFORE UPDATE ON facts
        BEGIN SELECT RAISE(ABORT, 'facts are never edited'); END""",
    """CREATE TRIGGER IF NOT EXISTS facts_are_not_deleted BEFORE DELETE ON facts
        BEGIN SELECT RAISE(ABORT, 'facts are never deleted'); END""",
    "CREATE TABLE IF NOT EXISTS reference_facts (position INTEGER PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS receipts (
        principal TEXT NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL, stream TEXT NOT NULL,
        version INTEGER NOT NULL, position INTEGER NOT NULL, recorded INTEGER NOT NULL, status TEXT NOT NULL,
        PRIMARY KEY (principal, key)) WITHOUT ROWID""",
    *tables.SQLITE,
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
)
_ROW = "SELECT position, originator_id, originator_version, topic, state, recorded_at FROM facts "
_MANY = """
SELECT position, originator_id, originator_version, topic, state, recorded_at
FROM facts WHERE originator_id IN (SELECT value FROM json_each(?)) ORDER BY originator_id, originator_version
"""
_STREAM = _ROW + "WHERE originator_id = ? AND originator_version > ? AND position <= ? ORDER BY originator_version"
_LOG = _ROW + "WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_REFERENCE = """
SELECT position, originator_id, originator_version, topic, state, recorded_at
FROM reference_facts JOIN facts USING (position) WHERE position > ? AND position <= ? ORDER BY position
"""
_STREAMS = """
WITH RECURSIVE stream (name) AS (
    SELECT min(originator_id) FROM facts WHERE originator_id > ?1 AND originator_id < ?2
    UNION ALL
    SELECT (SELECT min(originator_id) FROM facts WHERE originator_id > name AND originator_id < ?2)
    FROM stream WHERE name IS NOT NULL)
SELECT name FROM stream WHERE name IS NOT NULL LIMIT ?3
"""
# One statement, so one moment: another process may be making the tables between two.
_WHOSE = """
SELECT application_id, user_version, NOT EXISTS (SELECT 1 FROM sqlite_master)
FROM pragma_application_id, pragma_user_version
"""
_END = 2**62
_STREAMS_AT_ONCE = 2000


class SQLiteStore(SQLiteApplicationRecorder):
    """The log in one file; see `ledger.store.Store` for what its methods promise."""

    def __init__(self, datastore: SQLiteDatastore, events_table_name: str = "facts") -> None:
        super().__init__(datastore, events_table_name)
        self._path = Path(datastore.pool.db_name)
        self._readers = Readers(self._path)
        self._writer: GroupCommit | None = None
        self._opening = Lock()
        self._signal = Signal()

    @classmethod
    def open(cls, path: Path | str, *, create: bool = False) -> SQLiteStore:
        """Open the log in *path*; with *create*, make it where there is none. StoreUnavailable if it is no ledger."""
        path = Path(path)
        if not create and not path.exists():
            msg = f"there is no ledger at {path}; `ledger init` makes one"
            raise StoreUnavailable(msg)
        store = Factory.of(path).application_recorder()
        if create:
            store.create_table()
        if not holds_ledger(path):
            msg = f"{path} holds no ledger; `ledger init` makes one"
            raise StoreUnavailable(msg)
        status = path.stat()
        store._signal = signal_of((status.st_dev, status.st_ino))  # noqa: SLF001
        return store

    def construct_create_table_statements(self) -> list[str]:
        return list(_TABLES)

    def create_table(self) -> None:
        """Make the tables, under the write lock: several processes may start at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        holds_ledger(self._path)
        with available(), closing(connect(self._path)) as connection, writing(connection):
            for statement in self.create_table_statements:
                connection.execute(statement)

    def append(
        self, appends: Sequence[Append], *, now: datetime, catalogue_position: int | None = None
    ) -> list[tuple[int, ...] | None]:
        size = size_of(appends)
        self._readers.check_open()
        return self._write().append(appends, size, now, catalogue_position)

    def append_at_head(
        self, decide: Decide, *, now: datetime, catalogue_position: int | None = None
    ) -> tuple[int, ...] | None:
        self._readers.check_open()
        return self._write().append_at_head(decide, now, catalogue_position)

    def read(self, stream: str, after_version: int = 0, until: int | None = None) -> list[Stored]:
        query = (
            _ROW + "WHERE originator_id = ? AND originator_version > ? AND position <= ? ORDER BY originator_version"
        )
        return self._select(query, (stream, after_version, _END if until is None else until))

    def read_many(self, streams: Iterable[str]) -> dict[str, list[Stored]]:
        names = list(dict.fromkeys(streams))
        found: dict[str, list[Stored]] = {}
        for start in range(0, len(names), _STREAMS_AT_ONCE):
            some = msgspec.json.encode(names[start : start + _STREAMS_AT_ONCE]).decode()
            for stream, facts in groupby(self._select(_MANY, (some,)), key=lambda stored: stored.stream):
                found[stream] = list(facts)
        return found

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        names = list(dict.fromkeys(streams))
        rows: Any = self._readers.fetch(VERSIONS, (msgspec.json.encode(names).decode(),))
        return {stream: version or 0 for stream, version in rows}

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:
        return self._select(_LOG, (after, _END if until is None else until, limit))

    def read_reference(self, after: int = 0, until: int | None = None) -> list[Stored]:
        return self._select(_REFERENCE, (after, _END if until is None else until))

    def reference_head(self, until: int | None = None) -> int:
        query = "SELECT max(position) FROM reference_facts WHERE position <= ?"
        return self._number(query, (_END if until is None else until,))

    def head(self) -> int:
        return self._number("SELECT max(position) FROM facts")

    def position_at(self, instant: datetime) -> int:
        """Halve the log: `recorded_at` never runs backwards."""
        latest_us = microseconds(instant)
        query = "SELECT recorded_at <= ? FROM facts WHERE position >= ? ORDER BY position LIMIT 1"
        known, unknown = 0, self.head() + 1
        while unknown - known > 1:
            middle = (known + unknown) // 2
            if self._number(query, (latest_us, middle)):
                known = middle
            else:
                unknown = middle
        return known

    def streams(self, category: str, after: str = "", limit: int = 1000) -> list[str]:
        rows = self._readers.fetch(_STREAMS, (max(after, f"{category}-"), f"{category}.", limit))
        return [str(name) for (name,) in rows]

    def receipt(self, principal: str, key: str) -> KeyedReceipt | None:
        rows: Any = self._readers.fetch("SELECT * FROM receipts WHERE principal = ? AND key = ?", (principal, key))
        return KeyedReceipt._make(rows[0]) if rows else None

    def wait(self, after: int, timeout: float) -> bool:
        return self._signal.wait(after, timeout, self.head)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return SignalledSubscription(self, self, gt, topics)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        return insert(self, stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Read the log as the library's notifications."""
        query = _ROW + "WHERE position >= ? AND position <= ?"
        if topics:
            query += f" AND topic IN ({','.join('?' * len(topics))})"
        first = (start or 0) + (0 if inclusive_of_start else 1)
        found = self._select(
            query + " ORDER BY position LIMIT ?", (first, _END if stop is None else stop, *topics, limit)
        )
        return list(map(notification_of, found))

    def close(self) -> None:
        self._readers.close()
        if self._writer is not None:
            self._writer.close()
        self.datastore.close()

    def _write(self) -> GroupCommit:
        with self._opening:
            if self._writer is None:
                self._readers.check_open()
                with available():
                    connection = connect(self._path)
                self._writer = GroupCommit(SQLiteWriter(connection), self._signal.reached)
        return self._writer

    def _select(self, query: str, parameters: tuple[object, ...]) -> list[Stored]:
        rows: Any = self._readers.fetch(query, parameters)
        return list(map(Stored._make, rows))

    def _number(self, query: str, parameters: tuple[object, ...] = ()) -> int:
        rows: Any = self._readers.fetch(query, parameters)
        return (rows[0][0] or 0) if rows else 0


class Factory(SQLiteFactory):
    """The library's way of making recorders, making this one."""

    application_recorder_class = SQLiteStore

    @classmethod
    def of(cls, path: Path | str) -> Factory:
        """Return the factory for *path*; it makes no tables by itself."""
        return cls({"SQLITE_DBNAME": str(path), "ORIGINATOR_ID_TYPE": "text", "CREATE_TABLE": "no"})

    def application_recorder(self) -> SQLiteStore:
        """Return the log."""
        return SQLiteStore(self.datastore)


def holds_ledger(path: Path) -> bool:
    """Whether *path* is a ledger's log; False where it is missing or empty, StoreUnavailable where it is another's."""
    if not path.exists():
        return False
    with available(), closing(connect(path, read_only=True)) as connection:
        _refuse_others(connection, path)
        return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone() is not None


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    application, version, empty = connection.execute(_WHOSE).fetchone()
    if application != _APPLICATION_ID and not empty:
        msg = f"{path} is an SQLite file of something else"
        raise StoreUnavailable(msg)
    if version > _FORMAT:
        msg = f"{path} was written by a newer version of the ledger"
        raise StoreUnavailable(msg)
