"""
Checkpoints that an auditor brings along, from wherever they were kept outside.

One file holds one signed note; or several, one after another, as `ledger witness seen` shows them; or lines, as the
ledger's own file of checkpoints has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Disproven, Malformed, Unsigned
from ledger.transparency.note import Note, VerifierKey
from ledger.transparency.outside import read_line

_LARGEST = 256 * 1024 * 1024


class Given(NamedTuple):
    """A checkpoint that was kept outside, and in which file."""

    where: str
    checkpoint: Checkpoint
    note: Note


def read(path: Path, keys: Iterable[VerifierKey], witnesses: Iterable[VerifierKey] = ()) -> list[Given]:
    """
    Return the checkpoints in *path*; Malformed where one cannot be read, or believed.

    Each must be signed by one of *keys*; where one of *witnesses* cosigned, that must be so as well.
    """
    trusted, cosigners = list(keys), list(witnesses)
    found = []
    for number, note in enumerate(_notes(path, _content(path)), 1):
        where = f"{path} (checkpoint {number})"
        try:
            checkpoint = checkpoints.read(note.text)
            notes.verified(note, [key for key in trusted if key.name == checkpoint.origin])
            with suppress(Unsigned):
                notes.verified(note, cosigners)
        except Unsigned:
            msg = f"{where} is signed by none of the keys that are trusted; name the log's key with --key."
            raise Malformed(msg) from None
        except (Malformed, Disproven) as error:
            msg = f"{where} cannot be believed: {error}"
            raise Malformed(msg) from None
        found.append(Given(where, checkpoint, note))
    if not found:
        msg = f"{path} holds no checkpoint."
        raise Malformed(msg)
    return found


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        msg = f"{path} is too large to be a file of checkpoints."
        raise Malformed(msg)
    return data


def _notes(path: Path, data: bytes) -> Iterator[Note]:
    if data.startswith(b"{"):
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            try:
                yield notes.read(read_line(line).note.encode())
            except Malformed as error:
                msg = f"{path}, line {number}: {error}"
                raise Malformed(msg) from None
        return
    for whole in _apart(data):
        try:
            yield notes.read(whole)
        except Malformed as error:
            msg = f"{path}: {error}"
            raise Malformed(msg) from None


def _apart(data: bytes) -> Iterator[bytes]:
    """Yield each of several notes that follow one another: after signatures, a line that is none begins the next."""
    signature = "\N{EM DASH} ".encode()
    lines: list[bytes] = []
    for line in data.splitlines(keepends=True):
        if lines and lines[-1].startswith(signature) and not line.startswith(signature):
            yield b"".join(lines)
            lines = []
        lines.append(line)
    if lines:
        yield b"".join(lines)
