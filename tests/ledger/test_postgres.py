"""Connections to PostgreSQL and the small databases on it: what goes wrong is one sentence, and leaves nothing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import active_count
from time import sleep

import psycopg
import pytest

from ledger.errors import Invalid
from ledger.postgres import PostgresDatabase, Sessions, connect, marked
from ledger.settings import PostgresUrls
from ledger.store import StoreUnavailable
from tests.servers.postgres import PostgresServer


@pytest.fixture
def tables(database: PostgresUrls) -> Iterator[PostgresDatabase]:
    tables = PostgresDatabase(database.private)
    yield tables
    tables.close()


# Connecting


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://postgres@127.0.0.1:1/x", "nothing listens there"),
        ("postgresql://postgres@nowhere.invalid/x", "no such host"),
        ("postgresql://127.0.0.1:port/x", "invalid integer"),
        ("postgresql://127.0.0.1/x?nonsense=1", "cannot be read"),
        ("postgresql://u@h/\ud800", "cannot be"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_sentence(url: str, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said) as caught:
        connect(url)
    assert "\n" not in str(caught.value)


def test_an_unknown_database_role_or_password_is_one_sentence_without_the_password(postgres: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match=r'database "nowhere" does not exist'):
        connect(postgres.url("nowhere"))
    with pytest.raises(StoreUnavailable) as caught:
        connect(postgres.url().replace("postgres@", "nobody:secret@"))
    assert "secret" not in str(caught.value)


# Small databases


def test_what_is_written_is_read(tables: PostgresDatabase) -> None:
    with tables.writing() as writing:
        writing.execute("INSERT INTO about VALUES (?, ?)", ("it's %s?", b"\0\xff"))

    assert [("it's %s?", b"\0\xff")] == tables.fetch("SELECT name, value FROM about WHERE name = ?", ("it's %s?",))
    assert [("?%",)] == tables.fetch("SELECT '?%' FROM about WHERE name LIKE 'it%'")


def test_many_rows_are_written_at_once_and_those_that_stand_stay(tables: PostgresDatabase) -> None:
    insert = "INSERT INTO data_keys (learner, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING"
    with tables.writing() as writing:
        writing.executemany(insert, [(f"lrn_{number}", b"old") for number in range(3)])
    with tables.writing() as writing:
        writing.executemany(insert, [(f"lrn_{number}", b"new") for number in range(250)])

    assert [(b"new", 247), (b"old", 3)] == tables.fetch("SELECT wrapped, count(*) FROM data_keys GROUP BY 1 ORDER BY 1")


def test_a_later_row_goes_before_an_earlier_one_where_both_are_written_at_once(tables: PostgresDatabase) -> None:
    upsert = "INSERT INTO about VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    with tables.writing() as writing:
        writing.executemany(upsert, [("a", b"1"), ("a", b"2")])

    assert [(b"2",)] == tables.fetch("SELECT value FROM about")


def test_what_raises_leaves_nothing(tables: PostgresDatabase) -> None:
    def spoil() -> None:
        with tables.writing() as writing:
            writing.execute("INSERT INTO about VALUES (?, ?)", ("a", b"1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert [] == tables.fetch("SELECT * FROM about")


def test_a_statement_that_fails_is_unavailable_and_the_next_one_works(tables: PostgresDatabase) -> None:
    for query in ("SELECT nonsense", "SELECT 1 / 0", "SELECT * FROM nowhere"):
        with pytest.raises(StoreUnavailable):
            tables.fetch(query)
    with pytest.raises(Invalid):
        tables.fetch("SELECT name FROM about WHERE name = ?", ("\0",))
    with pytest.raises(Invalid):
        tables.fetch("SELECT name FROM about WHERE name = ?", ("\ud800",))
    assert [(1,)] == tables.fetch("SELECT 1")


def test_who_writes_takes_turns_so_that_what_was_read_is_still_so(tables: PostgresDatabase) -> None:
    with tables.writing() as writing:
        writing.execute("INSERT INTO api_keys VALUES (?, 'k', 'r', 'a', 0, NULL, NULL)", (b"k",))

    def count(_: int) -> None:
        with tables.writing() as writing:
            (found,) = writing.execute("SELECT created_us FROM api_keys").fetchone() or (0,)
            writing.execute("UPDATE api_keys SET created_us = ?", (found + 1,))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(40)))
    assert [(40,)] == tables.fetch("SELECT created_us FROM api_keys")


def test_a_database_that_was_not_migrated_says_what_to_do(postgres: PostgresServer) -> None:
    urls = postgres.new_database(migrated=False)
    with closing(PostgresDatabase(urls.private)) as tables, pytest.raises(StoreUnavailable, match="ledger migrate"):
        tables.fetch("SELECT * FROM about")
    postgres.drop(urls)


def test_a_closed_database_says_so(tables: PostgresDatabase) -> None:
    tables.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        tables.fetch("SELECT 1")
    with pytest.raises(StoreUnavailable, match="closed"), tables.writing():
        pass


def _ask(tables: PostgresDatabase, url: str, answer: multiprocessing.connection.Connection) -> None:
    try:
        tables.fetch("SELECT 1")
    except StoreUnavailable as error:
        answer.send((str(error), PostgresDatabase(url).fetch("SELECT 1")))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_process_opens_its_own(tables: PostgresDatabase, database: PostgresUrls) -> None:
    tables.fetch("SELECT 1")
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_ask, args=(tables, database.private, there))
    child.start()

    assert here.poll(10)
    said, rows = here.recv()
    assert "forked" in said
    assert [(1,)] == rows
    child.join(10)
    assert [(1,)] == tables.fetch("SELECT 1")


# Sessions


def test_a_session_that_the_server_ended_is_replaced(tables: PostgresDatabase, database: PostgresUrls) -> None:
    tables.fetch("SELECT 1")
    with psycopg.connect(database.private, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert [(1,)] == tables.fetch("SELECT 1")


def test_more_uses_than_sessions_take_turns_and_none_is_left_over(database: PostgresUrls) -> None:
    with closing(Sessions(database.log, at_most=2)) as sessions, ThreadPoolExecutor(8) as pool:
        assert [[(1,)]] * 200 == list(pool.map(lambda _: sessions.fetch("SELECT 1"), range(200)))
        assert 2 >= len(sessions._idle)


def test_where_every_session_is_in_use_waiting_ends(database: PostgresUrls) -> None:
    with closing(Sessions(database.log, at_most=1, patience=0.3)) as sessions:
        with sessions.using(5), pytest.raises(StoreUnavailable, match="in use"):
            sessions.fetch("SELECT 1")
        assert [(1,)] == sessions.fetch("SELECT 1")


def test_a_query_that_takes_too_long_is_given_up_by_the_server(database: PostgresUrls) -> None:
    with closing(Sessions(database.log, patience=0.5)) as sessions:
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            sessions.fetch("SELECT pg_sleep(5)")
        assert [(1,)] == sessions.fetch("SELECT 1")


def test_sessions_are_watched_by_one_thread(database: PostgresUrls) -> None:
    before = active_count()
    for _ in range(5):
        connect(database.log).close()
    sleep(0)
    assert before + 1 >= active_count()


@pytest.mark.parametrize(
    ("query", "translated"),
    [
        ("SELECT ? WHERE a = '?'", "SELECT %s WHERE a = '?'"),
        ("a LIKE ? ESCAPE '\\' AND b % 2", "a LIKE %s ESCAPE '\\' AND b %% 2"),
        ("'it''s ?' || ?", "'it''s ?' || %s"),
    ],
)
def test_marks_are_translated_where_they_are_marks(query: str, translated: str) -> None:
    assert translated == marked(query)
