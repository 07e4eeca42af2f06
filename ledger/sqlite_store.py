"""
The log in one SQLite file, on the recorder of the `eventsourcing` library.

What the library's recorder lacks and this one has: positions of its own (VACUUM renumbers bare rowids), `recorded_at`
set under the write lock, synchronous=FULL, writes on one connection that never keep readers waiting, subscriptions,
and several commands in one durable commit. Rows are never updated or deleted; triggers see to it.

Threads that append at the same time queue up, and whoever gets the lock writes for all of them (group commit):
one commit to disk serves many. A lone writer pays nothing for it.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import msgspec
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent, Subscription
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore, SQLiteFactory

from ledger.errors import TooLarge
from ledger.signals import POLL_S, Signal, SignalledSubscription, signal_of
from ledger.sqlite_file import AFTER_FORK, Readers, available, connect, writing
from ledger.store import (
    LARGEST_APPEND,
    Append,
    CatalogueMoved,
    KeyedReceipt,
    NewFact,
    Stored,
    StoreUnavailable,
    is_reference,
    microseconds,
)

_APPLICATION_ID = 0x4C454447  # "LEDG"
_FORMAT = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS facts (position INTEGER PRIMARY KEY, originator_id TEXT NOT NULL,"
    " originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, recorded_at INTEGER NOT NULL,"
    " UNIQUE (originator_id, originator_version))",
    "CREATE TRIGGER IF NOT EXISTS facts_are_not_edited BEFORE UPDATE ON facts"
    " BEGIN SELECT RAISE(ABORT, 'facts are never edited'); END",
    "CREATE TRIGGER IF NOT EXISTS facts_are_not_deleted BEFORE DELETE ON facts"
    " BEGIN SELECT RAISE(ABORT, 'facts are never deleted'); END",
    "CREATE TABLE IF NOT EXISTS reference_facts (position INTEGER PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS receipts (principal TEXT NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL,"
    " stream TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL, recorded INTEGER NOT NULL,"
    " status TEXT NOT NULL, PRIMARY KEY (principal, key)) WITHOUT ROWID",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
)
_HEADS = (
    "SELECT position, recorded_at, (SELECT max(position) FROM reference_facts)"
    " FROM facts ORDER BY position DESC LIMIT 1"
)
_VERSION = "SELECT max(originator_version) FROM facts WHERE originator_id = ?"
_VERSIONS = (
    "SELECT value, (SELECT max(originator_version) FROM facts WHERE originator_id = value) FROM json_each(?)"
)
_KEY_TAKEN = "SELECT 1 FROM receipts WHERE principal = ? AND key = ?"
_ROW = "SELECT position, originator_id, originator_version, topic, state, recorded_at FROM facts "
_STREAMS = """
WITH RECURSIVE stream (name) AS (
    SELECT min(originator_id) FROM facts WHERE originator_id > ?1 AND originator_id < ?2
    UNION ALL
    SELECT (SELECT min(originator_id) FROM facts WHERE originator_id > name AND originator_id < ?2)
    FROM stream WHERE name IS NOT NULL)
