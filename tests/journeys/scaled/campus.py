"""
A scaled ledger to be broken: every process of the Procfile, some twice, with a network between that fails on command.

What stands here is shared by the tests of this package, one after the other: a ledger that has been through all of it.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.imports.catalogue import import_catalogue
from api.keys import create_key
from ledger import Ledger
from ledger.settings import PostgresUrls, Settings
from tests.servers import free_port, until
from tests.servers.kafka import Broker
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.servers.stack import Stack, environment, procfile

LMS = "https://lms.example"
MICROS = ("a", "b", "c")
MILESTONES = {"pair": ("a", "b"), "top": ("pair", "c")}
"""What follows by rule, and from what."""

COUNTS = dict.fromkeys(procfile(), 1) | {"api": 2, "relay": 2, "awarder": 2, "intake": 2}
AWARDING = ("relay", "awarder")
"""Without those no milestone is awarded; the others may be away."""

_BEGUN = {"api": "Listening on"}
_START_SECONDS = 60.0


class Campus:
    """The ledger, its servers, and when it could not be expected to get on."""

    def __init__(self, directory: Path, postgres: PostgresServer, broker: Broker, ends: ExitStack) -> None:
        self.postgres = postgres
        self.broker = broker
        self.outages: list[tuple[float, float]] = []
        self.kills: dict[str, int] = dict.fromkeys(COUNTS, 0)
        self._directory = directory
        self._ends = ends
        self._names = [urlsplit(url).path for url in _both(postgres.new_database(migrated=False))]
        self.to_postgres = ends.enter_context(Proxy("127.0.0.1", _port(postgres)))
        self.to_kafka = ends.enter_context(broker.behind_proxy())
        self._standby_at = free_port()
        urls = (
            f"postgresql://postgres@{self.to_postgres.address},127.0.0.1:{self._standby_at}{n}" for n in self._names
        )
        settings = environment(PostgresUrls(*urls), self.to_kafka.address, LEDGER_INTAKE_SOURCES=LMS)
        self.stack = ends.enter_context(Stack(settings, directory / "logs", COUNTS))

    def begin(self) -> None:
        """Start everything; let the programme be defined, and the office and an assessor have keys."""
        self.stack.start()
        for name, number in self.processes():
            assert until(lambda name=name, number=number: self._begun(name, number), _START_SECONDS), name  # type: ignore[misc]
        with self.ledger() as ledger:
            import_catalogue(ledger, json.dumps(_programme()).encode(), name="a.json", by="dora", approved_by="board")
            expires = ledger.now() + timedelta(days=10)
            self.office = create_key(ledger, "registrar", "office", expires=expires).key
            self.assessor = create_key(ledger, "assessor", "tom", expires=expires).key

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Lend the ledger itself, past all that may be broken, to be looked at."""
        settings = {
            **self.stack.environment,
            "LEDGER_DATABASE_URL": self.url(),
            "LEDGER_PRIVATE_DATABASE_URL": self.url(1),
        }
        with closing(Ledger.open(Settings.from_environment(settings))) as ledger:
            yield ledger

    def url(self, which: int = 0) -> str:
        """Return how to reach the log's database (or the private one) directly."""
        return self.postgres.url(self._names[which].removeprefix("/"))

    def ask(self, *words: str) -> Any:
        """Return what a command says as JSON."""
        return json.loads(self.stack.run(*words, "--json"))

    # What fails

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Nothing is expected to be awarded within the block."""
        began = time.time()
        try:
            yield
        finally:
            self.outages.append((began, time.time()))

    def kill(self, name: str, number: int) -> int:
        """Kill a process; return how often it had begun."""
        lives = self.begun(name, number)
        self.kills[name] += 1
        self.stack.kill(name, number)
        return lives

    @contextmanager
    def stopped(self, name: str, number: int = 0) -> Iterator[None]:
        """Let a process stand still, alive for whoever looks at it from outside."""
        self.stack.kill(name, number, signal.SIGSTOP)
        try:
            yield
        finally:
            self.stack.kill(name, number, signal.SIGCONT)

    def follow(self) -> PostgresServer:
        """Begin a standby that every commit waits for."""
        return self._ends.enter_context(self.postgres.standby())

    def promote(self, standby: PostgresServer) -> None:
        """Kill the server, and let its standby take its place, where the services look when the other is gone."""
        self.postgres.kill()
        standby.promote()
        here, there = self.to_postgres.port, self._standby_at
        self.to_postgres.refuse()
        self.to_postgres = self._ends.enter_context(Proxy("127.0.0.1", _port(standby), at=there))
        self._standby_at = here
        self.postgres = standby

    # What runs

    def processes(self) -> list[tuple[str, int]]:
        """Return every process, by name and number."""
        return [(name, number) for name, count in COUNTS.items() for number in range(count)]

    def begun(self, name: str, number: int) -> int:
        """Return how often a process has said that it began."""
        said = (self._directory / "logs" / f"{name}-{number}.log").read_text(errors="replace")
        return said.count(_BEGUN.get(name, f"The {name} runs."))

    def _begun(self, name: str, number: int) -> bool:
        return self.begun(name, number) > 0


def _both(urls: PostgresUrls) -> tuple[str, str]:
    return urls.log, urls.private


def _port(server: PostgresServer) -> int:
    port = urlsplit(server.url()).port
    assert port is not None
    return port


def _programme() -> dict[str, Any]:
    def achievement(name: str, kind: str) -> dict[str, Any]:
        return {
            "id": name,
            "name": name,
            "description": name,
            "achievement_type": kind,
            "criteria": {"narrative": f"Shows {name}."},
        }

    return {
        "issuer": {"id": "https://college.example", "name": "A college", "url": "https://college.example"},
        "achievements": [achievement(micro, "MicroCredential") for micro in MICROS],
        "stacks": [
            {
                "id": f"to-{name}",
                "name": name,
                "milestone": achievement(name, "Badge"),
                "rule": {"all": [{"achievement": one} for one in of]},
            }
            for name, of in MILESTONES.items()
        ],
    }
