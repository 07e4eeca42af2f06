"""
Where the ledger lives, read once from the environment and checked at start.

    LEDGER_DATABASE_URL           sqlite:///FILE or postgresql://…/NAME; default sqlite:///ledger.db
    LEDGER_PRIVATE_DATABASE_URL   where PostgreSQL keeps keys and accounts; default: NAME_private beside it
    LEDGER_KAFKA                  HOST:PORT[,…] of Apache Kafka; without it followers read the log themselves
    LEDGER_INTAKE_SOURCES         the systems that may send commands by Kafka, comma-separated; default: none
    LEDGER_INSTANCE               a name for this process that survives its restart; `%h` is the host's; default: none
    LEDGER_KEK                    the key-encryption key, 32 bytes in base64
    LEDGER_KEK_FILE               the file that holds it instead; beside an SQLite log that is by default `ledger.kek`
    LEDGER_LOG_KEYS               the file of the keys that sign checkpoints; beside an SQLite log `ledger.log-keys`
    LEDGER_CHECKPOINTS            the file that every checkpoint is written to; beside an SQLite log
                                  `ledger.checkpoints`
    LEDGER_LOG_ORIGIN             the name to give the transparency log when its keys are made; default: a random one
    LEDGER_WITNESSES              witnesses to be asked to cosign checkpoints, each `URL KEY`, or `KEY` alone for one
                                  that is believed and not asked; comma-separated; default: none

What is not the log stands in files of its own beside it: for `ledger.db` that is `ledger-keys.db`,
`ledger-identities.db`, `ledger-followers.db`, `ledger-views/`, `ledger.kek`, `ledger.log-keys` and
`ledger.checkpoints`.
Keep the KEK apart from copies of the rest: without it nobody can read what is personal, nor can you.
Keep checkpoints where whoever can write to the log cannot: against them a rewritten or older log shows.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql", "postgres")
_KEK_BYTES = 32
_LAST_PORT = 65_535
_NO = ("", "n", "no", "f", "false", "off", "0")


class UnusableSettings(ValueError):
    """A setting cannot be used as it is."""


@dataclass(frozen=True, slots=True)
class PostgresUrls:
    """The database of the log, its views and followers; and the one of all that can be erased, backed up apart."""

    log: str = field(repr=False)
    private: str = field(repr=False)

    def __str__(self) -> str:
        return shown(self.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one ledger."""

    database: Path | PostgresUrls
    kek: bytes | None = field(default=None, repr=False)
    kek_at: Path | None = None
    kafka: str | None = None
    intake_sources: frozenset[str] = frozenset()
    instance: str | None = None
    log_keys_at: Path | None = None
    checkpoints_at: Path | None = None
    log_origin: str | None = None
    witnesses: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, *, database: str | None = None) -> Settings:
        """Read and check the settings; *database* (a URL or a file) goes before the environment's."""
        env = os.environ if environment is None else environment
        refuse_lossy_postgres(env)
        url = database or env.get("LEDGER_DATABASE_URL") or f"{_SQLITE}ledger.db"
        return cls(
            database=_postgres(url, env) if url.partition("://")[0] in _POSTGRESQL else _sqlite_file(url),
            kek=_kek(env["LEDGER_KEK"], "LEDGER_KEK") if env.get("LEDGER_KEK") else None,
            kek_at=Path(env["LEDGER_KEK_FILE"]) if env.get("LEDGER_KEK_FILE") else None,
            kafka=_bootstrap(env["LEDGER_KAFKA"]) if env.get("LEDGER_KAFKA") else None,
            instance=env.get("LEDGER_INSTANCE", "").replace("%h", socket.gethostname()) or None,
            intake_sources=frozenset(_listed(env.get("LEDGER_INTAKE_SOURCES", ""))),
            log_keys_at=Path(env["LEDGER_LOG_KEYS"]) if env.get("LEDGER_LOG_KEYS") else None,
            checkpoints_at=Path(env["LEDGER_CHECKPOINTS"]) if env.get("LEDGER_CHECKPOINTS") else None,
            log_origin=env.get("LEDGER_LOG_ORIGIN") or None,
            witnesses=tuple(_listed(env.get("LEDGER_WITNESSES", ""))),
        )

    @property
    def file(self) -> Path:
        """The SQLite file of the log; UnusableSettings where the log is in PostgreSQL."""
        if isinstance(self.database, PostgresUrls):
            msg = f"this is about files, but the ledger is in PostgreSQL ({self.database})"
            raise UnusableSettings(msg)
        return self.database

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
        if self.kek_at is None and isinstance(self.database, PostgresUrls):
            msg = "there is no key-encryption key: set LEDGER_KEK, or LEDGER_KEK_FILE to the file that holds it"
            raise UnusableSettings(msg)
        return self.kek_at or self._beside(".kek")

    @property
    def log_keys(self) -> Path | None:
        """Where the keys are that sign checkpoints; None where this process has none."""
        return self.log_keys_at or (self._beside(".log-keys") if isinstance(self.database, Path) else None)

    @property
    def checkpoints(self) -> Path | None:
        """Where checkpoints are kept outside the database; None where this process keeps none."""
        return self.checkpoints_at or (self._beside(".checkpoints") if isinstance(self.database, Path) else None)

    def key_encryption_key(self, *, create: bool = False) -> bytes:
        """Return the key-encryption key; with *create*, make its file if neither it nor a file of keys exists."""
        if self.kek is not None:
            return self.kek
        keys_exist = isinstance(self.database, Path) and self.keys.exists()
        if create and not self.kek_file.exists() and not keys_exist:
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
        return self.file.with_name(self.file.stem + ending)


