"""
The tree as it is kept: in tiles, beside the facts, whichever engine holds them.

A reader needs a handful of tiles for any proof. Full ones never change and are remembered, with the hashes inside.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from ledger.database import Database
from ledger.store import Store, StoreUnavailable
from ledger.transparency import merkle
from ledger.transparency.growth import Growth
from ledger.transparency.leaf import hashes_of
from ledger.transparency.merkle import SIZE
from ledger.transparency.tables import TILE, TREE_SIZE, WRITE_TILE
from ledger.transparency.tiles import HEIGHT, WIDTH

_FULL = WIDTH * SIZE
_REMEMBERED = 512
_AT_ONCE = 10_000


class TileMissing(StoreUnavailable):
    """A tile is not there, or not as wide as the tree is."""


class Tree:
    """The tree in *database*; may be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._full: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._edges: dict[int, tuple[int, bytes]] = {}
        self._lock = Lock()

    def size(self) -> int:
        """Return how many leaves there are now."""
        found = self._database.fetch(TREE_SIZE)
        return int(found[0][0]) if found else 0

    def root(self, size: int) -> bytes:
        """Return the head of the first *size* leaves, which must be there."""
        return merkle.root(self.node, size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that the leaf at *index* is in the tree of *size*; ValueError where it cannot be."""
        return merkle.inclusion_path(self.node, index, size)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Return the proof that the tree of *second* began as that of *first*; ValueError where it cannot have."""
        return merkle.consistency_path(self.node, first, second)

    def hashes(self, level: int, nth: int, width: int = WIDTH) -> bytes:
        """Return the first *width* hashes of a tile; TileMissing where it is not as wide."""
        needed = width * SIZE
        full = self._full.get((level, nth))
        if full is not None:
            return full[0][:needed]
        edge = self._edges.get(level)
        if edge is not None and edge[0] == nth and len(edge[1]) >= needed:
            return edge[1][:needed]
        found = self._database.fetch(TILE, (level, nth))
        hashes = bytes(found[0][0]) if found else b""
        if len(hashes) < needed:
            msg = f"the tree has no tile {nth} of level {level} that is {width} wide; see `ledger audit verify`"
            raise TileMissing(msg)
        if len(hashes) == _FULL:
            self._remember(level, nth, [hashes])
        else:
            self._edges[level] = (nth, hashes)
        return hashes[:needed]

    def node(self, start: int, height: int) -> bytes:
        """Return the hash over 2**height leaves from *start*, aligned (`merkle.Nodes`)."""
        level, above = divmod(height, HEIGHT)
        nth, first = divmod(start >> (HEIGHT * level), WIDTH)
        last = first + (1 << above)
        hashes = self.hashes(level, nth, last)
        full = self._full.get((level, nth))
        if full is None:
            return merkle.perfect(hashes[first * SIZE :])
        while len(full) <= above:
            full.append(merkle.level_above(full[-1]))
        at = (first >> above) * SIZE
        return full[above][at : at + SIZE]

    def forget(self) -> None:
        """Remember nothing: what is asked next is read from the database."""
        with self._lock:
            self._full.clear()
            self._edges.clear()

    def _remember(self, level: int, nth: int, rows: list[bytes]) -> None:
        with self._lock:
            self._full[level, nth] = rows
            while len(self._full) > _REMEMBERED:
                self._full.popitem(last=False)


def integrate(database: Database, store: Store, at_most: int = _AT_ONCE) -> int:
    """
    Add up to *at_most* facts that are not in the tree yet; return how many, 0 where another was there first.

    What is written is one transaction, so whatever interrupts it is made up by the next call; two at once do no harm.
    """
    found = database.fetch(TREE_SIZE)
    size = int(found[0][0]) if found else 0
    facts = store.read_log(size, at_most)
    if not facts:
        return 0
    if facts[0].position != size + 1 or facts[-1].position != size + len(facts):
        msg = f"positions after {size} are not dense: facts are missing; see `ledger audit verify`"
        raise StoreUnavailable(msg)

    def tile(level: int, nth: int) -> bytes:
        rows = database.fetch(TILE, (level, nth))
        return bytes(rows[0][0]) if rows else b""

    growth = Growth(size, tile)
    growth.add(hashes_of(facts))
    with database.writing() as writing:
        now = writing.execute(TREE_SIZE).fetchone()
        if (int(now[0]) if now else 0) != size:
            return 0
        writing.executemany(WRITE_TILE, growth.taken())
    return len(facts)
