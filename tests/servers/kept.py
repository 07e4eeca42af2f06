"""Processes and directories that end with this process, however it ends: a keeper beside it sees to that."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.servers import keeper

_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 2 * 2**30
_lock = threading.Lock()
_keeper: subprocess.Popen[str] | None = None
_keeper_of: int | None = None


def directory(name: str, *, on_disk: bool = False) -> Path:
    """Make a directory that will be removed; in memory where there is room, unless it has to be *on_disk*."""
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    made = Path(tempfile.mkdtemp(prefix=f"ledger-test-{name}-", dir=_MEMORY if in_memory and not on_disk else None))
    _tell(f"directory {made}")
    return made


def process(started: subprocess.Popen[bytes], ends_by: signal.Signals) -> None:
    """See to it that a process ends; *ends_by* is the signal on which it drops everything and goes."""
    _tell(f"process {started.pid} {ends_by.name}")


def ended(pid: int) -> None:
    """Forget a process that was waited for: its number may become another's."""
    _tell(f"forget {pid}")


def remove(path: Path) -> None:
    """Remove a directory before its time."""
    keeper.remove(path)
    _tell(f"forget {path}")


def end_all() -> None:
    """End everything now, and wait for that."""
    global _keeper  # noqa: PLW0603
    with _lock:
        if _keeper is not None and _keeper_of == os.getpid():
            _keeper.communicate()
        _keeper = None


def _tell(line: str) -> None:
    global _keeper, _keeper_of  # noqa: PLW0603
    with _lock:
        if _keeper is None or _keeper_of != os.getpid():
            # A session of its own: Ctrl-C is for the tests, the keeper has work to do after it.
            command = [sys.executable, "-I", keeper.__file__]
            _keeper = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
            _keeper_of = os.getpid()
            atexit.register(end_all)
        assert _keeper.stdin is not None
        _keeper.stdin.write(line + "\n")
        _keeper.stdin.flush()
