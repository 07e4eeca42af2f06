"""Files written whole and durable, with their digests on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from api.backup.manifest import Part

_CHUNK = 1 << 20


def make(path: Path) -> int:
    """Make the file *path*, its owner's alone and new; return its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def write(path: Path, content: bytes) -> None:
    """Write a new file, durable on return."""
    with os.fdopen(make(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def copy(source: Path, target: Path, tell: Callable[[int], None]) -> Part:
    """Copy *source* to the new file *target*, durable on return; *tell* hears how many bytes more are done."""
    with source.open("rb") as reading, os.fdopen(make(target), "wb") as file:
        hashed, size = sha256(), 0
        while some := reading.read(_CHUNK):
            hashed.update(some)
            file.write(some)
            size += len(some)
            tell(len(some))
        file.flush()
        os.fsync(file.fileno())
    return Part(bytes=size, sha256=hashed.hexdigest())


def digest(path: Path) -> Part:
    """Return size and digest of the file *path*, made durable."""
    with path.open("rb") as file:
        hashed, size = sha256(), 0
        while some := file.read(_CHUNK):
            hashed.update(some)
            size += len(some)
        os.fsync(file.fileno())
    return Part(bytes=size, sha256=hashed.hexdigest())


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
