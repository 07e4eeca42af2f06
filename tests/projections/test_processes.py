"""Several processes keep the same views up, or rebuild them, and are killed at any moment."""

from __future__ import annotations

import random
import time

import pytest

from projections.views import Views
from tests import examples as ex
from tests.projections.college import College, live_through
from tests.projections.projecting import Place, begin, views_in
from tests.projections.shelves import editions


@pytest.fixture
def shared(college: College) -> Place:
    """Give views of a college that has just begun, and has lived on since."""
    place: Place = college.directory / "shared"
    if college.database is not None:
        shelf = college.schemas("shared")
        place = shelf._url, shelf._family
    views = views_in(place)
    views.catch_up(college.ledger.store)
    views.close()
    live_through(college, seed=3, steps=80)
    return place


def _expected(college: College) -> str:
    expected = Views(college.directory / "expected")
    expected.catch_up(college.ledger.store)
    found = expected.hash()
    expected.close()
    return found


def test_processes_that_project_at_once_take_in_each_fact_once(college: College, shared: Place) -> None:
    processes = [begin(college.directory / "ledger.db", shared, limit=2) for _ in range(3)]
    for process in processes:
        process.join(60)

    assert [0, 0, 0] == [process.exitcode for process in processes]
    views = views_in(shared)
    assert college.ledger.store.head() == views.position()
    assert _expected(college) == views.hash()
    views.close()


@pytest.mark.slow
def test_a_process_killed_while_it_rebuilds_costs_nothing(college: College, shared: Place) -> None:
    _kill_and_look(college, shared, lives=8)


@pytest.mark.soak
def test_processes_killed_while_they_rebuild_cost_nothing(college: College, shared: Place) -> None:
    _kill_and_look(college, shared, lives=300)


def _kill_and_look(college: College, shared: Place, lives: int) -> None:
    chance = random.Random(lives)
    store, views = college.ledger.store, views_in(shared)
    for number in range(lives):
        rebuilding = begin(college.directory / "ledger.db", shared, limit=None)
        until = time.monotonic() + 0.1 + chance.random() / 4
        while time.monotonic() < until:
            college.earn(f"lrn_{number}_{time.monotonic_ns()}", ex.MIG)
            views.catch_up(store)
            assert store.head() == views.position()
        rebuilding.kill()
        rebuilding.join()
        views.catch_up(store)
        assert store.head() == views.position()

    assert _expected(college) == views.hash()
    views.rebuild(store)
    assert _expected(college) == views.hash()
    assert len(editions(views)) <= 2
    views.close()
