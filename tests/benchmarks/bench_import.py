"""
The import of real results, everything that follows included, against raw batched INSERTs of the same facts.

Takes the Open University records where they are kept beside the checkout; says so and does nothing where they are not.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests import oulad
from tests.benchmarks.measure import Figure, durable, note, report, seconds, spread

_ROUNDS = 3
_BATCH = 1000


def main() -> None:
    """Measure and print."""
    if not oulad.RECORDS.is_dir():
        note("import: the Open University records are not beside this checkout; not measured")
        return
    imports: list[float] = []
    raws: list[float] = []
    counts: dict[str, int] = {}
    for number in range(_ROUNDS):
        with TemporaryDirectory() as folder:
            note(f"importing, round {number + 1} of {_ROUNDS}")
            oulad.convert(Path(folder))
            imports.append(_import(Path(folder)))
            counts = json.loads(_ledger(Path(folder), "stats", "--json"))
            raws.append(_raw(Path(folder)))
    facts = counts["position"]
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    took = sorted(imports)[_ROUNDS // 2]
    report(
        f"Import of {counts['evidence']:,} real results: {facts:,} facts, milestones, chains and views included",
        [
            Figure("seconds", f"{took:.1f}"),
            Figure("rows a second / facts a second", f"{counts['evidence'] / took:,.0f} / {facts / took:,.0f}"),
            Figure("raw batched INSERT, facts a second", f"{facts / sorted(raws)[_ROUNDS // 2]:,.0f}"),
            Figure("to raw", spread([raw / ours for raw, ours in zip(raws, imports, strict=True)]), "aim 0.2"),
            Figure("peak memory of the importing process, MiB", f"{peak_mib:,.0f}"),
        ],
    )


def _import(folder: Path) -> float:
    _ledger(folder, "import", "catalogue", str(folder / "catalogue.json"), "--by", "ann", "--approved-by", "bob")
    return seconds(lambda: _ledger(folder, "import", "results", str(folder / "results.csv"), "--json"))


def _raw(folder: Path) -> float:
    """Insert the same rows into a table of the same shape, as durably, a thousand a transaction."""
    with sqlite3.connect(folder / "ledger.db") as source:
        rows = source.execute(
            "SELECT position, originator_id, originator_version, topic, state, recorded_at FROM facts"
        ).fetchall()
    raw = durable(folder / "raw.db")
    start = perf_counter()
    for at in range(0, len(rows), _BATCH):
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany("INSERT INTO facts VALUES (?,?,?,?,?,?)", rows[at : at + _BATCH])
        raw.execute("COMMIT")
    took = perf_counter() - start
    raw.close()
    return took


def _ledger(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "api.commands", "--database", f"sqlite:///{folder / 'ledger.db'}", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


if __name__ == "__main__":
    main()
