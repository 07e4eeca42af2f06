"""
The views of one ledger: kept up with the log, read at any time, rebuilt beside themselves.

Rows and position are saved in one transaction, so a crash or a second delivery changes nothing.
Thousands of facts a transaction while behind, one by one at the head.
Any number of threads and processes may keep the same views up, and read them; readers never wait for writers.
They live in SQLite files or in the PostgreSQL database that holds the log: same rows, same hash.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from ledger.settings import Settings
from projections.as_of import Log
from projections.connection import Connection
from projections.files import Files
from projections.shelf import Moved, Shelf, ViewsMissing, Writer
from projections.tables import Tables, digest

__all__ = ["Views", "ViewsMissing", "position"]

Progress = Callable[[int, int], None]

_BATCH = 5_000
_HASHING_SECONDS = 3600.0


class Views:
    """Read models over the facts of a store, in *place*: a directory of files, or another shelf."""

    def __init__(self, place: Path | str | Shelf) -> None:
        self._shelf: Shelf = Files(Path(place)) if isinstance(place, (str, Path)) else place
        self._writing = threading.RLock()
        self._moved = threading.Condition()
        self._moves = 0
        self._edition: str | None = None
        self._writer: Writer | None = None
        self._tables: Tables | None = None

    @classmethod
    def of_ledger(cls, settings: Settings) -> Views:
        """Return the views of the ledger that *settings* name: beside its files, or in the database of its log."""
        if isinstance(settings.database, Path):
            return cls(settings.views)
        return cls.on(settings.database.log)

    @classmethod
    def on(cls, url: str) -> Views:
        """Return views in schemas of the PostgreSQL database at *url*."""
        from projections.schemas import Schemas  # noqa: PLC0415  only those who use PostgreSQL need its driver

        return cls(Schemas(url))

    # Keeping up

    def catch_up(self, store: Log, progress: Progress | None = None) -> int:
        """Take in every fact there is, building the views first where they are missing; return the position."""
        while self.step(store):
            if progress is not None:
                progress(self.position(), store.head())
        return self.position()

    def step(self, store: Log, limit: int = _BATCH) -> int:
        """Take in the next facts, up to *limit*, in one transaction; return how many there were."""
        taken = None
        while taken is None:
            with self._writing:
                tables = self._ready()
                if tables is not None:
                    try:
                        taken = tables.take(store, limit) if store.head() > tables.position else 0
                    except Moved:
                        self._let_go()
            if tables is None:
                self._build_missing(store)
        if taken:
            self._signal()
        return taken

    def rebuild(self, store: Log, progress: Progress | None = None) -> None:
        """
        Build all views anew from the first fact, beside those in use, and put them in their place.

        Appends and readers go on meanwhile, and so do the old views; until the last moment nothing is changed
        that anybody sees, so that killing a rebuild costs nothing but its work.
        """
        with self._shelf.building():
            self._build(store, progress)
        self._signal()

    @property
    def projected(self) -> int:
        """The position that this process last took the views to; others may have taken them further."""
        tables = self._tables
        return 0 if tables is None else max(tables.position, 0)

    # Reading

    def reading(self, seconds: float | None = None) -> AbstractContextManager[Connection]:
        """Lend a connection that sees one state of all views; the query functions of the view modules take it."""
        return self._shelf.reading(seconds)

    def position(self) -> int:
        """Return the position of the last fact taken in, by whichever process; 0 before the first."""
        try:
            return self._shelf.position()
        except ViewsMissing:
            return 0

    def wait(self, position: int, timeout: float) -> bool:
        """Return True as soon as the fact at *position* is in the views, False when *timeout* seconds have passed."""
        deadline = time.monotonic() + timeout
        while True:
            moves = self._moves  # before looking, or a move between looking and waiting would go unnoticed
            if self.position() >= position:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            patience = min(left, self._shelf.watch(self._signal))
            with self._moved:
                self._moved.wait_for(lambda seen=moves: self._moves != seen, patience)  # type: ignore[misc]

    def hash(self) -> str:
        """Return one digest over every row, the same for the same facts however they came in."""
        with self._shelf.reading(_HASHING_SECONDS) as connection:
            return digest(connection)

    def close(self) -> None:
        """Release everything."""
        with self._writing:
            self._let_go()
        self._shelf.close()

    def _ready(self) -> Tables | None:
        """Return the tables of the current edition, opened anew when it was replaced; None where none can be used."""
        if self._edition is None or self._writer is None or not self._shelf.serves(self._edition, self._writer):
            self._let_go()
            edition = self._shelf.current()
            writer = None if edition is None else self._shelf.writer(edition)
            if edition is not None and writer is not None:
                self._keep(edition, writer, Tables(writer))
        return self._tables

    def _build_missing(self, store: Log) -> None:
        """Build views where there are none that this version can use; unless another process did meanwhile."""
        with self._shelf.building():  # always before the lock for writing, or two threads could wait for each other
            with self._writing:
                if self._ready() is not None:
                    return
            self._build(store, None)

    def _build(self, store: Log, progress: Progress | None) -> None:
        """Build an edition from the first fact, and put it in the place of the current one."""
        edition = self._shelf.fresh()
        writer: Writer | None = None
        try:
            writer = self._shelf.draft(edition)
            tables = Tables(writer)
            while tables.take(store, 2 * _BATCH):
                if progress is not None:
                    progress(tables.position, max(store.head(), tables.position))
            writer = self._shelf.finish(edition, writer)
            tables = Tables(writer)
            with self._writing:
                with self._shelf.replacing(edition):
                    while tables.take(store, _BATCH):
                        pass
                self._let_go()
                self._keep(edition, writer, tables)
        except BaseException:
            self._give_up(edition, writer)
            raise

    def _give_up(self, edition: str, writer: Writer | None) -> None:
        """Leave nothing of an edition that did not come into use; what remains all the same goes with the next."""
        if writer is not None:
            writer.close()
        with suppress(Exception):
            if edition != self._shelf.current():
                self._shelf.discard(edition)

    def _keep(self, edition: str, writer: Writer, tables: Tables) -> None:
        self._edition, self._writer, self._tables = edition, writer, tables

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._edition = self._writer = self._tables = None

    def _signal(self) -> None:
        with self._moved:
            self._moves += 1
            self._moved.notify_all()


def position(connection: Connection) -> int:
    """Return the position of the last fact that the views on *connection* have taken in."""
    return int(connection.execute("SELECT position FROM standing").fetchone()[0])
