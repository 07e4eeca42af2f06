"""`ledger deadletters` and `ledger lag`: what was refused, what became of it, and how far everybody is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.commands import main
from consumers import originals
from consumers.intake import Intake
from ledger import Ledger
from tests.consumers.sending import LMS, Sent, assess, college, letters_in, submit
from tests.places import environment, settings_in

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Terminal:
    """A shell beside a ledger whose intake refused two judgements, for their evidence had not come."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.standing: list[Sent] = [assess("a1", offset=0), assess("a2", offset=1, evidence_id="e2")]
        ledger = college(directory)
        letters = letters_in(directory)
        letters.keep(Intake(ledger, [LMS]).handle(self.standing), NOW)
        letters.close()
        ledger.close()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment(settings_in(self.directory)))

    def answer(self, *arguments: str, exit_code: int = 0) -> Any:
        found = self.run(*arguments, "--json")
        assert exit_code == found.exit_code, found.output
        return json.loads(found.stdout)

    def send(self, *messages: Sent) -> None:
        ledger = Ledger.open(settings_in(self.directory))
        assert [] == Intake(ledger, [LMS]).handle(messages)
        ledger.close()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal(tmp_path)
    monkeypatch.setenv("LEDGER_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("LEDGER_INTAKE_SOURCES", LMS)
    monkeypatch.setattr(
        originals.Originals,
        "__call__",
        lambda *place: next((one for one in made.standing if one.offset == place[-1]), None),
    )
    return made


def test_letters_are_listed_and_shown(terminal: Terminal) -> None:
    listed = terminal.answer("deadletters", "list")["dead_letters"]

    assert [("a1", "waiting"), ("a2", "waiting")] == [(one["message_id"], one["state"]) for one in listed]
    assert listed[1] == terminal.answer("deadletters", "show", str(listed[1]["id"]))
    assert ["a2"] == [
        one["message_id"]
        for one in terminal.answer("deadletters", "list", "--after", str(listed[0]["id"]))["dead_letters"]
    ]
    assert "learner_ref names nobody here" in terminal.run("deadletters", "list").output


def test_skipping_takes_a_reason_and_is_done_once(terminal: Terminal) -> None:
    assert 2 == terminal.run("deadletters", "skip", "1").exit_code
    assert 2 == terminal.run("deadletters", "skip", "1", "--because", " ").exit_code
    assert {"skipped": [1]} == terminal.answer("deadletters", "skip", "1", "--because", "Sent by a test.")

    shown = terminal.answer("deadletters", "show", "1")
    assert ("skipped", "Sent by a test.") == (shown["state"], shown["because"])
    assert shown["decided_by"].startswith("local")
    again = terminal.run("deadletters", "skip", "1", "--because", "Again.")
    assert 2 == again.exit_code
    assert "decided" in again.output
    assert ["a1"] == [
        one["message_id"] for one in terminal.answer("deadletters", "list", "--state", "skipped")["dead_letters"]
    ]


def test_tried_again_messages_are_taken_when_they_can_be(terminal: Terminal) -> None:
    refused = terminal.answer("deadletters", "retry", "--all", exit_code=4)["retried"]
    assert [False, False] == [one["taken"] for one in refused]

    terminal.send(submit("s1"))
    assert [True, False] == [
        one["taken"] for one in terminal.answer("deadletters", "retry", "1", "2", exit_code=4)["retried"]
    ]
    terminal.send(submit("s2", evidence_id="e2"))
    assert [{"id": 2, "taken": True, "reason": None}] == terminal.answer("deadletters", "retry", "--all")["retried"]
    assert [] == terminal.answer("deadletters", "list")["dead_letters"]


def test_what_is_on_the_topic_no_more_is_said_so(terminal: Terminal) -> None:
    terminal.standing = []

    found = terminal.run("deadletters", "retry", "1")

    assert 4 == found.exit_code
    assert f"ask {LMS} to send it again" in found.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "77"), "There is no dead letter 77."),
        (("show", str(2**80)), "There is no dead letter"),
        (("retry",), "Name dead letters, or say --all."),
        (("retry", "1", "--all"), "Name dead letters, or say --all."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(terminal: Terminal, arguments: tuple[str, ...], words: str) -> None:
    found = terminal.run("deadletters", *arguments)

    assert 2 == found.exit_code
    assert words in found.output


def test_without_kafka_there_are_none(tmp_path: Path) -> None:
    college(tmp_path).close()
    at = environment(settings_in(tmp_path))

    listed = CliRunner().invoke(main, ["deadletters", "list", "--json"], env=at)
    retried = CliRunner().invoke(main, ["deadletters", "retry", "--all"], env=at)

    assert (0, 2) == (listed.exit_code, retried.exit_code)
    assert {"dead_letters": []} == json.loads(listed.stdout)
    assert "LEDGER_KAFKA" in retried.output


def test_lag_tells_how_far_everybody_is(tmp_path: Path) -> None:
    ledger = college(tmp_path)
    head = ledger.store.head()
    ledger.close()
    at = environment(settings_in(tmp_path))

    shown = json.loads(CliRunner().invoke(main, ["lag", "--json"], env=at).stdout)

    assert (head, [], 0) == (shown["position"], shown["unasked"], shown["dead_letters"])
    assert [("views", head), ("settle", head)] == [(one["follower"], one["behind"]) for one in shown["followers"]]
    assert (
        f"The log stands at position {head}; 0 dead letters wait." in CliRunner().invoke(main, ["lag"], env=at).output
    )


@pytest.mark.slow
def test_lag_says_which_follower_could_not_be_asked(terminal: Terminal) -> None:
    shown = terminal.answer("lag", exit_code=4)

    assert ["ledger-awarder", "ledger-intake"] == [one["follower"] for one in shown["unasked"]]
    assert 2 == shown["dead_letters"]
    assert "no Kafka broker answers at 127.0.0.1:1" in shown["unasked"][0]["reason"]
