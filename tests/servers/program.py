"""A server's process: started until it answers, stopped or killed, and started again on the same files and port."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.servers import FailedToStart, kept, until

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


class Program:
    """What runs *command* in *directory*, and its log there; ends with this process."""

    def __init__(
        self,
        name: str,
        directory: Path,
        command: Sequence[str],
        *,
        answers: Callable[[], bool],
        stops_by: signal.Signals,
        drops_all_by: signal.Signals = signal.SIGKILL,
        **run_as: Any,
    ) -> None:
        self.name = name
        self.directory = directory
        self.log = directory / "server.log"
        self._command = list(command)
        self._answers = answers
        self._stops_by = stops_by
        self._drops_all_by = drops_all_by
        self._run_as = run_as
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process, from start to end."""
        return self._process.pid if self._process is not None else None

    @property
    def log_tail(self) -> str:
        """The last of what the server wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:]) if self.log.exists() else ""

    def start(self) -> None:
        """Start, and wait until it answers; nothing to do when it runs."""
        if self._process is not None:
            return
        self._begin()
        if not until(self._answers_or_begins_anew, _START_SECONDS):
            self.end(signal.SIGKILL)
            raise FailedToStart(f"{self.name} did not start within {_START_SECONDS:.0f} s", self.log_tail)

    def stop(self) -> None:
        """Shut down in good order."""
        self.end(self._stops_by)

    def kill(self) -> None:
        """Kill it, as one `kill -9` does."""
        self.end(signal.SIGKILL)

    def remove(self) -> None:
        """End it, and remove its directory."""
        self.end(self._drops_all_by)
        kept.remove(self.directory)

    def end(self, how: signal.Signals) -> None:
        """End the process by a signal, and by SIGKILL when that takes too long."""
        ending, self._process = self._process, None
        if ending is None:
            return
        ending.send_signal(how)
        try:
            ending.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            ending.kill()
            ending.wait()
        kept.ended(ending.pid)

    def _begin(self) -> None:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is for the tests, which then end their servers.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
                **self._run_as,
            )
        kept.process(self._process, self._drops_all_by)

    def _answers_or_begins_anew(self) -> bool:
        """Ask it; one that gave up is begun anew, for what a killed one held may not be free yet."""
        assert self._process is not None
        if self._process.poll() is None:
            return self._answers()
        self.end(signal.SIGKILL)
        self._begin()
        return False
