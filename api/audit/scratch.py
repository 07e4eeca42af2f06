"""
Views in a scratch directory, which is gone when they are done with, however that comes about.

A process that is killed outright removes nothing, so a small one beside it waits for its end and does.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType

from projections.views import Views

_SHELL = Path("/bin/sh")
# Its input ends when whoever holds the other end is gone, by whatever signal.
_WAITING = 'cat >/dev/null 2>&1; rm -rf -- "$0"'


@contextmanager
def scratch_views(keep: Path | None = None) -> Iterator[Views]:
    """Lend views over nothing yet, in files; in *keep*, where they stay when the block ends well."""
    if keep is not None:
        keep.mkdir(parents=True)
        with closing(Views(keep)) as views:
            yield views
        return
    with _directory() as directory, closing(Views(directory)) as views:
        yield views


@contextmanager
def _directory() -> Iterator[Path]:
    with _ended_by_signals():
        directory = Path(tempfile.mkdtemp(prefix="ledger-scratch-"))
        waiting = None
        if _SHELL.exists():
            waiting = subprocess.Popen(  # noqa: S603 -- our own words, and a directory just made
                [_SHELL, "-c", _WAITING, directory],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            if waiting is not None and waiting.stdin is not None:
                waiting.stdin.close()
                with suppress(subprocess.TimeoutExpired):
                    waiting.wait(10)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let what asks the process to end do so by way of the blocks that clean up."""
    if current_thread() is not main_thread():
        yield
        return
    before = {one: signal.signal(one, _ended) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _ended(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
