"""The `ledger` command line: what it answers, and what it exits with."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.commands import main
from ledger.identities import Identities
from tests.imports import files

FRAMEWORK = {"identifier": "f", "uri": "https://case.example/f", "title": "Framework", "creator": "us"}
HOLDS_NOTHING = json.dumps({"CFDocument": FRAMEWORK, "CFItems": []}).encode()
BREAKS_A_RULE = files.catalogue(achievements=[])
"""Readable, but its stacks name what is nowhere defined."""


class Terminal:
    """A shell in a directory with a ledger."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = f"sqlite:///{directory}/ledger.db"

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--database", self.database, *arguments])

    def answer(self, *arguments: str) -> Any:
        found = self.run(*arguments, "--json")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    def file(self, name: str, content: bytes) -> str:
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def take_in(self, *rows: dict[str, str]) -> Any:
        return self.answer("import", "results", self.file("results.csv", files.results(*rows)))


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def college(shell: Terminal) -> Terminal:
    name = shell.file("catalogue.json", files.catalogue())
    shell.answer("import", "catalogue", name, "--by", "dora", "--approved-by", "board")
    return shell


def drilled(**cells: str) -> dict[str, str]:
    return files.row(achievement="drilling", evidence_id="d1", result="", outcome="met") | cells


def test_every_command_says_what_it_is_for(shell: Terminal) -> None:
    for name in main.list_commands(None):  # type: ignore[arg-type]
        found = shell.run(name, "--help")

        assert found.exit_code == 0
        assert "--help" in found.stdout


def test_help_is_quick() -> None:
    loaded = (
        "import sys; from api.commands import main;main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert "'click'" in found.stdout
    assert not any(f"'{slow}'" in found.stdout for slow in ("flask", "eventsourcing", "marshmallow", "cryptography"))


def test_an_empty_ledger_is_made_once(shell: Terminal) -> None:
    assert shell.answer("init")["position"] == 0
    assert shell.run("init").exit_code == 0


@pytest.mark.parametrize(
    "arguments", [("stats",), ("awards",), ("batches", "list"), ("doctor",), ("rebuild",), ("serve",)]
)
def test_without_a_ledger_the_answer_is_one_sentence(shell: Terminal, arguments: tuple[str, ...]) -> None:
    found = shell.run(*arguments)

    assert found.exit_code == 2
    assert "There is no ledger at" in found.stderr
    assert "Traceback" not in found.output
    assert not (shell.directory / "ledger.db").exists()


def test_the_database_may_be_named_before_or_after_the_subcommand(shell: Terminal) -> None:
    shell.answer("init")

    assert CliRunner().invoke(main, ["stats", "--database", shell.database]).exit_code == 0
    assert CliRunner().invoke(main, ["stats"], env={"LEDGER_DATABASE_URL": shell.database}).exit_code == 0
    assert CliRunner().invoke(main, ["batches", "list", "--database", shell.database]).exit_code == 0


def test_imports_return_once_chains_of_milestones_are_recorded(college: Terminal) -> None:
    done = college.take_in(files.row(result="90"), drilled())
    found = college.answer("awards")

    assert (done["recorded"], done["refused"]) == (2, 0)
    assert [item["achievement"] for item in found["items"]] == ["filing", "drilling", "fitter-badge", "twice-badge"]
    assert {(item["learner_ref"], item["status"]) for item in found["items"]} == {("lea", "live")}
    assert college.answer("stats")["milestones_live"] == 2


def test_stats_count_awards_apart_from_milestones(college: Terminal) -> None:
    college.take_in(files.row(), drilled(), files.row(learner_ref="leo", result="", outcome="", evidence_id="e2"))
    stats = college.answer("stats")

    assert stats == stats | {"learners": 2, "evidence": 3, "assessments": 2, "queue": 1}
    assert stats == stats | {"awards_live": 2, "milestones_live": 1, "awards_revoked": 0}
    assert stats["position"] > 0


def test_a_dry_run_records_nothing(college: Terminal) -> None:
    before = college.answer("stats")["position"]
    name = college.file("results.csv", files.results(files.row(), files.row(submitted_at="soon")))
    found = college.answer("import", "results", name, "--dry-run")

    assert (found["dry_run"], found["recorded"], found["refused"], found["batch_id"]) == (True, 1, 1, None)
    assert college.answer("stats")["position"] == before


def test_the_report_has_a_line_per_row(college: Terminal) -> None:
    report = college.directory / "report.csv"
    name = college.file("results.csv", files.results(files.row(), files.row(submitted_at="soon")))
    found = college.run("import", "results", name, "--report", str(report))
    with report.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))

    assert found.exit_code == 0
    assert [(row["line"], row["code"]) for row in rows] == [("2", "recorded"), ("3", "invalid")]
    assert rows[1]["sentence"].startswith("submitted_at must be")