SELECT name FROM stream WHERE name IS NOT NULL LIMIT ?3
"""
_END = 2**62
_STREAMS_AT_ONCE = 2000
_LARGEST_GROUP = 20_000


class _Pending:
    """Appends of one caller, waiting for whoever writes."""

    __slots__ = ("appends", "catalogue_position", "done", "error", "now_us", "results")

    def __init__(self, appends: Sequence[Append], now_us: int, catalogue_position: int | None) -> None:
        self.appends = appends
        self.now_us = now_us
        self.catalogue_position = catalogue_position
        self.results: list[tuple[int, ...] | None] = []
        self.error: str | CatalogueMoved | None = None
        self.done = False


class _Group:
    """What one transaction is to write, worked out under the write lock, so that nothing can come between."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        heads: tuple[int, int, int | None] = connection.execute(_HEADS).fetchone() or (0, 0, None)
        self.head = heads[0]
        self._recorded_us = heads[1]
        self._reference_head = heads[2] or 0
        self._versions: dict[str, int] = {}
        self._keys: set[tuple[str, str]] = set()
        self.facts: list[tuple[int, str, int, str, bytes, int]] = []
        self.reference: list[tuple[int]] = []
        self.receipts: list[KeyedReceipt] = []

    def take(self, pending: _Pending) -> None:
        """Plan the appends of one caller, or note why they are not to be written."""
        if pending.catalogue_position is not None and self._reference_head > pending.catalogue_position:
            pending.error = CatalogueMoved(self._reference_head)
            return
        self._read_versions({append.stream for append in pending.appends})
        self._recorded_us = max(self._recorded_us, pending.now_us)
        pending.results = [self._place(append) for append in pending.appends]

    def _place(self, append: Append) -> tuple[int, ...] | None:
        stream, after_version, facts, receipt = append
        if self._versions[stream] != after_version or (receipt is not None and self._taken(receipt)):
            return None
        first, recorded_us = self.head + 1, self._recorded_us
        position, version = self.head, after_version
        for name, body in facts:
            position += 1
            version += 1
            self.facts.append((position, stream, version, name, body, recorded_us))
        self.head = position
        self._versions[stream] = version
        positions = tuple(range(first, position + 1))
        if positions and is_reference(stream):
            self.reference.extend((position,) for position in positions)
            self._reference_head = position
        if receipt is not None:
            placed = {"version": version, "position": position, "recorded": len(facts)} if facts else {}
            self.receipts.append(receipt._replace(**placed))
            self._keys.add((receipt.principal, receipt.key))
        return positions

    def _taken(self, receipt: KeyedReceipt) -> bool:
        key = (receipt.principal, receipt.key)
        return key in self._keys or self._connection.execute(_KEY_TAKEN, key).fetchone() is not None

    def _read_versions(self, streams: set[str]) -> None:
        unread = streams - self._versions.keys()
        if len(unread) == 1:
            (stream,) = unread
            self._versions[stream] = self._connection.execute(_VERSION, (stream,)).fetchone()[0] or 0
        elif unread:
            found = self._connection.execute(_VERSIONS, (msgspec.json.encode(list(unread)).decode(),))
            self._versions.update((stream, version or 0) for stream, version in found)

    def write(self) -> None:
        if self.facts:
            self._connection.executemany("INSERT INTO facts VALUES (?,?,?,?,?,?)", self.facts)
        if self.reference:
            self._connection.executemany("INSERT INTO reference_facts VALUES (?)", self.reference)
        if self.receipts:
            self._connection.executemany("INSERT INTO receipts VALUES (?,?,?,?,?,?,?,?)", self.receipts)


