"""README's tour, walked as it is written, and what the page about auditing does with its ledger."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.console import Shell, Step, fits, steps

ROOT = Path(__file__).parents[2]
TOUR = steps((ROOT / "README.md").read_text("utf-8"))
OVER_HTTP = [step for step in TOUR if "$LEDGER" in step.command]
ON_THE_COMMAND_LINE = [step for step in TOUR if step not in OVER_HTTP]
AUDITED = steps((ROOT / "docs/auditing.md").read_text("utf-8"))

pytestmark = pytest.mark.slow


class Demo(NamedTuple):
    """A running demo: its environment for a shell, and the commands it suggests."""

    environment: dict[str, str]
    suggested: list[str]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    programs = tmp_path / "programs"
    programs.mkdir()
    ledger = programs / "ledger"
    ledger.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m api.commands "$@"\n', "utf-8")
    ledger.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return {**kept, "PATH": f"{programs}:{kept['PATH']}", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def demo(tmp_path: Path, environment: dict[str, str]) -> Iterator[Demo]:
    with subprocess.Popen(
        ["ledger", "demo", "--port", "0", "--directory", tmp_path / "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        welcome = ""
        for line in process.stdout:
            welcome += line
            if line.startswith("Stop"):
                break
        keys = {role.upper(): key for role, key in re.findall(r"^ +(\w+) +(ldg_\S+)", welcome, re.MULTILINE)}
        address = re.findall(r"http://[^\s,]+", welcome)[0]
        suggested = [line for line in welcome.splitlines() if line.startswith("curl")]
        yield Demo({**environment, **keys, "LEDGER": address}, suggested)
        process.send_signal(signal.SIGTERM)


def test_the_tour_on_the_command_line_prints_what_it_says(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")

    assert AUDITED
    assert [] == differing([*ON_THE_COMMAND_LINE, *AUDITED], tmp_path, environment)


def test_the_tour_over_http_prints_what_it_says(tmp_path: Path, demo: Demo) -> None:
    assert [] == differing(OVER_HTTP, tmp_path, demo.environment)


def test_the_tour_that_the_demo_prints_works(tmp_path: Path, demo: Demo) -> None:
    shell = Shell(tmp_path, demo.environment)
    failing = [line for line in demo.suggested if not shell.run(line.replace("curl -s", "curl -sSf")).startswith("{")]
    shell.close()

    assert 5 == len(demo.suggested)
    assert [] == failing


def differing(tour: list[Step], directory: Path, environment: dict[str, str]) -> list[tuple[Step, str]]:
    """Return the steps that print something else than is written, with what they print."""
    assert tour
    shell = Shell(directory, environment)
    printed = [(step, shell.run(step.command)) for step in tour]
    shell.close()
    return [(step, said) for step, said in printed if not fits(step.output, said)]
