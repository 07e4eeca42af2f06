"""Views in PostgreSQL: readers beside rebuilds, versions beside each other, lost connections, what it cannot hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from ledger.migrations import ROLE
from ledger.store import StoreUnavailable
from projections import listener, tables
from projections.connection import Target
from projections.files import Files
from projections.schema_writer import SchemaWriter
from projections.schemas import Schemas
from projections.shelf import Shelf, Writer
from projections.tables import digest
from projections.totals import Totals, statistics
from projections.views import Views, ViewsMissing
from tests import examples as ex
from tests.projections.college import College, live_through
from tests.projections.shelves import editions

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

PARTNERS = Target(
    "endorsements",
    ("position", "endorsement_id", "achievement_id", "version", "partner", "statement", "withdrawn"),
    ("achievement_id", "endorsement_id"),
)


@pytest.fixture
def college(tmp_path: Path, database_of_views: str) -> Iterator[College]:
    with closing(College(tmp_path, database_of_views)) as college:
        live_through(college, seed=1, steps=60)
        yield college


@pytest.fixture
def views(college: College) -> Views:
    views = college.views()
    views.catch_up(college.ledger.store)
    return views


def test_what_is_being_read_is_dropped_another_time(college: College, views: Views) -> None:
    with views.reading() as connection:
        before = statistics(connection, college.now)
        college.earn("lrn_new", ex.MIG)
        for _ in range(3):
            views.rebuild(college.ledger.store)
        assert before == statistics(connection, college.now)
        assert 3 == len(editions(views))

    views.rebuild(college.ledger.store)
    assert 2 == len(editions(views))
    with views.reading() as connection:
        assert before["learners"] + 1 == statistics(connection, college.now)["learners"]


def test_whoever_was_asleep_while_views_were_rebuilt_twice_goes_on_with_the_new_ones(
    college: College, views: Views
) -> None:
    store = college.ledger.store
    asleep = college.views()
    asleep.catch_up(store)

    views.rebuild(store)
    views.rebuild(store)
    college.earn("lrn_new", ex.MIG)

    assert 0 < asleep.step(store)
    assert store.head() == asleep.position() == views.position()


@contextmanager
def _another_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(Totals, "version", Totals.version + 1)
        tables.fingerprint.cache_clear()
        yield
    tables.fingerprint.cache_clear()


def test_while_processes_are_upgraded_old_and_new_ones_each_keep_their_own_views(
    college: College, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = college.ledger.store
    with _another_version(monkeypatch):
        new = college.views()
        with pytest.raises(ViewsMissing), new.reading():
            pass
        new.catch_up(store)
    kept = editions(new)
    college.earn("lrn_new", ex.MIG)
    views.catch_up(store)
    new.catch_up(store)

    assert kept == editions(new), "neither built anew"
    assert store.head() == views.position() == new.position()
    assert views.hash() == new.hash()

    college.earn("lrn_newer", ex.MIG)
    with _another_version(monkeypatch):
        new.catch_up(store)
        new.rebuild(store)
    assert 2 == len(editions(new)), "old ones that nobody keeps up go with the next rebuild"
    with pytest.raises(ViewsMissing), views.reading():
        pass


def test_waiting_ends_with_the_commit_of_another_process(
    college: College, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_LISTENING_POLL_S", 30.0)
    store = college.ledger.store
    elsewhere = college.views()
    elsewhere.catch_up(store)
    assert not views.wait(store.head() + 1, 0.3), "by now it listens"

    for number in range(3):
        college.earn(f"lrn_{number}", ex.MIG)
        projecting = threading.Timer(0.05, elsewhere.catch_up, (store,))
        projecting.start()
        assert views.wait(store.head(), 20)
        projecting.join()


def test_connections_that_were_lost_are_replaced_without_a_word(college: College, views: Views) -> None:
    store = college.ledger.store
    college.earn("lrn_new", ex.MIG)
    _end_all(views)
    assert 0 < views.step(store)
    _end_all(views)
    assert store.head() == views.position()
    _end_all(views)
    views.rebuild(store)
    assert store.head() == views.position()


def _end_all(views: Views) -> None:
    assert isinstance(views._shelf, Schemas)
    mine = "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(views._shelf._url) as connection:
        connection.execute(f"{mine} AND pid <> pg_backend_pid()".encode())


def test_a_connection_lost_within_a_batch_is_told_and_the_batch_taken_in_again(
    college: College, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = college.ledger.store
    college.earn("lrn_new", ex.MIG)
    save = SchemaWriter.save

    def cut(writer: SchemaWriter, *rows: object) -> None:
        save(writer, *rows)  # type: ignore[arg-type]
        writer.session.shut()

    with monkeypatch.context() as patched:
        patched.setattr(SchemaWriter, "save", cut)
        with pytest.raises(StoreUnavailable, match="the views cannot be used"):
            views.step(store)
    views.catch_up(store)
    expected = college.views("expected")
    expected.catch_up(store)

    assert expected.hash() == views.hash()


def test_who_holds_the_lock_and_is_gone_keeps_nobody_waiting(college: College, views: Views) -> None:
    college.earn("lrn_new", ex.MIG)
    other = college.schemas()
    edition = other.current()
    assert edition is not None
    frozen = other.writer(edition)
    assert frozen is not None
    frozen.begin()

    threading.Timer(0.1, frozen.close).start()
    assert 0 < views.step(college.ledger.store)


def test_rows_with_a_character_that_postgresql_cannot_hold_are_the_same_in_both(
    college: College, tmp_path: Path
) -> None:
    rows = [
        [1, "end\0", "mig", 1, "Guild", "Well\0 done", None],
        [2, "end", "mig", 1, "Guild", "\\x00", "with\0drawn"],
        [3, "end\ufffd!", "mig", 1, "Guild", "", None],
    ]
    digests = set()
    shelf: Shelf
    for shelf in (Files(tmp_path / "nul"), college.schemas("nul")):
        with shelf.building():
            edition = shelf.fresh()
            writer: Writer = shelf.draft(edition)
            writer.begin()
            writer.save(PARTNERS, rows)
            writer.save(PARTNERS, [[*rows[0][:5], "Well\0 done again", None]])
            writer.end(3)
            writer = shelf.finish(edition, writer)
            with shelf.replacing(edition):
                pass
        writer.begin()
        found = writer.execute("SELECT position FROM endorsements WHERE endorsement_id = ?", ("end\0",)).fetchall()
        writer.rollback()
        assert [(1,)] == found
        with shelf.reading() as connection:
            digests.add(digest(connection))
        writer.close()
        shelf.close()

    assert 1 == len(digests)


def test_rows_take_the_place_of_those_with_their_key_wherever_they_are_kept(college: College, tmp_path: Path) -> None:
    for shelf in (Files(tmp_path / "rows"), college.schemas("rows")):
        with shelf.building():
            writer = shelf.draft(shelf.fresh())
        writer.begin()
        for position in (1, 2):
            writer.save(PARTNERS, [[position, "end", "mig", 1, "Guild", "Well done", None]])
        writer.save(PARTNERS, [[3, "other", "mig", 1, "Guild", "Well done", None]])
        writer.delete("endorsements", "position", [3, 4])
        writer.add("totals", [("a", 2), ("b", 1)])
        writer.add("totals", [("a", -3)])

        assert [(2,)] == writer.execute("SELECT position FROM endorsements").fetchall()
        assert [("a", -1), ("b", 1)] == writer.execute("SELECT name, number FROM totals ORDER BY name").fetchall()
        writer.close()
        shelf.close()


def test_views_made_by_one_login_are_rebuilt_by_another(
    college: College, database_of_views: str, postgres: PostgresServer
) -> None:
    store = college.ledger.store
    parts = urlsplit(database_of_views)
    database = parts.path.removeprefix("/")
    postgres.execute(f'GRANT CREATE ON DATABASE "{database}" TO {ROLE}')
    hashes = set()
    try:
        for login in ("views_one", "views_two"):
            postgres.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret' IN ROLE {ROLE}")
            host = parts.netloc.rpartition("@")[2]
            url = urlunsplit(parts._replace(netloc=f"{login}:secret@{host}"))
            with closing(Views(Schemas(url, "logins"))) as views:
                for _ in range(3):
                    views.rebuild(store)
                hashes.add(views.hash())
                assert 2 == len(editions(views))
    finally:
        for login in ("views_one", "views_two"):
            postgres.execute(f"DROP ROLE IF EXISTS {login}")

    assert 1 == len(hashes)


def test_a_login_that_may_not_keep_views_is_told_what_is_missing(
    college: College, database_of_views: str, postgres: PostgresServer
) -> None:
    postgres.execute("CREATE ROLE views_none LOGIN PASSWORD 'secret'")
    try:
        parts = urlsplit(database_of_views)
        host = parts.netloc.rpartition("@")[2]
        url = urlunsplit(parts._replace(netloc=f"views_none:secret@{host}"))
        views = Views(Schemas(url, "none"))
        with closing(views), pytest.raises(StoreUnavailable, match=f"a member of {ROLE}"):
            views.catch_up(college.ledger.store)
    finally:
        postgres.execute("DROP ROLE views_none")


@pytest.mark.slow
def test_views_outlive_their_server(tmp_path: Path, own_postgres: PostgresServer) -> None:
    with closing(College(tmp_path, own_postgres.new_database().log)) as college:
        live_through(college, seed=2, steps=40)
        store, views = college.ledger.store, college.views()
        views.catch_up(store)
        college.earn("lrn_new", ex.MIG)
        own_postgres.kill()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            views.step(store)
        with pytest.raises(StoreUnavailable), views.reading():
            pass
        assert time.monotonic() - began < 5, "who asks is not kept waiting"
        own_postgres.start()

        views.catch_up(store)
        kept_up = views.hash()
        views.rebuild(store)
        assert kept_up == views.hash()