@pytest.mark.parametrize(
    "name",
    ["results.csv", "ledger.db", "ledger.db-wal", "ledger-keys.db", "ledger-identities.db", "ledger-followers.db",
     "ledger.kek", "ledger-views/report.csv", "link.csv", "hard.csv", "nowhere/report.csv"],
)  # fmt: skip
def test_a_report_never_overwrites_the_input_or_a_file_of_the_ledger(college: Terminal, name: str) -> None:
    source = college.file("results.csv", files.results(files.row()))
    (college.directory / "link.csv").symlink_to(college.directory / "ledger.db")
    (college.directory / "hard.csv").hardlink_to(college.directory / "ledger-keys.db")
    before = college.answer("stats")["position"]

    found = college.run("import", "results", source, "--report", str(college.directory / name))

    assert found.exit_code == 2
    assert "report" in found.stderr
    assert college.answer("stats")["position"] == before
    assert Path(source).read_bytes() == files.results(files.row())
    assert college.answer("doctor")["well"]


def test_file_names_are_written_as_they_are_also_where_a_sentence_begins(
    shell: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shell.directory)
    bad, good = "bad.csv", "good.csv"
    shell.file(bad, b"nothing,of,the,kind\r\n")
    shell.file(good, files.results(files.row()))
    with closing(sqlite3.connect("other.db")) as connection:
        connection.execute("CREATE TABLE something (other INTEGER)")
    shell.answer("init")
    Path("ledger.kek").chmod(0o644)

    said = [
        CliRunner().invoke(main, ["import", "results", name, "--database", f"sqlite:///{database}"]).stderr
        for name, database in ((bad, "ledger.db"), (good, "other.db"), (good, "ledger.db"))
    ]

    assert ["bad.csv:", "other.db", "ledger.kek"] == [one.removeprefix("Error: ").split(" ")[0] for one in said]


@pytest.mark.parametrize(
    ("kind", "content", "more"),
    [
        ("results", b"nothing,of,the,kind\r\n", ()),
        ("results", b"\xff\xfe", ()),
        ("catalogue", b"{}}", ("--by", "a", "--approved-by", "b")),
        ("catalogue", files.catalogue(), ("--by", "a", "--approved-by", "a")),
        ("catalogue", BREAKS_A_RULE, ("--by", "a", "--approved-by", "b")),
        ("case", b'{"CFItems": []}', ()),
        ("case", HOLDS_NOTHING, ()),
    ],
)
def test_an_unusable_file_exits_with_2_and_leaves_no_trace(
    shell: Terminal, kind: str, content: bytes, more: tuple[str, ...]
) -> None:
    found = shell.run("import", kind, shell.file("file", content), *more)

    assert found.exit_code == 2
    assert "Traceback" not in found.output
    assert found.stderr.strip().endswith(".")
    assert [shell.directory / "file"] == list(shell.directory.iterdir())


