"""Rows of one table on their way in: read through, changed in memory, written many at a time."""

from __future__ import annotations

import sqlite3
from typing import Any

Row = list[Any]
Key = str | tuple[str | int, ...]

_KEPT = 50_000


class Rows:
    """
    The rows of *table*, found by *key*; the first of *columns* is the primary key.

    Rows stay in memory after they are written, up to a bound, because facts about the same thing come close together.
    `forget` whenever another process may have written to the table.
    """

    def __init__(self, table: str, columns: str, key: str) -> None:
        self.columns = columns.split()
        names, marks = ", ".join(self.columns), ", ".join("?" * len(self.columns))
        where = " AND ".join(f"{column} = ?" for column in key.split())
        self._single = len(key.split()) == 1
        self._find = f"SELECT {names} FROM {table} WHERE {where}"  # noqa: S608 -- names of our own tables
        self._save = f"REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        self._known: dict[Key, Row] = {}
        self._dirty: dict[Key, Row] = {}
        self.connection: sqlite3.Connection | None = None

    def add(self, key: Key, row: Row) -> None:
        """Put a row that is new, or that replaces the one found by *key* whole."""
        self._known[key] = self._dirty[key] = row

    def find(self, key: Key) -> Row | None:
        """Return the row found by *key* to be looked at only, or None."""
        row = self._known.get(key)
        if row is None:
            row = self._load(key)
            if row is not None:
                self._known[key] = row
        return row

    def change(self, key: Key) -> Row | None:
        """Return the row found by *key* to be changed in place, or None."""
        row = self._known.get(key)
        if row is None:
            row = self.find(key)
            if row is None:
                return None
        self._dirty[key] = row
        return row

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write what was added and changed."""
        if self._dirty:
            connection.executemany(self._save, self._dirty.values())
            self._dirty = {}
            if len(self._known) > _KEPT:
                self._known = {}

    def forget(self) -> None:
        """Drop what is in memory, written or not."""
        self._known, self._dirty = {}, {}

    def _load(self, key: Key) -> Row | None:
        if self.connection is None:
            return None
        found = self.connection.execute(self._find, (key,) if self._single else key).fetchone()
        return None if found is None else list(found)
