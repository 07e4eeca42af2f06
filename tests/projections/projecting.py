"""Processes that project, to have several of, and to kill."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ledger.sqlite_store import SQLiteStore
from projections.schemas import Schemas
from projections.views import Views

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload([__name__])

Place = Path | tuple[str, str]


def views_in(place: Place) -> Views:
    """Return the views in a directory, or in a database under a name."""
    return Views(place if isinstance(place, Path) else Schemas(*place))


def begin(log: Path, place: Place, limit: int | None) -> ForkServerProcess:
    """Begin a process that steps by *limit* until it has come to the end; without, it rebuilds for ever."""
    process = FORKED.Process(target=_project, args=(log, place, limit), daemon=True)
    process.start()
    return process


def _project(log: Path, place: Place, limit: int | None) -> None:
    store, views = SQLiteStore.open(log), views_in(place)
    while limit is None:
        views.rebuild(store)
    while views.step(store, limit):
        pass
    views.close()
