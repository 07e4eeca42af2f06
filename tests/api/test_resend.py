"""`ledger resend`: what was sent to Kafka is sent again, by whoever relays."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.commands import main
from consumers.positions import Positions
from tests.consumers.sending import college
from tests.places import environment, settings_in

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    college(tmp_path).close()
    with closing(Positions.of_ledger(settings_in(tmp_path))) as positions:
        positions.save("relay", 9)
        positions.save("transcripts", 4)
    at = environment(settings_in(tmp_path)) | {"LEDGER_KAFKA": "127.0.0.1:1"}
    return lambda *arguments: CliRunner().invoke(main, ["resend", *arguments], env=at)


def _positions(directory: Path) -> dict[str, int]:
    with closing(Positions.of_ledger(settings_in(directory))) as positions:
        return {name: position for name, position in positions.all().items() if name in {"relay", "transcripts"}}


def test_it_says_what_comes_again_and_who_sends_it(run: Run, tmp_path: Path) -> None:
    said = run("--after", "3")

    assert 0 == said.exit_code, said.output
    assert "relay had sent up to position 9; 6 facts after position 3 come again." in said.output
    assert "transcripts had sent up to position 4; 1 facts" in said.output
    assert "The relay and the sequencer send them when they run; `ledger lag` says how far they are." in said.output
    assert {"relay": 3, "transcripts": 3} == _positions(tmp_path)


def test_without_a_position_everything_comes_again_and_said_twice_it_is_nothing_more(run: Run, tmp_path: Path) -> None:
    first, again = (json.loads(run("--json").stdout) for _ in range(2))

    assert {"relay": 9, "transcripts": 4} == first["taken_back"]
    assert {} == again["taken_back"]
    assert {"relay": 0, "transcripts": 0} == _positions(tmp_path)
    assert "Nothing after position 0 was sent; the relay goes on as it would." in run().output


def test_a_ledger_that_sends_nothing_to_kafka_says_so(tmp_path: Path) -> None:
    college(tmp_path).close()

    said = CliRunner().invoke(main, ["resend"], env=environment(settings_in(tmp_path)))

    assert 2 == said.exit_code
    assert "LEDGER_KAFKA" in said.output


@pytest.mark.parametrize("after", ["-1", "x", str(2**63)])
def test_what_is_no_position_is_refused(run: Run, tmp_path: Path, after: str) -> None:
    assert 2 == run("--after", after).exit_code
    assert {"relay": 9, "transcripts": 4} == _positions(tmp_path)
