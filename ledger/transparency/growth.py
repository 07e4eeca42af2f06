"""
A tree that grows, as the tiles that have to be written for it; pure.

Of what stands already only the last, unfinished tile of each level is needed, and asked for when it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ledger.store import StoreUnavailable
from ledger.transparency.merkle import SIZE, perfect
from ledger.transparency.tiles import HEIGHT, WIDTH

_FULL = WIDTH * SIZE
TileRow = tuple[int, int, bytes]
"""Level, which tile of it, and its hashes."""


class Growth:
    """The right edge of a tree of `size` leaves; *read* gives the hashes of a tile that stands already."""

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self.size = size
        self._began = size
        self._read = read
        self._edges: dict[int, tuple[int, bytearray]] = {}
        self._changed: dict[tuple[int, int], bytearray] = {}

    def add(self, hashes: Iterable[bytes]) -> None:
        """Add the hashes of leaves, in their order."""
        joined = b"".join(hashes)
        at = 0
        while at < len(joined):
            _, edge = self._edge(0)
            part = joined[at : at + _FULL - len(edge)]
            at += len(part)
            self._put(0, part)
            self.size += len(part) // SIZE

    def taken(self) -> list[TileRow]:
        """Return every tile that changed since this was last asked, as it is now."""
        rows = [(level, nth, bytes(hashes)) for (level, nth), hashes in self._changed.items()]
        self._changed.clear()
        return rows

    def _put(self, level: int, hashes: bytes) -> None:
        nth, edge = self._edge(level)
        edge += hashes
        self._changed[level, nth] = edge
        if len(edge) == _FULL:
            self._put(level + 1, perfect(bytes(edge)))
            self._edges[level] = (nth + 1, bytearray())

    def _edge(self, level: int) -> tuple[int, bytearray]:
        found = self._edges.get(level)
        if found is None:
            nth, width = divmod(self._began >> (HEIGHT * level), WIDTH)
            hashes = self._read(level, nth) if width else b""
            if len(hashes) < width * SIZE:
                msg = f"tile {nth} of level {level} is missing from the tree, or too short; see `ledger audit verify`"
                raise StoreUnavailable(msg)
            found = self._edges[level] = (nth, bytearray(hashes[: width * SIZE]))
        return found
