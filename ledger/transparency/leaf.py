"""
What of a fact stands in the tree: its place, its instant and the digest of its bytes, in one canonical envelope.

RFC 8785 JSON (sorted members, no spaces), so that anybody can make it again:

    {"name":"award.made.v1","recorded_at":"2026-11-23T18:13:08.120000Z","sha256":"…","stream":"learner-…","v":1,
     "version":4}

`v` is the version of the envelope, `version` the fact's in its stream, `sha256` (hex) that of the stored bytes.
Nothing personal is in it, and nothing that erasing a learner's key would change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from re import compile as pattern
from typing import Final

import msgspec

from ledger.store import Stored
from ledger.transparency.faults import Malformed
from ledger.transparency.merkle import leaf_hash

VERSION: Final = 1
_PLAIN = pattern(r"[A-Za-z0-9_.:/+=@ -]*").fullmatch
_SECOND = 1_000_000


class Leaf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An envelope as it was read."""

    name: str
    recorded_at: str
    sha256: str
    stream: str
    v: int
    version: int

    @property
    def recorded_us(self) -> int:
        """Microseconds since 1970 of when the ledger learned of it."""
        moment = datetime.fromisoformat(self.recorded_at)
        return int(moment.replace(microsecond=0).timestamp()) * _SECOND + moment.microsecond


def entry_of(stored: Stored) -> bytes:
    """Return the envelope of *stored*: the entry of the tree at index position - 1."""
    _, stream, version, name, body, recorded_us = stored
    return _entry(stream, version, name, sha256(body).hexdigest(), recorded_us)


def hash_of(stored: Stored) -> bytes:
    """Return the leaf hash of *stored*."""
    return leaf_hash(entry_of(stored))


def hashes_of(facts: Iterable[Stored]) -> list[bytes]:
    """Return the leaf hash of each; calls are what a million of them cost most."""
    return [
        sha256(b"\0" + _entry(stream, version, name, sha256(body).hexdigest(), recorded_us)).digest()
        for _, stream, version, name, body, recorded_us in facts
    ]


def read(entry: bytes) -> Leaf:
    """Return what *entry* says; Malformed unless it is exactly what `entry_of` would write."""
    try:
        found = msgspec.json.decode(entry, type=Leaf)
        again = _entry(found.stream, found.version, found.name, found.sha256, found.recorded_us)
    except (msgspec.DecodeError, ValueError, OverflowError):
        raise Malformed("The entry is no envelope of a fact.") from None
    if again != entry or found.v != VERSION or found.version < 1 or not _is_digest(found.sha256):
        raise Malformed("The entry is no canonical envelope of a fact.")
    return found


def _entry(stream: str, version: int, name: str, digest: str, recorded_us: int) -> bytes:
    second, microsecond = divmod(recorded_us, _SECOND)
    if not _PLAIN(stream):
        stream = _escaped(stream)
    return (
        f'{{"name":"{_escaped(name)}","recorded_at":"{_until_second(second)}.{microsecond:06d}Z","sha256":"{digest}",'
        f'"stream":"{stream}","v":{VERSION},"version":{version}}}'
    ).encode()


@lru_cache(maxsize=1024)
def _escaped(text: str) -> str:
    return text if _PLAIN(text) else json.dumps(text, ensure_ascii=False)[1:-1]


@lru_cache(maxsize=1024)
def _until_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")
