"""What compose starts is what the Procfile names and the tests start; both keep to what makes containers safe."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.commands.run import NAMES
from consumers.processes import PROCESSES
from tests.servers import Unavailable
from tests.servers import compose as compose_file
from tests.servers.stack import procfile

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SECRETS = ("LEDGER_KEK", "OWNER_PASSWORD", "APPLICATION_PASSWORD")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return found


def test_compose_starts_the_processes_of_the_procfile(compose: dict[str, Any]) -> None:
    named = procfile()

    assert {"postgres", "kafka", "migrate", *named} == set(compose["services"])
    for name, command in named.items():
        ours, theirs = command[1:], compose["services"][name]["command"]
        assert "ledger" == command[0]
        assert [word for word in ours if not word.startswith(("-", "$"))] == [
            word for word in theirs[: len(ours)] if not word.startswith("-") and not word[0].isdigit()
        ]
    assert NAMES == tuple(PROCESSES) == tuple(name for name in named if name != "api")


def test_every_container_is_pinned_watched_and_nobody_in_particular(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["user"] not in {"root", "0"}
        assert re.fullmatch(r"[a-z/-]+:[0-9]+(\.[0-9]+)+(-[a-z]+)?", service["image"])
        assert ("healthcheck" in service) is (name != "migrate")
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert all(re.search(r":3\.11\.[0-9]+-slim", image) for image in images)
    assert "USER 10001" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_secrets_are_asked_for_and_never_written_down(compose: dict[str, Any]) -> None:
    text = COMPOSE.read_text(encoding="utf-8")

    for secret in SECRETS:
        assert f"${{{secret}:?" in text
    assert not re.search(r"PASSWORD:\s+[^$\s]", text)


@pytest.mark.slow
def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    try:
        reader = compose_file.reader()
    except Unavailable as reason:
        pytest.skip(str(reason))
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text(encoding="utf-8").replace("service_healthy", "service_lively"))

    assert 0 == subprocess.run([*reader, str(COMPOSE)], capture_output=True, check=False).returncode
    assert 0 != subprocess.run([*reader, str(broken)], capture_output=True, check=False).returncode
