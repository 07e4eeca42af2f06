"""
Small tables whose rows change and go: keys, accounts, how far followers are. Written once, kept by either engine.

Queries use `?` for values and only words that SQLite and PostgreSQL share. The log is not kept this way: see
`ledger.store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement came to."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""


class Writing(Protocol):
    """A transaction under way."""

    def execute(self, query: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement."""

    def executemany(self, query: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each row."""


class Database(Protocol):
    """One database; usable from any thread. Whatever keeps it from its work raises StoreUnavailable."""

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows as of now; waits for no writer."""

    def writing(self) -> AbstractContextManager[Writing]:
        """Begin a transaction; it is durable when the block ends, and undone when it raises. Writers take turns."""

    def close(self) -> None:
        """Release everything; later calls raise StoreUnavailable."""


def marks(values: Sequence[object]) -> str:
    """Return as many `?` as there are *values*."""
    return ",".join("?" * len(values))
