"""A progress bar on stderr for long work, where somebody watches: files, programs and dumb terminals get none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[int, int], None]


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Yield a function that takes how much is done, and how much there is."""
    bar = None
    done_before = 0

    def tell(done: int, of: int) -> None:
        nonlocal bar, done_before
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return
        if bar is None:
            bar = click.progressbar(length=max(of, 1), label=label, file=sys.stderr, show_pos=True)
            bar.__enter__()
        bar.length = max(of, 1)
        bar.update(done - done_before)
        done_before = done

    try:
        yield tell
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)
