"""A small ledger that was published at three sizes, in either engine, and raw SQL to spoil it with."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from api.audit.given import Given, read
from api.audit.recomputing import State
from api.audit.source import opened
from api.audit.verdict import Verdict
from api.audit.verifying import verify
from ledger.copying import copy
from ledger.postgres import marked
from ledger.settings import PostgresUrls, Settings
from ledger.transparency.log import Log
from ledger.transparency.outside import Outside
from tests.benchmarks.sample import grow, make
from tests.examples import START

ORIGIN = "college.example/ledger"
SIZES = (150, 420, 700)
KEK = b"k" * 32


class Kept(NamedTuple):
    """The ledger, what was kept of it outside, and an older copy of its file."""

    settings: Settings
    outside: Path
    older: Path

    @property
    def sizes(self) -> list[int]:
        """The sizes at which it was published."""
        return [kept.checkpoint.size for kept in Outside(self.outside).all()]


def make_ledger(directory: Path) -> Kept:
    """Make one in files."""
    path = directory / "ledger.db"
    settings = Settings(database=path, log_origin=ORIGIN)
    older = directory / "older.db"
    learners = 0
    with closing(make(path)) as ledger, closing(Log.of_ledger(settings, ledger.store)) as log:
        for number, size in enumerate(SIZES):
            while ledger.store.head() < size:  # a few learners at a time, so that instants differ
                learners = grow(ledger, ledger.store.head() + 1, learners) + 1
            assert log.publish(START + timedelta(minutes=number), at_once=True) is not None
            if number == 1:
                with closing(sqlite3.connect(path)) as connection, closing(sqlite3.connect(older)) as target:
                    connection.backup(target)
    assert settings.checkpoints is not None
    return Kept(settings, settings.checkpoints, older)


def another(kept: Kept, directory: Path) -> Kept:
    """Return a copy of a ledger in files, to be spoilt."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in kept.settings.file.parent.iterdir():
        if file.is_file():
            shutil.copy(file, directory)
    settings = Settings(database=directory / "ledger.db", log_origin=ORIGIN)
    return Kept(settings, directory / "ledger.checkpoints", directory / "older.db")


def moved(kept: Kept, urls: PostgresUrls) -> Kept:
    """Return it moved to PostgreSQL, published there at the same sizes."""
    copy(kept.settings, urls, lambda _: nullcontext(lambda *_: None))
    settings = Settings(database=urls, kek=KEK, log_keys_at=kept.settings.log_keys, checkpoints_at=kept.outside)
    with opened(settings) as source, closing(Log.of_ledger(settings, source.store)) as log:
        while log.integrate():
            pass
        for one in Outside(kept.outside).all():
            log.published.add(one.checkpoint, one.note, one.at)
        log.keys(START)
    return Kept(settings, kept.outside, kept.older)


def audited(kept: Kept, *against: Path) -> Verdict:
    """Return what an audit says, against files of checkpoints from outside."""
    with opened(kept.settings) as source:
        given: list[Given] = [one for path in against for one in read(path, source.keys())]
        return verify(source, given, (), State(), lambda *_: None)


class Raw:
    """SQL past every rule of the ledger."""

    def __init__(self, connection: Any, *, postgres: bool) -> None:
        self._connection = connection
        self._postgres = postgres

    def run(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement, and return its rows."""
        cursor = self._connection.execute(marked(query) if self._postgres else query, values)
        return [] if cursor.description is None else list(cursor.fetchall())

    def fact(self, position: int) -> tuple[Any, ...]:
        """Return a row of facts."""
        return self.run("SELECT * FROM facts WHERE position = ?", position)[0]

    def write(self, row: Sequence[Any]) -> None:
        """Write a row of facts where there is none."""
        self.run("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", *row)

    def remove(self, position: int) -> None:
        """Delete a row of facts."""
        self.run("DELETE FROM facts WHERE position = ?", position)

    def move(self, first: int, by: int) -> None:
        """Give every fact from *first* on another position."""
        self.run("UPDATE facts SET position = -position WHERE position >= ?", first)
        self.run("UPDATE facts SET position = -position + ? WHERE position < 0", by)

    def set_tile(self, level: int, nth: int, hashes: bytes) -> None:
        """Put other hashes into a tile."""
        self.run("UPDATE tiles SET hashes = ? WHERE level = ? AND nth = ?", hashes, level, nth)

    def tile(self, level: int, nth: int) -> bytes:
        """Return the hashes of a tile."""
        return bytes(self.run("SELECT hashes FROM tiles WHERE level = ? AND nth = ?", level, nth)[0][0])


@contextmanager
def raw(kept: Kept) -> Iterator[Raw]:
    """Open the database of *kept* without its triggers; what was done stays done."""
    database = kept.settings.database
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            yield Raw(connection, postgres=False)
            connection.execute("COMMIT")
        return
    with psycopg.connect(database.log) as connection:
        connection.execute("SET search_path = ledger")
        for table in ("facts", "reference_facts"):
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(sql.Identifier(table)))
        yield Raw(connection, postgres=True)
