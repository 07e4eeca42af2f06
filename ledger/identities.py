"""
Who the ids in facts are: names, e-mail addresses, student numbers, and the keys with which accounts come in.

This is the one store whose rows change and go. It stands outside the log, so that erasing a person is forgetting a row.
An account is known by `ref`, the college's own number or name for it, unique among learners and among people.
Registering is get-or-create: a crash after it and before the fact `LearnerRegistered` heals when it is done again.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from ledger import ids
from ledger.database import Database, marks
from ledger.errors import HOLDS_NUL, Invalid
from ledger.sqlite_file import SQLiteDatabase
from ledger.store import StoreUnavailable, microseconds

Kind = Literal["learner", "person"]
_PREFIX: dict[Kind, str] = {"learner": "lrn", "person": "per"}
_KEY_PREFIX = "ldg_"
_AT_ONCE = 500
_USE_NOTED_EVERY_US = 60_000_000
_TABLES = (
    """CREATE TABLE IF NOT EXISTS accounts (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, ref TEXT NOT NULL, name TEXT, email TEXT,
        UNIQUE (kind, ref)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS api_keys (
        hash BLOB PRIMARY KEY, id TEXT NOT NULL, role TEXT NOT NULL, account TEXT NOT NULL,
        created_us INTEGER NOT NULL, expires_us INTEGER, last_used_us INTEGER) WITHOUT ROWID""",
)
_SMALL = {ord(letter): letter.lower() for letter in string.ascii_uppercase}  # as far as `lower` goes in every engine
_PROFILE = "SELECT id, kind, ref, name, email FROM accounts "


class Profile(NamedTuple):
    """What is known of one account."""

    id: str
    kind: Kind
    ref: str
    name: str | None = None
    email: str | None = None


class Principal(NamedTuple):
    """Whose key was shown: an account, acting in one role."""

    account: str
    role: str
    key_id: str


class ApiKey(NamedTuple):
    """A key as it can be listed; the key itself was shown once and is not kept."""

    id: str
    role: str
    account: str
    created_us: int
    expires_us: int | None
    last_used_us: int | None


class Identities:
    """Accounts and API keys; usable from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def in_file(cls, path: Path | str, *, create: bool = True) -> Identities:
        """Open the accounts in the SQLite file *path*; with *create*, make it where there is none."""
        if not create and not Path(path).exists():
            msg = f"the accounts are missing: put {path} back, or everybody would be somebody new"
            raise StoreUnavailable(msg)
        return cls(SQLiteDatabase(path, _TABLES))

    def register(self, kind: Kind, refs: Sequence[str]) -> dict[str, str]:
        """Return the account of each of *refs*, making those that are new, in one transaction."""
        found = self.find_all(kind, refs)
        missing = [ref for ref in refs if ref not in found]
        if missing:
            new = [(ids.new(_PREFIX[kind]), kind, ref) for ref in dict.fromkeys(map(written, missing))]
            with self._database.writing() as writing:
                writing.executemany("INSERT INTO accounts (id, kind, ref) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", new)
            found |= self.find_all(kind, missing)  # another process may have been first
        return found

    def find(self, kind: Kind, ref: str) -> str | None:
        """Return the account of *ref*."""
        return self.find_all(kind, [ref]).get(ref)

    def find_all(self, kind: Kind, refs: Iterable[str]) -> dict[str, str]:
        """Return the accounts of those of *refs* that are known, however their letters are composed."""
        asked = {ref: written(ref) for ref in refs}
        wanted = list(dict.fromkeys(asked.values()))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            query = f"SELECT ref, id FROM accounts WHERE kind = ? AND ref IN ({marks(some)})"  # noqa: S608  only marks
            found.update((str(ref), str(account)) for ref, account in self._database.fetch(query, (kind, *some)))
        return {ref: found[as_written] for ref, as_written in asked.items() if as_written in found}

    def profile(self, account: str) -> Profile | None:
        """What is known of *account*."""
        return self.profiles([account]).get(account)

    def profiles(self, accounts: Iterable[str]) -> dict[str, Profile]:
        """What is known of those of *accounts* that exist."""
        wanted = list(dict.fromkeys(accounts))
        found: dict[str, Profile] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            for row in self._database.fetch(_PROFILE + f"WHERE id IN ({marks(some)})", tuple(some)):
                profile = Profile._make(row)
                found[profile.id] = profile
        return found

    def update(self, account: str, *, name: str | None, email: str | None) -> None:
        """Set what an account is called and where it is written to."""
        with self._database.writing() as writing:
            writing.execute("UPDATE accounts SET name = ?, email = ? WHERE id = ?", (name, email, account))

    def search(self, text: str, limit: int = 20, kind: Kind | None = None) -> list[Profile]:
        """Accounts that contain *text* in id, ref, name or e-mail, whatever the case of A to Z; exact refs first."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").translate(_SMALL)
        found = " OR ".join(f"lower({column}) LIKE ? ESCAPE '\\'" for column in ("ref", "name", "email"))
        of_kind = "kind = ? AND" if kind else ""
        query = f"{_PROFILE} WHERE {of_kind} (id = ? OR {found}) ORDER BY ref <> ?, kind, ref LIMIT ?"
        like = f"%{escaped}%"
        parameters = (*([kind] if kind else []), text, like, like, like, text, limit)
        return list(map(Profile._make, self._database.fetch(query, parameters)))

    def create_key(self, role: str, account: str, expires: datetime | None = None) -> str:
        """Make a key for *account* in *role* and return it, this once; only its hash is kept."""
        plain = _KEY_PREFIX + secrets.token_urlsafe(32)
        row = (
            _hash(plain),
            ids.new("key"),
            role,
            account,
            _now_us(),
            None if expires is None else microseconds(expires),
        )
        with self._database.writing() as writing:
            writing.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
        return plain

    def check_key(self, plain: str) -> Principal | None:
        """Return whose key *plain* is; None when it is nobody's, or has expired."""
        if not plain.startswith(_KEY_PREFIX):
            return None
        digest = _hash(plain)
        query = "SELECT account, role, id, expires_us, last_used_us FROM api_keys WHERE hash = ?"
        rows = self._database.fetch(query, (digest,))
        if not rows:
            return None
        account, role, key_id, expires_us, last_used_us = rows[0]
        now_us = _now_us()
        if expires_us is not None and int(str(expires_us)) <= now_us:
            return None
        if now_us - int(str(last_used_us or 0)) > _USE_NOTED_EVERY_US:
            with suppress(StoreUnavailable), self._database.writing() as writing:  # a note, not worth a refusal
                writing.execute("UPDATE api_keys SET last_used_us = ? WHERE hash = ?", (now_us, digest))
        return Principal(str(account), str(role), str(key_id))

    def keys(self) -> list[ApiKey]:
        """All keys, oldest first."""
        query = "SELECT id, role, account, created_us, expires_us, last_used_us FROM api_keys ORDER BY created_us, id"
        return list(map(ApiKey._make, self._database.fetch(query)))

    def delete_key(self, key_id: str) -> bool:
        """Take a key back; say whether there was one."""
        with self._database.writing() as writing:
            return writing.execute("DELETE FROM api_keys WHERE id = ?", (key_id,)).rowcount > 0

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def written(ref: str) -> str:
    """Return *ref* as it is kept: letters composed, no blanks around it; else one person would be two."""
    if "\0" in ref:
        raise Invalid(HOLDS_NUL)
    return unicodedata.normalize("NFC", ref.strip() or ref)


def _hash(plain: str) -> bytes:
    """Keys are 256 random bits: a plain hash cannot be guessed back."""
    return hashlib.sha256(plain.encode()).digest()


def _now_us() -> int:
    return microseconds(datetime.now(UTC))
