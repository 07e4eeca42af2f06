"""Whatever comes by Kafka: copies, poison, facts of other partitions, facts that never were."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest

from tests.consumers.messages import messages
from tests.consumers.sending import TOPIC
from tests.journeys.scaled.sender import copied, forged, open_producer, poisoned
from tests.journeys.scaled.work import Ledgers

_EVENTS, _DEFINITIONS = "ledger.events.v1", "ledger.definitions.v1"
_A_FIFTH = 0.2


@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.soak)])
def test_copies_poison_and_disorder_change_nothing(ledgers: Ledgers, rounds: int) -> None:
    bootstrap = ledgers.campus.broker.bootstrap
    chance = Random(rounds)
    producer = open_producer(bootstrap)
    with ledgers.busy(doubling=_A_FIFTH) as work:
        for _ in range(rounds):
            time.sleep(2)
            facts = [one for one in messages(bootstrap, _EVENTS) if not ledgers.is_ours(one)]
            definitions = [one for one in messages(bootstrap, _DEFINITIONS) if not ledgers.is_ours(one)]
            award = next(one for one in facts if _type(one).startswith("achievement.awarded."))
            stack = next(one for one in definitions if _type(one).startswith("stack.activated."))

            again = chance.sample(facts[-1000:], int(len(facts[-1000:]) * _A_FIFTH))
            ledgers.alien |= {*copied(producer, again), *copied(producer, again[::-1], elsewhere=True)}
            ledgers.alien |= {*copied(producer, [stack]), forged(producer, award), forged(producer, stack)}
            poison = {*poisoned(producer, _EVENTS, award), *poisoned(producer, _DEFINITIONS, stack)}
            ledgers.alien |= poison
            ledgers.poison |= poison | {*poisoned(producer, TOPIC, award)}
        time.sleep(1)
    producer.close()

    ledgers.hold(f"copies and poison, {rounds}", work)
    assert work.sender.doubled


def _type(message: Any) -> str:
    return str(dict(message.headers)["ce_type"], "utf-8")
