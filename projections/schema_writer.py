"""Writing into one schema of views: statements as PostgreSQL wants them, and many rows at a time."""

# ruff: noqa: S608 -- what is put into statements are names and numbers of our own

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from math import inf
from time import monotonic
from typing import Any

import psycopg
from psycopg import errors

from ledger.migrations import ROLE
from ledger.postgres import PATIENCE_S, Session, lost, marked, sentence
from ledger.store import StoreUnavailable
from projections.connection import Target, without_nul
from projections.shapes import shapes
from projections.shelf import Moved
from projections.tables import making

MISSING = (errors.UndefinedTable, errors.InvalidSchemaName)
_TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
_DDL = (("INTEGER", "bigint"), ("TEXT", 'text COLLATE "C"'), ("BLOB", "bytea"), (" WITHOUT ROWID", ""))
_BATCH_S = 3 * PATIENCE_S


class SchemaWriter:
    """
    A session that writes into *schema*, one thread at a time; *notify* is where it tells of its commits.

    A commit need not be on disk when it is answered: should it be lost, its position is lost with it.
    """

    def __init__(self, session: Session, schema: str, notify: str | None = None) -> None:
        self.session = session
        self.tables = [shape.name for shape in shapes(making())]
        self._final = notify is not None
        self._begin = (
            f"BEGIN; SET LOCAL search_path = {schema}; SET LOCAL synchronous_commit = off;"
            "SELECT position, retired FROM standing FOR UPDATE"
        )
        self._end = "; COMMIT" if notify is None else f"; NOTIFY {notify}; COMMIT"

    def begin(self) -> int:
        self.session.due = monotonic() + _BATCH_S
        try:
            position, retired = ran(self.session, self._begin)
        except MISSING:
            raise Moved from None
        except psycopg.Error as error:
            if self._final and lost(self.session, error):  # since its last use; nothing was begun
                self.session.close()
                raise Moved from error
            raise unavailable(error) from error
        if retired:
            raise Moved
        return int(position)

    def end(self, position: int) -> None:
        try:
            ran(self.session, f"UPDATE standing SET position = {position}{self._end}")
        except psycopg.Error as error:
            raise unavailable(error) from error
        self.session.due = inf

    def rollback(self) -> None:
        try:
            if self.session.connection.info.transaction_status and not self.session.connection.closed:
                ran(self.session, "ROLLBACK")
        except psycopg.Error:
            self.session.close()
        self.session.due = inf

    def close(self) -> None:
        self.session.close()

    def execute(self, query: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        try:
            return self.session.connection.execute(
                marked(query), [without_nul(value) for value in parameters], prepare=True
            )
        except psycopg.Error as error:
            raise unavailable(error) from error

    def save(self, target: Target, rows: Collection[Sequence[Any]]) -> None:
        values = list(zip(*rows, strict=True))
        if any("\0" in text for column in values for text in column if type(text) is str):
            values = list(zip(*_without_nul(target, rows), strict=True))
        self._write(_saving(target), [list(column) for column in values])

    def delete(self, table: str, column: str, values: Collection[Any]) -> None:
        self._write(_deleting(table, column), [list(values)])

    def add(self, table: str, numbers: Iterable[tuple[str, int]]) -> None:
        names, moves = zip(*numbers, strict=True)
        self._write(_adding(table), [list(names), list(moves)])

    def _write(self, statement: str, columns: list[list[Any]]) -> None:
        try:
            self.session.connection.execute(statement, columns, prepare=True)
        except psycopg.Error as error:
            raise unavailable(error) from error


def ddl(statements: str) -> str:
    """Return statements that make tables as PostgreSQL wants them; text is ordered by its bytes, as in SQLite."""
    for ours, theirs in _DDL:
        statements = statements.replace(ours, theirs)
    return statements


def ran(session: Session, statements: str) -> Any:
    """Run statements in one round trip; return the first row of the last that answered rows, None without any."""
    cursor = session.connection.execute(statements.encode(), prepare=False)
    row = None
    while True:
        if cursor.description is not None:
            row = cursor.fetchone()
        if not cursor.nextset():
            return row


@contextmanager
def available(session: Session, seconds: float = PATIENCE_S) -> Iterator[None]:
    """Give what is done with *session* so many seconds, and say StoreUnavailable for what goes wrong with it."""
    session.due = monotonic() + seconds
    try:
        yield
    except MISSING:
        raise
    except psycopg.Error as error:
        raise unavailable(error) from error
    finally:
        session.due = inf


def unavailable(error: psycopg.Error) -> StoreUnavailable:
    """Return what to raise in the place of an error of the driver's."""
    if isinstance(error, errors.InsufficientPrivilege):
        what = f"let it be a member of {ROLE}, and grant that CREATE on the database"
        return StoreUnavailable(f"this database role may not keep views ({sentence(error)}); {what}")
    return StoreUnavailable(f"the views cannot be used: {sentence(error)}")


def _without_nul(target: Target, rows: Collection[Sequence[Any]]) -> Collection[Sequence[Any]]:
    """Replace what PostgreSQL cannot hold; of rows that have one key then, the last stays."""
    key = [target.columns.index(column) for column in target.key]
    clean = [[without_nul(value) for value in row] for row in rows]
    return {tuple(row[place] for place in key): row for row in clean}.values()


# An array for each column: measured, the quickest there is for rows that may be there already (8 us a row; a row by
# row executemany 26, many rows of VALUES 39). COPY into the table itself takes 5, and can only add.


@lru_cache(maxsize=64)
def _saving(target: Target) -> str:
    others = [f"{column} = excluded.{column}" for column in target.columns if column not in target.key]
    then = f"UPDATE SET {', '.join(others)}" if others else "NOTHING"
    return (
        f"INSERT INTO {target.table} ({', '.join(target.columns)})"
        f" SELECT * FROM unnest({_arrays(target.table, target.columns)})"
        f" ON CONFLICT ({', '.join(target.key)}) DO {then}"
    )


@lru_cache(maxsize=64)
def _deleting(table: str, column: str) -> str:
    return f"DELETE FROM {table} WHERE {column} = ANY({_arrays(table, (column,))})"


@lru_cache(maxsize=64)
def _adding(table: str) -> str:
    return (
        f"INSERT INTO {table} SELECT * FROM unnest({_arrays(table, ('name', 'number'))})"
        f" ON CONFLICT (name) DO UPDATE SET number = {table}.number + excluded.number"
    )


def _arrays(table: str, columns: Sequence[str]) -> str:
    types = next(shape.columns for shape in shapes(making()) if shape.name == table)
    return ", ".join(f"%b::{_TYPES[types[column]]}[]" for column in columns)
