"""
How many published facts a copy of the log lacks, and what of that cannot be known.

What was published is known by roots alone, at the sizes at which a checkpoint was kept; and leaf by leaf only where
the tiles in the copy still lead to one of those roots. So each missing fact can be told where facts were changed or
removed and the tree was not. Where facts were recorded on an old copy, its tree is theirs: behind the last checkpoint
that it contains, what stands there may have been published or not. When it was recorded tells, as far as clocks do:
what came after a checkpoint was signed cannot be in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from api.audit.source import Source
from ledger.store import microseconds
from ledger.transparency import leaf
from ledger.transparency.merkle import SIZE, Frontier
from ledger.transparency.tiles import WIDTH

_AT_ONCE = 40 * WIDTH
_TILES = "SELECT nth, hashes FROM tiles WHERE level = 0 AND nth >= ? AND nth < ? ORDER BY nth"
_UNREADABLE = (TypeError, ValueError, AttributeError, OverflowError)  # whatever may stand in a row that was edited


class Head(NamedTuple):
    """A published head from outside: its root, and when it was signed where that is known."""

    root: bytes
    at: datetime | None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """
    Published facts that are not there: `facts` of them, proven to be `at_least` and `at_most` so many.

    Where these two differ, `facts` is what times of recording tell, or `at_least` where no time is known (`by_time`).
    The first that is missing has an index from `first_at_least` to `first_at_most`.
    """

    facts: int
    at_least: int
    at_most: int
    first_at_least: int | None
    first_at_most: int | None
    by_time: bool


class _Row(NamedTuple):
    """A fact as it stands in the tree, and when it was recorded; no leaf where it cannot be read."""

    place: int
    hashed: bytes
    recorded_us: int


def missing(source: Source, published: Mapping[int, Head]) -> Missing:
    """Compare the log of *source* with the heads that were *published*, by size."""
    newest = max(published, default=0)
    by_facts = _agreed(_dense(_rows(source, 0, newest), 0), published)
    by_tiles = by_facts if by_facts.size == newest else _agreed(_kept(source, newest), published)
    known = max(by_facts, by_tiles, key=lambda one: one.size)
    gone, first = (0, None) if known is by_facts else _gone(source, known.size)
    size, frontier = known.size, Frontier(known.size, known.hashes)
    tail: list[int] = []
    beyond = None
    for row in _dense(_rows(source, size, newest), size):
        frontier.add(row.hashed)
        tail.append(row.recorded_us)
        if frontier.size in published:
            if frontier.root() != published[frontier.size].root:
                beyond = frontier.size - 1
                break
            size, tail = frontier.size, []
    end = size + len(tail) if beyond is None else beyond
    told = _by_time(tail[: end - size], size, published)
    lacks = gone + newest - size > 0
    return Missing(
        facts=gone + newest - (end if told is None else told),
        at_least=gone + newest - end,
        at_most=gone + newest - size,
        first_at_least=(size if first is None else first) if lacks else None,
        first_at_most=(end if first is None else first) if lacks else None,
        by_time=told is not None and end > size,
    )


def _agreed(rows: Iterator[_Row], published: Mapping[int, Head]) -> Frontier:
    """Return the largest tree of *rows*, from the first on, that has a root that was published."""
    frontier, agreed = Frontier(), Frontier()
    for row in rows:
        frontier.add(row.hashed)
        head = published.get(frontier.size)
        if head is not None:
            if head.root != frontier.root():
                break  # a tree that left what was published does not come back to it
            agreed = Frontier(frontier.size, frontier.hashes)
    return agreed


def _gone(source: Source, until: int) -> tuple[int, int | None]:
    """Return how many of the leaves in the tiles, up to *until*, are of no fact; and where they begin to differ."""
    rows = _rows(source, 0, source.store.head())
    row = next(rows, None)
    lost: set[bytes] = set()
    strange: set[bytes] = set()
    first = None
    for kept in _kept(source, until):
        found = b""
        if row is not None and row.place == kept.place:
            found, row = row.hashed, next(rows, None)
        if found != kept.hashed:
            first = kept.place if first is None else first
            lost.add(kept.hashed)
            strange.add(found)
    if first is not None:  # what moved to another place is there
        while row is not None:
            strange.add(row.hashed)
            row = next(rows, None)
    return len(lost - strange), first


def _by_time(recorded: list[int], start: int, published: Mapping[int, Head]) -> int | None:
    """Return up to which index the facts from *start* on are as old as what was published; None where nothing tells."""
    signed = sorted((size, microseconds(head.at)) for size, head in published.items() if head.at is not None)
    for index, recorded_us in enumerate(recorded, start):
        after = bisect_right(signed, index, key=lambda one: one[0])
        if after == len(signed):
            return None
        if recorded_us > signed[after][1]:
            return index
    return start + len(recorded) if signed else None


def _rows(source: Source, start: int, end: int) -> Iterator[_Row]:
    """Yield the facts from index *start* up to *end*, as far as they are there."""
    while start < end:
        some = source.store.read_log(start, _AT_ONCE, end)
        if not some:
            return
        for stored in some:
            try:
                yield _Row(stored.position - 1, leaf.hash_of(stored), stored.recorded_us)
            except _UNREADABLE:
                yield _Row(stored.position - 1, b"", 0)
        start = some[-1].position


def _dense(rows: Iterator[_Row], index: int) -> Iterator[_Row]:
    """Yield *rows* up to the first that cannot be read, or is not where it should be; *index* is that of the first."""
    for row in rows:
        if row.place != index or not row.hashed:
            return
        yield row
        index += 1


def _kept(source: Source, end: int) -> Iterator[_Row]:
    """Yield the leaves that are kept in tiles, up to *end* or the first that lacks."""
    index = 0
    while index < end:
        first = index // WIDTH
        for nth, hashes in source.database.fetch(_TILES, (first, first + _AT_ONCE // WIDTH)):
            if nth * WIDTH != index:
                return
            tile = bytes(hashes)[: WIDTH * SIZE]
            for at in range(0, len(tile) - SIZE + 1, SIZE):
                if index == end:
                    return
                yield _Row(index, tile[at : at + SIZE], 0)
                index += 1
        if index == first * WIDTH or index % WIDTH:
            return
