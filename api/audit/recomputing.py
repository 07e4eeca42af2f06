"""
The tree made again from the stored bytes of every fact, and compared with the one that is kept, tile by tile.

Position by position it is seen that none is missing, that each stream counts its versions without gaps, that
`recorded_at` never runs backwards, and that the bytes are just as they would be written. It ends at the first fact of
which that is not so: what stands behind it cannot be where it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from api.audit.source import Source
from api.audit.verdict import Fault
from ledger import codec
from ledger.store import Stored, is_reference
from ledger.transparency import leaf
from ledger.transparency.merkle import EMPTY, SIZE, Frontier, node_hash, perfect
from ledger.transparency.tiles import HEIGHT, WIDTH

AT_ONCE = 40 * WIDTH
_FULL = WIDTH * SIZE
_TILES = "SELECT level, nth, hashes FROM tiles WHERE level = ? AND nth >= ? AND nth < ? ORDER BY nth"
_EDGES = """
SELECT tiles.level, tiles.nth, length(tiles.hashes)
FROM tiles JOIN (SELECT level, max(nth) AS nth FROM tiles GROUP BY level) AS last USING (level, nth)
"""
_REFERENCE = "SELECT position FROM reference_facts ORDER BY position"


class State(msgspec.Struct, kw_only=True):
    """How far recomputing came: enough to go on from there. `tops` are the hashes over each full tile of leaves."""

    size: int = 0
    recorded_us: int = 0
    versions: dict[str, int] = msgspec.field(default_factory=dict)
    reference: list[int] = msgspec.field(default_factory=list)
    roots: dict[int, bytes] = msgspec.field(default_factory=dict)
    tops: bytes = b""
    parts: list[bytes] = msgspec.field(default_factory=list)
    facts: int = 0


class Recomputing:
    """Reads the facts of *source* from where *state* ends, and notes the root at each size of *wanted*."""

    def __init__(self, source: Source, state: State, wanted: Iterable[int], until: int) -> None:
        self._source = source
        self.state = state
        self._until = until
        self._wanted = sorted({size for size in wanted if state.size < size <= until} | {until})
        if until == 0:
            state.roots[0] = EMPTY
        self._tree_size = source.tree.size()
        self._rest = b""
        self.fault: Fault | None = None

    def run(self, tell: Callable[[State], None]) -> Fault | None:
        """Read to the end, or to the first fact that is not as it should be; *tell* hears of each stretch."""
        state = self.state
        while state.facts < self._until and self.fault is None:
            some = self._source.store.read_log(state.facts, min(AT_ONCE, self._until - state.facts), self._until)
            if not some:
                self.fault = _missing(state.facts)
                break
            self._take(some)
            if self.fault is None:
                tell(state)
        return self.fault or self._upper_tiles() or self._reference()

    def _take(self, some: list[Stored]) -> None:
        state = self.state
        hashes, fault = _examined(some, state)
        self._compare(self._rest + b"".join(hashes))
        if self.fault is None:
            self.fault = fault

    def _compare(self, joined: bytes) -> None:
        """Compare leaves with the tiles they are kept in, and let the tree grow by those that are full."""
        state = self.state
        first = state.size // WIDTH
        count = -(-len(joined) // _FULL)
        kept = {nth: bytes(hashes) for _, nth, hashes in self._fetch(0, first, first + count)}
        for number in range(count):
            nth = first + number
            made = joined[number * _FULL : (number + 1) * _FULL]
            fault = self._of_tile(nth, made, kept.get(nth, b""))
            if fault is not None:
                self.fault = fault
                return
            self._roots_within(made)
            if len(made) == _FULL:
                self._grow(perfect(made))
                self._rest = b""
            else:
                self._rest = made

    def _of_tile(self, nth: int, made: bytes, kept: bytes) -> Fault | None:
        """Return what is wrong between leaves and the tile they are kept in, as far as the tree goes."""
        start = nth * WIDTH
        should = min(len(made), max(0, self._tree_size - start) * SIZE)
        if kept[:should] == made[:should] and len(kept) <= _FULL:
            return None
        if len(kept) > _FULL:
            return Fault(index=start + WIDTH, subject="tile", sentence=f"tile 0/{nth} is longer than a tile can be")
        at = next(n for n in range(0, should, SIZE) if kept[n : n + SIZE] != made[n : n + SIZE])
        index = start + at // SIZE
        if not kept[at : at + SIZE]:
            return Fault(index=index, subject="tile", sentence=f"tile 0/{nth} lacks the leaf of index {index}")
        above = self._fetch(1, nth // WIDTH, nth // WIDTH + 1)
        top = bytes(above[0][2])[nth % WIDTH * SIZE :][:SIZE] if above else b""
        if len(made) == _FULL and top == perfect(made):
            return Fault(index=index, subject="tile", sentence=f"the leaf of index {index} was changed in tile 0/{nth}")
        sentence = f"the fact at position {index + 1} is not the one that was recorded: its leaf in the tree is another"
        return Fault(index=index, subject="fact", sentence=sentence)

    def _grow(self, top: bytes) -> None:
        state = self.state
        state.tops += top
        width = state.size >> HEIGHT
        while width & 1:
            top = node_hash(state.parts.pop(), top)
            width >>= 1
        state.parts.append(top)
        state.size += WIDTH

    def _roots_within(self, made: bytes) -> None:
        """Note the roots that are wanted at sizes that end within these leaves."""
        state = self.state
        end = state.size + len(made) // SIZE
        frontier = Frontier(state.size, state.parts) if self._wanted and self._wanted[0] <= end else None
        while frontier is not None and self._wanted and self._wanted[0] <= end:
            size = self._wanted.pop(0)
            while frontier.size < size:
                at = (frontier.size - state.size) * SIZE
                frontier.add(made[at : at + SIZE])
            state.roots[size] = frontier.root()

    def _upper_tiles(self) -> Fault | None:
        """Compare the tiles above the leaves with those made again."""
        level, hashes = 1, self.state.tops
        while hashes or level == 1:
            above = []
            many = -(-len(hashes) // _FULL)
            kept = {nth: bytes(tile) for _, nth, tile in self._fetch(level, 0, many + 1)}
            for nth in range(many):
                made = hashes[nth * _FULL : (nth + 1) * _FULL]
                should = min(len(made), max(0, (self._tree_size >> (HEIGHT * level)) - nth * WIDTH) * SIZE)
                if kept.get(nth, b"")[:should] != made[:should] or len(kept.get(nth, b"")) > _FULL:
                    index = nth * WIDTH << (HEIGHT * level)
                    return Fault(
                        index=index, subject="tile", sentence=f"tile {level}/{nth} is not the tree over the facts"
                    )
                if len(made) == _FULL:
                    above.append(perfect(made))
            level, hashes = level + 1, b"".join(above)
        return None

    def _reference(self) -> Fault | None:
        """Compare the list of definitions and people with the facts."""
        kept = [position for (position,) in self._source.database.fetch(_REFERENCE) if position <= self.state.facts]
        wrong = set(kept) ^ set(self.state.reference)
        if not wrong:
            return None
        sentence = f"the list of definitions is wrong about the fact at position {min(wrong)}"
        return Fault(index=min(wrong) - 1, subject="definitions", sentence=sentence)

    def _fetch(self, level: int, start: int, end: int) -> list[tuple[Any, ...]]:
        return self._source.database.fetch(_TILES, (level, start, end))


def unexpected_tiles(source: Source) -> Fault | None:
    """Return what is wrong with tiles that a tree over the facts that are there has not."""
    edges = source.database.fetch(_EDGES)
    size = source.store.head()
    for level, last, width in edges:
        most = size >> (HEIGHT * level)
        if last * WIDTH + width // SIZE > most:
            sentence = f"tile {level}/{last} holds more than a tree of {size} has"
            return Fault(index=size, subject="tile", sentence=sentence)
    return None


def _examined(some: list[Stored], state: State) -> tuple[list[bytes], Fault | None]:
    """Return the leaf hashes of *some* facts up to the first that is wrong, and what is wrong with that."""
    hashes: list[bytes] = []
    versions, position, recorded_us = state.versions, state.facts, state.recorded_us
    hash_of, certify = leaf.hash_of, codec.certify
    fault = None
    for stored in some:
        position += 1
        if stored[0] != position:
            fault = _missing(position - 1)
            break
        try:
            hashes.append(hash_of(stored))
            wrong = stored[2] != versions.get(stored[1], 0) + 1 or stored[5] < recorded_us
            certify(stored)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            fault = _wrong(position, f"cannot be read as it was written ({error})")
            break
        if wrong:
            fault = _wrong(position, _out_of_order(stored, versions.get(stored[1], 0)))
            break
        versions[stored[1]] = stored[2]
        recorded_us = stored[5]
        if is_reference(stored[1]):
            state.reference.append(position)
        state.facts = position
    state.recorded_us = recorded_us
    return hashes, fault


def _out_of_order(stored: Stored, version: int) -> str:
    if stored.version != version + 1:
        return f"is version {stored.version} of {stored.stream}, where {version + 1} was expected"
    return "was recorded before the one ahead of it"


def _missing(index: int) -> Fault:
    return Fault(index=index, subject="fact", sentence=f"there is no fact at position {index + 1}")


def _wrong(position: int, what: str) -> Fault:
    return Fault(index=position - 1, subject="fact", sentence=f"the fact at position {position} {what}")