def test_a_catalogue_may_build_on_what_a_ledger_has_and_on_nothing_else(college: Terminal, tmp_path: Path) -> None:
    (stack,) = (stack for stack in files.CATALOGUE["stacks"] if stack["id"] == "fitter")
    milestone = stack["milestone"] | {"id": "other-badge"}
    more = files.catalogue(achievements=[], stacks=[stack | {"id": "other", "milestone": milestone}])
    arguments = ("import", "catalogue", college.file("more.json", more), "--by", "dora", "--approved-by", "board")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Terminal(tmp_path / "elsewhere")

    assert college.run(*arguments).exit_code == 0
    assert elsewhere.run(*arguments).exit_code == 2
    assert [] == list(elsewhere.directory.iterdir())


def test_an_undone_batch_is_void_and_its_file_can_be_sent_again(college: Terminal) -> None:
    rows = (files.row(result="90"), drilled())
    first = college.take_in(*rows)
    assert college.answer("batches", "undo", first["batch_id"])["undone"]
    assert [item["status"] for item in college.answer("awards")["items"] if item["status"] == "live"] == []

    second = college.take_in(*rows)

    assert second["recorded"] == 2
    assert second["batch_id"] != first["batch_id"]
    assert college.answer("stats")["milestones_live"] == 2
    assert [item["state"] for item in college.answer("batches", "list")["items"]] == ["undone", "recorded"]
    assert college.answer("batches", "show", first["batch_id"])["state"] == "undone"


def test_lists_go_on_where_the_one_before_ended(college: Terminal) -> None:
    college.take_in(*(files.row(learner_ref=f"lea{number}") for number in range(5)))
    seen: list[str] = []
    cursor: int | None = 0
    while cursor is not None:
        page = college.answer("awards", "--limit", "2", "--after", str(cursor))
        seen += [item["learner_ref"] for item in page["items"]]
        cursor = page["next"]

    assert sorted(seen) == [f"lea{number}" for number in range(5)]


def test_transcript_progress_and_why_answer_for_a_learner(college: Terminal) -> None:
    college.take_in(files.row(result="90"))
    before = college.answer("stats")["position"]
    college.take_in(drilled())
    badge = next(item["id"] for item in college.answer("awards")["items"] if item["achievement"] == "fitter-badge")

    now, then = college.answer("transcript", "lea"), college.answer("transcript", "lea", "--at", str(before))

    assert len(now["awards"]) == 4
    assert len(then["awards"]) == 1
    assert college.answer("transcript", "lea", "--on", "2026-02-28")["awards"] == []
    assert college.answer("progress", "lea")
    assert "filing" in json.dumps(college.answer("why", badge))
    for arguments in (("transcript", "lea"), ("progress", "lea"), ("why", badge), ("awards",)):
        found = college.run(*arguments)
        assert (found.exit_code, found.exception) == (0, None)
        assert found.stdout


def test_a_transcript_says_who_issued_it(college: Terminal) -> None:
    college.take_in(files.row())

    assert files.CATALOGUE["issuer"] == college.answer("transcript", "lea")["issuer"]
    assert "Issued by A college, https://college.example\n" in college.run("transcript", "lea").stdout


def test_a_transcript_says_whose_it_is_and_of_which_day(college: Terminal) -> None:
    college.take_in(files.row())
    shown = college.run("transcript", "lea", "--on", "2026-03-31").stdout

    assert "lea, 31 March 2026" == shown.splitlines()[0]


def test_why_names_people_as_the_college_does(college: Terminal) -> None:
    college.take_in(files.row())
    award = college.answer("awards")["items"][0]["id"]

    assert "judged met by ana (marker)" in college.run("why", award).stdout


def test_progress_names_each_milestone_once(college: Terminal) -> None:
    college.take_in(files.row())
    lines = college.run("progress", "lea").stdout.splitlines()

    assert lines
    assert not [line for line in lines if line.partition(":")[0] in line.partition(":")[2]]


def test_nobody_who_reads_a_file_is_shown_a_progress_bar(college: Terminal) -> None:
    college.take_in(files.row())

    assert "" == college.run("doctor").stderr


