"""Rows of one table on their way in: read through, changed in memory, written many at a time."""

from __future__ import annotations

from typing import Any

from projections.connection import Target, Writing

Row = list[Any]
Key = str | tuple[str | int, ...]

_KEPT = 15_000
_UNKNOWN: Row = []


class Rows:
    """
    The rows of *table*, found by *key*; the first of *columns* is the primary key.

    Rows stay in memory after they are written, up to a bound, because facts about the same thing come close together.
    `forget` whenever another process may have written to the table.
    """

    def __init__(self, table: str, columns: str, key: str) -> None:
        self._target = Target(table, tuple(columns.split()), tuple(key.split()))
        where = " AND ".join(f"{column} = ?" for column in self._target.key)
        self._single = len(self._target.key) == 1
        self._find = f"SELECT {', '.join(self._target.columns)} FROM {table} WHERE {where}"  # noqa: S608 -- our own names
        self._known: dict[Key, Row | None] = {}
        self._dirty: dict[Key, Row] = {}
        self._new: set[Key] = set()
        self._gone: list[Any] = []
        self.connection: Writing | None = None

    def add(self, key: Key, row: Row) -> None:
        """Put a row that is new, or that replaces the one found by *key* whole."""
        self._known[key] = self._dirty[key] = row

    def add_new(self, key: Key, row: Row) -> None:
        """Put a row that is new; should it be dropped before it was written, nothing ever is."""
        self._known[key] = self._dirty[key] = row
        self._new.add(key)

    def drop(self, key: Key) -> None:
        """Take out the row found by *key*."""
        row = self.find(key)
        if row is not None:
            self._dirty.pop(key, None)
            if key in self._new:
                self._new.remove(key)
            else:
                self._gone.append(row[0])
            self._known[key] = None

    def find(self, key: Key) -> Row | None:
        """Return the row found by *key* to be looked at only, or None."""
        row = self._known.get(key, _UNKNOWN)
        if row is _UNKNOWN:
            row = self._known[key] = self._load(key)
        return row

    def change(self, key: Key) -> Row | None:
        """Return the row found by *key* to be changed in place, or None."""
        row = self.find(key)
        if row is not None:
            self._dirty[key] = row
        return row

    def flush(self, connection: Writing) -> None:
        """Write what was added and changed."""
        if self._gone:
            connection.delete(self._target.table, self._target.columns[0], self._gone)
            self._gone = []
        if self._dirty:
            connection.save(self._target, self._dirty.values())
            self._dirty = {}
            self._new = set()
        if len(self._known) > _KEPT:
            self._known = {}

    def forget(self) -> None:
        """Drop what is in memory, written or not."""
        self._known, self._dirty, self._new, self._gone = {}, {}, set(), []

    def _load(self, key: Key) -> Row | None:
        if self.connection is None:
            return None
        found = self.connection.execute(self._find, (key,) if self._single else key).fetchone()
        return None if found is None else list(found)
