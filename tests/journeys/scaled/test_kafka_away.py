"""Kafka goes away, for a moment or for longer than its groups wait for their members: commands are taken meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from consumers.group import SESSION_MS
from tests.journeys.scaled.campus import Campus
from tests.journeys.scaled.work import Ledgers

_LONGER_THAN_THE_SESSION = SESSION_MS / 1000 + 2


def killed(campus: Campus) -> None:
    campus.broker.kill()
    time.sleep(1)
    campus.broker.start()


def stopped(campus: Campus) -> None:
    campus.broker.stop()
    time.sleep(1)
    campus.broker.start()


def silent(campus: Campus) -> None:
    campus.to_kafka.stall()
    time.sleep(_LONGER_THAN_THE_SESSION)
    campus.to_kafka.heal()


def refusing(campus: Campus) -> None:
    campus.to_kafka.refuse()
    time.sleep(_LONGER_THAN_THE_SESSION)
    campus.to_kafka.heal()


def resetting(campus: Campus) -> None:
    for _ in range(5):
        campus.to_kafka.reset()
        time.sleep(0.3)


@pytest.mark.slow
@pytest.mark.parametrize("away", [killed, silent])
def test_the_broker_goes_away_and_comes_back(ledgers: Ledgers, away: Callable[[Campus], None]) -> None:
    _goes_and_comes(ledgers, away, 1)


@pytest.mark.soak
@pytest.mark.parametrize("away", [killed, stopped, silent, refusing, resetting])
def test_the_broker_goes_away_and_comes_back_many_times(ledgers: Ledgers, away: Callable[[Campus], None]) -> None:
    _goes_and_comes(ledgers, away, 20)


def _goes_and_comes(ledgers: Ledgers, away: Callable[[Campus], None], times: int) -> None:
    with ledgers.busy() as work:
        for _ in range(times):
            time.sleep(1)
            done = work.done()
            with ledgers.campus.outage():
                away(ledgers.campus)
            assert done < work.done(), "commands are taken while Kafka is away"
        time.sleep(1)

    ledgers.hold(f"broker {away.__name__}, {times}", work)
