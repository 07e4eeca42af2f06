"""
Proof files (`.tlog-proof`): that an entry is in a log, in one text that needs no database and no network to check.

    c2sp.org/tlog-proof@v1
    extra <base64>                                  left out where there is none; nothing vouches for it
    index 73894
    <base64 of each hash of the inclusion proof, from the leaf's sibling upwards>

    <the signed checkpoint>

https://c2sp.org/tlog-proof
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint, number
from ledger.transparency.faults import Malformed
from ledger.transparency.merkle import SIZE, leaf_hash, verify_inclusion
from ledger.transparency.note import Note, VerifierKey

_FIRST = "c2sp.org/tlog-proof@v1"
_LARGEST = 16 * 1024 * 1024
_LONGEST_PATH = 63


class Proof(msgspec.Struct, frozen=True):
    """A proof of inclusion as it was read; nothing about it is verified yet."""

    index: int
    path: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def __str__(self) -> str:
        extra = [] if self.extra is None else [f"extra {notes.encoded(self.extra)}"]
        lines = [_FIRST, *extra, f"index {self.index}", *map(notes.encoded, self.path)]
        return "\n".join(lines) + f"\n\n{self.note}"

    def verify(self, entry: bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
        """Return the checkpoint under which *entry* is included, signed by one of the log's *keys*; else Disproven."""
        found, _ = checkpoints.opened(str(self.note).encode(), keys)
        verify_inclusion(leaf_hash(entry), self.index, found.size, self.path, found.root)
        return found


def read(data: bytes) -> Proof:
    """Return the proof that *data* holds; Malformed for anything that would be written otherwise."""
    if len(data) > _LARGEST:
        raise Malformed("The proof is too long.")
    try:
        head, _, signed = data.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Malformed("The proof is not text in UTF-8.") from None
    lines = head.split("\n")
    if lines.pop(0) != _FIRST:
        msg = f"The first line is not `{_FIRST}`, so this is no proof that can be read here."
        raise Malformed(msg)
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = notes.decoded(lines.pop(0).removeprefix("extra "))
        if extra is None:
            raise Malformed("The line `extra` of the proof is not base64.")
    index = number(lines.pop(0).removeprefix("index ")) if lines and lines[0].startswith("index ") else None
    if index is None:
        raise Malformed("The proof has no line `index` with a whole number.")
    path = [notes.decoded(line) for line in lines]
    if len(path) > _LONGEST_PATH or any(one is None or len(one) != SIZE for one in path):
        raise Malformed("A hash of the proof cannot be read.")
    note = notes.read(signed.encode())
    checkpoints.read(note.text)
    proof = Proof(index, tuple(one for one in path if one is not None), note, extra)
    if str(proof).encode() != data:
        raise Malformed("The proof is not written as proofs are.")
    return proof
