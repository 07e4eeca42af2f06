"""
Proof that some leaves that follow one another stand at their place in a tree: the hashes of everything beside them.

The tree over 8 leaves with those at 3 and 4 proven needs four hashes, from left to right: over 0 and 1, over 2, over 5,
over 6 and 7. It says of more leaves at once what an inclusion proof (RFC 9162 §2.1.3) says of one, and that between
them there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.transparency.faults import Disproven
from ledger.transparency.merkle import EMPTY, Frontier, Nodes, node_hash, root


def range_path(nodes: Nodes, start: int, end: int, size: int) -> list[bytes]:
    """Return the proof that the leaves from *start* up to *end* are in the tree of *size*."""
    if not 0 <= start <= end <= size:
        msg = f"the leaves from {start} to {end} are not in a tree of {size}"
        raise ValueError(msg)

    def over(low: int, high: int) -> bytes:
        return root(lambda at, height: nodes(low + at, height), high - low)

    return [over(low, high) for low, high in _beside(0, size, start, end)]


def verify_range(leaves: Sequence[bytes], start: int, size: int, path: Sequence[bytes], head: bytes) -> None:
    """Raise Disproven unless *path* proves that the hashes of *leaves* stand from *start* on under *head* of *size*."""
    end = start + len(leaves)
    if not 0 <= start <= end <= size:
        msg = f"The leaves from {start} to {end} cannot be in a tree of {size}."
        raise Disproven(msg)
    given = list(path)
    if len(given) != sum(1 for _ in _beside(0, size, start, end)):
        raise Disproven("The proof of the range has another number of hashes than it needs.")
    beside = iter(given)

    def over(low: int, high: int) -> bytes:
        if high <= start or low >= end:
            return next(beside)
        if start <= low and high <= end:
            inside = Frontier()
            for leaf in leaves[low - start : high - start]:
                inside.add(leaf)
            return inside.root()
        middle = _middle(low, high)
        return node_hash(over(low, middle), over(middle, high))

    if (over(0, size) if size else EMPTY) != head:
        msg = f"The leaves from index {start} on are not those in the tree of size {size}."
        raise Disproven(msg)


def _beside(low: int, high: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the widest parts of the tree that hold none of the leaves from *start* up to *end*."""
    if low == high:
        return
    if high <= start or low >= end:
        yield low, high
    elif low < start or high > end:
        middle = _middle(low, high)
        yield from _beside(low, middle, start, end)
        yield from _beside(middle, high, start, end)


def _middle(low: int, high: int) -> int:
    return low + (1 << ((high - low - 1).bit_length() - 1))