class SQLiteStore(SQLiteApplicationRecorder):
    """The log in one file; see `ledger.store.Store` for what its methods promise."""

    def __init__(self, datastore: SQLiteDatastore, events_table_name: str = "facts") -> None:
        super().__init__(datastore, events_table_name)
        self._path = Path(datastore.pool.db_name)
        self._process = os.getpid()
        self._lock = Lock()
        self._waiting: deque[_Pending] = deque()
        self._readers = Readers(self._path)
        self._writer: sqlite3.Connection | None = None
        self._signal = Signal()

    @classmethod
    def open(cls, path: Path | str, *, create: bool = False) -> SQLiteStore:
        """Open the log in *path*; with *create*, make it where there is none. StoreUnavailable if it is no ledger."""
        path = Path(path)
        if not create and not path.exists():
            msg = f"there is no ledger at {path}; `ledger init` makes one"
            raise StoreUnavailable(msg)
        store = Factory.of(path).application_recorder()
        assert isinstance(store, cls)
        if create:
            store.create_table()
        store._start()
        return store

    def construct_create_table_statements(self) -> list[str]:
        return list(_TABLES)

    def create_table(self) -> None:
        """Make the tables, under the write lock: several processes may start at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with available():
            connection = connect(self._path)
        try:
            _refuse_others(connection, self._path)
            with writing(connection):
                for statement in self.create_table_statements:
                    connection.execute(statement)
        finally:
            connection.close()

    def _start(self) -> None:
        with available():
            found = self._readers.fetch("SELECT name FROM sqlite_master WHERE name = 'facts'")
            if not found:
                msg = f"{self._path} holds no ledger; `ledger init` makes one"
                raise StoreUnavailable(msg)
            self._writer = connect(self._path, autocheckpoint_pages=4000)
            _refuse_others(self._writer, self._path)
        status = self._path.stat()
        self._signal = signal_of((status.st_dev, status.st_ino))

    def append(
        self, appends: Sequence[Append], *, now: datetime, catalogue_position: int | None = None
    ) -> list[tuple[int, ...] | None]:
        if self._process != os.getpid():
            raise StoreUnavailable(AFTER_FORK)
        if sum(len(fact.body) for append in appends for fact in append.facts) > LARGEST_APPEND:
            _refuse_large(appends)
        pending = _Pending(appends, microseconds(now), catalogue_position)
        self._waiting.append(pending)
        with self._lock:
            if not pending.done:
                self._write_for_all()
        if pending.error is not None:
            raise StoreUnavailable(pending.error) if isinstance(pending.error, str) else pending.error
        return pending.results

    def _write_for_all(self) -> None:
        """Write what waits in one commit. Whatever happens, nobody is left waiting."""
        group: list[_Pending] = []
        size = 0
        while self._waiting and size < _LARGEST_GROUP:
            group.append(self._waiting.popleft())
            size += len(group[-1].appends)
        try:
            with writing(self._open_writer()) as connection:
                plan = _Group(connection)
                for pending in group:
                    plan.take(pending)
                plan.write()
        except BaseException as error:
            for pending in group:
                pending.error = str(error)
            if not isinstance(error, StoreUnavailable):
                raise
        else:
            if plan.facts:
                self._signal.reached(plan.head)
        finally:
            for pending in group:
                pending.done = True

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            msg = "the store is closed"
            raise StoreUnavailable(msg)
        return self._writer

    def read(self, stream: str, after_version: int = 0, until: int | None = None) -> list[Stored]:
        query = _ROW + "WHERE originator_id = ? AND originator_version > ? AND position <= ? ORDER BY originator_version"
        return self._select(query, (stream, after_version, _END if until is None else until))

    def read_many(self, streams: Iterable[str]) -> dict[str, list[Stored]]:
        names = list(dict.fromkeys(streams))
        found: dict[str, list[Stored]] = {}
        query = _ROW + (
            "WHERE originator_id IN (SELECT value FROM json_each(?)) ORDER BY originator_id, originator_version"
        )
        for start in range(0, len(names), _STREAMS_AT_ONCE):
            some = msgspec.json.encode(names[start : start + _STREAMS_AT_ONCE]).decode()
            for stream, facts in groupby(self._select(query, (some,)), key=lambda stored: stored.stream):
                found[stream] = list(facts)
        return found

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        names = list(dict.fromkeys(streams))
        rows: Any = self._readers.fetch(_VERSIONS, (msgspec.json.encode(names).decode(),))
        return {stream: version or 0 for stream, version in rows}

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:
        query = _ROW + "WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
        return self._select(query, (after, _END if until is None else until, limit))

    def read_reference(self, after: int = 0, until: int | None = None) -> list[Stored]:
        query = _ROW + (
            "WHERE position IN (SELECT position FROM reference_facts WHERE position > ? AND position <= ?) "
            "ORDER BY position"
        )
        return self._select(query, (after, _END if until is None else until))

    def reference_head(self) -> int:
        return self._number("SELECT max(position) FROM reference_facts")

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
        until = monotonic() + timeout
        while not self._signal.above(after, 0):
            if (head := self.head()) > after:  # another process may have written
                self._signal.reached(head)
            elif (left := until - monotonic()) <= 0:
                return False
            else:
                self._signal.above(after, min(left, POLL_S))
        return True

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[SQLiteStore]:
        return SignalledSubscription(self, gt, topics)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Write events of the library's kind, all or none; IntegrityError where a stream has moved."""
        streams: dict[str, list[StoredEvent]] = {}
        for event in stored_events:
            streams.setdefault(str(event.originator_id), []).append(event)
        if len(streams) > 1:
            msg = "one append is about one stream"
            raise IntegrityError(msg)
        for stream, events in streams.items():
            facts = tuple(NewFact(event.topic, event.state) for event in events)
            after_version = events[0].originator_version - 1
            if [event.originator_version for event in events] == list(range(after_version + 1, after_version + 1 + len(events))):
                (positions,) = self.append([Append(stream, after_version, facts)], now=datetime.now(UTC))
                if positions is not None:
                    return positions
            msg = f"{stream} is not at version {after_version}"
            raise IntegrityError(msg)
        return []

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
        return [
            Notification(
                id=stored.position,
                originator_id=stored.stream,
                originator_version=stored.version,
                topic=stored.name,
                state=stored.body,
            )
            for stored in found
        ]

    def close(self) -> None:
        with self._lock:
            if self._writer is not None:
                with suppress(sqlite3.Error):
                    self._writer.close()
                self._writer = None
        self._readers.close()
        self.datastore.close()

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


def holds_ledger(path: Path) -> bool:
    """Whether *path* is a ledger's log already, rather than missing or empty."""
    if not path.exists():
        return False
    with available(), closing(connect(path, read_only=True)) as connection:
        return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone() is not None


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    with available():
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != _APPLICATION_ID and not empty:
        msg = f"{path} is an SQLite file of something else"
        raise StoreUnavailable(msg)
    if version > _FORMAT:
        msg = f"{path} was written by a newer version of the ledger"
        raise StoreUnavailable(msg)


def _refuse_large(appends: Sequence[Append]) -> None:
    for append in appends:
        if sum(len(fact.body) for fact in append.facts) > LARGEST_APPEND:
            msg = f"One command can record at most {LARGEST_APPEND // 1024 // 1024} MiB; send it in parts."
            raise TooLarge(msg)
