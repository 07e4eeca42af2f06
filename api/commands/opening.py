"""The ledger as a command sees it: opened, and with its views caught up before anything is read from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from api.commands.options import database
from consumers.run import Followers
from ledger import Ledger
from ledger.settings import Settings
from projections.views import Views


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger, its views and what follows it."""

    ledger: Ledger
    views: Views
    followers: Followers

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection to views that hold everything recorded so far."""
        self.followers.catch_up()
        with self.views.reading() as connection:
            yield connection


@contextmanager
def opened(*, create: bool = False) -> Iterator[Opened]:
    """Open the ledger that the options or the environment name; with *create*, make it where there is none."""
    settings = Settings.from_environment(database=database())
    ledger = Ledger.open(settings, create=create)
    try:
        views = Views(settings.views)
        try:
            yield Opened(ledger, views, Followers(ledger, views))
        finally:
            views.close()
    finally:
        ledger.close()


def learner_id(ledger: Ledger, ref: str) -> str:
    """Return the learner known as *ref*, by the college's number or the ledger's own id."""
    found = ledger.identities.find("learner", ref)
    if found is None:
        profile = ledger.identities.profile(ref)
        found = profile.id if profile is not None and profile.kind == "learner" else None
    if found is None:
        raise click.UsageError(f"No learner is known as {ref!r}.")
    return found
