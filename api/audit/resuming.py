"""
A file in which a long audit notes how far it is, so that it goes on there after it was interrupted.

What was read before is not read again, so what was changed since then in that part is found by the next whole audit;
one is whole when it was not resumed. The file is taken away when the audit ends.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from api.audit.recomputing import State
from api.audit.source import Source
from ledger.transparency.faults import Malformed
from ledger.transparency.merkle import SIZE, Frontier
from ledger.transparency.tiles import WIDTH

_EVERY_S: Final = 5.0


class _Noted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    log: str
    state: State


class Notes:
    """The file *path*, about the log of *source*."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._source = source
        self._saved_at = monotonic()

    def begun(self) -> State:
        """Return where an earlier audit was interrupted; the beginning where there was none, or the tree is another."""
        try:
            noted = msgspec.json.decode(self._path.read_bytes(), type=_Noted)
        except FileNotFoundError:
            return State()
        except (msgspec.DecodeError, UnicodeError):
            msg = f"{self._path} holds no notes of an audit; name another file, or take it away."
            raise Malformed(msg) from None
        if noted.log != self._source.name:
            msg = f"{self._path} holds notes of the audit of {noted.log}; name another file, or take it away."
            raise Malformed(msg)
        return noted.state if self._still(noted.state) else State()

    def note(self, state: State) -> None:
        """Note where the audit is, every few seconds."""
        if state.facts != state.size or monotonic() - self._saved_at < _EVERY_S:
            return
        self._saved_at = monotonic()
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(_Noted(log=self._source.name, state=state)))
        draft.replace(self._path)

    def over(self) -> None:
        """Take the file away."""
        self._path.unlink(missing_ok=True)

    def _still(self, state: State) -> bool:
        """Whether the tree that is kept is still the one that was made again."""
        whole = state.facts == state.size and not state.size % WIDTH and len(state.tops) == state.size // WIDTH * SIZE
        if not whole or self._source.tree.size() < state.size:
            return False
        try:
            return Frontier(state.size, state.parts).root() == self._source.tree.root(state.size)
        except ValueError:
            return False
