"""A ledger that outgrew its files moves to PostgreSQL as it is: `ledger migrate`, `ledger copy`."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from click.testing import CliRunner, Result

from api.commands import main
from ledger import copying
from ledger.application import Ledger
from ledger.keys import reveal_fact
from ledger.settings import PostgresUrls, Settings
from tests.imports import files
from tests.servers.postgres import PostgresServer


class Terminal:
    """A shell in a directory with a ledger in files, and databases to move to."""

    def __init__(self, directory: Path, target: PostgresUrls) -> None:
        self.directory = directory
        self.source = f"sqlite:///{directory}/ledger.db"
        self.target = target
        self.environment = {"LEDGER_KEK_FILE": str(directory / "ledger.kek")}

    def run(self, *arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(main, arguments, env=self.environment | environment)

    def answer(self, *arguments: str, **environment: str) -> Any:
        found = self.run(*arguments, "--json", **environment)
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    def copy(self) -> Result:
        return self.run("copy", "--from", self.source, "--to", self.target.log, "--json")

    def copy_here(self, stage: copying.Stage) -> copying.Copied:
        return copying.copy(Settings.from_environment(database=self.source), self.target, stage)

    def take_in(self, ref: str, database: str) -> None:
        rows = [files.row(learner_ref=ref, narrative="I learnt to read the puddle.")]
        path = self.directory / "results.csv"
        path.write_bytes(files.results(*rows))
        self.answer("import", "results", str(path), "--database", database)


@pytest.fixture
def shell(tmp_path: Path, postgres: PostgresServer) -> Iterator[Terminal]:
    urls = postgres.new_database(migrated=False)
    made = Terminal(tmp_path, urls)
    path = tmp_path / "catalogue.json"
    path.write_bytes(files.catalogue())
    catalogue = ("import", "catalogue", str(path), "--by", "dora", "--approved-by", "board")
    made.answer(*catalogue, "--database", made.source)
    made.take_in("lea", made.source)
    yield made
    postgres.drop(urls)


def test_facts_keys_accounts_and_views_are_the_same_on_the_other_side(shell: Terminal) -> None:
    found = shell.copy()

    assert 0 == found.exit_code, found.output
    assert json.loads(found.stdout)["same"] is True
    for command in (["transcript", "lea", "--on", "2026-01-31"], ["awards"], ["stats"], ["batches", "list"]):
        theirs = shell.answer(*command, "--database", shell.source)
        assert theirs == shell.answer(*command, "--database", shell.target.log)
    settings = Settings(database=shell.target, kek_at=shell.directory / "ledger.kek")
    with closing(Ledger.open(settings)) as ledger:
        (lea,) = ledger.identities.register("learner", ["lea"]).values()
        submitted = ledger.facts(f"learner-{lea}")[1].fact
        assert "I learnt to read the puddle." == reveal_fact(ledger.keys, lea, submitted)["narrative"]


def test_what_was_published_before_is_proven_by_the_copy(shell: Terminal) -> None:
    assert 0 == shell.run("audit", "checkpoint", "--database", shell.source).exit_code
    assert 0 == shell.copy().exit_code
    files = {"LEDGER_LOG_KEYS": "ledger.log-keys", "LEDGER_CHECKPOINTS": "ledger.checkpoints"}
    there = {name: str(shell.directory / file) for name, file in files.items()}
    before = shell.run("audit", "checkpoint", "--database", shell.source).stdout

    verified = shell.run(
        "audit", "verify", "--database", shell.target.log, "--against", there["LEDGER_CHECKPOINTS"], **there
    )

    assert 0 == verified.exit_code, verified.output
    assert before == shell.run("audit", "checkpoint", "--database", shell.target.log, **there).stdout
    shell.take_in("lou", shell.target.log)
    assert 0 == shell.run("audit", "verify", "--database", shell.target.log, **there).exit_code


def test_the_ledger_goes_on_where_it_is_now(shell: Terminal) -> None:
    assert 0 == shell.copy().exit_code
    before = shell.answer("stats", "--database", shell.target.log)["position"]

    shell.take_in("lea", shell.target.log)  # known already, under the same keys
    assert before == shell.answer("stats", "--database", shell.target.log)["position"]
    shell.take_in("lou", shell.target.log)
    assert before < shell.answer("stats", "--database", shell.target.log)["position"]
    assert 0 == shell.run("doctor", "--database", shell.target.log).exit_code


def test_what_was_interrupted_goes_on_and_what_is_done_is_done(shell: Terminal) -> None:
    code = (
        "import contextlib, os, sys; import ledger.copying as copying; copying._AT_ONCE = 3; done = []\n"
        "from ledger.settings import Settings\n"
        "def tell(at, of):\n    done.append(at)\n    if len(done) == 3: os._exit(9)\n"
        "copying.copy(Settings.from_environment(database=sys.argv[1]),"
        " Settings.from_environment(database=sys.argv[2]).database, lambda _: contextlib.nullcontext(tell))"
    )
    command = [sys.executable, "-c", code, shell.source, shell.target.log]
    killed = subprocess.run(command, env=os.environ | shell.environment, cwd=Path(__file__).parents[2], check=False)

    assert 9 == killed.returncode
    with psycopg.connect(shell.target.log) as connection:
        assert (9,) == connection.execute("SELECT max(position) FROM ledger.facts").fetchone()
    assert [0, 0] == [shell.copy().exit_code for _ in range(2)]


def test_each_stage_tells_by_its_name_how_far_it_is(shell: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_AT_ONCE", 4)
    told: dict[str, list[tuple[int, int]]] = {}

    shell.copy_here(lambda name: nullcontext(lambda done, of: told.setdefault(name, []).append((done, of))))

    head = shell.answer("stats", "--database", shell.source)["position"]
    steps = [(done, head) for done in (*range(4, head, 4), head)]
    assert {"copying facts": steps, "comparing facts": steps} == told


def test_what_is_recorded_while_it_is_copied_is_not_left_without_its_keys(shell: Terminal) -> None:
    begun: list[str] = []

    def stage(name: str) -> AbstractContextManager[copying.Progress]:
        if not begun:
            shell.take_in("lou", shell.source)  # a new learner, after the keys were copied
        begun.append(name)
        return nullcontext(lambda *_: None)

    with pytest.raises(copying.Differs, match="written to meanwhile"):
        shell.copy_here(stage)
    assert 0 == shell.copy().exit_code
    settings = Settings(database=shell.target, kek_at=shell.directory / "ledger.kek")
    with closing(Ledger.open(settings)) as ledger:
        (lou,) = ledger.identities.register("learner", ["lou"]).values()
        submitted = ledger.facts(f"learner-{lou}")[1].fact
        assert "I learnt to read the puddle." == reveal_fact(ledger.keys, lou, submitted)["narrative"]


def test_another_ledger_in_the_target_is_not_written_over(shell: Terminal, tmp_path: Path) -> None:
    assert 0 == shell.copy().exit_code
    other = Terminal(tmp_path / "other", shell.target)
    other.directory.mkdir()
    (other.directory / "catalogue.json").write_bytes(files.catalogue())
    catalogue = ("import", "catalogue", str(other.directory / "catalogue.json"), "--by", "dan", "--approved-by", "bo")
    assert 0 == other.run(*catalogue, "--database", other.source).exit_code

    found = other.copy()

    assert 4 == found.exit_code
    assert "another ledger" in found.stderr
    assert 0 == shell.copy().exit_code


def test_a_fact_that_differs_at_the_end_is_found(shell: Terminal) -> None:
    assert 0 == shell.copy().exit_code
    with closing(sqlite3.connect(shell.directory / "ledger.db")) as connection, connection:
        connection.execute("DROP TRIGGER facts_are_not_edited")
        connection.execute("UPDATE facts SET topic = 'learner.forged.v1' WHERE position = 2")

    found = shell.copy()

    assert 4 == found.exit_code
    assert "not what was copied" in found.stderr


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("postgresql://x/y", "postgresql://x/z", "copied from sqlite"),
        ("sqlite:///{here}", "sqlite:///x.db", "copied to postgresql"),
        ("sqlite:///nowhere.db", "{there}", "no ledger at"),
    ],
)
def test_what_cannot_be_copied_is_refused(shell: Terminal, source: str, target: str, says: str) -> None:
    here, there = shell.directory / "ledger.db", shell.target.log

    found = shell.run("copy", "--from", source.format(here=here), "--to", target.format(there=there))

    assert 0 != found.exit_code
    assert says in found.stderr


def test_services_come_in_as_a_user_who_can_neither_edit_nor_forge_facts(shell: Terminal) -> None:
    user = f"app_{urlsplit(shell.target.log).path.strip('/')}"
    url = as_user(shell.target.log, user)
    environment = {"LEDGER_DATABASE_URL": url, "LEDGER_OWNER_URL": shell.target.log}
    migrated = shell.answer("migrate", **environment)
    again = shell.answer("migrate", **environment)
    del environment["LEDGER_OWNER_URL"]

    assert ([user], 0) == (migrated["admitted"], migrated["before"])
    assert migrated["after"] == again["before"] == again["after"]
    path = shell.directory / "catalogue.json"
    shell.answer("import", "catalogue", str(path), "--by", "dora", "--approved-by", "board", **environment)
    shell.answer("rebuild", **environment)
    assert 0 == shell.run("doctor", **environment).exit_code
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            "UPDATE ledger.facts SET topic = 'x'",
            "DELETE FROM ledger.facts",
            "TRUNCATE ledger.facts",
            "INSERT INTO ledger.facts VALUES (9999, 'learner-lea', 1, 'award.made.v1', '{}', 1)",
            "DROP TABLE ledger.facts",
            "ALTER TABLE ledger.facts DISABLE TRIGGER ALL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:s3cret@{host}"))
