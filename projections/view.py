"""What a view is: tables, and for each fact that concerns it what becomes of their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ledger.event import Event, Recorded
from projections.connection import Writing
from projections.rows import Rows

Apply = Callable[[Any, Recorded], None]
Past = Callable[[Recorded], list[Recorded]]


class View:
    """
    Tables that follow the log.

    Rows may depend on the facts alone, in the order of the log: no clock, no randomness, and nothing of how the facts
    came in batches; so that a rebuild gives identical rows. Raise `version` when the same facts give other rows:
    files made by another version are rebuilt.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    tables: ClassVar[str]
    indexes: ClassVar[str] = ""

    def __init__(self, *rows: Rows) -> None:
        self.rows = rows
        self.past: Past = _no_past

    def handlers(self) -> dict[type[Event], Apply]:
        """The facts that concern this view, each with the method that takes it in."""
        raise NotImplementedError

    def attach(self, connection: Writing) -> None:
        """Read rows that are not in memory from *connection*."""
        for rows in self.rows:
            rows.connection = connection

    def flush(self, connection: Writing) -> None:
        """Write changed rows, within the caller's transaction."""
        for rows in self.rows:
            rows.flush(connection)

    def forget(self) -> None:
        """Drop what is in memory: a transaction failed, or another process wrote."""
        for rows in self.rows:
            rows.forget()


def _no_past(recorded: Recorded) -> list[Recorded]:
    return [recorded]
