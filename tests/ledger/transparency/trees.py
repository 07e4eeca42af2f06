"""Trees for tests: all hashes in memory, and the slow definition of RFC 9162 to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from ledger.transparency.merkle import EMPTY, leaf_hash, node_hash, perfect


def entry(index: int) -> bytes:
    """Return an entry unlike all others."""
    return b"entry %d" % index


def leaves(size: int) -> list[bytes]:
    """Return the leaf hashes of a tree of *size*."""
    return [leaf_hash(entry(index)) for index in range(size)]


def nodes_of(hashes: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """Return the nodes of a tree that is a list."""
    return lambda start, height: perfect(b"".join(hashes[start : start + (1 << height)]))


def defined(hashes: Sequence[bytes]) -> bytes:
    """Return the head as §2.1.1 defines it, word for word."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else EMPTY
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(defined(hashes[:k]), defined(hashes[k:]))


def changed(data: bytes, at: int, to: int) -> bytes:
    """Return *data* with another byte at one place."""
    at %= len(data)
    return data[:at] + bytes([(data[at] + 1 + to % 255) % 256]) + data[at + 1 :]


def digest(data: bytes) -> bytes:
    """Return the SHA-256 of *data*."""
    return sha256(data).digest()
