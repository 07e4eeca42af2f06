"""
A restored log held against the checkpoints that were kept outside of it: whether it is all that was published.

A backup is older than what it is a copy of. Whatever was published since then and is not in it is missing, and how
much that is shows only outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from api.audit import given as givens
from api.audit.given import Given
from api.audit.recomputing import State
from api.audit.source import Source
from api.audit.verdict import Fault
from api.audit.verifying import verify
from api.backup.missing import Head, Missing, missing
from ledger.store import instant
from ledger.transparency.note import VerifierKey
from ledger.transparency.outside import Outside


class Kept(NamedTuple):
    """A checkpoint from outside, and when it was signed where its file says so."""

    given: Given
    at: datetime | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """
    What `ledger restore --verify` says.

    `facts` are there and make a tree with this `root`, the last recorded at `recorded_until`; `published` is how many
    facts the newest checkpoint outside covers, signed at `published_at`. `contained` of `outside` checkpoints are how
    this log began. `missing` published facts are not there; `lacks` says how much of that is proven.
    `first_bad_index` is the first place where anything is wrong.
    """

    facts: int
    root: str
    recorded_until: datetime | None
    outside: int
    contained: int
    published: int | None
    published_at: datetime | None
    missing: int
    lacks: Missing
    first_bad_index: int | None
    faults: list[Fault]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def outside(paths: Iterable[Path], keys: Sequence[VerifierKey]) -> list[Kept]:
    """Return the checkpoints in *paths* of the newest log in each; Malformed where one cannot be believed."""
    found: list[Kept] = []
    for path in paths:
        given = givens.read(path, keys)
        newest = given[-1].checkpoint.origin
        lines = path.open("rb").read(1) == b"{"
        instants = [kept.at for kept in Outside(path).all()] if lines else [None] * len(given)
        found += [Kept(*one) for one in zip(given, instants, strict=False) if one[0].checkpoint.origin == newest]
    return found


def compare(
    source: Source,
    kept: Sequence[Kept],
    tell: Callable[[int, int], None],
    witnesses: Iterable[VerifierKey] = (),
) -> Comparison:
    """Recompute the log of *source*, and hold it against its own checkpoints and those *kept* outside."""
    state = State()
    given = [one.given for one in kept]
    verdict = verify(source, given, source.keys(), state, lambda now, of: tell(now.facts, of), witnesses)
    newest = max(kept, key=lambda one: one.given.checkpoint.size, default=None)
    published = None if newest is None else newest.given.checkpoint.size
    heads = [one.given.checkpoint for one in kept]
    last = source.store.read_log(verdict.facts - 1, 1) if verdict.facts else []
    lacks = missing(source, _heads(kept, newest))
    return Comparison(
        facts=verdict.facts,
        root=verdict.root,
        recorded_until=instant(last[0].recorded_us) if last else None,
        outside=len(kept),
        contained=sum(head.size <= verdict.facts and state.roots.get(head.size) == head.root for head in heads),
        published=published,
        published_at=None if newest is None else newest.at,
        missing=lacks.facts,
        lacks=lacks,
        first_bad_index=verdict.first_bad_index,
        faults=verdict.faults,
    )


def _heads(kept: Sequence[Kept], newest: Kept | None) -> dict[int, Head]:
    """Return the heads of the log that published *newest*, by size; one of which is known when it was signed first."""
    heads: dict[int, Head] = {}
    for (_, checkpoint, _), at in kept:
        known = heads.get(checkpoint.size)
        if newest is not None and checkpoint.origin == newest.given.checkpoint.origin:
            heads[checkpoint.size] = Head(checkpoint.root, at) if known is None or known.at is None else known
    return heads
