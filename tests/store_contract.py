"""What any store must do. A test module inherits `StoreContract` and says how its store is opened."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import TooLarge
from ledger.postgres_store import PostgresStore
from ledger.sqlite_store import SQLiteStore
from ledger.store import LARGEST_APPEND, Append, CatalogueMoved, KeyedReceipt, NewFact, Store, StoreUnavailable
from tests.examples import START

# The fixture only makes directories, and the same test is each store's own.
_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
LogStore = SQLiteStore | PostgresStore
LEE, KIM, MIG = "learner-lee", "learner-kim", "achievement-mig"


def facts(*bodies: str) -> tuple[NewFact, ...]:
    """Return facts that differ in their bytes alone; what they mean is not the store's concern."""
    return tuple(NewFact("happened.v1", body.encode()) for body in bodies)


def in_another_process(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run *code* in a Python of its own, beside this one."""
    preamble = (
        "import sys\nfrom ledger.postgres_store import PostgresStore\nfrom ledger.sqlite_store import SQLiteStore\n"
        "from ledger.store import *\nfrom tests.examples import START\nfrom tests.store_contract import *\n"
    )
    command = [sys.executable, "-c", preamble + code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe, cwd=Path(__file__).parents[1])


def keyed(key: str, stream: str = LEE, request: bytes = b"request") -> KeyedReceipt:
    return KeyedReceipt("per_ana", key, request, stream)


def told(store: Store, version: int, head: int) -> Append:
    """Return what says where the head of the log was; whoever decides there reads the same from the store."""
    assert head == store.head()
    return Append(MIG, version, facts(str(head)))


def _use(store: LogStore, answer: multiprocessing.connection.Connection) -> None:
    said = []
    for attempt in (store.head, lambda: store.append([Append(LEE, 0, facts("a"))], now=START)):
        try:
            attempt()
        except StoreUnavailable as error:
            said.append(str(error))
    answer.send(said)


class StoreContract(ABC):
    """Inherited by the tests of each store."""

    @abstractmethod
    def open(self, directory: Path) -> LogStore:
        """Open the one store that is kept in *directory*, made where there is none."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[LogStore]:
        store = self.open(tmp_path)
        yield store
        store.close()

    # Deciding at the head

    def test_what_is_decided_at_the_head_follows_it_at_once(self, store: Store) -> None:
        """Others append from many threads meanwhile; what is decided has seen them all."""

        def write(name: str) -> None:
            for version in range(20):
                store.append([Append(f"learner-{name}", version, facts(name))], now=START)

        def decide_often(_: int) -> None:
            for _ in range(10):
                placed = None
                while placed is None:
                    placed = store.append_at_head(partial(told, store, store.versions([MIG])[MIG]), now=START)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, "abcdef"))
            assert 120 == store.head()
            deciding = [threads.submit(decide_often, n) for n in range(2)]
            list(threads.map(write, "uvwxyz"))
            for one in deciding:
                one.result()

        log = store.read_log(0, 1000)
        assert list(range(1, 261)) == [one.position for one in log]
        assert [one.position - 1 for one in log if one.stream == MIG] == [int(one.body) for one in store.read(MIG)]
        assert 20 == len(store.read(MIG)) == len(store.read_reference())

    def test_what_is_decided_at_the_head_is_left_out_as_any_append_is(self, store: Store) -> None:
        store.append([Append(MIG, 0, facts("a"))], now=START)

        assert None is store.append_at_head(lambda _: Append(MIG, 0, facts("b")), now=START)
        assert () == store.append_at_head(lambda _: Append(MIG, 1, ()), now=START)
        with pytest.raises(CatalogueMoved):
            store.append_at_head(lambda _: Append(LEE, 0, facts("c")), now=START, catalogue_position=0)
        assert (2,) == store.append_at_head(lambda _: Append(MIG, 1, facts("d"), keyed("k", MIG)), now=START)
        assert None is store.append_at_head(lambda _: Append(LEE, 0, facts("e"), keyed("k")), now=START)
        assert 2 == store.head()

    def test_what_goes_wrong_in_a_decision_is_told_to_who_decided_and_writes_nothing(self, store: Store) -> None:
        def fail(_: int) -> Append:
            raise LookupError("as it happens")

        with pytest.raises(LookupError, match="as it happens"):
            store.append_at_head(fail, now=START)
        with pytest.raises(TooLarge):
            store.append_at_head(lambda _: Append(LEE, 0, facts("a" * (LARGEST_APPEND + 1))), now=START)
        assert [(1,)] == store.append([Append(LEE, 0, facts("a"))], now=START)

    # Appending and reading

    def test_an_empty_store_stands_at_nought(self, store: Store) -> None:
        assert (0, 0, 0) == (store.head(), store.reference_head(), store.position_at(START))
        assert [] == store.read(LEE) == store.read_log(0, 10) == store.read_reference()
        assert [] == store.streams("learner")
        assert {} == store.read_many([LEE])
        assert {LEE: 0} == store.versions([LEE])

    def test_facts_are_read_as_they_were_written(self, store: Store) -> None:
        assert [(1, 2), (3,)] == store.append([Append(LEE, 0, facts("a", "b")), Append(KIM, 0, facts("c"))], now=START)

        first, second = store.read(LEE)
        assert (1, LEE, 1, "happened.v1", b"a", START) == (*first[:5], first.recorded_at)
        assert (2, LEE, 2, "happened.v1", b"b", START) == (*second[:5], second.recorded_at)
        assert [b"a", b"b", b"c"] == [stored.body for stored in store.read_log(0, 10)]

    def test_a_stream_can_be_read_from_a_version_and_up_to_a_position(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts("a", "b"))], now=START)
        store.append([Append(KIM, 0, facts("c"))], now=START)
        store.append([Append(LEE, 2, facts("d"))], now=START)

        assert [b"b", b"d"] == [stored.body for stored in store.read(LEE, after_version=1)]
        assert [b"a", b"b"] == [stored.body for stored in store.read(LEE, until=3)]
        assert [b"b"] == [stored.body for stored in store.read(LEE, 1, 2)]

    def test_the_log_is_read_in_pages(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts("a", "b", "c", "d"))], now=START)

        assert [2, 3] == [stored.position for stored in store.read_log(1, 2)]
        assert [2] == [stored.position for stored in store.read_log(1, 10, until=2)]

    def test_many_streams_are_read_at_once(self, store: Store) -> None:
        appends = [Append(f"learner-{number:04}", 0, facts("a", "b")) for number in range(2500)]
        store.append(appends, now=START)

        found = store.read_many([*(append.stream for append in appends), "learner-nobody"])
        assert {append.stream: [1, 2] for append in appends} == {
            stream: [stored.version for stored in stored_facts] for stream, stored_facts in found.items()
        }
        assert {"learner-0007": 2, "learner-nobody": 0} == store.versions(["learner-0007", "learner-nobody"])

    def test_streams_are_listed_by_category_in_order_and_in_pages(self, store: Store) -> None:
        names = ["learner-a", "learner-a-1", "learner-b", "learner-~", "learners-x", "learner", "batch-1"]
        store.append([Append(name, 0, facts("1", "2")) for name in names], now=START)

        assert ["learner-a", "learner-a-1", "learner-b", "learner-~"] == store.streams("learner")
        assert ["learner-a", "learner-a-1"] == store.streams("learner", limit=2)
        assert ["learner-b", "learner-~"] == store.streams("learner", after="learner-a-1")
        assert ["batch-1"] == store.streams("batch")

    # Conflicts

    def test_an_append_on_a_stream_that_moved_is_left_out_and_the_others_are_written(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts("a"))], now=START)

        assert [None, (2,), None] == store.append(
            [Append(LEE, 0, facts("b")), Append(KIM, 0, facts("c")), Append(KIM, 0, facts("d"))], now=START
        )
        assert [b"a", b"c"] == [stored.body for stored in store.read_log(0, 10)]

    def test_what_was_decided_upon_an_append_that_is_left_out_is_left_out_too(self, store: Store) -> None:
        """Although its version would fit by now: another's fact stands where its own ground was to be."""
        store.append([Append(LEE, 0, facts("theirs"))], now=START)

        assert [None, None] == store.append([Append(LEE, 0, facts("mine")), Append(LEE, 1, facts("upon"))], now=START)

    def test_an_append_beyond_the_end_of_a_stream_is_left_out(self, store: Store) -> None:
        assert [None] == store.append([Append(LEE, 3, facts("b"))], now=START)
        assert 0 == store.head()

    def test_appends_to_one_stream_follow_one_another_in_one_transaction(self, store: Store) -> None:
        assert [(1,), (2, 3)] == store.append([Append(LEE, 0, facts("a")), Append(LEE, 1, facts("b", "c"))], now=START)

    def test_writers_from_many_threads_lose_and_double_nothing(self, store: Store) -> None:
        def write(_: int) -> list[tuple[int, ...]]:
            shared: list[tuple[int, ...]] = []
            while len(shared) < 20:
                theirs = Append(LEE, store.versions([LEE])[LEE], facts("x", "y"))
                (placed,) = store.append([theirs], now=START)
                if placed is not None:
                    shared.append(placed)
            return shared

        with ThreadPoolExecutor(4) as pool:
            placed = [positions for shared in pool.map(write, range(4)) for positions in shared]

        assert 80 == len(placed) == len(set(placed))
        assert list(range(1, 161)) == [stored.version for stored in store.read(LEE)]
        assert list(range(1, store.head() + 1)) == [stored.position for stored in store.read_log(0, 10_000)]

    # Time

    def test_recorded_at_never_runs_backwards(self, store: Store) -> None:
        for hours in (5, 3, 9, 1):
            store.append([Append(f"learner-{hours}", 0, facts("a"))], now=START + timedelta(hours=hours))

        assert [5, 5, 9, 9] == [(stored.recorded_at - START).seconds / 3600 for stored in store.read_log(0, 10)]

    @settings(max_examples=20, deadline=None, suppress_health_check=_SHARED)
    @given(hours=st.lists(st.integers(0, 20), max_size=12), asked=st.integers(-1, 21))
    def test_the_position_at_an_instant_is_that_of_the_last_fact_recorded_by_then(
        self, tmp_path_factory: pytest.TempPathFactory, hours: list[int], asked: int
    ) -> None:
        store = self.open(tmp_path_factory.mktemp("at"))
        for number, hour in enumerate(hours):
            store.append([Append(f"learner-{number}", 0, facts("a"))], now=START + timedelta(hours=hour))
        instant = START + timedelta(hours=asked)

        expected = max((s.position for s in store.read_log(0, 100) if s.recorded_at <= instant), default=0)
        assert expected == store.position_at(instant)
        store.close()

    # Reference facts

    def test_reference_facts_are_those_of_definitions_and_people(self, store: Store) -> None:
        streams = [LEE, MIG, "batch-1", "person-ana", "stack-welder", "framework-x", KIM]
        store.append([Append(stream, 0, facts("a")) for stream in streams], now=START)

        assert [2, 4, 5, 6] == [stored.position for stored in store.read_reference()]
        assert [5] == [stored.position for stored in store.read_reference(after=4, until=5)]
        assert [6, 5, 2, 0] == [store.reference_head(until) for until in (None, 5, 3, 1)]

    def test_nothing_is_written_where_a_definition_has_changed_since(self, store: Store) -> None:
        store.append([Append(MIG, 0, facts("a"))], now=START)
        store.append([Append(LEE, 0, facts("b"))], now=START, catalogue_position=1)
        store.append([Append(MIG, 1, facts("c"))], now=START, catalogue_position=1)

        with pytest.raises(CatalogueMoved):
            store.append([Append(LEE, 1, facts("d")), Append(KIM, 0, facts("e"))], now=START, catalogue_position=1)
        assert 3 == store.head()

    # Receipts

    def test_a_receipt_is_kept_beside_its_facts_and_knows_their_place(self, store: Store) -> None:
        store.append([Append(KIM, 0, facts("a"))], now=START)
        store.append([Append(LEE, 0, facts("b", "c"), keyed("k"))], now=START)

        assert KeyedReceipt("per_ana", "k", b"request", LEE, 2, 3, 2) == store.receipt("per_ana", "k")
        assert store.receipt("per_ben", "k") is None

    def test_a_receipt_without_facts_is_kept_too(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts("a"))], now=START)

        assert [()] == store.append([Append(LEE, 1, (), keyed("k")._replace(version=1, position=1))], now=START)
        assert KeyedReceipt("per_ana", "k", b"request", LEE, 1, 1, 0) == store.receipt("per_ana", "k")
        assert 1 == store.head()

    def test_an_append_whose_key_is_taken_is_left_out(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts("a"), keyed("k"))], now=START)

        assert [None, (2,), None] == store.append(
            [
                Append(LEE, 1, facts("b"), keyed("k")),
                Append(KIM, 0, facts("c"), keyed("l")),
                Append(MIG, 0, facts("d"), keyed("l")),
            ],
            now=START,
        )

    # Bounds

    def test_more_than_one_append_can_hold_is_refused_and_leaves_nothing(self, store: Store) -> None:
        with pytest.raises(TooLarge):
            store.append([Append(KIM, 0, facts("a")), Append(LEE, 0, facts("x" * (LARGEST_APPEND + 1)))], now=START)
        assert 0 == store.head()

    def test_an_append_of_a_megabyte_is_written_whole(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts(*["x" * 10_000] * 100))], now=START)

        assert 1_000_000 == sum(len(stored.body) for stored in store.read(LEE))

    # Waiting

    def test_waiting_ends_at_once_where_there_is_something_already(self, store: Store) -> None:
        store.append([Append(LEE, 0, facts("a"))], now=START)

        assert store.wait(0, 0)
        assert not store.wait(1, 0)

    def test_waiting_ends_soon_after_a_commit(self, store: Store) -> None:
        writer = Timer(0.05, store.append, [[Append(LEE, 0, facts("a"))]], {"now": START})
        start = monotonic()
        writer.start()

        assert store.wait(0, 5)
        assert 0.2 > monotonic() - start
        writer.join()

    def test_waiting_ends_when_its_time_has_passed(self, store: Store) -> None:
        start = monotonic()

        assert not store.wait(0, 0.05)
        assert 0.3 > monotonic() - start > 0.04

    # The library's own calls

    def test_the_librarys_own_calls_work_on_it(self, store: LogStore) -> None:
        events = [StoredEvent(LEE, version, "made.v1", b"a") for version in (1, 2)]

        assert (1, 2) == store.insert_events(events)
        assert events == list(store.select_events(LEE))
        assert [(1, 1), (2, 2)] == [(n.id, n.originator_version) for n in store.select_notifications(None, 10)]
        assert [2] == [n.id for n in store.select_notifications(1, 10, inclusive_of_start=False, topics=["made.v1"])]
        assert 2 == store.max_notification_id()

    def test_a_conflict_is_the_librarys_integrity_error(self, store: LogStore) -> None:
        store.insert_events([StoredEvent(LEE, 1, "happened.v1", b"a")])

        with pytest.raises(IntegrityError):
            store.insert_events([StoredEvent(LEE, 1, "happened.v1", b"b")])
        with pytest.raises(IntegrityError):
            store.insert_events([StoredEvent(LEE, 2, "happened.v1", b"b"), StoredEvent(KIM, 1, "happened.v1", b"b")])
        assert 1 == store.head()

    def test_a_subscription_yields_what_stands_and_what_comes(self, store: LogStore) -> None:
        store.append([Append(LEE, 0, facts("a", "b"))], now=START)

        with store.subscribe(gt=1) as subscription:
            assert 2 == next(subscription).id
            writer = Timer(0.05, store.append, [[Append(LEE, 2, facts("c"))]], {"now": START})
            writer.start()
            assert 3 == next(subscription).id
            writer.join()

    def test_a_subscription_to_some_names_passes_over_the_others(self, store: LogStore) -> None:
        with store.subscribe(topics=["asked.v1"]) as subscription:
            store.insert_events([StoredEvent(LEE, 1, "other.v1", b"")])
            store.insert_events([StoredEvent(LEE, 2, "asked.v1", b"")])
            assert 2 == next(subscription).id

    # Forks, after which two processes would use one connection

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_a_store_opened_before_a_fork_is_refused_in_the_child_rather_than_hanging(self, store: LogStore) -> None:
        store.append([Append(KIM, 0, facts("a"))], now=START)
        here, there = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=_use, args=(store, there))
        child.start()

        assert here.poll(10)
        assert ["forked" in said for said in here.recv()] == [True, True]
        child.join(10)
        assert 0 == child.exitcode
        assert 1 == store.head()

    # Closing

    def test_what_was_written_is_there_when_the_store_is_opened_again(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.append([Append(MIG, 0, facts("a"), keyed("k", MIG))], now=START)
        before = store.read_log(0, 10)
        store.close()

        again = self.open(tmp_path)
        assert before == again.read_log(0, 10) == again.read_reference()
        assert again.receipt("per_ana", "k") is not None
        again.close()

    def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.close()

        with pytest.raises(StoreUnavailable):
            store.append([Append(LEE, 0, facts("a"))], now=START)
        with pytest.raises(StoreUnavailable):
            store.read(LEE)
        store.close()
