"""All views over one SQLite file: facts in, rows and position written in one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from ledger.codec import decode
from ledger.event import Event, Recorded
from ledger.store import Store, Stored
from projections.appeals import Appeals
from projections.assessment_queue import AssessmentQueue
from projections.award_queues import AwardQueues
from projections.award_register import AwardRegister
from projections.batches import Batches
from projections.catalogue import CatalogueVersions
from projections.due import DueBreaks
from projections.learners import Learners
from projections.revocations import Revocations
from projections.totals import Totals
from projections.view import Apply, View

_STANDING = "CREATE TABLE standing (position INTEGER NOT NULL, fingerprint TEXT NOT NULL, retired INTEGER NOT NULL);"


def all_views() -> tuple[View, ...]:
    """Every view, in the order in which they take in a fact: later ones may look at rows of earlier ones."""
    totals = Totals()
    appeals = Appeals(totals)
    return (
        totals,
        Learners(totals),
        AwardRegister(totals),
        AssessmentQueue(totals),
        appeals,
        AwardQueues(totals),
        Revocations(),
        Batches(),
        CatalogueVersions(),
        DueBreaks(appeals),
    )


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return what tells apart code that makes other rows: a digest over the views' tables and versions."""
    text = _STANDING + "".join(f"{view.name} {view.version} {view.tables} {view.indexes}" for view in all_views())
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Moved(Exception):
    """The file was replaced by a rebuilt one; open that."""


class Tables:
    """
    The views in one file, over a connection that only the projecting thread uses.

    A batch is one transaction that takes the write lock before it reads the position,
    so that of two processes projecting into the same file each takes in what the other has not.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._views = all_views()
        self._handlers: dict[str, tuple[Apply, ...]] = {}
        self._by_class: dict[type[Event], tuple[Apply, ...]] = {}
        for view in self._views:
            view.attach(connection)
            for cls, apply in view.handlers().items():
                self._by_class[cls] = (*self._by_class.get(cls, ()), apply)
        self.position = -1

    @staticmethod
    def create(connection: sqlite3.Connection) -> None:
        """Make all tables, with the indexes needed while facts are taken in."""
        connection.executescript(_STANDING + "".join(view.tables for view in all_views()))
        connection.execute("INSERT INTO standing VALUES (0, ?, 0)", (fingerprint(),))

    @staticmethod
    def index(connection: sqlite3.Connection) -> None:
        """Make the indexes that only readers need; quicker after the rows than with them."""
        connection.executescript("".join(view.indexes for view in all_views()))

    def take(self, store: Store, limit: int) -> int:
        """Take in up to *limit* further facts; return how many. Raises Moved when the file was replaced."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            taken = self.take_within(store, limit)
            self._connection.execute("COMMIT")
        except BaseException:
            self.forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return taken

    def take_within(self, store: Store, limit: int) -> int:
        """Like `take`, in a transaction that the caller began and will end."""
        position, retired = self._connection.execute("SELECT position, retired FROM standing").fetchone()
        if retired:
            raise Moved
        if position != self.position:
            self.forget()
            self.position = position
        batch = store.read_log(position, limit)
        if batch:
            past = _Past(store)
            for view in self._views:
                view.past = past.until
            self.apply(batch)
            for view in self._views:
                view.flush(self._connection)
            self.position = batch[-1].position
            self._connection.execute("UPDATE standing SET position = ?", (self.position,))
        return len(batch)

    def apply(self, batch: Iterable[Stored]) -> None:
        """Let each view take in the facts that concern it; what concerns none is not even decoded."""
        handlers = self._handlers
        for stored in batch:
            todo = handlers.get(stored[3])
            if todo is None:
                todo = handlers[stored.name] = self._by_class.get(type(decode(stored).fact), ())
            if todo:
                recorded = decode(stored)
                fact = recorded.fact
                for apply in todo:
                    apply(fact, recorded)

    def forget(self) -> None:
        """Drop what is in memory, to be read again from the file."""
        self.position = -1
        for view in self._views:
            view.forget()


class _Past:
    """A learner's facts up to one of them, for the few facts that a row alone does not tell what to do with."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stream = ""
        self._facts: list[Recorded] = []

    def until(self, recorded: Recorded) -> list[Recorded]:
        if recorded.stream != self._stream:
            self._stream, self._facts = recorded.stream, []
        known = self._facts[-1].version if self._facts else 0
        if known < recorded.version:
            further = self._store.read(recorded.stream, after_version=known, until=recorded.position)
            self._facts.extend(map(decode, further))
        return self._facts


def digest(connection: sqlite3.Connection) -> str:
    """Return one hash over every row of every view's tables, in order of their keys."""
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if name != "standing" and not name.startswith("sqlite_")
    ]
    hashed = hashlib.sha256()
    for table in tables:
        keys = [name for name, rank in _columns(connection, table) if rank]
        hashed.update(f"\n{table}\n".encode())
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(keys)}"):  # noqa: S608
            hashed.update(repr(row).encode())
    return hashed.hexdigest()


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, Any]]:
    return [(row[1], row[5]) for row in connection.execute(f"PRAGMA table_info({table})")]
