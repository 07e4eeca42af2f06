r"""
Checkpoints outside the database: a file that is only appended to, one line for each, durable before anybody sees it.

    {"at":"2026-11-23T18:13:08.120000Z","note":"example.com/log\n109482\n…"}

A line is written in one piece; one without its end was cut off by a crash before anybody was told of it, and is taken
away by the next. Everything else that is not written just so is refused: this file is what tells a rewritten log.
Whoever writes to it holds its lock, so processes take turns.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from ledger.store import StoreUnavailable
from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Malformed

_CHUNK = 64 * 1024


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: a signed checkpoint, and when it was signed."""

    at: datetime
    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        """What was signed."""
        return checkpoints.read(notes.read(self.note.encode()).text)

    def line(self) -> bytes:
        """Return it as it is written."""
        return msgspec.json.encode(self) + b"\n"


def read_line(line: bytes) -> Kept:
    """Return what *line* keeps; Malformed for anything that would be written otherwise."""
    try:
        kept = msgspec.json.decode(line, type=Kept)
        exact = kept.at.tzinfo is not None and kept.line() == line and bool(kept.checkpoint)
    except (msgspec.DecodeError, UnicodeError):
        exact = False
    if not exact:
        raise Malformed("The line keeps no checkpoint.")
    return kept


class Outside:
    """The checkpoints in the file *path*; it is made by the first that is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file: what is read within is still the newest when something is kept."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def newest(self, origin: str) -> Kept | None:
        """Return the last checkpoint of the log *origin*; Malformed where a line before it is none at all."""
        for line in self._backwards():
            kept = read_line(line)
            if kept.checkpoint.origin == origin:
                return kept
        return None

    def all(self) -> Iterator[Kept]:
        """Yield every checkpoint, from the first; Malformed where a line is none."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield read_line(line)
        except OSError as error:
            raise self._unusable(error) from None

    def keep(self, kept: Kept) -> None:
        """Add *kept*; it is durable on return. To be called while `locked`."""
        try:
            descriptor = os.open(self.path, os.O_RDWR)
            try:
                end = self._end_of_lines(descriptor)
                os.ftruncate(descriptor, end)
                os.pwrite(descriptor, kept.line(), end)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise self._unusable(error) from None

    def _end_of_lines(self, descriptor: int) -> int:
        end = os.fstat(descriptor).st_size
        while end:
            start = max(0, end - _CHUNK)
            found = os.pread(descriptor, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def _backwards(self) -> Iterator[bytes]:
        """Yield whole lines from the last to the first."""
        try:
            with self.path.open("rb") as file:
                at = self._end_of_lines(file.fileno())
                rest = b""
                while at:
                    start = max(0, at - _CHUNK)
                    lines = (os.pread(file.fileno(), at - start, start) + rest).splitlines(keepends=True)
                    at = start
                    rest = lines.pop(0)
                    yield from reversed(lines)
                if rest:
                    yield rest
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"the checkpoints in {self.path} cannot be used: {error.strerror}")
