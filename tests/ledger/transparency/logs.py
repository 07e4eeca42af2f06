"""Ledgers' logs for tests: facts by the bare store, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ledger.database import Database
from ledger.settings import PostgresUrls, Settings
from ledger.sqlite_store import SQLiteStore
from ledger.store import Append, NewFact, Store
from ledger.transparency.leaf import hash_of
from ledger.transparency.log import Log
from ledger.transparency.merkle import Frontier

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def record(store: Store, count: int, name: str = "s", at_once: int = 5000) -> None:
    """Record *count* facts, each in a stream of its own."""
    head = store.head()
    for start in range(head, head + count, at_once):
        many = range(start, min(start + at_once, head + count))
        appends = [Append(f"learner-{name}{n}", 0, (NewFact("thing.done.v1", b'{"n":%d}' % n),)) for n in many]
        assert None not in store.append(appends, now=NOW)


def frontier(store: Store) -> Frontier:
    """Return the tree over all facts, worked out from the facts alone."""
    found = Frontier()
    at = 0
    while facts := store.read_log(at, 10_000):
        for fact in facts:
            found.add(hash_of(fact))
        at = facts[-1].position
    return found


def settings_of(place: Path | PostgresUrls, directory: Path, **more: object) -> Settings:
    """Return the settings of a ledger with its log's files in *directory*."""
    return Settings(
        database=place, log_keys_at=directory / "log-keys", checkpoints_at=directory / "checkpoints", **more  # type: ignore[arg-type]
    )  # fmt: skip


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Store, Log]]:
    """Open store and log."""
    store: Store
    if isinstance(settings.database, Path):
        store = SQLiteStore.open(settings.database, create=True)
    else:
        from ledger.postgres_store import PostgresStore

        store = PostgresStore.open(settings.database.log)
    log = Log.of_ledger(settings, store)
    try:
        yield store, log
    finally:
        log.close()
        store.close()


def database_of(log: Log) -> Database:
    """Return what the log is kept in, to tamper with."""
    return log._database


def sql(log: Log, statement: str, *values: object) -> None:
    """Change what the log is kept in, past all rules but triggers."""
    with database_of(log).writing() as writing:
        writing.execute(statement, values)


def all_in(log: Log) -> None:
    """Take every fact into the tree."""
    while log.integrate():
        pass
