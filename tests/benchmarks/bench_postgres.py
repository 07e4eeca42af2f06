"""The log in PostgreSQL against raw psycopg on the same server, durable (fsync on), in alternating rounds."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from itertools import count
from threading import Thread
from time import perf_counter

import psycopg

from ledger import Ledger
from ledger.application import utc_now
from ledger.learners.commands import RegisterLearner, SubmitEvidence
from ledger.postgres_store import PostgresStore
from ledger.settings import PostgresUrls, Settings
from ledger.store import Append, NewFact
from tests.benchmarks.measure import Figure, note, ratios, report, spread
from tests.benchmarks.sample import CLIENT, MICROS, make
from tests.servers.postgres import PostgresServer, own_server

_THREADS = 32
_EACH = 150
_EVIDENCE = 5
_BULK = 8_000
_A_STREAM = 4
_SMALL, _LARGE = 100_000, int(os.environ.get("LEDGER_BENCH_FACTS", "2000000"))
_RAW = """
CREATE TABLE public.raw (
    position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, stream text COLLATE "C", version bigint, name text,
    body bytea, recorded_at bigint, UNIQUE (stream, version))
"""
_ROW = "(%s, %s, %s, %s, %s)"
_INSERT = f"INSERT INTO public.raw (stream, version, name, body, recorded_at) VALUES {_ROW}"
_numbers = count()


def main() -> None:
    """Measure and print."""
    with own_server(durable=True) as server:
        note(f"PostgreSQL {server.version}")
        urls = server.new_database()
        ledger = make(Settings(database=urls, kek=os.urandom(32)))
        ledger.execute(RegisterLearner(learner_id="lrn_first"), actor=CLIENT)
        raw = Raw(urls, ledger.store.read_log(0, 1)[0].body)
        note("single commands")
        figures = [_single(ledger, raw, threads) for threads in (1, 8, _THREADS)]
        figures += [_known(ledger, raw, threads) for threads in (1, 8, _THREADS)]
        note("bulk")
        store = PostgresStore.open(urls.log)
        figures += _bulk(store, raw)
        store.close()
        ledger.close()
        raw.close()
        note(f"filling up to {_LARGE:,} facts")
        figures += _flat(server)
    report("PostgreSQL, durable (fsync on)", figures)


class Raw:
    """Plain inserts of the same bytes, one connection a thread."""

    def __init__(self, urls: PostgresUrls, body: bytes) -> None:
        self.body = body
        self.connections = [psycopg.connect(urls.log, autocommit=True) for _ in range(_THREADS)]
        self.connections[0].execute(_RAW)

    def single(self, threads: int) -> float:
        """Return how many rows a second are inserted one by one."""

        def work(number: int) -> None:
            connection = self.connections[number]
            for _ in range(_EACH):
                name = f"learner-lrn_{next(_numbers):030}"
                connection.execute(_INSERT, (name, 1, "learner.registered.v1", self.body, 0))

        return threads * _EACH / _together(work, threads)

    def bulk(self) -> float:
        """Return how many rows a second are inserted by hundreds."""
        query = _INSERT + f", {_ROW}" * 99
        start = perf_counter()
        for _ in range(_BULK // 100):
            values: list[object] = []
            for _ in range(100 // _A_STREAM):
                name = f"learner-lrn_{next(_numbers):030}"
                for version in range(1, _A_STREAM + 1):
                    values += [name, version, "learner.registered.v1", self.body, 0]
            self.connections[0].execute(query, values)
        return _BULK / (perf_counter() - start)

    def close(self) -> None:
        """Close the connections."""
        for connection in self.connections:
            connection.close()


def _single(ledger: Ledger, raw: Raw, threads: int) -> Figure:
    def ours() -> float:
        names = [[f"lrn_{next(_numbers):030}" for _ in range(_EACH)] for _ in range(threads)]
        ledger.keys.ensure([name for some in names for name in some])

        def work(number: int) -> None:
            for name in names[number]:
                ledger.execute(RegisterLearner(learner_id=name), actor=CLIENT)

        return threads * _EACH / _together(work, threads)

    raw.single(threads)
    ours()
    value = spread(ratios(lambda: raw.single(threads), ours))
    return Figure(f"registering new learners, {threads} threads, to raw autocommit INSERT", value)


def _known(ledger: Ledger, raw: Raw, threads: int) -> Figure:
    """Measure commands about learners whose record this process remembers: nothing is read, one fact is written."""

    def ours() -> float:
        learners = [[f"lrn_{next(_numbers):030}" for _ in range(_EACH // _EVIDENCE)] for _ in range(threads)]
        known = [RegisterLearner(learner_id=learner) for some in learners for learner in some]
        ledger.execute_many(known, actor=CLIENT)

        def work(number: int) -> None:
            for learner in learners[number]:
                for nth in range(_EVIDENCE):
                    ledger.execute(
                        SubmitEvidence(
                            learner_id=learner,
                            evidence_id=f"evd_{learner}_{nth}",
                            achievement_id=MICROS[0],
                            submitted_by=learner,
                        ),
                        actor=CLIENT,
                    )

        return threads * _EACH / _together(work, threads)

    ours()
    value = spread(ratios(lambda: raw.single(threads), ours))
    aim = "aim 1.0" if threads == _THREADS else ""
    return Figure(f"single-fact commands, {threads} threads, to raw autocommit INSERT", value, aim)


def _bulk(store: PostgresStore, raw: Raw) -> list[Figure]:
    ours = ratios(raw.bulk, lambda: _fill(store, _BULK, 1000, raw.body))
    return [Figure("bulk append, 4,000 facts at once, to raw INSERT of 100 rows", spread(ours), "aim 1.5")]


def _fill(store: PostgresStore, facts: int, streams_at_once: int = 2500, body: bytes = b"x" * 420) -> float:
    """Append *facts* and return how many that were in a second."""
    new = tuple(NewFact("learner.registered.v1", body) for _ in range(_A_STREAM))
    start = perf_counter()
    for _ in range(facts // streams_at_once // _A_STREAM):
        appends = [Append(f"learner-lrn_{next(_numbers):030}", 0, new) for _ in range(streams_at_once)]
        store.append(appends, now=utc_now())
    return facts / (perf_counter() - start)


def _flat(server: PostgresServer) -> list[Figure]:
    """Return what a fact costs in a large log, by what it costs in a small one of facts of the same kind."""
    urls = server.new_database()
    with closing(PostgresStore.open(urls.log)) as store:
        small, large = (_at(facts, store, urls.log.rpartition("/")[2], server) for facts in (_SMALL, _LARGE))
        return [
            Figure(f"{what}: cost at {_LARGE:,} facts, to that at {_SMALL:,}", f"{large[what] / cost:.2f}", "aim 1")
            for what, cost in small.items()
        ]


def _at(facts: int, store: PostgresStore, database: str, server: PostgresServer) -> dict[str, float]:
    _fill(store, (facts - store.head()) // 10_000 * 10_000)
    # What the server still has to do for the facts before is not what the next ones cost.
    server.execute("VACUUM (ANALYZE) ledger.facts", database)
    server.execute("CHECKPOINT")
    return _costs(store)


def _costs(store: PostgresStore) -> dict[str, float]:
    names = [stored.stream for stored in store.read_log(store.head() // 2, 4000)][::_A_STREAM]
    middle = store.head() // 2

    def single() -> None:
        for _ in range(500):
            new = (NewFact("learner.registered.v1", b"x" * 420),)
            store.append([Append(f"learner-lrn_{next(_numbers):030}", 0, new)], now=utc_now())

    def load() -> None:
        for name in names:
            store.read(name)

    return {
        "append": _best(single),
        "bulk append": _best(lambda: _fill(store, 40_000)),
        "load": _best(load),
        "follow": _best(lambda: store.read_log(middle, 20_000)),
    }


def _best(work: Callable[[], object]) -> float:
    found = []
    for _ in range(5):
        start = perf_counter()
        work()
        found.append(perf_counter() - start)
    return min(found)


def _together(work: Callable[[int], None], threads: int) -> float:
    workers = [Thread(target=work, args=(number,)) for number in range(threads)]
    start = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return perf_counter() - start


if __name__ == "__main__":
    main()
