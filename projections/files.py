"""
The files that views live in: `views-<n>.db`, and `current`, which names the one in use.

A rebuilt file becomes current by one atomic rename, so that a crash leaves either the old or the new one in use.
Numbers are never used again. A file that was replaced is deleted when the next rebuild begins,
for others may have it open.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 30.0
_NAME = re.compile(r"views-[0-9]{1,9}\.db")


class Files:
    """The views' directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._pointer = directory / "current"
        self._seen: tuple[tuple[int, int], Path] | None = None

    def current(self) -> Path | None:
        """Return the file in use, None before the first; costs one `stat` while nothing changes."""
        try:
            found = self._pointer.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if self._seen is None or self._seen[0] != stamp:
                name = self._pointer.read_bytes().decode(errors="replace").strip()
                if not _NAME.fullmatch(name):  # spoilt: the views are built anew
                    return None
                self._seen = stamp, self.directory / name
        except FileNotFoundError:
            return None
        return self._seen[1]

    def fresh(self) -> Path:
        """Return a path never used before, having deleted what is neither current nor it; hold `building`."""
        current = self.current()
        numbers = [0]
        for path in self.directory.glob("views-*.db"):
            numbers.append(int(path.stem.partition("-")[2]))
            if path != current:
                delete(path)
        if current is not None:
            numbers.append(int(current.stem.partition("-")[2]))
        return self.directory / f"views-{max(numbers) + 1}.db"

    def use(self, path: Path) -> None:
        """Make *path* the current file, durably."""
        _sync(path)
        aside = self.directory / "current.new"
        aside.write_text(path.name + "\n")
        _sync(aside)
        aside.replace(self._pointer)
        _sync(self.directory)
        self._seen = None

    @contextmanager
    def building(self) -> Iterator[None]:
        """Keep other processes from building at the same time; a killed process lets go by itself."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(self.directory / "building.lock", isolation_level=None, timeout=_PATIENCE_SECONDS)
        try:
            deadline = time.monotonic() + 10 * _PATIENCE_SECONDS
            while True:
                try:
                    lock.execute("BEGIN EXCLUSIVE")
                    break
                except sqlite3.OperationalError:
                    if time.monotonic() > deadline:
                        raise
            yield
        finally:
            lock.close()


def open_file(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open a views file for writing; FileNotFoundError when it is gone and not to be created."""
    if not create and not path.exists():
        raise FileNotFoundError(path)
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        isolation_level=None,
        timeout=_PATIENCE_SECONDS,
        check_same_thread=False,
    )
    connection.execute("PRAGMA cache_size = -65536")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a views file for reading only."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=_PATIENCE_SECONDS,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def delete(path: Path) -> None:
    """Delete a views file with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # directories cannot be synced everywhere
        if not path.is_dir():
            raise
    finally:
        os.close(handle)
