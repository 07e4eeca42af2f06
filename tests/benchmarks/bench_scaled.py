"""
The scaled ledger as its callers feel it, on one machine: judgements a second over HTTP, and how soon milestones follow.

Clients, two APIs, projector, relay, awarder, intake, PostgreSQL (durable) and Kafka share the machine's cores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import local
from time import perf_counter, sleep
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.benchmarks.measure import Figure, note, percentile, report
from tests.imports import files
from tests.servers import kept
from tests.servers.kafka import broker
from tests.servers.postgres import own_server
from tests.servers.stack import Stack, environment

CLIENTS = 32
LOADED = 16_000
PROBED = 200
PROBE_EVERY_S = 0.1
POLL_S = 0.01  # as a reader would at most: asking more often was more load than the judgements
ROUNDS = 3
Waiting = tuple[str, str]


class Caller:
    """Calls the APIs in turn, each thread over connections of its own that stay open."""

    def __init__(self, addresses: list[str], key: str) -> None:
        self._addresses = addresses
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._of_thread = local()

    def call(self, method: str, path: str, body: Any = None, *, media: str | None = None) -> Any:
        """Return the answer; anything but success is an error."""
        if not hasattr(self._of_thread, "connections"):
            opened = [HTTPConnection(urlsplit(address).netloc, timeout=300) for address in self._addresses]
            self._of_thread.connections = cycle(opened)
        connection = next(self._of_thread.connections)
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, sent, self._headers | ({"Content-Type": media} if media else {}))
        answer = connection.getresponse()
        found = answer.read()
        assert answer.status < 300, (path, answer.status, found)
        return json.loads(found)

    def judge(self, evidence: Waiting) -> None:
        """Judge one piece of evidence: one command, which leads to an award."""
        learner, evidence_id = evidence
        self.call("POST", f"/learners/{learner}/evidence/{evidence_id}/assessments", {"results": {"score": 84}})


def main() -> None:
    """Measure and print."""
    note("judgements and milestones over HTTP")
    with TemporaryDirectory() as folder, own_server(durable=True) as postgres:
        counts = {"api": 2}
        settings = environment(postgres.new_database(migrated=False), broker().bootstrap)
        with Stack(settings, Path(folder), counts, threads=CLIENTS) as stack:
            stack.start()
            caller, load, probes = prepare(stack, Path(folder))
            rates, bases = [], []
            share = len(load) // (ROUNDS + 1)
            for _ in range(ROUNDS):
                bases.append(raw(postgres.url()))
                rates.append(at_full_load(caller, load[:share]))
                load = load[share:]
            rate = sorted(rates)[ROUNDS // 2]
            waits = at_half_load(caller, load, probes, rate / 2)
            recorded = in_the_log(settings["LEDGER_DATABASE_URL"], probes)
    figures = [
        Figure(f"judgements/s over HTTP, {CLIENTS} clients, 2 API processes", f"{rate:,.0f}"),
        Figure("to raw one-row INSERTs by as many threads", f"{rate / sorted(bases)[ROUNDS // 2]:.2f}"),
        Figure(
            "acknowledged -> milestone visible at half load, over Kafka",
            f"p50 {percentile(waits, 50) * 1000:.0f} ms, p99 {percentile(waits, 99) * 1000:.0f} ms",
            "aim: p99 100 ms",
        ),
        Figure(
            "the same by the log: final award -> milestone recorded",
            f"p50 {percentile(recorded, 50) * 1000:.0f} ms, p99 {percentile(recorded, 99) * 1000:.0f} ms",
        ),
    ]
    report("Scaled, over HTTP", figures)
    kept.end_all()


def prepare(stack: Stack, directory: Path) -> tuple[Caller, list[Waiting], list[Waiting]]:
    """Let evidence wait for judgement: of learners whom it brings an award, and of some whom it brings a milestone."""
    path = directory / "catalogue.json"
    path.write_bytes(files.catalogue())
    stack.run("import", "catalogue", str(path), "--by", "dora", "--approved-by", "board")
    keys = {role: stack.run("keys", "create", "--role", role).splitlines()[0] for role in ("registrar", "assessor")}
    rows = [
        files.row(learner_ref=f"{kind}-{number}", achievement="drilling", evidence_id="d", result="", outcome="")
        for kind, many in (("load", LOADED), ("probe", PROBED))
        for number in range(many)
    ]
    rows += [files.row(learner_ref=f"probe-{number}", result="90") for number in range(PROBED)]
    registrar = Caller(stack.addresses[:1], keys["registrar"])
    for start in range(0, len(rows), 4000):
        registrar.call("POST", "/imports/results", files.results(*rows[start : start + 4000]), media="text/csv")
    assessor = Caller(stack.addresses, keys["assessor"])
    holders = {award["learner_id"] for award in pages(registrar, "/awards?achievement=filing&")}
    found = [(item["learner_id"], item["evidence_id"]) for item in pages(assessor, "/queues/assessment?")]
    load = [waiting for waiting in found if waiting[0] not in holders]
    probes = [waiting for waiting in found if waiting[0] in holders]
    assert (LOADED, PROBED) == (len(load), len(probes))
    return assessor, load, probes


def pages(caller: Caller, path: str) -> Iterator[Any]:
    """Yield the items of a list from all its pages."""
    cursor: str | None = ""
    while cursor is not None:
        page = caller.call("GET", f"{path}limit=500" + (f"&cursor={cursor}" if cursor else ""))
        yield from page["items"]
        cursor = page["next"]


def raw(url: str) -> float:
    """Return one-row INSERTs a second by as many threads, each over its own connection."""
    rows = 400
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS raw")
        connection.execute("CREATE TABLE raw (position bigserial PRIMARY KEY, body bytea)")

    def insert(_: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for _number in range(rows):
                connection.execute("INSERT INTO raw (body) VALUES (%s)", (b"x" * 470,), prepare=True)

    with ThreadPoolExecutor(CLIENTS) as threads:
        began = perf_counter()
        list(threads.map(insert, range(CLIENTS)))
        return rows * CLIENTS / (perf_counter() - began)


def at_full_load(caller: Caller, load: list[Waiting]) -> float:
    """Return how many judgements a second are acknowledged when every client sends its next at once."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        began = perf_counter()
        list(clients.map(caller.judge, load))
        return len(load) / (perf_counter() - began)


