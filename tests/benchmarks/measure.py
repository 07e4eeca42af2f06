"""Timing by ratio: the machine is shared and noisy, so every figure stands beside a base taken in the same run."""

from __future__ import annotations

import sqlite3
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the report; `aim` is what was set out to reach, empty where the figure is only reported."""

    what: str
    value: str
    aim: str = ""


def seconds(work: Callable[[], object]) -> float:
    """Run *work* once and return how long it took."""
    start = perf_counter()
    work()
    return perf_counter() - start


def ratios(base: Callable[[], float], ours: Callable[[], float], rounds: int = 5) -> list[float]:
    """Return ours/base rates of *rounds* pairs, taken in turn so that noise hits both."""
    found = []
    for number in range(rounds):
        if number % 2:
            mine, theirs = ours(), base()
        else:
            theirs, mine = base(), ours()
        found.append(mine / theirs)
    return found


def spread(values: Sequence[float]) -> str:
    """Return the median and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that *percent* of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def durable(path: Path) -> sqlite3.Connection:
    """Open a plain SQLite file as durable as the ledger's: WAL, synchronous=FULL."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE facts (position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, name TEXT, body BLOB,"
        " recorded_at INTEGER, UNIQUE (stream, version))"
    )
    return connection


def report(title: str, figures: Sequence[Figure]) -> None:
    """Print one section."""
    print(f"\n{title}", flush=True)
    for what, value, aim in figures:
        print(f"  {what:<58} {value:>28}  {aim}", flush=True)


def note(text: str) -> None:
    """Say what is going on, beside the report."""
    print(text, file=sys.stderr, flush=True)