def refuse_lossy_postgres(environment: Mapping[str, str]) -> None:
    """Refuse the library's setting under which committed facts can pass followers unseen: it takes no table lock."""
    if environment.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").strip().lower() not in _NO:
        msg = "POSTGRES_ENABLE_DB_FUNCTIONS loses facts for followers of the log; unset it"
        raise UnusableSettings(msg)


def shown(url: str) -> str:
    """Return *url* without the password, fit for a sentence."""
    try:
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        hosts = ",".join(f"{host}:{port}" if port else host for host, port in _hosts(parts))
    except ValueError:
        return f"{url.partition('://')[0]}://…"
    return f"{parts.scheme}://{user}{hosts}{parts.path}"


def owned_by(url: str, owner: str) -> str:
    """Return *url* as the user and the host of *owner* reach it: the same database."""
    theirs, ours = _split(url, "LEDGER_DATABASE_URL"), _split(owner, "LEDGER_OWNER_URL")
    return urlunsplit(ours._replace(path=theirs.path))


def _postgres(url: str, environment: Mapping[str, str]) -> PostgresUrls:
    """Read *url*; the private one of the environment belongs to the environment's log, not to another."""
    parts = _split(url, "LEDGER_DATABASE_URL")
    private = environment.get("LEDGER_PRIVATE_DATABASE_URL")
    if private and url == environment.get("LEDGER_DATABASE_URL"):
        _split(private, "LEDGER_PRIVATE_DATABASE_URL")
        if private == url:
            raise UnusableSettings("LEDGER_PRIVATE_DATABASE_URL must name another database than the log's")
        return PostgresUrls(url, private)
    return PostgresUrls(url, urlunsplit(parts._replace(path=f"{parts.path}_private")))


def _split(url: str, setting: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _POSTGRESQL and parts.path.strip("/") and _hosts(parts) and "\0" not in url
    except ValueError:
        usable = False
    if not usable:
        msg = f"{setting} must be postgresql://USER@HOST:PORT/NAME, not {shown(url)}"
        raise UnusableSettings(msg)
    return parts


def _hosts(parts: SplitResult) -> list[tuple[str, int | None]]:
    """Return each host with its port; several are those of a server and its standbys. ValueError for no port."""
    found = (urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(","))
    return [(host.hostname or "", host.port) for host in found]


def _listed(text: str) -> list[str]:
    """Return what stands between commas."""
    return [one.strip() for one in text.split(",") if one.strip()]


def _bootstrap(text: str) -> str:
    """Return the brokers to begin with, each as HOST:PORT."""
    brokers = [broker.strip() for broker in text.split(",")]
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _LAST_PORT:
            msg = f"LEDGER_KAFKA must be HOST:PORT[,HOST:PORT…], not {text!r}"
            raise UnusableSettings(msg)
    return ",".join(brokers)


def _sqlite_file(url: str) -> Path:
    if "://" in url and not url.startswith(_SQLITE):
        scheme = url.partition("://")[0]
        msg = f"LEDGER_DATABASE_URL must be sqlite:///FILE or postgresql://…/NAME, not {scheme}://…"
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
