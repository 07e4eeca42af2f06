"""The SQLite store: the contract of every store, and each defect of the library's own that touches SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from ledger.group_commit import GroupCommit
from ledger.sqlite_append import SQLiteWriter
from ledger.sqlite_file import connect
from ledger.sqlite_store import Factory, SQLiteStore, holds_ledger
from ledger.store import Append, StoreUnavailable
from tests.examples import START
from tests.store_contract import KIM, LEE, MIG, StoreContract, facts, in_another_process


class TestSQLiteStore(StoreContract):
    def open(self, directory: Path) -> SQLiteStore:
        return SQLiteStore.open(directory / "ledger.db", create=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore.open(path, create=True)
    yield store
    store.close()


def connection_of(writer: GroupCommit) -> sqlite3.Connection:
    assert isinstance(writer.writer, SQLiteWriter)
    return writer.writer.connection


@contextmanager
def held(writer: GroupCommit) -> Iterator[None]:
    """Keep everybody waiting, as a long commit would."""
    writer._writing = True
    yield
    with writer._lock:
        writer._wake_next()


# The library's own way of making it


def test_the_librarys_factory_makes_it(path: Path) -> None:
    recorder = Factory.of(path).application_recorder()
    recorder.create_table()

    assert isinstance(recorder, SQLiteStore)
    assert [(1,)] == recorder.append([Append(LEE, 0, facts("a"))], now=START)
    recorder.close()


# Defect: positions are bare rowids, which VACUUM may renumber


def test_vacuum_keeps_positions(store: SQLiteStore, path: Path) -> None:
    store.append([Append(LEE, 0, facts("a")), Append(MIG, 0, facts("b", "c")), Append(KIM, 0, facts("d"))], now=START)
    before = store.read_log(0, 10)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")

    assert before == store.read_log(0, 10)
    assert [(5,)] == store.append([Append(LEE, 1, facts("e"))], now=START)


# Defect: subscribe() is not implemented for SQLite (that it works is in the contract)


def test_a_subscriber_hears_of_a_commit_well_before_the_next_look(store: SQLiteStore) -> None:
    with store.subscribe() as subscription:
        sleep(0.05)
        delays = []
        for version in range(20):
            start = monotonic()
            store.append([Append(LEE, version, facts("a"))], now=START)
            next(subscription)
            delays.append(monotonic() - start)

    assert 0.1 > sorted(delays)[-3]


def test_facts_written_by_another_process_are_heard_of(store: SQLiteStore, path: Path) -> None:
    code = "SQLiteStore.open(sys.argv[1]).append([Append(LEE, 0, facts('a'))], now=START)"
    start = monotonic()
    with in_another_process(code, path) as other:
        assert store.wait(0, 20)
        assert "" == other.communicate()[1]
    assert 20 > monotonic() - start


# Defect: several processes creating tables at the same start fail


def test_many_processes_may_make_the_same_ledger_at_once(path: Path) -> None:
    code = (
        "import time; time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "s = SQLiteStore.open(sys.argv[1], create=True)\n"
        "s.append([Append('learner-' + sys.argv[3], 0, facts('a'))], now=START)"
    )
    at = datetime.now(UTC).timestamp() + 0.8
    others = [in_another_process(code, path, at, number) for number in range(4)]

    assert [""] * 4 == [other.communicate()[1] for other in others]
    store = SQLiteStore.open(path)
    assert [1, 2, 3, 4] == [stored.position for stored in store.read_log(0, 10)]
    store.close()


def test_a_ledger_that_is_being_made_is_never_taken_for_something_else(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / f"{number}.db"
        with ThreadPoolExecutor() as threads:
            made = threads.submit(SQLiteStore.open, path, create=True)
            while not made.done():
                holds_ledger(path)
            made.result().close()


def test_nothing_is_made_by_looking(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="ledger init"):
        SQLiteStore.open(path)
    assert not path.exists()

    path.touch()
    with pytest.raises(StoreUnavailable, match="ledger init"):
        SQLiteStore.open(path)


# Defect: readers wait behind writers; a transaction that reads first cannot write; synchronous is left at its default


def test_commits_are_durable_against_power_loss(path: Path, store: SQLiteStore) -> None:
    assert 2 == connect(path).execute("PRAGMA synchronous").fetchone()[0]
    assert "wal" == connect(path).execute("PRAGMA journal_mode").fetchone()[0]


def test_readers_never_wait_for_a_writer(store: SQLiteStore, path: Path) -> None:
    store.append([Append(LEE, 0, facts("a"))], now=START)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = Thread(target=store.append, args=([Append(KIM, 0, facts("b"))],), kwargs={"now": START})
        waiting.start()
        sleep(0.05)
        start = monotonic()
        assert 1 == store.head() == len(store.read(LEE)) == len(list(store.select_events(LEE)))
        assert 0.2 > monotonic() - start
        other.execute("ROLLBACK")
    waiting.join()
    assert 2 == store.head()


def test_processes_that_read_and_then_write_take_turns(path: Path, store: SQLiteStore) -> None:
    code = (
        "s = SQLiteStore.open(sys.argv[1])\n"
        "for n in range(25):\n"
        "    while s.append([Append(LEE, len(s.read(LEE)), facts('a'))], now=START) == [None]: pass"
    )
    others = [in_another_process(code, path) for _ in range(3)]

    assert [""] * 3 == [other.communicate()[1] for other in others]
    assert list(range(1, 76)) == [stored.version for stored in store.read(LEE)]


def test_a_store_that_stays_locked_is_unavailable(store: SQLiteStore, path: Path) -> None:
    store.append([Append(LEE, 0, facts("a"))], now=START)
    connection_of(store._write()).execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            store.append([Append(LEE, 1, facts("b"))], now=START)
        other.execute("ROLLBACK")

    assert [(2,)] == store.append([Append(LEE, 1, facts("b"))], now=START)


def test_a_full_disk_leaves_nothing_half_written(store: SQLiteStore) -> None:
    store.append([Append(LEE, 0, facts("a"))], now=START)
    connection = connection_of(store._write())
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StoreUnavailable, match="full"):
        store.append([Append(LEE, 1, facts("small")), Append(KIM, 0, facts("x" * 50_000))], now=START)
    assert 1 == store.head() == len(store.read_log(0, 10))

    connection.execute("PRAGMA max_page_count = 1000000")
    assert [(2,)] == store.append([Append(LEE, 1, facts("b"))], now=START)


def test_threads_that_write_at_once_share_commits(store: SQLiteStore) -> None:
    """While one commit is under way the others queue, and the next commit takes them all."""
    store.append([Append(LEE, 0, facts("a"))], now=START)
    writer = store._write()
    begun = 0

    def count(statement: str) -> None:
        nonlocal begun
        begun += statement.startswith("BEGIN")

    connection_of(writer).set_trace_callback(count)
    with held(writer):
        threads = [
            Thread(target=store.append, args=([Append(f"learner-{n}", 0, facts("b"))],), kwargs={"now": START})
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        while len(writer._waiting) < 8:
            sleep(0.001)
    for thread in threads:
        thread.join()

    assert 1 == begun
    assert 9 == store.head()


def test_an_error_in_a_shared_commit_reaches_everybody_who_waits(store: SQLiteStore) -> None:
    store.append([Append(LEE, 0, facts("a"))], now=START)
    writer = store._write()
    failed: list[str] = []
    done = Event()

    def write(stream: str) -> None:
        try:
            store.append([Append(stream, 0, facts("b"))], now=START)
        except StoreUnavailable as error:
            failed.append(str(error))
        if len(failed) == 2:
            done.set()

    with held(writer):
        threads = [Thread(target=write, args=(stream,)) for stream in ("learner-x", "learner-y")]
        for thread in threads:
            thread.start()
        while len(writer._waiting) < 2:
            sleep(0.001)
        connection_of(writer).execute("PRAGMA query_only = ON")
    assert done.wait(5)
    connection_of(writer).execute("PRAGMA query_only = OFF")
    assert 1 == store.head()


# Defect: the stored name is the Python path


def test_facts_stand_under_the_name_chosen_for_them(store: SQLiteStore, path: Path) -> None:
    store.append([Append(LEE, 0, facts("a"))], now=START)

    with closing(sqlite3.connect(path)) as connection:
        assert [("happened.v1",)] == connection.execute("SELECT topic FROM facts").fetchall()


# History stays


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET state = x'00'",
        "DELETE FROM facts",
        "UPDATE facts SET recorded_at = 0 WHERE position = 1",
        "INSERT OR REPLACE INTO facts VALUES (1, 'learner-lee', 1, 'happened.v1', x'00', 0)",
        "INSERT INTO facts VALUES (9, 'learner-lee', 1, 'happened.v1', x'00', 0)",
    ],
)
def test_facts_cannot_be_edited_or_deleted(store: SQLiteStore, path: Path, statement: str) -> None:
    store.append([Append(LEE, 0, facts("a"))], now=START)

    with closing(connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


def test_the_file_of_something_else_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE shopping (item)")
    before = path.read_bytes()

    for create in (True, False):
        with pytest.raises(StoreUnavailable, match="something else"):
            SQLiteStore.open(path, create=create)
    assert before == path.read_bytes()


def test_a_file_that_is_no_database_is_unavailable(path: Path) -> None:
    path.write_bytes(b"learner_ref,achievement\n" * 100)

    for create in (True, False):
        with pytest.raises(StoreUnavailable, match="not a database"):
            SQLiteStore.open(path, create=create)


def test_the_ledger_of_a_newer_version_is_left_alone(store: SQLiteStore, path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(StoreUnavailable, match="newer"):
        SQLiteStore.open(path)
