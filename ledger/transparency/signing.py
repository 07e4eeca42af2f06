"""
The log's own keys: Ed25519, in a file of their own that only its owner may read.

The log is known by its origin, which is also the name of its keys. A new key signs beside the old one for a while, so
that whoever knows only one of them can go on checking; then the old one's secret is thrown away. A signer is anything
that makes 64 bytes of bytes, so a key may as well live in a machine that never shows it.

Whoever has this file can sign another history: keep it apart from the database, and never restore an older copy.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.store import StoreUnavailable
from ledger.transparency.faults import Malformed
from ledger.transparency.note import ED25519, Note, Signature, VerifierKey, new_key, read_key

OVERLAP = timedelta(days=30)


class Signer(Protocol):
    """One key that signs; where its secret is, is its own business."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""


class Ed25519Signer:
    """A key in memory."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = new_key(name, ED25519, self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class KeyKept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key of the file: `seed` is its secret, None once it signs no more; `until` when that is, if it is known."""

    verifier: str
    seed: str | None
    made_at: datetime
    until: datetime | None = None

    def signs(self, now: datetime) -> bool:
        """Whether it signs checkpoints at *now*."""
        return self.seed is not None and (self.until is None or now < self.until)


class LogKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of one log, the newest last; those of origins that it had before, too."""

    origin: str
    keys: tuple[KeyKept, ...]

    @property
    def verifiers(self) -> list[VerifierKey]:
        """Every key that ever signed for this origin."""
        return [key for key in (read_key(kept.verifier) for kept in self.keys) if key.name == self.origin]

    @property
    def origins(self) -> set[str]:
        """Every origin that the log has had."""
        return {read_key(kept.verifier).name for kept in self.keys}

    def signers(self, now: datetime) -> list[Signer]:
        """Return those that sign at *now*."""
        return [
            Ed25519Signer(self.origin, base64.b64decode(kept.seed or ""))
            for kept in self.keys
            if kept.signs(now) and read_key(kept.verifier).name == self.origin
        ]

    def rotated(self, now: datetime, overlap: timedelta = OVERLAP) -> LogKeys:
        """Return them with a new key; the others sign beside it for as long as *overlap*."""
        older = tuple(
            msgspec.structs.replace(kept, until=kept.until or now + overlap) if kept.signs(now) else _spent(kept, now)
            for kept in self.keys
        )
        return LogKeys(origin=self.origin, keys=(*older, _made(self.origin, now)))

    def begun_anew(self, now: datetime) -> LogKeys:
        """Return them for a new log: its origin counts on from this one's, for the old one's heads bind it no more."""
        stem, _, number = self.origin.rpartition("/")
        again = stem != "" and number.isascii() and number.isdigit()
        origin = f"{stem}/{int(number) + 1}" if again else f"{self.origin}/2"
        return LogKeys(origin=origin, keys=(*(_spent(kept, now) for kept in self.keys), _made(origin, now)))

    def without_spent(self, now: datetime) -> LogKeys:
        """Return them without the secrets of those that sign no more."""
        keys = tuple(kept if kept.signs(now) else _spent(kept, now) for kept in self.keys)
        return self if keys == self.keys else LogKeys(origin=self.origin, keys=keys)


def make(path: Path, origin: str | None, now: datetime) -> LogKeys:
    """Make the file of a new log's keys, under *origin* or a random one; where another was first, return its keys."""
    name = origin or f"competency-ledger.invalid/{secrets.token_hex(8)}"
    try:
        keys = LogKeys(origin=name, keys=(_made(name, now),))
    except Malformed as error:
        msg = f"LEDGER_LOG_ORIGIN cannot be used: {error}"
        raise StoreUnavailable(msg) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, keys)
    try:
        os.link(draft, path)
        _sync_directory(path.parent)
    except FileExistsError:
        return load(path)
    finally:
        draft.unlink()
    return keys


def load(path: Path) -> LogKeys:
    """Return the keys in *path*; StoreUnavailable where they are missing, unreadable or open to others."""
    try:
        data = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        msg = f"the log's keys cannot be read from {path}: {error.strerror}; put the file back"
        raise StoreUnavailable(msg) from None
    if mode & 0o077:
        msg = f"{path} may be read by others (mode {mode & 0o777:o}); make it readable by its owner alone"
        raise StoreUnavailable(msg)
    try:
        keys = msgspec.json.decode(data, type=LogKeys)
        whole = bool(keys.verifiers) and all(map(_fits, keys.keys))
    except (msgspec.DecodeError, ValueError):
        whole = False
    if not whole:
        msg = f"{path} does not hold the keys of a log; put the right file back"
        raise StoreUnavailable(msg)
    return keys


def save(path: Path, keys: LogKeys) -> None:
    """Put *keys* in the place of what *path* held, whole or not at all."""
    _draft(path, keys).replace(path)
    _sync_directory(path.parent)


def signed(text: str, signers: Sequence[Signer]) -> Note:
    """Return *text* as a note that all *signers* signed."""
    message = text.encode()
    return Note(text, tuple(Signature(one.verifier.name, one.verifier.id, one.sign(message)) for one in signers))


def _made(origin: str, now: datetime) -> KeyKept:
    seed = secrets.token_bytes(32)
    verifier = Ed25519Signer(origin, seed).verifier
    return KeyKept(verifier=str(verifier), seed=base64.b64encode(seed).decode(), made_at=now)


def _spent(kept: KeyKept, now: datetime) -> KeyKept:
    until = now if kept.until is None or kept.until > now else kept.until
    return msgspec.structs.replace(kept, seed=None, until=until)


def _fits(kept: KeyKept) -> bool:
    """Whether the secret half, where it is still there, belongs to the public one."""
    verifier = read_key(kept.verifier)
    return kept.seed is None or Ed25519Signer(verifier.name, base64.b64decode(kept.seed)).verifier == verifier


def _draft(path: Path, keys: LogKeys) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
