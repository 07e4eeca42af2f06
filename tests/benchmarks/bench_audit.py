"""Verifying the whole log against reading and hashing it alone; writing and checking a bundle; proofs."""

from __future__ import annotations

import random
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from api.audit import checking, proofs
from api.audit.bundles import write
from api.audit.bundling import export
from api.audit.containers import written
from api.audit.recomputing import State
from api.audit.source import Source, opened
from api.audit.verifying import verify
from ledger.settings import Settings
from ledger.transparency.leaf import entry_of
from ledger.transparency.log import Log
from ledger.transparency.merkle import perfect
from ledger.transparency.tiles import WIDTH
from tests.benchmarks.measure import Figure, note, percentile, ratios, report, seconds, spread
from tests.benchmarks.sample import grow, make

_FACTS = 1_000_000
_AT_ONCE = 40 * WIDTH
_PROOFS = 500


def main(facts: int = _FACTS) -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        settings = Settings(database=Path(folder) / "ledger.db")
        note(f"growing the ledger to {facts:,} facts")
        with closing(make(settings.file)) as ledger, closing(Log.of_ledger(settings, ledger.store)) as log:
            grow(ledger, facts)
            log.publish(ledger.now(), at_once=True)
        with opened(settings) as source:
            _verify(source)
            _bundle(source, Path(folder))
            _prove(source)


def _verify(source: Source) -> None:
    head = source.store.head()

    def hashing() -> float:
        """Read every fact, hash its bytes, its envelope, and the tree over them; compare nothing."""

        def work() -> None:
            position = 0
            while some := source.store.read_log(position, _AT_ONCE):
                hashes = [sha256(b"\0" + entry_of(stored)).digest() for stored in some]
                for start in range(0, len(hashes) - WIDTH + 1, WIDTH):
                    perfect(b"".join(hashes[start : start + WIDTH]))
                position = some[-1].position

        return head / seconds(work)

    def verifying() -> float:
        def work() -> None:
            assert verify(source, (), (), State(), lambda *_: None).well

        return head / seconds(work)

    found = ratios(hashing, verifying, rounds=3)
    report(
        f"Verifying the whole log at {head:,} facts",
        [
            Figure("to reading and hashing alone", spread(found), "aim 0.5"),
            Figure("facts a second", f"{verifying():,.0f}", "or 300,000"),
        ],
    )


def _bundle(source: Source, folder: Path) -> None:
    head = source.newest().checkpoint.size
    path = folder / "bundle.zip"

    def writing() -> None:
        with written(path) as writer:
            write(export(source, None), writer)

    wrote = seconds(writing)
    checked = seconds(lambda: checking.check(path, source.keys(), ()))
    report(
        f"A bundle of all {head:,} facts",
        [
            Figure("written, facts a second", f"{head / wrote:,.0f}"),
            Figure("checked, facts a second", f"{head / checked:,.0f}"),
            Figure("bytes a fact", f"{path.stat().st_size / head:.0f}"),
        ],
    )


def _prove(source: Source) -> None:
    chosen = random.Random(1)
    size = source.newest().checkpoint.size
    took: dict[str, list[float]] = {"inclusion": [], "consistency": [], "whole proof of a fact": []}
    for _ in range(_PROOFS):
        index = chosen.randrange(size)
        stored = source.store.read_log(index, 1)[0]
        for name, work in (
            ("inclusion", lambda index=index: source.tree.inclusion(index, size)),
            ("consistency", lambda index=index: source.tree.consistency(index + 1, size)),
            ("whole proof of a fact", lambda stored=stored: proofs.prove(source, stored)),
        ):
            start = perf_counter()
            work()
            took[name].append(perf_counter() - start)
    report(
        f"Proofs at {size:,} facts, in process",
        [
            Figure(
                f"{name}, p50 / p99 ms", f"{percentile(t, 50) * 1e3:.2f} / {percentile(t, 99) * 1e3:.2f}", "p99 1 ms"
            )
            for name, t in took.items()
        ],
    )


if __name__ == "__main__":
    main(*(int(size) for size in sys.argv[1:]))
