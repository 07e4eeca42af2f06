"""
Personal text sealed under a key per learner; destroying the key erases the text for good.

Data keys (32 bytes) live in a database of their own, never beside the facts, wrapped by a key-encryption key (KEK)
that comes from a file readable by its owner alone or from the environment. Bytes, which must not change:

    wrapped key   nonce[12] + AES-256-GCM(KEK, data key, AAD = learner id) with its tag[16]
    subkeys       HMAC-SHA256(data key, "seal" | "nonce" | "digest")
    sealed text   nonce[12] + AES-256-GCM(seal key, UTF-8, AAD) with its tag[16]
    its nonce     HMAC-SHA256(nonce key, len(AAD) as 8 bytes + AAD + text)[:12]

The nonce follows from the text, so that the same text in the same place seals to the same bytes: retries keep bytes
and rules can compare sealed with sealed. What leaks is only that equality, within one field of one learner's fact.
The AAD binds a text to the identifier and the field it was written for, so that it cannot be moved unnoticed.

A key is durable before the first fact that needs it; a crash between the two leaves a key that sealed nothing. A
destroyed key leaves a tombstone, so that it is never made anew. These must never be restored from a backup without
destroying again the keys of all who were erased since.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.database import Database, marks
from ledger.decider import Command
from ledger.errors import NOT_UNICODE, Erased, Invalid
from ledger.event import Event, private_fields
from ledger.private import Private
from ledger.sqlite_file import SQLiteDatabase
from ledger.store import StoreUnavailable

ERASED: Final = "[erased]"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS data_keys (learner TEXT PRIMARY KEY, wrapped BLOB, destroyed_us INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)
_NONCE = 12
_REMEMBERED = 20_000
_AT_ONCE = 500
C = TypeVar("C", bound=Command)


class NoKey(LookupError):
    """The learner has no key yet, so nothing of theirs is recorded."""


class WrongKek(StoreUnavailable):
    """The key-encryption key is not the one these keys were wrapped with."""


class _Cipher:
    """The subkeys of one learner, ready for use."""

    __slots__ = ("digest", "nonce", "seal")

    def __init__(self, key: bytes) -> None:
        self.seal = AESGCM(_mac(key, b"seal"))
        self.nonce = _mac(key, b"nonce")
        self.digest = _mac(key, b"digest")

    def sealed(self, aad: bytes, plain: bytes) -> bytes:
        """Seal *plain*: the same bytes for the same text in the same place."""
        nonce = _mac(self.nonce, len(aad).to_bytes(8, "big") + aad + plain)[:_NONCE]
        return nonce + self.seal.encrypt(nonce, plain, aad)


class LearnerKeys:
    """The keys of all learners; usable from any thread."""

    def __init__(self, database: Database, kek: bytes) -> None:
        self._kek = AESGCM(kek)
        self._lock = RLock()
        self._ciphers: dict[str, _Cipher] = {}
        self._database = database
        self._fingerprint = self._secret("fingerprint")

    @classmethod
    def in_file(cls, path: Path | str, kek: bytes, *, create: bool = True) -> LearnerKeys:
        """Open the keys in the SQLite file *path*; with *create*, make it where there is none."""
        if not create and not Path(path).exists():
            msg = f"the learners' keys are missing: put {path} back, or nobody's words can be read"
            raise StoreUnavailable(msg)
        database = SQLiteDatabase(path, _TABLES)
        try:
            return cls(database, kek)
        except BaseException:
            database.close()
            raise

    def ensure(self, learner_ids: Iterable[str]) -> None:
        """Make durable keys for those learners who never had one, in one transaction; destroyed ones stay destroyed."""
        wanted = [learner for learner in dict.fromkeys(learner_ids) if learner not in self._ciphers]
        if not wanted:
            return
        with self._lock:
            known = self._load(wanted)
            missing = [learner for learner in wanted if learner not in known]
            if missing:
                made = [(learner, self._wrap(learner, os.urandom(32))) for learner in missing]
                self._write("INSERT INTO data_keys (learner, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING", made)
                self._load(missing)  # rather than what was made: another process may have been first

    def seal(self, learner_id: str, aad: str, text: str) -> bytes:
        """Seal *text*; NoKey when no key was ensured, Erased when it was destroyed."""
        cipher = self._cipher(learner_id)
        try:
            return cipher.sealed(aad.encode(), text.encode())
        except UnicodeEncodeError:
            raise Invalid(NOT_UNICODE) from None

    def reveal(self, learner_id: str, aad: str, sealed: bytes) -> str | None:
        """Return the text, None when the key is destroyed; ValueError when it was altered or sealed elsewhere."""
        try:
            cipher = self._cipher(learner_id)
            return cipher.seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad.encode()).decode()
        except (Erased, NoKey):
            return None
        except (InvalidTag, ValueError):
            msg = f"sealed text of {learner_id} does not belong to {aad}"
            raise ValueError(msg) from None

    def digest(self, learner_id: str, *parts: str) -> str:
        """Return a digest (hex) that finds the same text of one learner again and says nothing to others."""
        return _mac(self._cipher(learner_id).digest, "\x1f".join(parts).encode()).hex()

    def fingerprint(self, request: bytes) -> bytes:
        """Return a digest of a request; it cannot be guessed back from, as a bare hash of a short text could."""
        return _mac(self._fingerprint, request)

    def unused(self) -> bool:
        """Whether no learner ever had a key here."""
        return not self._database.fetch("SELECT 1 FROM data_keys LIMIT 1")

    def missing(self, learner_ids: Iterable[str]) -> list[str]:
        """Return those who never had a key here; a destroyed one counts as had."""
        wanted = list(dict.fromkeys(learner_ids))
        with self._lock:
            known = self._load([learner for learner in wanted if learner not in self._ciphers])
        return [learner for learner in wanted if learner not in self._ciphers and learner not in known]

    def has(self, learner_id: str) -> bool:
        """Whether the learner has a usable key."""
        try:
            return self._cipher(learner_id) is not None
        except (NoKey, Erased):
            return False

    def close(self) -> None:
        """Close the database and forget every key."""
        with self._lock:
            self._ciphers.clear()
        self._database.close()

    def _cipher(self, learner_id: str) -> _Cipher:
        cipher = self._ciphers.get(learner_id)
        if cipher is None:
            with self._lock:
                known = self._load([learner_id])
                if learner_id not in known:
                    raise NoKey(learner_id)
                if not known[learner_id]:
                    msg = "The learner's personal data were erased; nothing can be added to the record."
                    raise Erased(msg)
                cipher = self._ciphers[learner_id]
        return cipher

    def _load(self, learner_ids: list[str]) -> dict[str, bool]:
        """Take keys into memory; say of each learner who ever had one whether there still is."""
        known: dict[str, bool] = {}
        for start in range(0, len(learner_ids), _AT_ONCE):
            some = learner_ids[start : start + _AT_ONCE]
            query = f"SELECT learner, wrapped FROM data_keys WHERE learner IN ({marks(some)})"  # noqa: S608
            for learner, wrapped in self._database.fetch(query, some):
                known[learner] = wrapped is not None
                if wrapped is not None:
                    if len(self._ciphers) >= _REMEMBERED:
                        self._ciphers.pop(next(iter(self._ciphers)))
                    self._ciphers[learner] = _Cipher(self._unwrap(learner, wrapped))
        return known

    def _secret(self, name: str) -> bytes:
        """Return a secret of the ledger as a whole, made at first use; reading it proves that the KEK is right."""
        select = "SELECT value FROM about WHERE name = ?"
        if not (rows := self._database.fetch(select, (name,))):
            made = [(name, self._wrap(name, os.urandom(32)))]
            self._write("INSERT INTO about (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", made)
            rows = self._database.fetch(select, (name,))
        return self._unwrap(name, rows[0][0])

    def _write(self, statement: str, rows: list[tuple[str, bytes]]) -> None:
        with self._database.writing() as writing:
            writing.executemany(statement, rows)

    def _wrap(self, owner: str, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._kek.encrypt(nonce, key, owner.encode())

    def _unwrap(self, owner: str, wrapped: bytes) -> bytes:
        try:
            return self._kek.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], owner.encode())
        except InvalidTag:
            msg = "the key-encryption key is not the one these keys were wrapped with"
            raise WrongKek(msg) from None


def seal_command(keys: LearnerKeys, learner_id: str, command: C) -> C:
    """Return *command* with every personal text sealed under the learner's key; NoKey when there is none."""
    identifier, fields = _personal(type(command))
    if not fields:
        return command
    place = getattr(command, identifier) if identifier else ""

    def seal(value: Private, field: str) -> Private:
        return value if value.plain is None else Private(sealed=keys.seal(learner_id, f"{place}|{field}", value.plain))

    return msgspec.structs.replace(command, **_each(command, fields, seal))


def reveal_fact(keys: LearnerKeys, learner_id: str, fact: Event) -> dict[str, str | dict[str, str] | None]:
    """Return the personal texts of *fact* by field, `[erased]` where the key is gone."""
    identifier, fields = _personal(type(fact))
    place = getattr(fact, identifier) if identifier else ""

    def reveal(value: Private, field: str) -> str:
        text = keys.reveal(learner_id, f"{place}|{field}", value.sealed)
        return ERASED if text is None else text

    return _each(fact, fields, reveal)


def _each(holder: msgspec.Struct, fields: tuple[str, ...], change: Callable[[Private, str], Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for field in fields:
        value = getattr(holder, field)
        if isinstance(value, dict):
            changed[field] = {name: change(text, f"{field}.{name}") for name, text in value.items()}
        else:
            changed[field] = None if value is None else change(value, field)
    return changed


@cache
def _personal(cls: type[msgspec.Struct]) -> tuple[str | None, tuple[str, ...]]:
    """Name of the field whose identifier texts are bound to, the first one, and of those that hold personal text."""
    names = (field.name for field in msgspec.structs.fields(cls))
    return next((n for n in names if n.endswith("_id") and n != "learner_id"), None), private_fields(cls)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
