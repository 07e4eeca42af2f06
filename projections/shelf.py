"""
Where views are kept: editions, each the tables of all views, one of them in use.

A rebuild makes a new edition beside the one in use and then puts it in its place, in one step: a crash leaves either.
Names of editions are never used again. One that was replaced stays, marked as retired, until the next rebuild begins,
for others may be reading it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from projections.connection import Connection, Writing


class Moved(Exception):
    """The edition was replaced by another, or its connection was lost; open what is current now."""


class ViewsMissing(Exception):
    """The views were never built, or by another version of the ledger; catching up builds them."""


class Writer(Writing, Protocol):
    """A connection to one edition, used by one thread at a time."""

    def begin(self) -> int:
        """
        Begin a transaction and return the position that the edition is at; Moved where it may not be written to.

        Takes the edition's lock first, so that of two processes projecting each takes in what the other has not.
        """

    def end(self, position: int, /) -> None:
        """Save the position with the rows, and commit."""

    def rollback(self) -> None:
        """End the transaction, if there is one, as if it had not been."""

    def close(self) -> None:
        """Let go of it; a transaction under way is undone."""


class Shelf(Protocol):
    """A place for editions. Methods may be called from any thread; those that make one, while `building`."""

    def current(self) -> str | None:
        """Return the edition in use, None before the first."""

    def building(self) -> AbstractContextManager[None]:
        """Keep other processes from building at the same time; a killed process lets go by itself."""

    def fresh(self) -> str:
        """Return a name never used before, having deleted what is not in use."""

    def draft(self, edition: str) -> Writer:
        """Make an edition, with the indexes needed while facts are taken in; nothing of it need survive a crash."""

    def finish(self, edition: str, draft: Writer) -> Writer:
        """Make the indexes that readers need; from now on the edition is written as safely as any."""

    def discard(self, edition: str) -> None:
        """Delete an edition that is not in use."""

    def writer(self, edition: str) -> Writer | None:
        """Open an edition; None when it is gone, spoilt, or was made by another version of the views."""

    def serves(self, edition: str, writer: Writer) -> bool:
        """Whether *writer* may be used still, as far as is known at little cost."""

    def replacing(self, edition: str) -> AbstractContextManager[None]:
        """Put *edition* in use when the block ends well; until then whoever writes to the old one is kept waiting."""

    def reading(self, seconds: float | None = None, /) -> AbstractContextManager[Connection]:
        """
        Lend a connection that sees one state of the edition in use; ViewsMissing where there is none.

        Where a server might not answer, all must be read within that many *seconds*.
        """

    def position(self) -> int:
        """Return the position of the edition in use; ViewsMissing where there is none."""

    def watch(self, moved: Callable[[], None]) -> float:
        """Call *moved* when another process moved the views; return after how many seconds to look by oneself."""

    def close(self) -> None:
        """Release everything."""
