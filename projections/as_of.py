"""The log as it was at a position: what views are built from, whole or up to a moment."""

from __future__ import annotations

from typing import Protocol

from ledger.store import Stored


class Log(Protocol):
    """What views read of a store."""

    def head(self) -> int:
        """Position of the last fact; 0 when there is none."""

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:
        """Up to *limit* facts after position *after*, up to position *until*."""

    def read(self, stream: str, after_version: int = 0, until: int | None = None) -> list[Stored]:
        """Facts of one stream after a version, up to position *until*."""


class AsOf:
    """A log of which nothing is seen after *position*."""

    def __init__(self, log: Log, position: int) -> None:
        self._log = log
        self._position = position

    def head(self) -> int:
        return min(self._log.head(), self._position)

    def read_log(self, after: int, limit: int, until: int | None = None) -> list[Stored]:
        return self._log.read_log(after, limit, self._until(until))

    def read(self, stream: str, after_version: int = 0, until: int | None = None) -> list[Stored]:
        return self._log.read(stream, after_version, self._until(until))

    def _until(self, until: int | None) -> int:
        return self._position if until is None else min(until, self._position)
