"""
Lets messages be read whose headers have names that are not UTF-8.

kafka-python (3.0.12) fails at such a message, at every attempt, and at those after it in its batch: one sender could
stop a consumer for good. Importing this module mends it: such bytes stand escaped in the name.
A test shows that the library still needs it.
"""

from __future__ import annotations

from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch


class _Text(bytes):
    """Bytes that can always be decoded."""

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _Lenient:
    """A buffer whose slices can always be decoded; it copies nothing else."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def __getitem__(self, place: int | slice) -> Any:
        found = self._buffer[place]
        return _Text(found) if isinstance(place, slice) else found


class Batch(DefaultRecordBatch):  # type: ignore[misc]
    """The library's batch of messages, which reads what it fails at once more, leniently."""

    def _read_msg(self, *args: Any) -> Any:
        try:
            return super()._read_msg(*args)
        except UnicodeDecodeError:
            strict: Any = self._buffer
            self._buffer: Any = _Lenient(strict)
            try:
                return super()._read_msg(*args)
            finally:
                self._buffer = strict


memory_records.DefaultRecordBatch = Batch
