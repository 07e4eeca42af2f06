"""PostgreSQL dies, its connections are cut or hang, its standby takes over: who waits is answered, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped]
import pytest

from tests.journeys.scaled.campus import Campus
from tests.journeys.scaled.work import Ledgers, Work
from tests.servers import until
from tests.servers.postgres import PostgresServer

_MOMENT_SECONDS = 3.0
_LONG_SECONDS = 45.0
"""Longer than anybody waits for an answer of the database."""


def _more_than(work: Work, done: int) -> Callable[[], bool]:
    return lambda: work.done() > done


def killed(campus: Campus) -> None:
    campus.postgres.kill()
    time.sleep(0.5)
    campus.postgres.start()


def stopped(campus: Campus) -> None:
    campus.postgres.stop()
    time.sleep(0.5)
    campus.postgres.start()


def resetting(campus: Campus) -> None:
    for _ in range(5):
        campus.to_postgres.reset()
        time.sleep(0.3)


def silent(campus: Campus) -> None:
    campus.to_postgres.stall()
    time.sleep(_MOMENT_SECONDS)
    campus.to_postgres.heal()


def silent_for_long(campus: Campus) -> None:
    campus.to_postgres.stall()
    time.sleep(_LONG_SECONDS)
    campus.to_postgres.heal()


@pytest.mark.slow
@pytest.mark.parametrize("away", [killed, resetting, silent])
def test_the_database_goes_away_and_comes_back(ledgers: Ledgers, away: Callable[[Campus], None]) -> None:
    _goes_and_comes(ledgers, away, 1)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("away", "times"), [(killed, 20), (stopped, 20), (resetting, 20), (silent, 20), (silent_for_long, 3)]
)
def test_the_database_goes_away_and_comes_back_many_times(
    ledgers: Ledgers, away: Callable[[Campus], None], times: int
) -> None:
    _goes_and_comes(ledgers, away, times)


@pytest.mark.parametrize("standbys", [pytest.param(1, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.soak)])
def test_a_standby_takes_over_while_clients_write(ledgers: Ledgers, standbys: int) -> None:
    campus = ledgers.campus
    with ledgers.busy() as work:
        for _ in range(standbys):
            standby = campus.follow()
            time.sleep(1)
            with campus.outage():
                campus.promote(standby)
            assert until(_more_than(work, work.done()), 15), "commands are taken again"

    ledgers.hold(f"{standbys} standbys promoted", work)


@pytest.mark.soak
def test_what_the_standby_does_not_have_is_not_acknowledged(ledgers: Ledgers) -> None:
    campus = ledgers.campus
    with ledgers.busy() as work:
        standby = campus.follow()
        time.sleep(1)
        with campus.outage():
            with _standing_still(standby):
                time.sleep(_LONG_SECONDS)
                campus.postgres.kill()
            campus.promote(standby)
        time.sleep(2)

    ledgers.hold("standby that hung promoted", work)


@contextmanager
def _standing_still(server: PostgresServer) -> Iterator[None]:
    postmaster = psutil.Process(server._ours.program.pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _goes_and_comes(ledgers: Ledgers, away: Callable[[Campus], None], times: int) -> None:
    with ledgers.busy() as work:
        for _ in range(times):
            time.sleep(1)
            with ledgers.campus.outage():
                away(ledgers.campus)
        time.sleep(1)

    ledgers.hold(f"database {away.__name__}, {times}", work)
