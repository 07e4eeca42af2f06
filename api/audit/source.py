"""The log as an auditor opens it: to read, without the keys of learners, without making or repairing anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from ledger.database import Database, Writing
from ledger.settings import Settings, shown
from ledger.sqlite_file import Readers
from ledger.sqlite_store import SQLiteStore
from ledger.store import Store, StoreUnavailable
from ledger.transparency import note as notes
from ledger.transparency.note import VerifierKey
from ledger.transparency.published import Published, PublishedLog
from ledger.transparency.tree import Tree


class Source(NamedTuple):
    """The facts, the tree over them, and what was published of it."""

    name: str
    store: Store
    database: Database
    tree: Tree
    published: PublishedLog
    embedded: bool

    def keys(self) -> list[VerifierKey]:
        """Return the log's own verifier keys, as the database shows them."""
        return [notes.read_key(key.verifier) for key in self.published.verifiers()]

    def newest(self) -> Published:
        """Return the newest checkpoint; StoreUnavailable where nothing was published."""
        found = self.published.newest()
        if found is None:
            raise StoreUnavailable("no checkpoint has been published yet: a ledger that is served publishes them")
        return found


class _Reading(Readers):
    """A file that is only read."""

    def writing(self) -> AbstractContextManager[Writing]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreUnavailable("an auditor writes nothing")


@contextmanager
def opened(settings: Settings) -> Iterator[Source]:
    """Open the log of the ledger that *settings* name; StoreUnavailable where there is none."""
    with ExitStack() as ends:
        store: Store
        database: Database
        if isinstance(settings.database, Path):
            name = str(settings.database.resolve())
            store = SQLiteStore.open(settings.database)
            database = _Reading(settings.database)
        else:
            from ledger.postgres import PostgresDatabase  # noqa: PLC0415  embedded, there is no driver
            from ledger.postgres_store import PostgresStore  # noqa: PLC0415

            name = shown(settings.database.log)
            store = PostgresStore.open(settings.database.log)
            database = PostgresDatabase(settings.database.log, purpose="audit")
        ends.enter_context(closing(store))
        ends.enter_context(closing(database))
        embedded = isinstance(settings.database, Path)
        yield Source(name, store, database, Tree(database), PublishedLog(database), embedded)
