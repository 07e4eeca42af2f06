"""What was published of the log, in the database: checkpoints, cosignatures, verifier keys, and halts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.database import Database
from ledger.store import instant, microseconds
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Disproven, Malformed, Unsigned
from ledger.transparency.note import Note, Signature, VerifierKey
from ledger.transparency.signing import LogKeys
from ledger.transparency.tables import HALTED

_ROW = "SELECT origin, size, root, note, at_us FROM checkpoints "
_NEWEST = _ROW + "ORDER BY at_us DESC LIMIT 1"
_COVERING = """
SELECT origin, size, root, note, at_us FROM checkpoints
WHERE origin = (SELECT origin FROM checkpoints ORDER BY at_us DESC LIMIT 1) AND size >= ? ORDER BY size LIMIT 1
"""

_COSIGNED = """
SELECT c.origin, c.size, c.witness, c.line, checkpoints.note
FROM cosignatures AS c LEFT JOIN checkpoints ON checkpoints.origin = c.origin AND checkpoints.size = c.size
"""
_COSIGNED_AFTER = " WHERE (c.origin, c.size, c.witness) > (?, ?, ?)"
_COSIGNED_ORDER = " ORDER BY c.origin, c.size, c.witness LIMIT ?"


class Published(NamedTuple):
    """A checkpoint that was signed, and when."""

    checkpoint: Checkpoint
    note: str
    at: datetime


class Cosigned(NamedTuple):
    """A witness's signature as it is kept, and the note that it stands under; None where that is not kept."""

    origin: str
    size: int
    witness: str
    line: str
    note: str | None


class PublicKey(NamedTuple):
    """A verifier key of the log, and since when and until when it signs."""

    verifier: str
    made_at: datetime
    until: datetime | None


