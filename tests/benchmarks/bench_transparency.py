"""The transparency log at a million facts: growing, proving, reopening; and what it costs a single command."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from unittest.mock import patch

from ledger.learners.commands import RegisterLearner
from ledger.settings import Settings
from ledger.sqlite_store import SQLiteStore
from ledger.store import Append, NewFact
from ledger.transparency.log import Log
from ledger.transparency.sqlite_tree import SQLiteTree
from tests.benchmarks.measure import Figure, note, percentile, ratios, report, seconds, spread
from tests.benchmarks.sample import CLIENT, make

_FACTS = int(os.environ.get("LEDGER_BENCH_FACTS", "1000000"))
_AT_ONCE = 5_000
_COMMANDS = 300
_PROOFS = 5_000


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        note(f"the transparency log, {_FACTS:,} facts")
        figures = [_single(Path(folder) / "single.db"), *_large(Path(folder) / "large.db")]
        report("Transparency log", figures)


def _single(path: Path) -> Figure:
    ledger = make(path)
    numbers = count()

    def register() -> float:
        learners = [f"lrn_single{next(numbers)}" for _ in range(_COMMANDS)]
        ledger.keys.ensure(learners)
        start = perf_counter()
        for learner in learners:
            ledger.execute(RegisterLearner(learner_id=learner), actor=CLIENT)
        return (perf_counter() - start) / _COMMANDS

    def without() -> float:
        # Facts alone, as before there was a tree; the next command makes up what is missing.
        with patch.object(SQLiteTree, "grow", lambda *_: None):
            found = register()
        register_one(ledger, numbers)
        return found

    register()
    found = ratios(without, register, 7)
    return Figure("a single command, time with the tree to without", spread(found), "bar: at most 1.5")


def register_one(ledger: object, numbers: count[int]) -> None:
    """Record one fact, and so bring the tree up to date."""
    learner = f"lrn_one{next(numbers)}"
    ledger.execute(RegisterLearner(learner_id=learner), actor=CLIENT)  # type: ignore[attr-defined]


def _large(path: Path) -> list[Figure]:
    settings = Settings(database=path)
    with closing(SQLiteStore.open(path, create=True)) as store, closing(Log.of_ledger(settings, store)) as log:
        body = os.urandom(430)
        with patch.object(SQLiteTree, "grow", lambda *_: None):
            for start in range(0, _FACTS, _AT_ONCE):
                new = range(start, start + _AT_ONCE)
                store.append(
                    [Append(f"learner-lrn_{n:030x}", 0, (NewFact("thing.done.v1", body),)) for n in new],
                    now=datetime.now(UTC),
                )

        def reading_and_hashing() -> None:
            at = 0
            while facts := store.read_log(at, 10_000):
                for fact in facts:
                    sha256(fact.body).digest()
                at = facts[-1].position

        def integrating() -> None:
            while log.integrate():
                pass

        base = sorted(seconds(reading_and_hashing) for _ in range(3))[1]
        ours = seconds(integrating)
        size = log.tree.size()
        chance = random.Random(9162)
        inclusion = _each(lambda: log.tree.inclusion(chance.randrange(size), size))
        consistency = _each(lambda: log.tree.consistency(chance.randrange(1, size), size))
    reopened = []
    for _ in range(5):
        began = perf_counter()
        with closing(SQLiteStore.open(path)) as store, closing(Log.of_ledger(settings, store)) as log:
            log.tree.root(log.tree.size())
            reopened.append(perf_counter() - began)
    return [
        Figure("integrate, leaves a second", f"{size / ours:,.0f}"),
        Figure("integrate, to reading and SHA-256 alone", f"{base / ours:.2f}", "bar: at least 0.5"),
        Figure("inclusion proof, p99", f"{percentile(inclusion, 99) * 1e3:.2f} ms", "bar: at most 1 ms"),
        Figure("consistency proof, p99", f"{percentile(consistency, 99) * 1e3:.2f} ms", "bar: at most 1 ms"),
        Figure("reopen and know the head", f"{sorted(reopened)[2] * 1e3:.1f} ms", "bar: at most 100 ms"),
    ]


def _each(work: Callable[[], object]) -> list[float]:
    return [seconds(work) for _ in range(_PROOFS)]


if __name__ == "__main__":
    main()
