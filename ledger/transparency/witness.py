"""
What a witness does: it remembers the largest checkpoint of each log, and cosigns only what that one grew into.

    old 20852014                                      the size that it is asked to go on from
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=      the consistency proof, a hash to a line
    …

    example.com/behind-the-sofa                       the signed checkpoint
    …

So a log that shows one history here and another there has to do without the cosignatures of one of the two.
https://c2sp.org/tlog-witness

What was seen is durable before the cosignature leaves, and both are made under one lock: two requests, or two
processes, never answer for two histories, and no cosignature says that a smaller checkpoint is the largest.
A crash after that leaves a checkpoint that was seen and not answered for; asked again, the witness answers 409 with
its size, and goes on from there. Never put an older copy of the state back: it forgets what was cosigned.

This needs no ledger, and knows nothing of one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from ledger.settings import UnusableSettings
from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint, number
from ledger.transparency.cosigning import Cosigner
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.merkle import EMPTY, SIZE, verify_consistency
from ledger.transparency.note import Note, VerifierKey

LARGEST_REQUEST: Final = 64 * 1024
SIZE_TYPE: Final = "text/x.tlog.size"
_TEXT: Final = "text/plain; charset=utf-8"
_LONGEST_PROOF: Final = 63
_PATIENCE_S: Final = 10.0
_EXTRA: Final = 3
_TABLE = """
CREATE TABLE IF NOT EXISTS seen (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID
"""
_KEEP = """
INSERT INTO seen (origin, size, root, note, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, at = excluded.at
"""


class Answer(NamedTuple):
    """What a witness answers: an HTTP status, a text, and what kind of text it is."""

    status: int
    text: str
    media_type: str = _TEXT


class Request(NamedTuple):
    """What a witness is asked: to go on from *old*, by *path*, to the checkpoint in *note*."""

    old: int
    path: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *map(notes.encoded, self.path)]
        return ("\n".join(lines) + f"\n\n{self.note}").encode()


def read_request(data: bytes) -> Request:
    """Return what *data* asks; Malformed for anything that would be written otherwise."""
    head, separated, signed = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = [""]
    old = number(lines[0].removeprefix("old ")) if lines[0].startswith("old ") else None
    if old is None or not separated:
        raise Malformed("The request must begin with a line `old` and a size, and have an empty line after its proof.")
    path = [notes.decoded(line) for line in lines[1:]]
    if len(path) > _LONGEST_PROOF or any(one is None or len(one) != SIZE for one in path):
        raise Malformed(f"The consistency proof must be up to {_LONGEST_PROOF} lines of a hash in base64.")
    note = notes.read(signed)
    return Request(old, tuple(one for one in path if one is not None), note, checkpoints.read(note.text))


class Seen:
    """
    What was seen of each log, in the SQLite file *path*: durable when `locked` ends, and one writer at a time.

    UnusableSettings where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S)
            self._connection.execute(f"PRAGMA synchronous = {_EXTRA}")  # the end of a commit too survives a power cut
            assert self._connection.execute("PRAGMA synchronous").fetchone() == (_EXTRA,)
            self._connection.execute(_TABLE)
        except sqlite3.Error as error:
            msg = f"{path} cannot be used: {error}; if what was seen is lost, begin anew with a new key"
            raise UnusableSettings(msg) from error

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock over reading and writing; nothing is kept where the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def newest(self) -> list[str]:
        """Return the largest checkpoint of each log as it was cosigned."""
        with self._lock:
            return [note for (note,) in self._connection.execute("SELECT note FROM seen ORDER BY origin")]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


class Witness:
    """Cosigns with *cosigner* what logs of *keys*, each known by the name of its keys, publish."""

    def __init__(self, cosigner: Cosigner, keys: Iterable[VerifierKey], seen: Seen, clock: Callable[[], float]) -> None:
        self._cosigner = cosigner
        self._keys: dict[str, list[VerifierKey]] = {}
        for key in keys:
            self._keys.setdefault(key.name, []).append(key)
        self._seen = seen
        self._clock = clock

    def add_checkpoint(self, data: bytes) -> Answer:
        """Answer one request (tlog-witness, add-checkpoint)."""
        try:
            request = read_request(data)
            trusted = self._keys.get(request.checkpoint.origin)
            if trusted is None:
                return Answer(404, "This witness does not know the log.\n")
            notes.verified(request.note, trusted)
        except Malformed as error:
            return Answer(400, f"{error}\n")
        except Disproven as error:
            return Answer(403, f"{error}\n")
        if request.old > request.checkpoint.size:
            return Answer(400, "The old size is larger than the checkpoint's.\n")
        try:
            return self._grow(request)
        except Disproven as error:
            return Answer(422, f"{error}\n")
        except sqlite3.Error as error:
            return Answer(503, f"The witness cannot keep what it sees now: {error}.\n")

    def _grow(self, request: Request) -> Answer:
        old, path, note, (origin, size, root, _) = request
        with self._seen.locked() as connection:
            known: tuple[int, bytes] = connection.execute(
                "SELECT size, root FROM seen WHERE origin = ?", (origin,)
            ).fetchone() or (0, EMPTY)
            if old != known[0] or (old == size and root != known[1]):
                return Answer(409, f"{known[0]}\n", SIZE_TYPE)
            verify_consistency(old, size, path, known[1], root)
            at = int(self._clock())
            signature = self._cosigner.cosign(note.text, at)
            cosigned = notes.with_signatures(Note(note.text, self._trusted(note)), [signature])
            connection.execute(_KEEP, (origin, size, root, str(cosigned), at))
        return Answer(200, signature.line)

    def _trusted(self, note: Note) -> tuple[notes.Signature, ...]:
        """Return the log's own signatures, without those of keys that are unknown here."""
        ids = {(key.name, key.id) for keys in self._keys.values() for key in keys}
        return tuple(one for one in note.signatures if (one.name, one.id) in ids)
