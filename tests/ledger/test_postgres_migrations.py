"""`ledger migrate`: from nothing or from any earlier version to today's, once, however many start at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger.migrations import Migrated, migrate, migrated, status
from ledger.postgres import connect
from ledger.postgres_store import PostgresStore
from ledger.schema import Kind, Step, needed, steps, version
from ledger.settings import PostgresUrls
from ledger.store import Append, StoreUnavailable
from tests.examples import START
from tests.servers.postgres import PostgresServer
from tests.store_contract import LEE, facts


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[PostgresUrls]:
    urls = postgres.new_database(migrated=False)
    yield urls
    postgres.drop(urls)


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement))
        return cursor.fetchall() if cursor.description else []


def test_an_empty_database_becomes_a_ledger_and_stays_one(empty: PostgresUrls) -> None:
    assert not migrated(empty)
    assert Migrated(0, version("log")) == migrate(empty)
    assert migrated(empty)
    assert Migrated(version("log"), version("log")) == migrate(empty)
    assert ((), version("log")) == (status(empty.log).pending, status(empty.log).version)
    with closing(PostgresStore.open(empty.log)) as store:
        assert [(1,)] == store.append([Append(LEE, 0, facts("a"))], now=START)


def test_databases_that_are_missing_are_made(postgres: PostgresServer, empty: PostgresUrls) -> None:
    urls = PostgresUrls(log=empty.log + "_new", private=empty.private + "_new")
    assert not migrated(urls)
    try:
        assert version("log") == migrate(urls).after
        assert migrated(urls)
    finally:
        postgres.drop(urls)


def test_databases_that_are_missing_and_may_not_be_made_are_one_sentence(
    postgres: PostgresServer, empty: PostgresUrls
) -> None:
    login = f"plain_{empty.log.rpartition('_')[2]}"
    execute(empty.log, f"CREATE ROLE {login} LOGIN")
    try:
        url = (empty.log + "_new").replace("postgres@", f"{login}@")
        with pytest.raises(StoreUnavailable, match="cannot be made: permission denied"):
            migrate(PostgresUrls(log=url, private=url))
    finally:
        execute(empty.log, f"DROP ROLE {login}")


@pytest.mark.slow
def test_many_processes_may_migrate_the_same_databases_at_once(postgres: PostgresServer, empty: PostgresUrls) -> None:
    urls = PostgresUrls(log=empty.log + "_many", private=empty.private + "_many")
    code = (
        "import sys\nfrom ledger.migrations import migrate\nfrom ledger.settings import PostgresUrls\n"
        "print(*migrate(PostgresUrls(*sys.argv[1:])))"
    )
    command = [sys.executable, "-c", code, urls.log, urls.private]
    pipe, root = subprocess.PIPE, Path(__file__).parents[2]
    others = [subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe, cwd=root) for _ in range(6)]
    said = [other.communicate() for other in others]
    try:
        assert [""] * 6 == [error for _, error in said]
        now = version("log")
        assert sorted([f"0 {now}\n", *[f"{now} {now}\n"] * 5]) == sorted(out for out, _ in said)
        (first, last), *_ = execute(urls.log, "SELECT min(number), count(*) FROM ledger.migrations")
        assert (1, now) == (first, last)
    finally:
        postgres.drop(urls)


# What does not fit is refused


def test_a_database_without_a_ledger_says_what_to_do(empty: PostgresUrls) -> None:
    with pytest.raises(StoreUnavailable, match="holds no ledger yet; run `ledger migrate`"):
        PostgresStore.open(empty.log)


def test_a_schema_that_is_newer_than_the_code_is_refused(database: PostgresUrls) -> None:
    execute(database.log, "INSERT INTO ledger.migrations VALUES (9999, 'of tomorrow', 'expand', '')")

    with pytest.raises(StoreUnavailable, match="version 9999, newer than"):
        PostgresStore.open(database.log)
    with pytest.raises(StoreUnavailable, match="version 9999, newer than"):
        migrate(database)


def test_a_schema_that_is_older_than_the_code_needs_is_refused(database: PostgresUrls) -> None:
    execute(database.log, f"DELETE FROM ledger.migrations WHERE number = {needed('log')}")

    with pytest.raises(StoreUnavailable, match=r"older than .*; run `ledger migrate`"):
        PostgresStore.open(database.log)


def test_a_database_made_by_other_steps_under_the_same_numbers_is_refused(database: PostgresUrls) -> None:
    execute(database.log, "UPDATE ledger.migrations SET fingerprint = 'x' WHERE number = 1")

    with pytest.raises(StoreUnavailable, match="not the one it was made with"):
        migrate(database)


def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer, empty: PostgresUrls) -> None:
    name = empty.log.rpartition("/")[2] + "_latin"
    execute(empty.log, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    url = postgres.url(name)
    with pytest.raises(StoreUnavailable, match="encoded in LATIN1"):
        migrate(PostgresUrls(log=url, private=empty.private))
    postgres.drop(PostgresUrls(log=url, private=url))


def test_the_search_path_of_others_is_left_alone(database: PostgresUrls) -> None:
    assert [('"$user", public',)] == execute(database.log, "SHOW search_path")


# Steps of tomorrow: expand, migrate, contract


def know(further: tuple[Step, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the code know further steps of the log, as that of tomorrow will."""
    today = steps

    def all_of_them(kind: Kind) -> tuple[Step, ...]:
        return (*today(kind), *further) if kind == "log" else today(kind)

    for module in ("ledger.schema", "ledger.migrations"):
        monkeypatch.setattr(f"{module}.steps", all_of_them)


def test_what_takes_away_waits_until_it_is_asked_for_and_nobody_older_is_connected(
    database: PostgresUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = version("log")
    further = (
        Step(now + 1, "add a note", "expand", 0, "ALTER TABLE ledger.followers ADD COLUMN note text"),
        Step(now + 2, "drop the note", "contract", now + 1, "ALTER TABLE ledger.followers DROP COLUMN note"),
    )
    with closing(PostgresStore.open(database.log)) as store:
        assert 0 == store.head()  # an older process, at work
        know(further, monkeypatch)

        assert Migrated(now, now + 1) == migrate(database)
        assert (further[1],) == status(database.log).pending
        assert [(1,)] == store.append([Append(LEE, 0, facts("a"))], now=START)
        with pytest.raises(StoreUnavailable, match="older than version"):
            migrate(database, contract=True)
    assert Migrated(now + 1, now + 2) == migrate(database, contract=True)
    assert () == status(database.log).pending


def test_a_step_that_fails_leaves_nothing_of_itself(database: PostgresUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    now = version("log")
    broken = Step(now + 1, "break", "expand", 0, "CREATE TABLE ledger.half (); SELECT 1 / 0")
    know((broken,), monkeypatch)
    with pytest.raises(StoreUnavailable, match="cannot be migrated: division by zero"):
        migrate(database)
    assert [(None,)] == execute(database.log, "SELECT to_regclass('ledger.half')::text")
    assert now == status(database.log).version


def test_steps_are_numbered_without_gaps_and_say_their_phase() -> None:
    kinds: tuple[Kind, ...] = ("log", "private")
    for kind in kinds:
        assert list(range(1, version(kind) + 1)) == [step.number for step in steps(kind)]
        assert {"expand", "migrate", "contract"} >= {step.phase for step in steps(kind)}


def test_a_server_that_is_too_old_is_refused(database: PostgresUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.postgres.OLDEST_SERVER", 99)

    with pytest.raises(StoreUnavailable, match="too old; the ledger needs 99"):
        connect(database.log)
