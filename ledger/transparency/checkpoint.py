"""
Checkpoints: what a log's head is at one size, as the text of a signed note.

    example.com/behind-the-sofa                     the log's origin
    20852163                                        how many leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=    the head of the tree

Lines after these may be there, and are carried along. https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.transparency import note as notes
from ledger.transparency.faults import Malformed
from ledger.transparency.merkle import EMPTY, LARGEST, SIZE
from ledger.transparency.note import Note, VerifierKey


class Checkpoint(NamedTuple):
    """The head of a log at one size."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), notes.encoded(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def read(text: str) -> Checkpoint:
    """Return the checkpoint that *text* is; Malformed for any other spelling."""
    lines = text.split("\n")
    if len(lines) >= 4 and lines.pop() == "" and all(lines):
        size, root = number(lines[1]), notes.decoded(lines[2])
        if size is not None and root is not None and len(root) == SIZE and (size or root == EMPTY):
            return Checkpoint(lines[0], size, root, tuple(lines[3:]))
    raise Malformed("The text is no checkpoint: it needs a line each for origin, size and root hash.")


def opened(data: bytes, keys: Iterable[VerifierKey]) -> tuple[Checkpoint, Note]:
    """
    Return the checkpoint in the signed note *data*, once one of *keys* is seen to have signed it for its own log.

    Malformed where it cannot be read, Disproven where a signature is wrong, Unsigned where none of *keys* signed.
    """
    note = notes.read(data)
    found = read(note.text)
    notes.verified(note, [key for key in keys if key.name == found.origin])
    return found, note


def number(text: str) -> int | None:
    """Return the whole number that *text* spells in decimal, with no zeros before it; None for any other spelling."""
    if not text.isascii() or not text.isdigit() or (text[0] == "0" and text != "0") or len(text) > len(str(LARGEST)):
        return None
    found = int(text)
    return found if found <= LARGEST else None
