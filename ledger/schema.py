"""
The steps that make the PostgreSQL databases what this version of the code needs, each in a file of its own.

A step's first line is its phase. `expand` adds, and leaves what older processes use as it is. `migrate` moves what is
there. `contract -- needs N` takes away what nothing of version N and later uses: it is carried out only when asked for,
and while nothing older is connected. A step that was published is never edited; the next one is added.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["log", "private"]
Phase = Literal["expand", "migrate", "contract"]
_DIRECTORY = Path(__file__).parent / "migrations"


class Step(NamedTuple):
    """One step; `needs` is the version that all who are connected must have, for a step that takes away."""

    number: int
    name: str
    phase: Phase
    needs: int
    statements: str

    @property
    def fingerprint(self) -> bytes:
        """Return a digest of the statements: a database remembers which ones made it."""
        return hashlib.sha256(self.statements.encode()).digest()


@cache
def steps(kind: Kind) -> tuple[Step, ...]:
    """Return all steps of one database, in order."""
    return tuple(_read(path) for path in sorted((_DIRECTORY / kind).glob("*.sql")))


def version(kind: Kind) -> int:
    """Return the version of the schema that this code knows."""
    return steps(kind)[-1].number


def needed(kind: Kind) -> int:
    """Return the version of the schema without which this code cannot work."""
    return max(step.number for step in steps(kind) if step.phase != "contract")


def _read(path: Path) -> Step:
    number, _, name = path.stem.partition("-")
    statements = path.read_text(encoding="utf-8")
    phase, _, needs = statements.partition("\n")[0].removeprefix("--").strip().partition(" -- needs ")
    if phase not in {"expand", "migrate", "contract"}:
        msg = f"{path.name} does not say its phase"
        raise ValueError(msg)
    return Step(int(number), name.replace("-", " "), phase, int(needs or 0), statements)  # type: ignore[arg-type]
