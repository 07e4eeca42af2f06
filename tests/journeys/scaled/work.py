"""Clients and another system at work while something fails, and what is asked of the ledger after it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

from ledger import Ledger
from tests.journeys.scaled import checks
from tests.journeys.scaled.campus import Campus
from tests.journeys.scaled.journal import Client
from tests.journeys.scaled.sender import Place, Sender

CLIENTS = 3
REPORT: list[str] = []
"""A line for each test, shown when all are over."""

_SETTLED_SECONDS = 60.0
_AGAIN = 25
_runs = count()


class Work:
    """What was asked for in one test, and what was put into the topics by others than the ledger."""

    def __init__(self, campus: Campus, pace: float, doubling: float) -> None:
        run = f"w{next(_runs)}"
        self.began = time.time()
        keys = (campus.office, campus.assessor)
        self.clients = [Client(number, run, campus.stack.addresses, *keys, pace) for number in range(CLIENTS)]
        self.sender = Sender(run, campus.broker.bootstrap, pace, doubling)

    def done(self) -> int:
        """Return how many requests were acknowledged."""
        return sum(len(client.journal) for client in self.clients)


class Ledgers:
    """The campus with all the work that was ever done on it."""

    def __init__(self, campus: Campus) -> None:
        self.campus = campus
        self.poison: set[Place] = set()
        self.alien: set[Place] = set()
        """What was sent by us to the topics of facts, poison or not."""
        self._works: list[Work] = []

    @contextmanager
    def busy(self, pace: float = 0.05, doubling: float = 0.0) -> Iterator[Work]:
        """Let clients work during the block, and in the end have everything answered that they sent."""
        work = Work(self.campus, pace, doubling)
        self._works.append(work)
        workers: list[Client | Sender] = [*work.clients, work.sender]
        for one in workers:
            one.start()
        try:
            yield work
        finally:
            for one in workers:
                one.end()
            for one in workers:
                one.join()

    def hold(self, name: str, work: Work) -> None:
        """Hold the ledger to everything that it must be, for all work so far."""
        campus, began = self.campus, time.monotonic()
        with campus.ledger() as ledger:
            left = checks.wait_for(lambda: self._due(ledger), _SETTLED_SECONDS)
            assert not left, f"{len(left)} are due, as {left[:5]}\n{campus.stack.log_tail()}"
            behind = checks.wait_for(lambda: checks.nobody_is_behind(campus), _SETTLED_SECONDS)
            assert not behind, f"{behind}\n{campus.stack.log_tail()}"
            stored, log = ledger.store.read_log(0, checks.ALL), ledger.log(0, checks.ALL)
        found = checks.stories(log)
        late = checks.lateness(found, campus.outages)
        recent = [one for one in late if float(one[1].rpartition(" ")[2]) >= work.began] or [(0.0, "")]
        answers = [client.longest for client in work.clients]
        REPORT.append(
            f"{name}: {work.done()} acknowledged in {sum(c.tries for c in work.clients)} tries,"
            f" longest {max(answers):.1f} s; {len(recent)} milestones, latest {recent[0][0]:.2f} s;"
            f" checked in {time.monotonic() - began:.0f} s"
        )
        checks.nothing_is_lost(log, [client for one in self._works for client in one.clients])
        checks.nothing_is_doubled(stored, found)
        for client in work.clients:
            client.ask_again(Random(name), _AGAIN)
            assert not client.wrong, client.wrong[:3]
        checks.the_doctor_finds_all_well(campus)
        checks.kafka_holds_everything(campus, stored, self.alien)
        checks.transcripts_are_the_newest(campus, stored)
        checks.only_poison_is_dead(campus, self.poison)
        # A machine on which others wait for the cores as well is given as much longer.
        patience = checks.LATE_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        assert recent[0][0] <= patience, f"late: {recent[:5]}\n{campus.stack.log_tail()}"

    def is_ours(self, message: Any) -> bool:
        """Whether a message of a topic of facts is none of the ledger's."""
        return (message.topic, message.partition, message.offset) in self.alien

    def _due(self, ledger: Ledger) -> list[str]:
        found = checks.stories(ledger.log(0, checks.ALL))
        return checks.what_is_due(found, self._earned(ledger))

    def _earned(self, ledger: Ledger) -> dict[str, set[str]]:
        """Return by learner what they must hold, as far as anybody was told that it arrived."""
        earned: dict[str, set[str]] = {}
        for work in self._works:
            for client in work.clients:
                for learner, micros in client.learners().items():
                    earned.setdefault(learner, set()).update(micros)
            known = ledger.identities.find_all("learner", sorted(work.sender.acknowledged))
            for ref, micros in work.sender.acknowledged.items():
                earned.setdefault(known.get(ref, ref), set()).update(micros)
        return earned