class PublishedLog:
    """The tables in *database*; *witnesses* are those whose cosignatures are believed."""

    def __init__(self, database: Database, witnesses: Iterable[VerifierKey] = ()) -> None:
        self._database = database
        self.witnesses = {(key.name, key.id): key for key in witnesses}

    def add(self, checkpoint: Checkpoint, note: str, at: datetime) -> None:
        """Publish a checkpoint; the newest is the one that was added last, whatever the clock says."""
        with self._database.writing() as writing:
            newest = writing.execute("SELECT max(at_us) FROM checkpoints").fetchone()
            at_us = max(microseconds(at), (newest[0] or 0) + 1)
            writing.execute(
                "INSERT INTO checkpoints (origin, size, root, note, at_us) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (checkpoint.origin, checkpoint.size, checkpoint.root, note, at_us),
            )

    def newest(self) -> Published | None:
        """Return the last checkpoint that was published."""
        return self._one(_NEWEST, ())

    def covering(self, size: int) -> Published | None:
        """Return the first checkpoint of the log that covers *size* leaves."""
        return self._one(_COVERING, (size,))

    def of_size(self, origin: str, size: int) -> Published | None:
        """Return the checkpoint of exactly *size*."""
        return self._one(_ROW + "WHERE origin = ? AND size = ?", (origin, size))

    def after(self, at_us: int, limit: int) -> list[Published]:
        """Return up to *limit* checkpoints published later than *at_us* microseconds after 1970, in their order."""
        rows = self._database.fetch(_ROW + "WHERE at_us > ? ORDER BY at_us LIMIT ?", (at_us, limit))
        return [
            Published(Checkpoint(origin, size, bytes(root)), note, instant(at)) for origin, size, root, note, at in rows
        ]

    def cosigned_up_to(self, origin: str, witness: VerifierKey) -> int | None:
        """Return the largest size that *witness* cosigned of the log *origin*; None where it cosigned none."""
        query = "SELECT max(size) FROM cosignatures WHERE origin = ? AND witness = ?"
        size: int | None = self._database.fetch(query, (origin, f"{witness.name}+{witness.id.hex()}"))[0][0]
        return size

    def cosignatures(self, after: Cosigned | None, limit: int) -> list[Cosigned]:
        """Return up to *limit* cosignatures that are kept, in an order of theirs; those after one that was returned."""
        where, start = ("", ()) if after is None else (_COSIGNED_AFTER, (after.origin, after.size, after.witness))
        rows = self._database.fetch(_COSIGNED + where + _COSIGNED_ORDER, (*start, limit))
        return [Cosigned(*row) for row in rows]

    def add_cosignature(self, size: int, line: str) -> None:
        """
        Keep a witness's signature *line* under the newest log's checkpoint of *size*; the last of each witness stands.

        Malformed where it cannot be read, Unsigned where no witness we know made it, Disproven where it does not fit.
        """
        newest = self.newest()
        found = newest and self.of_size(newest.checkpoint.origin, size)
        if found is None:
            msg = f"There is no checkpoint of size {size}."
            raise Malformed(msg)
        signature = notes.read_signature(line)
        key = self.witnesses.get((signature.name, signature.id))
        if key is None:
            msg = f"{signature.name} is none of the witnesses that are trusted (LEDGER_WITNESSES)."
            raise Unsigned(msg)
        if key.kind != notes.COSIGNATURE:
            raise Disproven("A witness signs with the time, by a key made for that.")
        notes.verify(key, str(found.checkpoint), signature)
        with self._database.writing() as writing:
            writing.execute(
                "INSERT INTO cosignatures (origin, size, witness, line) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (origin, size, witness) DO UPDATE SET line = excluded.line",
                (found.checkpoint.origin, size, f"{key.name}+{key.id.hex()}", line),
            )

    def cosigned(self, published: Published) -> str:
        """
        Return the note of *published* with every cosignature that is kept of it.

        A row that was spoilt is left out: the others are no less true, and `ledger audit verify` names it.
        """
        rows = self._database.fetch(
            "SELECT line FROM cosignatures WHERE origin = ? AND size = ? ORDER BY witness",
            (published.checkpoint.origin, published.checkpoint.size),
        )
        note: Note = notes.read(published.note.encode())
        return str(notes.with_signatures(note, [one for (line,) in rows if (one := _readable(line)) is not None]))

    def verifiers(self) -> list[PublicKey]:
        """Return the verifier keys of the log, the oldest first."""
        rows = self._database.fetch("SELECT verifier, made_us, until_us FROM log_keys ORDER BY made_us, verifier")
        return [PublicKey(verifier, instant(made), None if until is None else instant(until))
                for verifier, made, until in rows]  # fmt: skip

    def show_keys(self, keys: LogKeys) -> None:
        """Show the public halves of *keys* to whoever reads the database."""
        rows: Sequence[tuple[str, int, int | None]] = [
            (kept.verifier, microseconds(kept.made_at), None if kept.until is None else microseconds(kept.until))
            for kept in keys.keys
        ]
        known = self._database.fetch("SELECT verifier, made_us, until_us FROM log_keys")
        if set(map(tuple, known)) >= set(rows):
            return
        with self._database.writing() as writing:
            writing.executemany(
                "INSERT INTO log_keys (verifier, made_us, until_us) VALUES (?, ?, ?)"
                " ON CONFLICT (verifier) DO UPDATE SET until_us = excluded.until_us",
                rows,
            )

    def halted(self) -> str | None:
        """Return why the ledger is read-only; None while it is not."""
        found = self._database.fetch(HALTED)
        return found[0][0] if found else None

    def halt(self, sentence: str, at: datetime) -> None:
        """Make the ledger read-only, from the next command on."""
        with self._database.writing() as writing:
            if writing.execute(HALTED).fetchone() is None:
                newest = writing.execute("SELECT max(at_us) FROM halts").fetchone()
                at_us = max(microseconds(at), (newest[0] or 0) + 1)
                writing.execute("INSERT INTO halts (at_us, sentence) VALUES (?, ?)", (at_us, sentence))

    def accept(self, at: datetime) -> None:
        """Let the ledger record again."""
        with self._database.writing() as writing:
            writing.execute("UPDATE halts SET accepted_us = ? WHERE accepted_us IS NULL", (microseconds(at),))

    def _one(self, query: str, parameters: Sequence[object]) -> Published | None:
        rows = self._database.fetch(query, parameters)
        if not rows:
            return None
        origin, size, root, note, at_us = rows[0]
        return Published(Checkpoint(origin, size, bytes(root)), note, instant(at_us))


def _readable(line: object) -> Signature | None:
    try:
        return notes.read_signature(line) if isinstance(line, str) else None
    except Malformed:
        return None
