"""The service and the demo as processes: they answer, they end when told, and imports go on beside them."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from api.commands import main
from tests.imports import files

pytestmark = pytest.mark.slow
PATIENCE_S = 10
LISTENING = re.compile(r"http://127\.0\.0\.1:\d+")


class Running:
    """A process of the command line that listens."""

    def __init__(self, process: subprocess.Popen[str], said: list[str], address: str) -> None:
        self.process = process
        self.said = said
        self.address = address

    def get(self, path: str, *, key: str | None = None) -> Any:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        request = urllib.request.Request(self.address + path, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def running(*arguments: str, until: str) -> Iterator[Running]:
    """Run the command line until it has said *until*; end it with SIGTERM, to which it exits with 0."""
    command = [sys.executable, "-m", "api.commands", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if until in line:
                break
        found = LISTENING.search("\n".join(said))
        assert found is not None, said
        yield Running(process, said, found.group())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/ledger.db"
    (tmp_path / "catalogue.json").write_bytes(files.catalogue())
    take_in(url, "catalogue", str(tmp_path / "catalogue.json"), "--by", "dora", "--approved-by", "board")
    return url


def take_in(url: str, *arguments: str) -> Any:
    found = CliRunner().invoke(main, ["--database", url, "import", *arguments, "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_the_service_answers_and_ends_when_told(database: str) -> None:
    with running("serve", "--database", database, "--port", "0", until="Listening") as service:
        assert service.get("/livez")["status"] == "live"
        assert service.get("/readyz")["status"] == "ready"
        assert service.get("/openapi.json")["openapi"].startswith("3.1")


def test_the_first_start_shows_a_key_once(database: str) -> None:
    key = re.compile(r"ldg_\S+")
    with running("serve", "--database", database, "--port", "0", until="Listening") as service:
        found = key.search("\n".join(service.said))
        assert found is not None
        assert "position" in service.get("/stats", key=found.group())
    with running("serve", "--database", database, "--port", "0", until="Listening") as service:
        assert key.search("\n".join(service.said)) is None


def test_a_file_is_imported_while_the_service_runs_on_the_same_ledger(database: str, tmp_path: Path) -> None:
    rows = [files.row(learner_ref=f"lea{number}", result="90") for number in range(40)]
    rows += [
        files.row(learner_ref=f"lea{number}", achievement="drilling", evidence_id="d", result="", outcome="met")
        for number in range(40)
    ]
    (tmp_path / "results.csv").write_bytes(files.results(*rows))
    with running("serve", "--database", database, "--port", "0", until="Listening") as service:
        key = re.search(r"ldg_\S+", "\n".join(service.said))
        assert key is not None
        done = take_in(database, "results", str(tmp_path / "results.csv"))
        stats = service.get(f"/stats?at_least={done['position']}", key=key.group())

    assert (done["recorded"], done["refused"]) == (80, 0)
    assert (stats["awards_live"], stats["milestones_live"]) == (80, 80)


def test_the_demo_s_tour_works_as_printed() -> None:
    with running("demo", "--port", "0", until="Ctrl-C") as demo:
        began = time.monotonic()
        tour = [line for line in demo.said if line.startswith("curl ")]
        progress, queue, judged = map(carried_out, tour[:3])
        transcript, why = map(carried_out, tour[3:])
        while len(transcript["awards"]) < 3 and time.monotonic() < began + PATIENCE_S:
            transcript = carried_out(tour[3])  # The milestone follows some milliseconds after the judgement.

    assert len([line for line in demo.said if "ldg_" in line and line.startswith("  ")]) == 11
    assert "Data Foundations" in json.dumps(progress)
    assert queue["items"]
    assert judged["stream"].startswith("learner-")
    assert {award["achievement_id"] for award in transcript["awards"]} == {
        "showing-data",
        "preparing-data",
        "data-foundations-badge",
    }
    assert why["achievement_id"] == "data-analyst-badge"


def test_a_kept_demo_starts_again(tmp_path: Path) -> None:
    for _ in range(2):
        with running("demo", "--port", "0", "--directory", str(tmp_path / "demo"), until="Ctrl-C") as demo:
            assert demo.get("/livez")["status"] == "live"


def carried_out(line: str) -> Any:
    """Carry out a `curl` line as a shell would, without curl."""
    words = shlex.split(line)
    assert words[:2] == ["curl", "-s"]
    headers, body, address = {}, None, ""
    rest = iter(words[2:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(rest).encode()
        else:
            address = word
    request = urllib.request.Request(address, body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)
