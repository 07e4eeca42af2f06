"""
The log in PostgreSQL, on the recorder of the `eventsourcing` library.

What the library's recorder lacks and this one has: dense positions, `recorded_at` set under the lock that orders the
log, several commands in one call and one commit, no pipeline, a deadline on everything, readers that wait for nobody
and are a bounded number of connections. Rows are never updated or deleted; triggers see to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any

from eventsourcing.persistence import (
    ApplicationRecorder,
    Notification,
    StoredEvent,
    Subscription,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow, dict_row, tuple_row

from ledger.group_commit import GroupCommit
from ledger.migrations import purpose, refuse_unusable
from ledger.postgres import MIGRATE_FIRST, PATIENCE_S, Sessions
from ledger.postgres_append import PostgresWriter, check_text
from ledger.postgres_binary import INT8, TEXT, TEXTS, Query
from ledger.postgres_signals import Listener
from ledger.recorder import insert, notification_of
from ledger.signals import Signal, SignalledSubscription, signal_of
from ledger.store import Append, CatalogueMoved, Decide, KeyedReceipt, Stored, StoreUnavailable, microseconds, size_of

_ROW = "SELECT position, originator_id, originator_version, topic, state, recorded_at FROM ledger.facts "
_OF_STREAM = "WHERE originator_id = $1 AND originator_version > $2 "
_STREAM = Query(_ROW + _OF_STREAM + "ORDER BY originator_version", TEXT, INT8)
_STREAM_UNTIL = Query(_ROW + _OF_STREAM + "AND position <= $3 ORDER BY originator_version", TEXT, INT8, INT8)
_MANY = Query(_ROW + "WHERE originator_id = ANY($1) ORDER BY originator_id, originator_version", TEXTS)
_LOG = Query(_ROW + "WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3", INT8, INT8, INT8)
_REFERENCE = Query(
    "SELECT position, originator_id, originator_version, topic, state, recorded_at "
    "FROM ledger.reference_facts JOIN ledger.facts USING (position) "
    "WHERE position > $1 AND position <= $2 ORDER BY position",
    *(INT8, INT8),
)
_NOTIFICATIONS = Query(
    _ROW + "WHERE position >= $1 AND position <= $2 AND (topic = ANY($3) OR cardinality($3) = 0) "
    "ORDER BY position LIMIT $4",
    *(INT8, INT8, TEXTS, INT8),
)
_VERSIONS = Query(
    "SELECT name, coalesce((SELECT originator_version FROM ledger.facts WHERE originator_id = name "
    "ORDER BY originator_version DESC LIMIT 1), 0) FROM unnest($1) AS s (name)",
    TEXTS,
)
_HEAD = Query("SELECT position FROM ledger.facts ORDER BY position DESC LIMIT 1")
_REFERENCE_HEAD = Query(
    "SELECT position FROM ledger.reference_facts WHERE position <= $1 ORDER BY position DESC LIMIT 1", INT8
)
# Halving the log: `recorded_at` never runs backwards, and positions have no gaps.
_POSITION_AT = Query(
    """
    WITH RECURSIVE half (known, unknown) AS (
        SELECT 0::bigint, coalesce((SELECT max(position) FROM ledger.facts), 0) + 1
        UNION ALL
        SELECT CASE WHEN early THEN middle ELSE known END, CASE WHEN early THEN unknown ELSE middle END
        FROM half, LATERAL (SELECT (known + unknown) / 2 AS middle) AS m,
            LATERAL (SELECT recorded_at <= $1 AS early FROM ledger.facts WHERE position = middle) AS f
        WHERE unknown - known > 1)
    SELECT max(known) FROM half
    """,
    INT8,
)
# From name to name: a stream costs the same however many facts it has.
_STREAMS = Query(
    """
    WITH RECURSIVE stream (name) AS (
        (SELECT originator_id FROM ledger.facts WHERE originator_id > $1 AND originator_id < $2
         ORDER BY originator_id LIMIT 1)
        UNION ALL
        SELECT (SELECT originator_id FROM ledger.facts WHERE originator_id > name AND originator_id < $2
                ORDER BY originator_id LIMIT 1)
        FROM stream WHERE name IS NOT NULL)
    SELECT name FROM stream WHERE name IS NOT NULL LIMIT $3
    """,
    *(TEXT, TEXT, INT8),
)
_RECEIPT = Query(
    "SELECT principal, key, request_hash, stream, version, position, recorded, status "
    "FROM ledger.receipts WHERE principal = $1 AND key = $2",
    *(TEXT, TEXT),
)
_DATABASE = "SELECT oid FROM pg_database WHERE datname = current_database()"
_END = 2**62
_GATHER_S = 0.0005
_STREAMS_AT_ONCE = 2000


class Datastore(PostgresDatastore):
    """The library's way to connections, leading to ours: it keeps none of its own, and knows plain types alone."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__("", "", "", "", "", schema="ledger", originator_id_type="text")
        self.sessions = sessions

    def register_type_adapters(self) -> None:
        """There are no composite types here."""

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Lend a connection whose rows are read by name."""
        with self.sessions.using() as session:
            session.connection.row_factory = dict_row
            try:
                yield session.connection
            finally:
                session.connection.row_factory = tuple_row


class PostgresStore(PostgresApplicationRecorder):
    """The log in one database; see `ledger.store.Store` for what its methods promise."""

    def __init__(self, datastore: Datastore, signal: Signal, patience: float = PATIENCE_S) -> None:
        super().__init__(datastore, events_table_name="facts")
        self._sessions = datastore.sessions
        self._signal = signal
        self._listener = Listener(self._sessions.url, purpose("log", "listener"), signal)
        writer = PostgresWriter(self._sessions.url, purpose("log", "writer"), patience=patience)
        self._writer = GroupCommit(writer, signal.reached, gather=_GATHER_S)

    @classmethod
    def open(cls, url: str, *, patience: float = PATIENCE_S) -> PostgresStore:
        """Open the log at *url*, giving each use *patience* seconds; StoreUnavailable says what keeps it from work."""
        sessions = Sessions(url, purpose=purpose("log", "reader"), patience=patience, by_index=True)
        try:
            with sessions.using() as session:
                refuse_unusable(session, "log")
                info = session.connection.info
                ((database,),) = session.connection.execute(_DATABASE).fetchall()
                signal = signal_of((info.host, info.port, database))
        except BaseException:
            sessions.close()
            raise
        return cls(Datastore(sessions), signal, patience)

    def create_table(self) -> None:
        """Refuse: `ledger migrate` makes the tables, once, and not every process that starts."""
        raise StoreUnavailable(MIGRATE_FIRST)

    def append(
        self, appends: Sequence[Append], *, now: datetime, catalogue_position: int | None = None
    ) -> list[tuple[int, ...] | None]:
        size = size_of(appends)
        self._sessions.check_open()
        if not appends:
            if catalogue_position is not None and (newer := self.reference_head()) > catalogue_position:
                raise CatalogueMoved(newer)
            return []
        check_text(appends)
        return self._writer.append(appends, size, now, catalogue_position)

    def append_at_head(
        self, decide: Decide, *, now: datetime, catalogue_position: int | None = None
    ) -> tuple[int, ...] | None:
        self._sessions.check_open()

        def checked(head: int) -> Append:
            append = decide(head)
            check_text([append])
            return append

        return self._writer.append_at_head(checked, now, catalogue_position)

    def read(self, stream: str, after_version: int = 0, until: int | None = None) -> list[Stored]:
        if until is None:
            return self._facts(_STREAM, stream, after_version)
        return self._facts(_STREAM_UNTIL, stream, after_version, until)

    def read_many(self, streams: Iterable[str]) -> dict[str, list[Stored]]:
        names = list(dict.fromkeys(streams))
        found: dict[str, list[Stored]] = {}
        for start in range(0, len(names), _STREAMS_AT_ONCE):
            rows = self._facts(_MANY, names[start : start + _STREAMS_AT_ONCE])
            for stream, facts in groupby(rows, key=lambda stored: stored.stream):
                found[stream] = list(facts)
        return found

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        names = list(dict.fromkeys(streams))
        return dict(self._sessions.ask(_VERSIONS, names, make=_pair))

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:
        return self._facts(_LOG, after, _END if until is None else until, limit)

    def read_reference(self, after: int = 0, until: int | None = None) -> list[Stored]:
        return self._facts(_REFERENCE, after, _END if until is None else until)

    def reference_head(self, until: int | None = None) -> int:
        return self._number(_REFERENCE_HEAD, _END if until is None else until)

    def head(self) -> int:
        return self._number(_HEAD)

    def position_at(self, instant: datetime) -> int:
        return self._number(_POSITION_AT, microseconds(instant))

    def streams(self, category: str, after: str = "", limit: int = 1000) -> list[str]:
        first, end = max(after, f"{category}-"), f"{category}."
        return self._sessions.ask(_STREAMS, first, end, limit, make=_only)

    def receipt(self, principal: str, key: str) -> KeyedReceipt | None:
        found = self._sessions.ask(_RECEIPT, principal, key, make=KeyedReceipt._make)
        return found[0] if found else None

    def wait(self, after: int, timeout: float) -> bool:
        self._listener.start()
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
        first = (start or 0) + (0 if inclusive_of_start else 1)
        last = _END if stop is None else stop
        return list(map(notification_of, self._facts(_NOTIFICATIONS, first, last, topics, limit)))

    def max_notification_id(self) -> int | None:
        return self.head() or None

    def close(self) -> None:
        self._sessions.close()
        self._listener.close()
        self._writer.close()

    def _facts(self, query: Query, *values: object) -> list[Stored]:
        return self._sessions.ask(query, *values, make=Stored._make)

    def _number(self, query: Query, *values: object) -> int:
        found = self._sessions.ask(query, *values, make=_only)
        return (found[0] or 0) if found else 0


def _only(row: Sequence[Any]) -> Any:
    return row[0]


def _pair(row: Sequence[Any]) -> tuple[str, int]:
    return row[0], row[1]
