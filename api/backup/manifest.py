"""
What a backup says of itself, in `manifest.json`: the last thing written, so a directory without it is no backup.

    {"checkpoint": {"origin": "…", "root": "…", "size": 109482}, "files": {"ledger.db": {"bytes": …, "sha256": "…"}, …},
     "format": 1, "made_at": "2026-11-23T18:13:08.120000Z", "position": 109490, "version": "0.1.0"}

`position` is that of the last fact in it, `checkpoint` the newest that was published of those facts. It stands in
readable JSON, but only as it was written: whatever reads differently when written again is refused.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ledger.store import StoreUnavailable

FILE: Final = "manifest.json"
FORMAT: Final = 1
LOG, KEYS, IDENTITIES = "ledger.db", "ledger-keys.db", "ledger-identities.db"
LOG_KEYS, CHECKPOINTS = "ledger.log-keys", "ledger.checkpoints"
_NEEDED = {LOG, KEYS, IDENTITIES}
_LARGEST = 64 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the backup."""

    bytes: int
    sha256: str


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published head of the log; `root` in base64."""

    origin: str
    root: str
    size: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a backup."""

    checkpoint: Head | None
    files: dict[str, Part]
    format: int
    made_at: datetime
    position: int
    version: str

    def encoded(self) -> bytes:
        """Return it as it is written."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2) + b"\n"


def read(directory: Path) -> Manifest:
    """Return the manifest of the backup in *directory*; StoreUnavailable where there is none, or it is not whole."""
    path = directory / FILE
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        msg = f"{directory} holds no backup: it has no {FILE}, which is written last"
        raise StoreUnavailable(msg) from None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise StoreUnavailable(msg) from None
    try:
        found = msgspec.json.decode(data, type=Manifest)
        exact = found.encoded() == data and found.made_at.tzinfo is not None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        exact = False
    if not exact:
        msg = f"{path} is not as a backup writes it; use another copy of the backup"
        raise StoreUnavailable(msg)
    if found.format > FORMAT:
        msg = f"{directory} was made by a newer version of the ledger ({found.version}); restore it with that"
        raise StoreUnavailable(msg)
    if not _NEEDED <= found.files.keys() <= {*_NEEDED, LOG_KEYS, CHECKPOINTS}:
        msg = f"{path} does not name the files of a ledger; use another copy of the backup"
        raise StoreUnavailable(msg)
    return found