def at_half_load(caller: Caller, load: list[Waiting], probes: list[Waiting], rate: float) -> list[float]:
    """Return the seconds from each final judgement's answer to its milestone, while others judge at *rate*."""
    waits = []
    with ThreadPoolExecutor(CLIENTS) as clients:
        began, sent = perf_counter(), 0
        for number, probe in enumerate(probes):
            due = min(len(load), int(rate * PROBE_EVERY_S * (number + 1)))
            for waiting in load[sent:due]:
                clients.submit(caller.judge, waiting)
                sleep(max(0.0, began + sent / rate - perf_counter()))
                sent += 1
            caller.judge(probe)
            answered = perf_counter()
            path = f"/learners/{probe[0]}/transcript"
            while "fitter-badge" not in json.dumps(caller.call("GET", path)):
                sleep(POLL_S)
            waits.append(perf_counter() - answered)
            sleep(max(0.0, began + (number + 1) * PROBE_EVERY_S - perf_counter()))
    return waits


def in_the_log(url: str, probes: list[Waiting]) -> list[float]:
    """Return the seconds from each final award to its milestone, by when they were recorded; nobody polls for that."""
    query = (
        "SELECT recorded_at FROM ledger.facts WHERE originator_id = %s AND topic = 'achievement.awarded.v1'"
        " ORDER BY originator_version DESC LIMIT 3"
    )
    with psycopg.connect(url) as connection:
        found = [connection.execute(query, (f"learner-{learner}",)).fetchall() for learner, _ in probes]
    return [(newest - final) / 1e6 for (newest,), _, (final,) in found]


if __name__ == "__main__":
    main()
