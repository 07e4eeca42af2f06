"""
The Merkle tree of RFC 9162 §2.1 over SHA-256: heads, inclusion and consistency proofs, and how they are verified.

    leaf   SHA-256(0x00 || entry)
    node   SHA-256(0x01 || left || right)
    empty  SHA-256()

Pure. Who has a tree gives `Nodes`: the hash of any perfect, aligned part of it; see `tree.py` for how they are kept.
https://www.rfc-editor.org/rfc/rfc9162.html#section-2.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from ledger.transparency.faults import Disproven

SIZE = 32
EMPTY = sha256().digest()
LARGEST = 2**63 - 1
Nodes = Callable[[int, int], bytes]
"""Given (start, height), returns the hash over the leaves from start up to start + 2**height, start being aligned."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of what stands over two others."""
    return sha256(b"\1" + left + right).digest()


def level_above(hashes: bytes) -> bytes:
    """Return the hashes over each two of *hashes*, an even number of them joined together."""
    return b"".join(
        [sha256(b"\1" + hashes[start : start + 64]).digest() for start in range(0, len(hashes), 64)]
    )  # fmt: skip


def perfect(hashes: bytes) -> bytes:
    """Return the one hash over *hashes*, a power of two of them joined together."""
    while len(hashes) > SIZE:
        hashes = level_above(hashes)
    return hashes


class Frontier:
    """
    A tree that only grows, as the hashes of its perfect parts: enough for its head at every size.

    `hashes`, the largest part first, and `size` are all there is to it, so that long work can be put down and taken up.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count() or any(len(one) != SIZE for one in self.hashes):
            msg = f"a tree of {size} leaves has {size.bit_count()} perfect parts of {SIZE} bytes"
            raise ValueError(msg)

    def add(self, leaf: bytes) -> None:
        """Add the hash of one leaf."""
        hashes = self.hashes
        size = self.size
        while size & 1:
            leaf = sha256(b"\1" + hashes.pop() + leaf).digest()
            size >>= 1
        hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the head of the tree as it is now."""
        if not self.hashes:
            return EMPTY
        found = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            found = node_hash(left, found)
        return found


def root(nodes: Nodes, size: int) -> bytes:
    """Return the head of the tree of the first *size* leaves (§2.1.1)."""
    return _over(nodes, 0, size) if size else EMPTY


def inclusion_path(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the proof that the leaf at *index* is in the tree of *size*, from its sibling upwards (§2.1.3.1)."""
    if not 0 <= index < size:
        msg = f"there is no leaf {index} in a tree of {size}"
        raise ValueError(msg)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_over(nodes, middle, end))
            end = middle
        else:
            path.append(_over(nodes, start, middle))
            start = middle
    path.reverse()
    return path


def consistency_path(nodes: Nodes, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of *first* leaves is how the one of *second* began (§2.1.4.1)."""
    if not 0 <= first <= second:
        msg = f"a tree of {first} leaves is not how one of {second} began"
        raise ValueError(msg)
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end = 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_over(nodes, middle, end))
            end = middle
        else:
            path.append(_over(nodes, start, middle))
            start = middle
    if start:  # else it is the first tree itself, which the verifier has
        path.append(_over(nodes, start, end))
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> None:
    """Raise Disproven unless *path* leads from the leaf's hash at *index* to the *head* of *size* (§2.1.3.2)."""
    if not 0 <= index < size:
        msg = f"There is no leaf {index} in a tree of {size}."
        raise Disproven(msg)
    at, last, found = index, size - 1, leaf
    for one in path:
        if last == 0:
            raise Disproven("The inclusion proof is longer than the tree is high.")
        if at & 1 or at == last:
            found = node_hash(one, found)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            found = node_hash(found, one)
        at >>= 1
        last >>= 1
    if last:
        raise Disproven("The inclusion proof is shorter than the tree is high.")
    if found != head:
        msg = f"The leaf at index {index} is not in the tree of size {size}: its proof leads to another root."
        raise Disproven(msg)


def verify_consistency(first: int, second: int, path: Sequence[bytes], head: bytes, later: bytes) -> None:
    """Raise Disproven unless *path* proves that the tree under *head* is how the one under *later* began (§2.1.4.2)."""
    if not 0 <= first <= second:
        msg = f"A tree of {first} leaves cannot be how one of {second} began."
        raise Disproven(msg)
    if first == 0 and head != EMPTY:
        raise Disproven("The head of an empty tree is another.")
    if first in (0, second):
        if path:
            raise Disproven("The consistency proof should be empty.")
        if first and head != later:
            msg = f"There are two heads of size {first}: they belong to different histories."
            raise Disproven(msg)
        return
    _verify_growth(first, second, path, head, later)


def _verify_growth(first: int, second: int, path: Sequence[bytes], head: bytes, later: bytes) -> None:
    parts = list(path) if first & (first - 1) else [head, *path]
    at, last = first - 1, second - 1
    while at & 1:
        at >>= 1
        last >>= 1
    if not parts:
        raise Disproven("The consistency proof is empty.")
    ours = theirs = parts[0]
    for one in parts[1:]:
        if last == 0:
            raise Disproven("The consistency proof is longer than the tree is high.")
        if at & 1 or at == last:
            ours = node_hash(one, ours)
            theirs = node_hash(one, theirs)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            theirs = node_hash(theirs, one)
        at >>= 1
        last >>= 1
    if last:
        raise Disproven("The consistency proof is shorter than the tree is high.")
    if ours != head or theirs != later:
        msg = f"The tree of size {first} is not how the one of size {second} began."
        raise Disproven(msg)


def _over(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the hash over the leaves from *start*, aligned to what is left of it, up to *end*."""
    parts = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append(nodes(start, height))
        start += 1 << height
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found


def _split(width: int) -> int:
    """Return the largest power of two below *width*."""
    return 1 << ((width - 1).bit_length() - 1)
