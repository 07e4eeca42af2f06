"""The queue of those who append, and the two ways in which a group is written: they must agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.group_commit import GroupCommit, Pending
from ledger.postgres_append import PostgresWriter
from ledger.postgres_store import PostgresStore
from ledger.settings import PostgresUrls
from ledger.sqlite_append import SQLiteWriter
from ledger.sqlite_file import connect
from ledger.sqlite_store import SQLiteStore
from ledger.store import Append, CatalogueMoved, KeyedReceipt, NewFact, StoreBusy, StoreUnavailable, microseconds
from tests.examples import START
from tests.servers import until
from tests.store_contract import LEE, facts


class Slow:
    """A writer that writes when it is told to, and remembers in which order."""

    def __init__(self) -> None:
        self.may = Event()
        self.groups: list[list[str]] = []
        self.closed = False

    def write(self, group: Sequence[Pending]) -> int:
        assert self.may.wait(10)
        self.groups.append([append.stream for pending in group for append in pending.appends])
        for pending in group:
            pending.results = [(1,) for _ in pending.appends]
        return 1

    def close(self) -> None:
        self.closed = True


def append(queue: GroupCommit, stream: str) -> list[tuple[int, ...] | None]:
    return queue.append([Append(stream, 0, facts("a"))], 1, START, None)


def test_who_comes_first_is_written_first() -> None:
    writer = Slow()
    queue = GroupCommit(writer, lambda _: None)
    threads = []
    for number in range(6):
        threads.append(Thread(target=append, args=(queue, f"learner-{number}")))
        threads[-1].start()
        assert until(lambda number=number: len(queue._waiting) == max(0, number), 5)  # type: ignore[misc]
    writer.may.set()
    for thread in threads:
        thread.join()

    assert [["learner-0"], [f"learner-{number}" for number in range(1, 6)]] == writer.groups


def test_where_too_many_wait_the_next_is_told_to_come_again() -> None:
    writer = Slow()
    queue = GroupCommit(writer, lambda _: None, most_waiting=3)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(append, queue, "learner-0")
        assert until(lambda: queue._writing and not queue._waiting, 5)
        others = [pool.submit(append, queue, f"learner-{number}") for number in range(1, 4)]
        assert until(lambda: len(queue._waiting) == 3, 5)
        with pytest.raises(StoreBusy, match="try again"):
            append(queue, "learner-9")
        writer.may.set()

        assert [[(1,)]] * 4 == [waited.result() for waited in [first, *others]]
    assert [(1,)] == append(queue, "learner-9")


def test_who_waits_too_long_gives_up_and_is_not_written() -> None:
    writer = Slow()
    queue = GroupCommit(writer, lambda _: None, patience=0.05)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(append, queue, "learner-0")
        assert until(lambda: queue._writing and not queue._waiting, 5)
        with pytest.raises(StoreBusy, match="too slow"):
            append(queue, "learner-1")
        writer.may.set()
        assert [(1,)] == first.result()
    assert [["learner-0"]] == writer.groups
    assert [(1,)] == append(queue, "learner-2")


def test_closing_waits_for_what_waits_and_refuses_what_comes_after() -> None:
    writer = Slow()
    queue = GroupCommit(writer, lambda _: None)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(append, queue, "learner-0")]
        assert until(lambda: queue._writing and not queue._waiting, 5)
        waiting.append(pool.submit(append, queue, "learner-1"))
        assert until(lambda: len(queue._waiting) == 1, 5)
        closing = pool.submit(queue.close)
        assert until(lambda: queue._closed, 5)
        with pytest.raises(StoreUnavailable, match="closed"):
            append(queue, "learner-2")
        assert not writer.closed
        writer.may.set()
        closing.result()
        assert [[(1,)]] * 2 == [waited.result() for waited in waiting]
    assert writer.closed
    queue.close()


def test_what_goes_wrong_in_a_group_stops_neither_the_next_nor_its_callers() -> None:
    class Failing(Slow):
        def write(self, group: Sequence[Pending]) -> int:
            super().write(group)
            if len(self.groups) == 1:
                raise ZeroDivisionError
            return 1

    writer = Failing()
    writer.may.set()
    queue = GroupCommit(writer, lambda _: None)
    with pytest.raises(ZeroDivisionError):
        append(queue, LEE)
    assert [(1,)] == append(queue, LEE)


def test_many_threads_are_all_written_once() -> None:
    writer = Slow()
    writer.may.set()
    queue = GroupCommit(writer, lambda _: None, gather=0.0005)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: append(queue, f"learner-{number}"), range(2000)))

    assert [[(1,)]] * 2000 == answers
    assert sorted(f"learner-{number}" for number in range(2000)) == sorted(
        stream for group in writer.groups for stream in group
    )


# Both kinds of store work a group out alike


class Asked(NamedTuple):
    """Appends of one caller, as told by chance."""

    appends: list[tuple[int, int, int, int]]  # stream, version it is decided on, facts, key
    catalogue: int | None  # how far behind the reference head
    second: int


_ASKED = st.builds(
    Asked,
    appends=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=4
    ),
    catalogue=st.none() | st.integers(0, 2),
    second=st.integers(0, 5),
)
_KINDS = ("learner-{}-a", "learner-{}-b", "achievement-{}", "person-{}")


@pytest.fixture
def both(database: PostgresUrls, tmp_path: Path) -> Iterator[tuple[SQLiteStore, SQLiteWriter, PostgresStore]]:
    sqlite = SQLiteStore.open(tmp_path / "ledger.db", create=True)
    writer = SQLiteWriter(connect(tmp_path / "ledger.db"))
    postgres = PostgresStore.open(database.log)
    yield sqlite, writer, postgres
    writer.close()
    sqlite.close()
    postgres.close()


_round = iter(range(10**9))
_lock = Lock()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(_ASKED, min_size=1, max_size=5), min_size=1, max_size=3))
def test_a_group_comes_to_the_same_on_sqlite_and_on_postgresql(
    both: tuple[SQLiteStore, SQLiteWriter, PostgresStore], groups: list[list[Asked]]
) -> None:
    sqlite, sqlite_writer, postgres = both
    postgres_writer = postgres._writer.writer
    assert isinstance(postgres_writer, PostgresWriter)
    with _lock:
        number = next(_round)
    before = sqlite.head()
    for group in groups:
        known = sqlite.reference_head()
        pairs = [
            [_pending(asked, number, known, nth) for nth, asked in enumerate(group)],
            [_pending(asked, number, known, nth) for nth, asked in enumerate(group)],
        ]
        heads = [sqlite_writer.write(pairs[0]), postgres_writer.write(pairs[1])]
        answers = [[(_said(pending.error), pending.results) for pending in pair] for pair in pairs]

        assert answers[0] == answers[1]
        assert heads[0] == heads[1]
    assert sqlite.read_log(before, 1000) == postgres.read_log(before, 1000)
    assert sqlite.read_reference(before) == postgres.read_reference(before)
    keys = [f"{number}-{key}" for key in range(1, 4)]
    assert [sqlite.receipt("per_ana", key) for key in keys] == [postgres.receipt("per_ana", key) for key in keys]


def _pending(asked: Asked, number: int, reference_head: int, nth: int) -> Pending:
    appends = [
        Append(
            _KINDS[stream].format(number),
            after,
            tuple(NewFact("happened.v1", f"{nth} {place} {fact}".encode()) for fact in range(new)),
            KeyedReceipt("per_ana", f"{number}-{key}", b"hash", "learner-x", 7, 7, 7, "done") if key else None,
        )
        for place, (stream, after, new, key) in enumerate(asked.appends)
    ]
    catalogue = None if asked.catalogue is None else reference_head - asked.catalogue
    return Pending(appends, 1, microseconds(START) + asked.second, catalogue)


def _said(error: str | Exception | None) -> object:
    return error.args if isinstance(error, CatalogueMoved) else error
