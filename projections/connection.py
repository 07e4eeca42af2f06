"""What the views ask of a database: queries with `?` for values, in words that SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol


class Found(Protocol):
    """The rows that a query found."""

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows that are left."""


class Connection(Protocol):
    """A database read from."""

    def execute(self, query: str, parameters: Sequence[Any] = (), /) -> Found:
        """Run one query."""


class Target(NamedTuple):
    """Where rows go: the columns of a table, and which of them find a row; the table keeps those unique."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class Writing(Connection, Protocol):
    """A transaction under way."""

    def save(self, target: Target, rows: Collection[Sequence[Any]], /) -> None:
        """Write rows, no two of one key, each in the place of the one that has its key."""

    def delete(self, table: str, column: str, values: Collection[Any], /) -> None:
        """Delete the rows that have one of *values* in *column*."""

    def add(self, table: str, numbers: Iterable[tuple[str, int]], /) -> None:
        """Add to counters, tables of `name` and `number`; one that is not there begins at nothing."""


def without_nul(value: Any) -> Any:
    """Return *value* as PostgreSQL can hold it: its text knows no NUL, which is replaced by U+FFFD."""
    return value.replace("\0", "\ufffd") if type(value) is str and "\0" in value else value
