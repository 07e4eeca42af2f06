"""What all tests share: temporary ledgers in memory-backed files where the machine has room for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 4 * 2**30


def pytest_configure() -> None:
    """Put temporary files where nobody waits for a disk; that a disk is asked to be durable stays tested."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
