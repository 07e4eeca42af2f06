"""Rebuilding all views against reading and decoding alone; and what reading costs in a large ledger."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from ledger import Ledger
from ledger.codec import decode
from projections.progress import progress
from projections.transcript import transcript
from projections.views import Views
from tests.benchmarks.measure import Figure, note, percentile, ratios, report, seconds, spread
from tests.benchmarks.sample import grow, make

_SIZES = (200_000, 1_000_000)
_READS = 2_000


def main(sizes: tuple[int, ...] = _SIZES) -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        ledger = make(Path(folder) / "ledger.db")
        learners = 0
        for size in sizes:
            note(f"growing the ledger to {size:,} facts")
            learners = grow(ledger, size, learners)
            _rebuild(ledger, Path(folder) / f"views-{size}", size)
        _read(ledger, learners)


def _rebuild(ledger: Ledger, directory: Path, size: int) -> None:
    views = Views(directory)
    views.catch_up(ledger.store)
    live = views.hash()
    head = ledger.store.head()

    def decoding() -> float:
        def work() -> None:
            position = 0
            while batch := ledger.store.read_log(position, 10_000):
                for stored in batch:
                    decode(stored)
                position = batch[-1].position

        return head / seconds(work)

    def rebuilding() -> float:
        return head / seconds(lambda: views.rebuild(ledger.store))

    found = ratios(decoding, rebuilding, rounds=3)
    rate = rebuilding()
    assert live == views.hash()
    report(
        f"Rebuilding all views at {size:,} facts",
        [
            Figure("to reading and decoding alone", spread(found), "aim 0.3"),
            Figure("facts a second", f"{rate:,.0f}"),
            Figure("microseconds a fact", f"{1e6 / rate:.1f}", "flat as the log grows"),
        ],
    )
    views.close()


def _read(ledger: Ledger, learners: int) -> None:
    chosen = random.Random(1)
    catalogue = ledger.catalogue()
    on = ledger.clock()
    documents: dict[str, list[float]] = {"transcript": [], "progress": [], "transcript as of": []}
    for _ in range(_READS):
        learner = f"lrn_{chosen.randrange(learners):012d}"
        start = perf_counter()
        transcript(learner, ledger.facts(f"learner-{learner}"), catalogue, on)
        documents["transcript"].append(perf_counter() - start)
        start = perf_counter()
        progress(learner, ledger.facts(f"learner-{learner}"), catalogue, on)
        documents["progress"].append(perf_counter() - start)
        at = chosen.randrange(1, ledger.store.head())
        start = perf_counter()
        moment = ledger.store.read_log(at - 1, 1)[0].recorded_at
        if facts := ledger.facts(f"learner-{learner}", until=at):
            transcript(learner, facts, ledger.catalogue_at(at), moment)
        documents["transcript as of"].append(perf_counter() - start)
    report(
        f"Reading one learner's documents at {ledger.store.head():,} facts, in process",
        [
            Figure(
                f"{name}, p50 / p99 ms", f"{percentile(t, 50) * 1e3:.2f} / {percentile(t, 99) * 1e3:.2f}", "p99 5 ms"
            )
            for name, t in documents.items()
        ],
    )


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or _SIZES)
