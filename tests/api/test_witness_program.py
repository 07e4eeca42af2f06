"""`ledger witness`: the program that a partner runs, from its first start to what it shows an auditor."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.commands import main
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import opened
from ledger.transparency.witness import LARGEST_REQUEST, SIZE_TYPE
from tests.ledger.transparency.witnessed import SIGNER, Grown

LOG = Grown(40)


def run(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["witness", *arguments, "--directory", str(directory)])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = run(tmp_path, "init", "witness.example/w1", "--log", str(SIGNER.verifier))
    assert 0 == made.exit_code, made.output
    return tmp_path


@contextmanager
def serving(directory: Path) -> Iterator[int]:
    program = [sys.executable, "-m", "api.commands", "witness", "run", "--port", "0", "--directory", str(directory)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    said = re.search(r":(\d+)$", process.stdout.readline())
    assert said is not None
    try:
        yield int(said[1])
    finally:
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(10)
        process.stdout.close()


def post(port: int, data: bytes, path: str = "/add-checkpoint") -> tuple[int, str | None, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, data)
    response = connection.getresponse()
    answer = (response.status, response.getheader("content-type"), response.read().decode())
    connection.close()
    return answer


@pytest.mark.slow
def test_a_witness_cosigns_over_http_and_remembers_through_a_restart(directory: Path) -> None:
    key = notes.read_key(run(directory, "key").stdout.strip())
    with serving(directory) as port:
        status, _, line = post(port, bytes(LOG.request(0, 20)))
        whole = notes.with_signatures(LOG.note(20), [notes.read_signature(line)])

        assert (200, [key]) == (status, notes.verified(whole, [key]))
        assert 404 == post(port, b"", "/other")[0]
        assert 413 == post(port, b"o" * (LARGEST_REQUEST + 1))[0]
    with serving(directory) as port:
        assert (409, SIZE_TYPE, "20\n") == post(port, bytes(LOG.request(0, 30)))
        assert 422 == post(port, bytes(Grown(40, fork=3).request(20, 30)))[0]
        assert 200 == post(port, bytes(LOG.request(20, 30)))[0]
    seen, note = opened(run(directory, "seen").stdout.encode(), [SIGNER.verifier])

    assert (30, LOG.checkpoint(30).root) == (seen.size, seen.root)
    assert [key] == notes.verified(note, [key])


def test_the_key_is_shown_and_made_only_once(directory: Path) -> None:
    again = run(directory, "init", "witness.example/w1")

    assert re.fullmatch(r"witness\.example/w1\+[0-9a-f]{8}\+\S+\n", run(directory, "key").stdout)
    assert (2, True) == (again.exit_code, "holds a key already" in again.stderr)


@pytest.mark.parametrize("logs", ["", "# none\n", "nonsense\n", "witness.example/w1+00000000+AAAA\n"])
def test_without_a_log_that_it_can_read_a_witness_does_not_start(directory: Path, logs: str) -> None:
    (directory / "logs").write_text(logs, "utf-8")
    found = run(directory, "run", "--port", "0")

    assert (2, 1) == (found.exit_code, found.stderr.count("\n"))


@pytest.mark.parametrize("arguments", [("key",), ("seen",), ("run",), ("init", "a name")])
def test_before_there_is_a_witness_the_answer_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    found = run(tmp_path, *arguments)

    assert (2, 1) == (found.exit_code, found.stderr.count("\n"))
    assert "Traceback" not in found.output


@pytest.mark.parametrize("spoilt", ["a directory", "no database"])
def test_what_was_seen_that_cannot_be_read_is_one_sentence(directory: Path, spoilt: str) -> None:
    seen = directory / "seen.db"
    if spoilt == "a directory":
        seen.mkdir()
    else:
        seen.write_text("nonsense" * 99, "utf-8")
    for command in (["seen"], ["run", "--port", "0"]):
        found = run(directory, *command)

        assert 2 == found.exit_code, found.output
        assert f"Error: {seen} cannot be used" in found.stderr
        assert "begin anew with a new key" in found.stderr
