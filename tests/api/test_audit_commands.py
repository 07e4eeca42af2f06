"""`ledger audit …` at the command line: what it answers, and what it exits with."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.commands import main
from tests.api.conftest import Service
from tests.places import environment, in_files, settings_in


class Terminal:
    """A shell in a directory with a ledger in which somebody earned something."""

    def __init__(self, directory: Path) -> None:
        self.environment = environment(settings_in(directory))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=self.environment)

    def answer(self, *arguments: str) -> Any:
        found = self.run(*arguments, "--json")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)


@pytest.fixture
def shell(service: Service, tmp_path: Path) -> Terminal:
    service.publish("mig")
    service.award(service.learner("S-001"), "mig")
    return Terminal(tmp_path)


def test_a_replay_shows_totals_the_hash_and_a_transcript(shell: Terminal, service: Service) -> None:
    head = service.ledger.store.head()

    found = shell.answer("audit", "replay", "--at", str(head), "--learner", "S-001")

    assert (head, 1, 1) == (found["position"], found["totals"]["awards_live"], len(found["transcript"]["awards"]))


@in_files
def test_views_are_compared_and_tampering_exits_with_3(shell: Terminal, tmp_path: Path) -> None:
    assert shell.answer("audit", "compare")["same"]
    current = next(tmp_path.rglob("current"))
    with closing(sqlite3.connect(current.with_name(current.read_text().strip()), isolation_level=None)) as connection:
        connection.execute("UPDATE award_register SET status = 'revoked'")

    found = shell.run("audit", "compare")

    assert 3 == found.exit_code
    assert "status is 'revoked', from the facts 'live'" in found.stdout


def test_facts_are_searched_and_moments_compared(shell: Terminal, service: Service) -> None:
    head = service.ledger.store.head()

    facts = shell.answer("audit", "search", "type:achievement.awarded", "learner:S-001")["items"]
    changes = shell.answer("audit", "diff", "--from", "1", "--to", str(head), "--learner", "S-001")["learners"]
    why = shell.answer("why", "--learner", "S-001", "--achievement", "mig")

    assert ["achievement.awarded.v1"] == [fact["type"] for fact in facts]
    assert ["gained"] == [award["change"] for one in changes for award in one["awards"]]
    assert why["holds"]


def test_reads_at_the_terminal_are_recorded(shell: Terminal, service: Service) -> None:
    shell.answer("audit", "search", "type:achievement.awarded")
    shell.answer("audit", "search", "type:achievement.awarded")

    streams = [one.stream for one in service.ledger.store.read_log(0, 10_000)]
    assert 1 == sum(stream.startswith("audit-local.") for stream in streams)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("audit", "replay", "--at", "99999"), 4, "beyond the log"),
        (("audit", "replay", "--at", "2026-01-01T10:00:00"), 4, "offset"),
        (("audit", "replay", "--at", "last week"), 4, "must be a position"),
        (("audit", "replay", "--at", "1", "--learner", "S-001"), 4, "nothing was known"),
        (("audit", "replay", "--at", "1", "--learner", "nobody"), 2, "No learner is known"),
        (("audit", "diff", "--from", "9", "--to", "1"), 4, "after the second"),
        (("audit", "search", "colour:red"), 2, "There is no term colour:"),
        (("why", "--learner", "S-001"), 2, "Name an award"),
        (("why", "--learner", "S-001", "--achievement", "none"), 2, "There is no achievement none"),
    ],
)
def test_what_cannot_be_asked_gets_one_sentence(
    shell: Terminal, arguments: tuple[str, ...], code: int, says: str
) -> None:
    found = shell.run(*arguments)

    assert (code, True) == (found.exit_code, says.lower() in found.stderr.lower()), found.stderr
    assert "Traceback" not in found.output
