"""
The tree in the file of the facts: it grows in the transaction that writes them, on the same connection.

A file whose facts were written by something that knows of no tree is behind. What is missing is made up here when it is
little; else it is left to `tree.integrate`, which does it in steps, and takes up where it was interrupted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ledger.sqlite_file import writing
from ledger.store import Stored, StoreUnavailable
from ledger.transparency.growth import Growth
from ledger.transparency.leaf import hashes_of
from ledger.transparency.tables import HALTED, SQLITE, TILE, TREE_SIZE, WRITE_TILE

_MADE_UP_AT_ONCE = 2_000
_STATE = f"SELECT ({TREE_SIZE}), ({HALTED})"
_MISSING = """
SELECT position, originator_id, originator_version, topic, state, recorded_at
FROM facts WHERE position > ? AND position <= ? ORDER BY position
"""


class SQLiteTree:
    """Lets the tree grow inside transactions of *connection*, the only one that writes facts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._growth: Growth | None = None
        if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'halts'").fetchone() == (0,):
            with writing(connection):
                for table in SQLITE:
                    connection.execute(table)

    def size(self, head: int) -> int:
        """
        Return how many of the *head* facts are in the tree.

        StoreUnavailable where the ledger is read-only, or the tree has seen facts that are no longer there.
        """
        size, halted = self._connection.execute(_STATE).fetchone()
        if halted is not None:
            raise StoreUnavailable(halted)
        if (size or 0) > head:
            msg = f"the log holds {head} facts, but its tree {size}: facts are missing; see `ledger audit verify`"
            raise StoreUnavailable(msg)
        return size or 0

    def grow(self, size: int, head: int, facts: Sequence[tuple[Any, ...]]) -> None:
        """Add *facts*, which follow the *head* facts that are there, to the tree of *size*."""
        if head - size > _MADE_UP_AT_ONCE:
            return
        growth = self._growth
        if growth is None or growth.size != size:
            growth = Growth(size, self._tile)
        self._growth = None  # until it is written
        if size < head:
            growth.add(hashes_of(map(Stored._make, self._connection.execute(_MISSING, (size, head)))))
        growth.add(hashes_of(map(Stored._make, facts)))
        self._connection.executemany(WRITE_TILE, growth.taken())
        self._growth = growth

    def undone(self) -> None:
        """Forget what a transaction that was rolled back had added."""
        self._growth = None

    def _tile(self, level: int, nth: int) -> bytes:
        found = self._connection.execute(TILE, (level, nth)).fetchone()
        return found[0] if found else b""
