"""What streams were folded into, kept for the streams last used."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple


class Known(NamedTuple):
    """The state that a stream was folded into, the version it was at, and the position of its last fact."""

    state: Any
    version: int
    position: int


class Memory:
    """
    The states of the streams last used.

    They may be behind the store, where another process or thread wrote: an append on one that is behind is refused
    by the store, and a refusal or a "nothing new" that rests on one is looked at again.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = Lock()

    def get(self, stream: str) -> Known | None:
        """Return what is remembered of *stream*."""
        with self._lock:
            known = self._known.get(stream)
            if known is not None:
                self._known.move_to_end(stream)
            return known

    def put(self, stream: str, known: Known) -> None:
        """Remember *known*, unless something later is remembered already."""
        with self._lock:
            before = self._known.get(stream)
            if before is None or before.version <= known.version:
                self._known[stream] = known
                self._known.move_to_end(stream)
                if len(self._known) > self._size:
                    self._known.popitem(last=False)
