"""
A ledger moved from SQLite files to PostgreSQL as it is: positions, instants, bytes, keys, receipts, accounts, and
what was published of the transparency log.

Whoever may add facts past `ledger.append` does it: the owner of the database, not the role of applications.
Keys come before facts and each batch of facts is one transaction, so whatever interrupts it, it goes on when called
again. Nothing is ever written over: where something else stands, copying is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import Connection, sql

from ledger.migrations import migrate
from ledger.postgres import PostgresDatabase, Sessions
from ledger.postgres_store import PostgresStore
from ledger.settings import PostgresUrls, Settings, UnusableSettings, shown
from ledger.sqlite_file import available, connect
from ledger.sqlite_store import SQLiteStore
from ledger.store import Store, StoreUnavailable, is_reference
from ledger.transparency.log import Log

Progress = Callable[[int, int], None]
Stage = Callable[[str], AbstractContextManager[Progress]]

_AT_ONCE = 20_000
_PATIENCE_S = 3600.0
_TURN = 4_991_233_000  # the lock of `ledger.append`
_FACTS = ("position", "originator_id", "originator_version", "topic", "state", "recorded_at")
_RECEIPTS = ("principal", "key", "request_hash", "stream", "version", "position", "recorded", "status")
_PRIVATE = {
    "keys": {"data_keys": ("learner", "wrapped", "destroyed_us"), "about": ("name", "value")},
    "identities": {
        "accounts": ("id", "kind", "ref", "name", "email"),
        "api_keys": ("hash", "id", "role", "account", "created_us", "expires_us", "last_used_us"),
    },
}
# The tree is made anew from the facts; what was signed of it was seen by others, and comes along.
_PUBLISHED = {
    "checkpoints": ("origin", "size", "root", "note", "at_us"),
    "cosignatures": ("origin", "size", "witness", "line"),
    "log_keys": ("verifier", "made_us", "until_us"),
    "halts": ("at_us", "sentence", "accepted_us"),
}
_FOLLOWING = {"followers": ("name", "position"), "acted": ("subject",)}


class Differs(StoreUnavailable):
    """The target holds something that the source does not."""


class Copied(NamedTuple):
    """What stands on both sides: the position of the last fact, and a digest over all of them."""

    position: int
    facts: str


def copy(source: Settings, urls: PostgresUrls, stage: Stage) -> Copied:
    """
    Copy the ledger in *source*'s files into the databases *urls*, migrated first, and compare every fact.

    *stage* is entered for each part of the work that takes long, by its name. Differs where the target is of another
    ledger, or the source was written to meanwhile.
    """
    if not isinstance(source.database, Path):
        raise UnusableSettings("a ledger is copied from sqlite:///FILE")
    migrate(urls)
    with ExitStack() as stack:
        store = stack.enter_context(closing(SQLiteStore.open(source.file)))
        target = stack.enter_context(closing(PostgresStore.open(urls.log)))
        _refuse_another(store, target, urls)
        private, log = (
            stack.enter_context(closing(Sessions(url, purpose=" copy", at_most=1, patience=_PATIENCE_S)))
            for url in (urls.private, urls.log)
        )
        # Facts that come after this one may need keys that come after the copied ones; comparing finds them.
        until = store.head()
        fresh = target.head() == 0
        for part, tables in _PRIVATE.items():
            for table, columns in tables.items():
                _copy_rows(getattr(source, part), private, table, columns, replace=fresh and table == "about")
        with stage("copying facts") as progress:
            for position in _copy_facts(store, target.head(), until, log):
                progress(position, until)
        _copy_rows(source.file, log, "receipts", _RECEIPTS)
        for table, columns in _PUBLISHED.items():
            _copy_rows(source.file, log, table, columns)
        if source.followers.exists():
            for table, columns in _FOLLOWING.items():
                _copy_rows(source.followers, log, table, columns)
        with closing(Log(PostgresDatabase(urls.log), target)) as tree:
            while tree.integrate():
                pass
        with stage("comparing facts") as progress:
            return _compare(store, target, urls, progress)


def _compare(store: Store, target: Store, urls: PostgresUrls, progress: Progress) -> Copied:
    """Read both sides; return the last position and one digest over all facts with their places and instants."""
    hashed = hashlib.sha256()
    position, of = 0, store.head()
    while True:
        some = store.read_log(position, _AT_ONCE)
        if target.read_log(position, _AT_ONCE) != some:
            msg = f"what stands in {shown(urls.log)} is not what was copied; was the ledger written to meanwhile?"
            raise Differs(msg)
        if not some:
            return Copied(position, hashed.hexdigest())
        for fact in some:
            hashed.update(f"{fact[0]} {fact[1]} {fact[2]} {fact[3]} {fact[5]} {len(fact[4])}\n".encode())
            hashed.update(fact[4])
        position = some[-1].position
        progress(position, of)


def _refuse_another(store: Store, target: Store, urls: PostgresUrls) -> None:
    """Refuse a target whose last fact is not the source's at that position."""
    head = target.head()
    if target.read_log(head - 1, 1) != store.read_log(head - 1, 1, head):
        msg = f"{shown(urls.log)} holds facts of another ledger; copy into a new database"
        raise Differs(msg)


def _copy_facts(store: Store, head: int, until: int, log: Sessions) -> Iterator[int]:
    """Add the facts after *head* up to *until*, some thousands a transaction; yield the position after each."""
    while some := store.read_log(head, _AT_ONCE, until):
        with log.using() as session, session.connection.transaction():
            session.connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
            row = session.connection.execute("SELECT coalesce(max(position), 0) FROM facts").fetchone()
            if row != (head,):
                raise Differs("something else writes to the target; stop it, then copy again")
            _copy_in(session.connection, "facts", _FACTS, some)
            places = [(fact.position,) for fact in some if is_reference(fact.stream)]
            _copy_in(session.connection, "reference_facts", ("position",), places)
        head = some[-1].position
        yield head


def _copy_rows(path: Path, target: Sessions, table: str, columns: Sequence[str], *, replace: bool = False) -> None:
    """Add what is new of a table, in one transaction; with *replace*, ours go before what is there."""
    with available(), closing(connect(path, read_only=True)) as source:
        if not source.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return  # made by a version that had none
        rows = source.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608  names of our own
        with target.using() as session, session.connection.transaction():
            _add(session.connection, table, columns, rows, replace=replace)


def _add(
    connection: Connection[Any], table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]], *, replace: bool
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    place = {"table": sql.Identifier(table), "names": names, "key": sql.Identifier(columns[0])}
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT {names} FROM {table} LIMIT 0").format(**place)
    )
    _copy_in(connection, "copied", columns, rows)
    if replace:
        drop = sql.SQL("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM copied)")
        connection.execute(drop.format(**place))
    connection.execute(
        sql.SQL("INSERT INTO {table} ({names}) SELECT {names} FROM copied ON CONFLICT DO NOTHING").format(**place)
    )
    missing = sql.SQL("SELECT count(*) FROM (SELECT {names} FROM copied EXCEPT SELECT {names} FROM {table}) AS lost")
    # When a key was last used, and how far a follower is, go on changing on the other side.
    settled = table not in ("api_keys", *_FOLLOWING)
    if settled and connection.execute(missing.format(**place)).fetchone() != (0,):
        msg = f"the table {table} of the target holds other rows under the same keys; copy into a new database"
        raise Differs(msg)


def _copy_in(connection: Connection[Any], table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Add rows as they are read, so that memory does not grow with the table."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copying:
        for row in rows:
            copying.write_row(row)
