"""
The tree cut into tiles of 256 hashes, and entries into bundles, under the names by which they are fetched.

    tile/<level>/<N>[.p/<W>]       hashes, 32 bytes each; at level 0 those of leaves, above it those of full tiles below
    tile/entries/<N>[.p/<W>]       entries, each after its length in two bytes, big-endian

N is written in groups of three digits, all but the last after an `x`: 1234067 is `x001/x234/067`. W, from 1 to 255,
is the width of a tile that is not full. https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ledger.transparency.faults import Malformed
from ledger.transparency.merkle import LARGEST

WIDTH: Final = 256
HEIGHT: Final = 8
ENTRIES: Final = -1
_HIGHEST = 63
_LONGEST_ENTRY = 65_535
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<nth>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class Tile(NamedTuple):
    """One tile, the *nth* of its level from 0; *level* is `ENTRIES` for a bundle, *width* is 256 for a full one."""

    level: int
    nth: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name, below the address of the log."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        digits = str(self.nth)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        return f"tile/{level}/{name}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def start(self) -> int:
        """Where its first hash stands along its level."""
        return self.nth * WIDTH


def read_path(path: str) -> Tile:
    """Return the tile that *path* names; Malformed for any other spelling."""
    found = _PATH.fullmatch(path)
    if found is not None:
        level = ENTRIES if found["level"] == "entries" else int(found["level"])
        digits = found["nth"].replace("x", "").replace("/", "")
        if len(digits) <= len(str(LARGEST)):
            tile = Tile(level, int(digits), int(found["width"] or WIDTH))
            if tile.path == path and level <= _HIGHEST and tile.start <= LARGEST:
                return tile
    msg = f"{path[:100]!r} names no tile; one looks like tile/0/x001/234 or tile/0/000.p/17."
    raise Malformed(msg)


def width_at(level: int, nth: int, size: int) -> int:
    """Return how wide the *nth* tile of *level* is in a tree of *size*; 0 where there is none."""
    along = size >> (HEIGHT * max(level, 0))
    return max(0, min(WIDTH, along - nth * WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of hashes of a tree of *size*, level by level."""
    level = 0
    while along := size >> (HEIGHT * level):
        for nth in range(-(-along // WIDTH)):
            yield Tile(level, nth, min(WIDTH, along - nth * WIDTH))
        level += 1


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return *entries* as one bundle."""
    parts = []
    for entry in entries:
        if len(entry) > _LONGEST_ENTRY:
            msg = f"an entry of {len(entry)} bytes is too long for a bundle"
            raise Malformed(msg)
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def read_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle; Malformed where it ends in the middle of one, or holds more than a bundle may."""
    entries = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise Malformed("The bundle ends in the middle of an entry.")
        entries.append(data[start:at])
    if not 0 < len(entries) <= WIDTH:
        msg = f"A bundle holds 1 to {WIDTH} entries, not {len(entries)}."
        raise Malformed(msg)
    return entries
