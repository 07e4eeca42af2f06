"""
Where the ledger lives, read once from the environment and checked at start.

    LEDGER_DATABASE_URL   sqlite:///FILE; default sqlite:///ledger.db
    LEDGER_KEK            the key-encryption key, 32 bytes in base64; default: in a file that `ledger init` makes

What is not the log stands in files of its own beside it: for `ledger.db` that is `ledger-keys.db`,
`ledger-identities.db`, `ledger-followers.db`, `ledger-views/` and `ledger.kek`.
Keep the KEK apart from copies of the rest: without it nobody can read what is personal, nor can you.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SQLITE = "sqlite:///"
_KEK_BYTES = 32
_NO = ("", "n", "no", "f", "false", "off", "0")


class UnusableSettings(ValueError):
    """A setting cannot be used as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one ledger."""

    database: Path
    kek: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, *, database: str | None = None) -> Settings:
        """Read and check the settings; *database* (a URL or a file) goes before the environment's."""
        env = os.environ if environment is None else environment
        refuse_lossy_postgres(env)
        return cls(
            database=_sqlite_file(database or env.get("LEDGER_DATABASE_URL") or f"{_SQLITE}ledger.db"),
            kek=_kek(env["LEDGER_KEK"], "LEDGER_KEK") if env.get("LEDGER_KEK") else None,
        )

    @property
    def keys(self) -> Path:
        """Where learners' keys are."""
        return self._beside("-keys.db")

    @property
    def identities(self) -> Path:
        """Where names and student numbers are."""
        return self._beside("-identities.db")

    @property
    def followers(self) -> Path:
        """Where followers of the log note how far they are."""
        return self._beside("-followers.db")

    @property
    def views(self) -> Path:
        """Where the rebuildable views are."""
        return self._beside("-views")

    @property
    def kek_file(self) -> Path:
        """Where the key-encryption key is unless the environment gives it."""
        return self._beside(".kek")

    def key_encryption_key(self, *, create: bool = False) -> bytes:
        """Return the key-encryption key; with *create*, make its file if neither it nor any wrapped key exists."""
        if self.kek is not None:
            return self.kek
        if create and not self.kek_file.exists() and not self.keys.exists():
            _write_secret(self.kek_file, secrets.token_bytes(_KEK_BYTES))
        try:
            written = self.kek_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            msg = f"there is no key-encryption key: set LEDGER_KEK or put it back to {self.kek_file}"
            raise UnusableSettings(msg) from None
        if (mode := self.kek_file.stat().st_mode) & 0o077:
            msg = f"{self.kek_file} may be read by others (mode {mode & 0o777:o}); make it readable by its owner alone"
            raise UnusableSettings(msg)
        return _kek(written, str(self.kek_file))

    def _beside(self, ending: str) -> Path:
        return self.database.with_name(self.database.stem + ending)


def refuse_lossy_postgres(environment: Mapping[str, str]) -> None:
    """Refuse the library's setting under which committed facts can pass followers unseen: it takes no table lock."""
    if environment.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").strip().lower() not in _NO:
        msg = "POSTGRES_ENABLE_DB_FUNCTIONS loses facts for followers of the log; unset it"
        raise UnusableSettings(msg)


def _sqlite_file(url: str) -> Path:
    if "://" in url and not url.startswith(_SQLITE):
        msg = f"LEDGER_DATABASE_URL must be sqlite:///FILE, not {url.partition('://')[0]}://…"
        raise UnusableSettings(msg)
    name = url.removeprefix(_SQLITE)
    if not name or "\0" in name or ":memory:" in name or "mode=memory" in name or name.startswith("file:"):
        msg = "LEDGER_DATABASE_URL must name a file: what is kept in memory alone is no record"
        raise UnusableSettings(msg)
    return Path(name)


def _kek(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEK_BYTES:
        msg = f"{where} must hold {_KEK_BYTES} bytes in base64"
        raise UnusableSettings(msg)
    return key


def _write_secret(path: Path, secret: bytes) -> None:
    """Write *secret* for its owner alone, whole or not at all, never over another."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secret) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
        _sync_directory(path.parent)
    except FileExistsError:
        pass  # another process made it first: use theirs
    finally:
        draft.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
