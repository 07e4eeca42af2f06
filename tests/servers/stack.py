"""
The processes of the Procfile over one PostgreSQL and one Kafka, each started again when it dies, as compose does.

What docker-compose.yml starts are the same commands; a test holds the two files to that.
"""

from __future__ import annotations

import base64
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self

from ledger.settings import PostgresUrls
from tests.servers import FailedToStart, free_port, kept, until

ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 0.1
_PAUSE_SECONDS = 0.2
_START_SECONDS = 90.0
_STOP_SECONDS = 20.0


def procfile() -> dict[str, list[str]]:
    """Return what each process runs, by name, as the Procfile says."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    named = dict(line.split(": ", 1) for line in lines if line.strip() and not line.startswith("#"))
    return {name: shlex.split(command) for name, command in named.items()}


def environment(database: PostgresUrls, bootstrap: str | None, **more: str) -> dict[str, str]:
    """Return the settings of a scaled ledger, with a key-encryption key of its own."""
    found = {
        "LEDGER_DATABASE_URL": database.log,
        "LEDGER_PRIVATE_DATABASE_URL": database.private,
        "LEDGER_KEK": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    return found | ({} if bootstrap is None else {"LEDGER_KAFKA": bootstrap}) | more


class _Running:
    """One process of the stack, through all its lives."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.lives = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [sys.executable, "-m", "api.commands", *command[1:]]
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.lives += 1
        kept.process(self.process, signal.SIGKILL)

    def ended(self) -> bool:
        assert self.process is not None
        if self.process.poll() is None:
            return False
        kept.ended(self.process.pid)
        return True


class Stack:
    """A scaled ledger on this machine; a context manager that leaves nothing running."""

    def __init__(
        self, environment: Mapping[str, str], directory: Path, counts: Mapping[str, int] | None = None, threads: int = 8
    ) -> None:
        signing = {"LEDGER_LOG_KEYS": str(directory / "log-keys"), "LEDGER_CHECKPOINTS": str(directory / "checkpoints")}
        self.environment = signing | dict(environment)
        self.ports: list[int] = []
        self._running: list[_Running] = []
        self._lock = Lock()
        self._closing = Event()
        self._keeper = Thread(target=self._start_the_dead, name="stack", daemon=True)
        directory.mkdir(parents=True, exist_ok=True)
        for name, command in procfile().items():
            for number in range((counts or {}).get(name, 1)):
                words = command
                if name == "api":
                    self.ports.append(free_port())
                    words = [part.replace("${PORT:-8000}", str(self.ports[-1])) for part in command]
                    words = [*words, "--threads", str(threads)]
                own = self.environment | {"LEDGER_INSTANCE": f"{name}-{number}"}
                self._running.append(_Running(name, words, own, directory / f"{name}-{number}.log"))

    @property
    def addresses(self) -> list[str]:
        """Where each API answers."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def start(self) -> None:
        """Migrate, start everything, and wait until every API is ready."""
        self.run("migrate")
        for one in self._running:
            one.begin()
        self._keeper.start()
        if not until(self.ready, _START_SECONDS):
            raise FailedToStart("the stack was not ready in time", self.log_tail())

    def run(self, *words: str) -> str:
        """Run one `ledger` command to its end, and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "api.commands", *words],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FailedToStart(f"ledger {' '.join(words)} exited with {done.returncode}", done.stdout + done.stderr)
        return done.stdout

    def ready(self) -> bool:
        """Whether every API says that it is."""
        return all(map(_answers, self.addresses))

    def kill(self, name: str, number: int = 0, how: signal.Signals = signal.SIGKILL) -> None:
        """Send one process a signal; it is started again."""
        with self._lock:
            one = [running for running in self._running if running.name == name][number]
            if one.process is not None and one.process.poll() is None:
                one.process.send_signal(how)

    def lives(self, name: str) -> int:
        """How often processes of that name were started."""
        return sum(one.lives for one in self._running if one.name == name)

    def log_tail(self) -> str:
        """The last that each process wrote."""
        tails = (
            f"-- {one.log.name}\n" + "\n".join(one.log.read_text(errors="replace").splitlines()[-12:])
            for one in self._running
            if one.log.exists()
        )
        return "\n".join(tails)

    def close(self) -> None:
        """End every process in good order, and kill what does not end."""
        self._closing.set()
        if self._keeper.is_alive():
            self._keeper.join()
        alive = [one.process for one in self._running if one.process is not None and one.process.poll() is None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            kept.ended(process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_the_dead(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                dead = [one for one in self._running if one.ended()]
            if dead and not self._closing.wait(_PAUSE_SECONDS):
                for one in dead:
                    one.begin()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False
