"""Logs for tests of witnesses: their trees, their signed checkpoints, and what is asked of a witness."""

from __future__ import annotations

from hashlib import sha256

from ledger.transparency import merkle, signing
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.note import Note
from ledger.transparency.signing import Ed25519Signer
from ledger.transparency.witness import Request
from tests.ledger.transparency.trees import leaves, nodes_of

ORIGIN = "college.example/ledger"
SIGNER = Ed25519Signer(ORIGIN, b"\7" * 32)


class Grown:
    """A log whose tree can be asked at every size; another *branch* from *fork* on is another history."""

    def __init__(self, size: int, fork: int | None = None, branch: bytes = b"") -> None:
        hashes = leaves(size)
        if fork is not None:
            hashes[fork:] = [sha256(branch + leaf).digest() for leaf in hashes[fork:]]
        self.nodes = nodes_of(hashes)

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(ORIGIN, size, merkle.root(self.nodes, size))

    def note(self, size: int, signer: Ed25519Signer = SIGNER) -> Note:
        return signing.signed(str(self.checkpoint(size)), [signer])

    def request(self, old: int, size: int) -> Request:
        path = merkle.consistency_path(self.nodes, old, size) if old <= size else []
        return Request(old, tuple(path), self.note(size), self.checkpoint(size))