def test_a_list_says_how_to_go_on(college: Terminal) -> None:
    for row in (files.row(), drilled()):
        college.take_in(row)
    first = college.answer("batches", "list", "--limit", "1")

    assert f"More: --after {first['next']}" in college.run("batches", "list", "--limit", "1").stdout
    assert "More" not in college.run("batches", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("transcript", "nobody"),
        ("progress", "nobody"),
        ("why", "nothing"),
        ("batches", "show", "none"),
        ("batches", "undo", "none"),
        ("transcript", "lea", "--at", "soon"),
    ],
)
def test_what_is_not_known_exits_with_2(college: Terminal, arguments: tuple[str, ...]) -> None:
    college.take_in(files.row())
    found = college.run(*arguments)

    assert found.exit_code == 2
    assert "Traceback" not in found.output


def test_what_is_not_known_is_said_in_one_line(college: Terminal) -> None:
    assert "Error: There is no award 'nothing'.\n" == college.run("why", "nothing").stderr.split("\r")[-1]


def test_a_full_transcript_shows_evidence_and_history_on_the_command_line(college: Terminal) -> None:
    done = college.take_in(files.row(), files.row(result="", outcome="", evidence_id="e2"))
    college.answer("batches", "undo", done["batch_id"])

    full, official = college.run("transcript", "lea", "--full").stdout, college.run("transcript", "lea").stdout

    assert "It was voided on" in full
    assert "filing" in full
    assert "filing" not in official


def test_rebuilding_gives_the_same_views(college: Terminal) -> None:
    college.take_in(files.row(), drilled())

    assert college.answer("rebuild") == college.answer("rebuild")


def test_a_doctor_finds_a_whole_ledger_well(college: Terminal) -> None:
    college.take_in(files.row(), drilled())
    found = college.answer("doctor")

    assert found["well"]
    assert [finding["subject"] for finding in found["findings"]] == ["facts", "keys", "followers", "views"]


def test_keys_are_made_for_people_with_their_role_and_for_learners_who_exist(college: Terminal) -> None:
    college.take_in(files.row())

    assert college.answer("keys", "create", "--role", "registrar", "--ref", "gail")["key"].startswith("ldg_")
    assert college.answer("keys", "create", "--role", "learner", "--ref", "lea")["role"] == "learner"
    assert college.run("keys", "create", "--role", "learner", "--ref", "nobody").exit_code == 2
    assert college.run("keys", "create", "--role", "king").exit_code == 2


def test_a_key_is_found_by_whose_it_is_and_withdrawn(college: Terminal) -> None:
    made = college.answer("keys", "create", "--role", "registrar", "--ref", "gail")
    kept = college.answer("keys", "create", "--role", "auditor", "--ref", "ada")
    (listed,) = [one for one in college.answer("keys", "list")["items"] if one["ref"] == "gail"]
    shown = college.run("keys", "list").stdout

    assert college.answer("keys", "withdraw", listed["id"]) == {"id": listed["id"], "withdrawn": True}

    with closing(Identities.in_file(college.directory / "ledger-identities.db")) as identities:
        assert identities.check_key(made["key"]) is None
        assert identities.check_key(kept["key"]) is not None
    assert ["ada"] == [one["ref"] for one in college.answer("keys", "list")["items"]]
    assert college.run("keys", "withdraw", listed["id"]).exit_code == 2
    assert "gail" in shown
    assert made["key"] not in shown


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no.such.host.invalid"])  # noqa: S104
def test_nothing_listens_off_loopback(college: Terminal, host: str) -> None:
    found = college.run("serve", "--host", host, "--port", "0")

    assert found.exit_code == 2
    assert found.stderr.strip().endswith(".")


def test_frameworks_are_imported(shell: Terminal) -> None:
    item = {"identifier": "i", "uri": "https://case.example/i", "fullStatement": "Listens"}
    name = shell.file("case.json", json.dumps({"CFDocument": FRAMEWORK, "CFItems": [item]}).encode())

    assert shell.answer("import", "case", name)["recorded"]
    assert not shell.answer("import", "case", name)["recorded"]
