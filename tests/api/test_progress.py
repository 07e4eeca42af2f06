"""Progress bars are for eyes: drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from api.commands.progress import progress


class Stderr(io.StringIO):
    """A stderr that is a terminal, or is not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "kind", "drawn"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_a_bar_is_drawn_where_somebody_watches(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, kind: str, drawn: bool
) -> None:
    stderr = Stderr(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", kind)

    with progress("reading") as tell:
        tell(1, 2)
        tell(2, 2)

    assert drawn is ("reading" in stderr.getvalue())
    assert drawn is bool(stderr.getvalue())
