"""Processes that stand still until others have their place, and then go on as if nothing had been."""

from __future__ import annotations

import time
from random import Random

import pytest

from consumers.group import SESSION_MS
from tests.journeys.scaled.campus import COUNTS
from tests.journeys.scaled.work import Ledgers


@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", ["awarder", "intake"])
def test_a_consumer_stands_still_until_others_have_its_partitions(ledgers: Ledgers, name: str, times: int) -> None:
    with ledgers.busy() as work:
        for number in range(times):
            time.sleep(1)
            with ledgers.campus.stopped(name, number % COUNTS[name]):
                with ledgers.campus.outage():
                    time.sleep(SESSION_MS / 1000)
                time.sleep(2)  # by now the others have its partitions
        time.sleep(2)

    ledgers.hold(f"{name} a zombie, {times}", work)


@pytest.mark.parametrize("times", [pytest.param(2, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.soak)])
def test_a_relay_that_lost_its_turn_comes_back_with_what_it_had(ledgers: Ledgers, times: int) -> None:
    campus = ledgers.campus
    with ledgers.busy() as work:
        for number in range(times):
            time.sleep(1)
            with campus.outage():
                campus.to_kafka.stall()
                time.sleep(1)  # whoever has the turn now waits for Kafka with messages in hand
                with campus.stopped("relay", number % COUNTS["relay"]):
                    campus.to_kafka.reset()
                    campus.to_kafka.heal()
                    campus.to_postgres.reset()
                    time.sleep(4)  # the other relay has the turn, and goes on from what arrived
            time.sleep(1)
        time.sleep(2)

    ledgers.hold(f"relay a zombie, {times}", work)


@pytest.mark.soak
def test_relays_that_are_frozen_at_any_moment_never_skip(ledgers: Ledgers) -> None:
    campus, chance = ledgers.campus, Random(3)
    with ledgers.busy(pace=0.01) as work:
        for number in range(40):
            time.sleep(chance.random())
            with campus.outage(), campus.stopped("relay", number % COUNTS["relay"]):
                campus.to_postgres.reset()
                time.sleep(1 + chance.random())

    ledgers.hold("relays frozen, 40", work)
