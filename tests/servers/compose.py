"""Docker Compose's own reader of compose files, without Docker: `docker compose`, or the library it is made of."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers import Unavailable, maven

VERSION = "v2.16.2"
_MODULE = f"github.com/compose-spec/compose-go/v2/cmd@{VERSION}"


def reader() -> list[str]:
    """Return the command that a compose file is given to; built once, into the cache, where Go is at hand."""
    if shutil.which("docker") and _succeeds(["docker", "compose", "version"]):
        return ["docker", "compose", "config", "--quiet", "--no-interpolate", "--file"]
    directory = maven.cache().parent / f"compose-go-{VERSION}"
    return [str(_built(directory)), "-no-interpolation"]


def _built(directory: Path) -> Path:
    binary = directory / "cmd"
    go = shutil.which("go")
    if not binary.exists() and go is None:
        raise Unavailable("there is neither docker compose nor Go to build its reader of compose files with")
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            assert go is not None
            made = directory / "new"
            done = subprocess.run(
                [go, "install", _MODULE],
                env=os.environ | {"GOBIN": str(made), "GOFLAGS": "-mod=mod"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise Unavailable(f"{_MODULE} cannot be built: {done.stderr.strip().splitlines()[-1]}")
            (made / "cmd").replace(binary)
    return binary


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
