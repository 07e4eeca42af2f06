"""Views: the same rows however the facts came in; rebuilt beside themselves; safe between threads and processes."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections import tables, views
from projections.assessment_queue import AssessmentQueue
from projections.connection import Writing
from projections.totals import Totals, statistics
from projections.views import Views, ViewsMissing
from tests import examples as ex
from tests.projections.college import College, live_through
from tests.projections.shelves import editions, lose, lose_all, spoil


@pytest.fixture
def college(college: College) -> College:
    live_through(college, seed=1, steps=60)
    return college


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), batches=st.randoms(use_true_random=False))
def test_rebuilt_views_are_the_same_as_those_that_followed_in_any_batches(
    tmp_path_factory: pytest.TempPathFactory, place: str | None, seed: int, batches: random.Random
) -> None:
    with closing(College(tmp_path_factory.mktemp("college"), place)) as college:
        live_through(college, seed, steps=120 if place is None else 40)  # a round trip is no function call
        store = college.ledger.store
        one_by_one, in_batches, rebuilt = college.views("one"), college.views("batches"), college.views("rebuilt")
        in_files = views.Views(college.directory / "files")
        while one_by_one.step(store, 1):
            pass
        while in_batches.step(store, batches.randrange(1, 40)):
            pass
        rebuilt.rebuild(store)
        in_files.catch_up(store)

        assert in_files.hash() == rebuilt.hash(), "wherever they are kept"
        assert one_by_one.hash() == rebuilt.hash()
        assert in_batches.hash() == rebuilt.hash()
        assert store.head() == rebuilt.position()
        in_files.close()


def test_a_batch_that_fails_leaves_nothing_and_is_taken_in_again(
    college: College, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = college.ledger.store
    following, expected = college.views("following"), college.views("expected")
    expected.catch_up(store)
    following.step(store, 0)
    flush = AssessmentQueue.flush

    def failing(view: AssessmentQueue, connection: Writing) -> None:
        flush(view, connection)
        if chance.random() < 0.5:
            raise sqlite3.OperationalError("disk I/O error")

    chance = random.Random(3)
    monkeypatch.setattr(AssessmentQueue, "flush", failing)
    while following.position() < store.head():
        try:
            following.step(store, 7)
        except sqlite3.OperationalError:
            continue

    assert expected.hash() == following.hash()


def test_two_projectors_on_one_file_take_in_each_fact_once(college: College) -> None:
    store = college.ledger.store
    expected = college.views("expected")
    expected.catch_up(store)
    first, second = college.views("shared"), college.views("shared")

    threads = [threading.Thread(target=_step_to_the_end, args=(one, college)) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert expected.hash() == first.hash() == second.hash()


def _step_to_the_end(following: views.Views, college: College) -> None:
    while following.step(college.ledger.store, 3):
        pass


def test_a_rebuild_killed_before_the_swap_leaves_the_old_views_in_use(
    college: College, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = college.ledger.store
    following = college.views()
    following.catch_up(store)
    before = following.hash()

    with monkeypatch.context() as patched:
        patched.setattr(Views, "_give_up", _nothing)  # a killed process tidies nothing up
        patched.setattr(type(following._shelf), "replacing", _killed)
        with pytest.raises(KeyboardInterrupt):
            following.rebuild(store)
    restarted = college.views()

    assert before == restarted.hash()
    assert 0 == restarted.step(store)
    restarted.rebuild(store)
    assert before == restarted.hash()
    assert len(editions(restarted)) <= 2, "leftovers are tidied up"


def _nothing(*_: object) -> None:
    pass


@contextmanager
def _killed(*_: object) -> Iterator[None]:
    yield
    raise KeyboardInterrupt


def test_others_notice_the_swap_and_go_on_in_the_new_file(college: College) -> None:
    store = college.ledger.store
    ours, theirs = college.views(), college.views()
    ours.catch_up(store)
    theirs.catch_up(store)
    with theirs.reading() as connection:
        statistics(connection, college.now)

    ours.rebuild(store)
    college.earn("lrn_new", ex.MIG)
    theirs.catch_up(store)

    assert store.head() == ours.position() == theirs.position()
    assert ours.hash() == theirs.hash()


def test_a_rebuild_beside_running_appends_misses_nothing(college: College) -> None:
    store = college.ledger.store
    following = college.views()
    following.catch_up(store)
    done = threading.Event()

    def append() -> None:
        for number in range(15):
            college.earn(f"lrn_{number}", ex.MIG)
            following.step(store)
        done.set()

    thread = threading.Thread(target=append)
    thread.start()
    while not done.is_set():
        following.rebuild(store)
    thread.join()
    following.catch_up(store)
    expected = college.views("expected")
    expected.catch_up(store)

    assert expected.hash() == following.hash()


def test_views_made_by_another_version_are_built_anew_by_themselves(
    college: College, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = college.ledger.store
    old = college.views()
    old.catch_up(store)
    old.close()
    monkeypatch.setattr(Totals, "version", Totals.version + 1)
    tables.fingerprint.cache_clear()
    try:
        new = college.views()
        with pytest.raises(ViewsMissing), new.reading():
            pass
        new.catch_up(store)

        assert store.head() == new.position()
    finally:
        monkeypatch.undo()
        tables.fingerprint.cache_clear()


@pytest.mark.parametrize("spoil", [lose, lose_all, spoil])
def test_views_that_are_lost_or_spoilt_are_built_anew(college: College, spoil: Callable[[Views], None]) -> None:
    store = college.ledger.store
    following = college.views()
    following.catch_up(store)
    before = following.hash()
    spoil(following)
    following.close()

    restarted = college.views()
    restarted.catch_up(store)

    assert before == restarted.hash()


def test_waiting_ends_when_the_fact_is_in_the_views(college: College) -> None:
    store = college.ledger.store
    following, elsewhere = college.views(), college.views()
    following.catch_up(store)
    college.earn("lrn_new", ex.MIG)

    assert not following.wait(store.head(), 0.01)
    thread = threading.Timer(0.05, elsewhere.catch_up, (store,))
    thread.start()
    assert following.wait(store.head(), 5), "another's projecting is noticed too"
    thread.join()


def test_a_reader_sees_one_state_while_facts_are_taken_in(college: College) -> None:
    store = college.ledger.store
    following = college.views()
    following.catch_up(store)

    with following.reading() as connection:
        before = statistics(connection, college.now)
        college.earn("lrn_new", ex.MIG)
        following.catch_up(store)
        assert before == statistics(connection, college.now)
    with following.reading() as connection:
        assert before["learners"] + 1 == statistics(connection, college.now)["learners"]


def test_progress_is_told_while_rebuilding(college: College) -> None:
    told: list[tuple[int, int]] = []

    college.views().rebuild(college.ledger.store, lambda done, total: told.append((done, total)))

    assert (college.ledger.store.head(),) * 2 == told[-1]
