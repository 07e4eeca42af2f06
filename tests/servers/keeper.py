"""
Ends what a test process started once that process is gone, however it went: nothing runs after a kill -9.

A script of its own, of the standard library alone. It reads what to look after, a line each, and does away with all
of it when its input ends, which the system sees to whatever befalls the process at the other end:

    process 123 SIGQUIT     sent the signal, and SIGKILL if it stays
    directory /path         removed
    forget 123              it has ended, or has been removed
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PATIENCE_SECONDS = 5.0


def main() -> None:
    """Remember what is said until nothing more comes, then end it."""
    processes: dict[str, signal.Signals] = {}
    directories: dict[str, None] = {}
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "process":
            pid, _, name = rest.partition(" ")
            processes[pid] = signal.Signals[name]
        elif word == "directory":
            directories[rest] = None
        else:
            processes.pop(rest, None)
            directories.pop(rest, None)
    end({int(pid): asked for pid, asked in processes.items()})
    for directory in directories:
        remove(Path(directory))


def end(processes: dict[int, signal.Signals]) -> None:
    """Ask all processes to go, and kill those that did not in time."""
    for pid, asked in processes.items():
        _send(pid, asked)
    ends = time.monotonic() + _PATIENCE_SECONDS
    left = set(processes)
    while left and time.monotonic() < ends:
        left = {pid for pid in left if runs(pid)}
        time.sleep(0.01)
    for pid in left:
        _send(pid, signal.SIGKILL)


def remove(directory: Path) -> None:
    """Remove a server's directory, and the System V memory that a killed PostgreSQL leaves behind."""
    for noted in directory.glob("**/postmaster.pid"):
        with suppress(OSError, IndexError, ValueError):
            segment = int(noted.read_text().splitlines()[6].split()[1])
            ctypes.CDLL(None).shmctl(segment, 0, None)
    # The children of a killed PostgreSQL write until they notice; once is not always enough.
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.1)


def runs(pid: int) -> bool:
    """Say whether a process is at work; one that nobody has waited for yet has ended all the same."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()


def _send(pid: int, asked: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, asked)


if __name__ == "__main__":
    main()
