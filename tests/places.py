"""
Where the ledgers of tests live: in files of the test's directory, or in PostgreSQL where LEDGER_TEST_ENGINE says so.

The suites that ask `settings_in` are so the same for both; `make test` runs them over each.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger.settings import PostgresUrls, Settings
from tests.servers import Unavailable
from tests.servers.chosen import DEMAND
from tests.servers.postgres import PostgresServer, server

POSTGRESQL = "postgresql"
ENGINE = os.environ.get("LEDGER_TEST_ENGINE", "sqlite")
assert ENGINE in {"sqlite", POSTGRESQL}

# Told to child processes, which open the same ledgers.
_PLACES = "LEDGER_TEST_PLACES"
_databases = {
    Path(directory): PostgresUrls(*urls) for directory, urls in json.loads(os.environ.get(_PLACES, "{}")).items()
}


def settings_in(directory: Path) -> Settings:
    """Return the settings of the one ledger that is kept in *directory*."""
    if ENGINE != POSTGRESQL:
        return Settings(database=directory / "ledger.db")
    if directory not in _databases:
        _keep(directory, _server().new_database())
    directory.mkdir(parents=True, exist_ok=True)
    return Settings(
        database=_databases[directory],
        kek_at=directory / "ledger.kek",
        log_keys_at=directory / "ledger.log-keys",
        checkpoints_at=directory / "ledger.checkpoints",
    )


def environment(settings: Settings) -> dict[str, str]:
    """Return what tells another process, or the command line, which ledger that is."""
    if isinstance(settings.database, Path):
        return {"LEDGER_DATABASE_URL": f"sqlite:///{settings.database}"}
    return {
        "LEDGER_DATABASE_URL": settings.database.log,
        "LEDGER_KEK_FILE": str(settings.kek_at),
        "LEDGER_LOG_KEYS": str(settings.log_keys),
        "LEDGER_CHECKPOINTS": str(settings.checkpoints),
    }


def copy(source: Path, target: Path) -> None:
    """Copy the ledger in *source*, which nobody has open, to *target*, where there is none."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    if source in _databases:
        _keep(target, _server().new_database(like=_databases[source]))


def drop(directory: Path) -> None:
    """Delete *directory* with the ledger in it."""
    if directory in _databases:
        _server().drop(_databases.pop(directory))
    shutil.rmtree(directory, ignore_errors=True)


def lose_views(settings: Settings) -> None:
    """Take the views of a ledger away, as an operator might."""
    if isinstance(settings.database, Path):
        shutil.rmtree(settings.views, ignore_errors=True)
        return
    with psycopg.connect(settings.database.log, autocommit=True) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^views_'").fetchall()
        for (name,) in found:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@contextmanager
def left_as_found() -> Iterator[None]:
    """Drop in the end what `settings_in` made meanwhile."""
    before = set(_databases)
    yield
    for directory in _databases.keys() - before:
        _server().drop(_databases.pop(directory))


def _keep(directory: Path, urls: PostgresUrls) -> None:
    _databases[directory] = urls
    os.environ[_PLACES] = json.dumps({str(place): (urls.log, urls.private) for place, urls in _databases.items()})


def _server() -> PostgresServer:
    try:
        return server()
    except Unavailable as reason:
        if os.environ.get(DEMAND):
            pytest.fail(f"{DEMAND} is set: {reason}", pytrace=False)
        pytest.skip(str(reason))


in_files = pytest.mark.skipif(ENGINE == POSTGRESQL, reason="about SQLite files")
