"""All views of one edition: facts in, rows and position written in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from ledger.codec import decode
from ledger.event import Event, Recorded
from ledger.store import Stored
from projections.appeals import Appeals
from projections.as_of import Log
from projections.assessment_queue import AssessmentQueue
from projections.award_queues import AwardQueues
from projections.award_register import AwardRegister
from projections.batches import Batches
from projections.catalogue import CatalogueVersions
from projections.connection import Connection, without_nul
from projections.due import DueBreaks
from projections.fact_index import FactIndex
from projections.learners import Learners
from projections.revocations import Revocations
from projections.shapes import shapes
from projections.shelf import Writer
from projections.totals import Totals
from projections.view import Apply, View

_STANDING = "CREATE TABLE standing (position INTEGER NOT NULL, fingerprint TEXT NOT NULL, retired INTEGER NOT NULL);"
_ROWS = 10_000


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
        FactIndex(),
    )


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return what tells apart code that makes other rows: a digest over the views' tables and versions."""
    text = _STANDING + "".join(f"{view.name} {view.version} {view.tables} {view.indexes}" for view in all_views())
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def making() -> str:
    """Return the statements that make all tables, with the indexes needed while facts are taken in."""
    return _STANDING + "".join(view.tables for view in all_views())


def making_indexes() -> str:
    """Return the statements that make the indexes that only readers need; quicker after the rows than with them."""
    return "".join(view.indexes for view in all_views())


class Tables:
    """The views of one edition, over a connection that only the projecting thread uses."""

    def __init__(self, connection: Writer) -> None:
        self._connection = connection
        self._views = all_views()
        self._handlers: dict[str, tuple[Apply, ...]] = {}
        self._by_class: dict[type[Event], tuple[Apply, ...]] = {}
        for view in self._views:
            view.attach(connection)
            for cls, apply in view.handlers().items():
                self._by_class[cls] = (*self._by_class.get(cls, ()), apply)
        self.position = -1

    def take(self, store: Log, limit: int) -> int:
        """Take in up to *limit* further facts; return how many. Raises Moved when the edition was replaced."""
        connection = self._connection
        try:
            position = connection.begin()
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
                    view.flush(connection)
                self.position = batch[-1].position
            connection.end(self.position)
        except BaseException:
            self.forget()
            connection.rollback()
            raise
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

    def __init__(self, store: Log) -> None:
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


def digest(connection: Connection) -> str:
    """Return one hash over every row of every view's tables, in order of their keys; the same on either engine."""
    hashed = hashlib.sha256()
    for name, _, key in shapes("".join(view.tables for view in all_views())):
        hashed.update(f"\n{name}\n".encode())
        for row in in_order(connection, name, ", ".join(key), len(key)):
            text = repr(row)
            if "\\x00" in text:  # PostgreSQL has no such character: see `schemas`
                text = repr(tuple(without_nul(value) for value in row))
            hashed.update(text.encode())
    return hashed.hexdigest()


def in_order(connection: Connection, table: str, key: str, length: int) -> Iterator[tuple[Any, ...]]:
    """Go through a table in order of its *key*, some rows at a time: there may be more than memory holds."""
    marks = ", ".join("?" * length)
    query = f"SELECT *, {key} FROM {table}{{}} ORDER BY {key} LIMIT {_ROWS}"  # noqa: S608 -- our own names
    found = connection.execute(query.format("")).fetchall()
    while found:
        yield from (row[:-length] for row in found)
        if len(found) < _ROWS:
            return
        found = connection.execute(query.format(f" WHERE ({key}) > ({marks})"), found[-1][-length:]).fetchall()
