"""
A group of appends as one transaction on an SQLite file: what conflicts is left out, the others are written.

It is worked out on the one connection that writes, under the write lock, so that nothing can come between.
The transparency log's tree grows in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from ledger.group_commit import Pending
from ledger.sqlite_file import writing
from ledger.store import Append, CatalogueMoved, KeyedReceipt, is_reference
from ledger.transparency.sqlite_tree import SQLiteTree

VERSIONS = "SELECT value, (SELECT max(originator_version) FROM facts WHERE originator_id = value) FROM json_each(?)"
_VERSION = "SELECT max(originator_version) FROM facts WHERE originator_id = ?"
_HEADS = """
SELECT position, recorded_at, (SELECT max(position) FROM reference_facts) FROM facts ORDER BY position DESC LIMIT 1
"""
_KEY_TAKEN = "SELECT 1 FROM receipts WHERE principal = ? AND key = ?"


class SQLiteWriter:
    """Writes groups of appends on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._tree = SQLiteTree(connection)

    def write(self, group: Sequence[Pending]) -> int:
        """Write what of *group* can be written, answer each, and return the position of the last fact, 0 if none."""
        try:
            with writing(self.connection):
                plan = _Plan(self.connection, self._tree)
                for pending in group:
                    plan.take(pending)
                plan.write()
        except BaseException:
            self._tree.undone()
            raise
        return plan.head if plan.facts else 0

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class _Plan:
    """What one transaction is to write."""

    def __init__(self, connection: sqlite3.Connection, tree: SQLiteTree) -> None:
        self._connection = connection
        self._tree = tree
        heads: tuple[int, int, int | None] = connection.execute(_HEADS).fetchone() or (0, 0, None)
        self.head = self._before = heads[0]
        self._in_tree = tree.size(self._before)
        self._recorded_us = heads[1]
        self._reference_head = heads[2] or 0
        self._versions: dict[str, int] = {}
        self._keys: set[tuple[str, str]] = set()
        self.facts: list[tuple[int, str, int, str, bytes, int]] = []
        self.reference: list[tuple[int]] = []
        self.receipts: list[KeyedReceipt] = []

    def take(self, pending: Pending) -> None:
        """Plan the appends of one caller, or note why they are not to be written."""
        if pending.catalogue_position is not None and self._reference_head > pending.catalogue_position:
            pending.error = CatalogueMoved(self._reference_head)
            return
        if not pending.decided(self.head):
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
            self._tree.grow(self._in_tree, self._before, self.facts)
        if self.reference:
            self._connection.executemany("INSERT INTO reference_facts VALUES (?)", self.reference)
        if self.receipts:
            self._connection.executemany("INSERT INTO receipts VALUES (?,?,?,?,?,?,?,?)", self.receipts)
