"""
Group commit: threads that append at the same time queue up, and whoever gets the lock writes for all of them.

One commit to disk serves many, and each append still stands alone: what conflicts is left out, the others are written.
A lone writer pays nothing for it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

import msgspec

from ledger.sqlite_file import writing
from ledger.store import Append, CatalogueMoved, KeyedReceipt, StoreUnavailable, is_reference, microseconds

VERSIONS = "SELECT value, (SELECT max(originator_version) FROM facts WHERE originator_id = value) FROM json_each(?)"
_VERSION = "SELECT max(originator_version) FROM facts WHERE originator_id = ?"
_HEADS = """
SELECT position, recorded_at, (SELECT max(position) FROM reference_facts) FROM facts ORDER BY position DESC LIMIT 1
"""
_KEY_TAKEN = "SELECT 1 FROM receipts WHERE principal = ? AND key = ?"
_LARGEST_GROUP = 20_000


class _Pending:
    """Appends of one caller, waiting for whoever writes."""

    __slots__ = ("appends", "catalogue_position", "done", "error", "now_us", "results")

    def __init__(self, appends: Sequence[Append], now_us: int, catalogue_position: int | None) -> None:
        self.appends = appends
        self.now_us = now_us
        self.catalogue_position = catalogue_position
        self.results: list[tuple[int, ...] | None] = []
        self.error: str | CatalogueMoved | None = None
        self.done = False


class _Plan:
    """What one transaction is to write, worked out under the write lock, so that nothing can come between."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        heads: tuple[int, int, int | None] = connection.execute(_HEADS).fetchone() or (0, 0, None)
        self.head = heads[0]
        self._recorded_us = heads[1]
        self._reference_head = heads[2] or 0
        self._versions: dict[str, int] = {}
        self._keys: set[tuple[str, str]] = set()
        self.facts: list[tuple[int, str, int, str, bytes, int]] = []
        self.reference: list[tuple[int]] = []
        self.receipts: list[KeyedReceipt] = []

    def take(self, pending: _Pending) -> None:
        """Plan the appends of one caller, or note why they are not to be written."""
        if pending.catalogue_position is not None and self._reference_head > pending.catalogue_position:
            pending.error = CatalogueMoved(self._reference_head)
            return
        self._read_versions({append.stream for append in pending.appends})
        self._recorded_us = max(self._recorded_us, pending.now_us)
        left_out: set[str] = set()
        pending.results = [self._place(append, left_out) for append in pending.appends]

    def _place(self, append: Append, left_out: set[str]) -> tuple[int, ...] | None:
        stream, after_version, facts, receipt = append
        moved = self._versions[stream] != after_version
        if moved or stream in left_out or (receipt is not None and self._taken(receipt)):
            left_out.add(stream)
            return None
        first, recorded_us = self.head + 1, self._recorded_us
        position, version = self.head, after_version
        for name, body in facts:
            position += 1
            version += 1
            self.facts.append((position, stream, version, name, body, recorded_us))
        self.head = position
        self._versions[stream] = version
        positions = tuple(range(first, position + 1))
        if positions and is_reference(stream):
            self.reference.extend((position,) for position in positions)
            self._reference_head = position
        if receipt is not None:
            if facts:
                receipt = receipt._replace(version=version, position=position, recorded=len(facts))
            self.receipts.append(receipt)
            self._keys.add((receipt.principal, receipt.key))
        return positions

    def _taken(self, receipt: KeyedReceipt) -> bool:
        key = (receipt.principal, receipt.key)
        return key in self._keys or self._connection.execute(_KEY_TAKEN, key).fetchone() is not None

    def _read_versions(self, streams: set[str]) -> None:
        unread = streams - self._versions.keys()
        if len(unread) == 1:
            (stream,) = unread
            self._versions[stream] = self._connection.execute(_VERSION, (stream,)).fetchone()[0] or 0
        elif unread:
            found = self._connection.execute(VERSIONS, (msgspec.json.encode(list(unread)).decode(),))
            self._versions.update((stream, version or 0) for stream, version in found)

    def write(self) -> None:
        if self.facts:
            self._connection.executemany("INSERT INTO facts VALUES (?,?,?,?,?,?)", self.facts)
        if self.reference:
            self._connection.executemany("INSERT INTO reference_facts VALUES (?)", self.reference)
        if self.receipts:
            self._connection.executemany("INSERT INTO receipts VALUES (?,?,?,?,?,?,?,?)", self.receipts)


class GroupCommit:
    """The one writer of a log's file in this process; *reached* is told how far each commit took the log."""

    def __init__(self, connection: sqlite3.Connection, reached: Callable[[int], None]) -> None:
        self._connection = connection
        self._reached = reached
        self._lock = Lock()
        self._waiting: deque[_Pending] = deque()

    def append(
        self, appends: Sequence[Append], now: datetime, catalogue_position: int | None
    ) -> list[tuple[int, ...] | None]:
        """Write *appends* and return once they are durable; see `ledger.store.Store.append`."""
        pending = _Pending(appends, microseconds(now), catalogue_position)
        self._waiting.append(pending)
        with self._lock:
            if not pending.done:
                self._write_for_all()
        if pending.error is not None:
            raise StoreUnavailable(pending.error) if isinstance(pending.error, str) else pending.error
        return pending.results

    def close(self) -> None:
        """Close the connection once what is being written is written."""
        with self._lock:
            self._connection.close()

    def _write_for_all(self) -> None:
        """Write what waits in one commit. Whatever happens, nobody is left waiting."""
        group: list[_Pending] = []
        size = 0
        while self._waiting and size < _LARGEST_GROUP:
            group.append(self._waiting.popleft())
            size += len(group[-1].appends)
        try:
            with writing(self._connection):
                plan = _Plan(self._connection)
                for pending in group:
                    plan.take(pending)
                plan.write()
        except BaseException as error:
            for pending in group:
                pending.error = str(error)
            if not isinstance(error, StoreUnavailable):
                raise
        else:
            if plan.facts:
                self._reached(plan.head)
        finally:
            for pending in group:
                pending.done = True
