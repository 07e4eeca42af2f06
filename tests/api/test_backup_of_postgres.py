"""A ledger in PostgreSQL is backed up and restored by the commands in `docs/operating.md`, run as they are written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.learners.commands import RegisterLearner
from ledger.migrations import migrate
from ledger.settings import PostgresUrls, Settings
from ledger.transparency.log import Log
from tests.api.conftest import ADMINISTRATION
from tests.servers import cluster
from tests.servers.cluster import Cluster
from tests.servers.postgres import PostgresServer, own_server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text("utf-8")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def block(first: str) -> str:
    """Return the commands on the page that begin with *first*."""
    (found,) = re.findall(rf"```sh\n({first}.*?)```", PAGE, re.DOTALL)
    return str(found)


class College:
    """A ledger in PostgreSQL, its files apart, and a shell of its operator."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def settings(self, server: PostgresServer | Cluster) -> Settings:
        """Return the settings of the ledger on *server*."""
        return Settings(
            database=PostgresUrls(log=server.url("ledger"), private=server.url("ledger_private")),
            kek_at=self.directory / "kek",
            log_keys_at=self.directory / "log-keys",
            checkpoints_at=self.directory / "checkpoints",
        )

    def record(self, server: PostgresServer, name: str, count: int) -> None:
        """Register learners, and publish the log."""
        settings = self.settings(server)
        with (
            closing(Ledger.open(settings, create=True)) as ledger,
            closing(Log.of_ledger(settings, ledger.store)) as log,
        ):
            for learner in ledger.identities.register("learner", [f"{name}-{n}" for n in range(count)]).values():
                ledger.execute(RegisterLearner(learner_id=learner), actor=ADMINISTRATION)
            while log.integrate():
                pass
            log.publish(NOW, at_once=True)

    def shell(self, server: PostgresServer | Cluster, commands: str, **how: Any) -> subprocess.CompletedProcess[str]:
        """Run commands as they are on the page, up to the first that fails."""
        binaries = [str(cluster._binaries()), str(Path(sys.executable).parent), os.environ["PATH"]]
        environment = os.environ | {
            "PATH": os.pathsep.join(binaries),
            "SERVER": server.url("postgres"),
            "LEDGER_DATABASE_URL": server.url("ledger"),
            "LEDGER_PRIVATE_DATABASE_URL": server.url("ledger_private"),
            "LEDGER_KEK_FILE": str(self.directory / "kek"),
            "LEDGER_LOG_KEYS": str(self.directory / "log-keys"),
            "LEDGER_CHECKPOINTS": str(self.directory / "checkpoints"),
        }
        environment |= how.pop("environment", {})
        return subprocess.run(
            ["/bin/bash", "-e", "-c", commands], env=environment, capture_output=True, text=True, check=False,
            **{"cwd": self.directory, **how},
        )  # fmt: skip

    def everything(self, server: PostgresServer | Cluster) -> tuple[object, ...]:
        """Return the facts, and who is known with a usable key."""
        with closing(Ledger.open(self.settings(server))) as ledger:
            facts = ledger.store.read_log(0, 10**6)
            learners = [fact.stream.removeprefix("learner-") for fact in facts]
            return facts, {one: ledger.keys.has(one) for one in learners}, ledger.identities.profiles(learners)


@pytest.fixture
def college(own_postgres: PostgresServer, tmp_path: Path) -> College:
    made = College(tmp_path)
    settings = made.settings(own_postgres)
    assert isinstance(settings.database, PostgresUrls)
    migrate(settings.database)
    made.record(own_postgres, "before", 12)
    return made


def test_dumps_restored_on_a_new_server_are_the_ledger_they_were_made_of(
    college: College, own_postgres: PostgresServer
) -> None:
    dumped = college.shell(own_postgres, block("pg_dumpall"))
    before = college.everything(own_postgres)

    assert 0 == dumped.returncode, dumped.stderr
    with own_server() as other:
        found = college.shell(other, block("psql"))
        assert 0 == found.returncode, found.stdout + found.stderr
        assert "All 12 published facts are there" in found.stdout
        assert before == college.everything(other)
        college.record(other, "after", 2)
        assert 0 == college.shell(other, "ledger restore --verify").returncode


def test_dumps_older_than_what_was_published_are_named_with_what_is_missing(
    college: College, own_postgres: PostgresServer
) -> None:
    assert 0 == college.shell(own_postgres, block("pg_dumpall")).returncode
    college.record(own_postgres, "lost", 7)
    with own_server() as other:
        found = college.shell(other, block("psql"))
        answer = college.shell(other, "ledger restore --verify --json")
        comparison = json.loads(answer.stdout)["comparison"]
        assert 3 == found.returncode, found.stdout + found.stderr
        assert "7 published facts are missing" in found.stdout
        assert (3, 7, 12, 19) == (
            answer.returncode, comparison["missing"], comparison["first_bad_index"], comparison["published"],
        )  # fmt: skip


def test_a_copy_of_the_server_is_the_ledger_too(college: College, own_postgres: PostgresServer) -> None:
    copy = Cluster(durable=False)
    try:
        whom = {"cwd": copy.directory, **cluster._as_whom(), "environment": {"BACKUP": copy.data}}
        copied = college.shell(own_postgres, block("pg_basebackup"), **whom)
        assert 0 == copied.returncode, copied.stderr
        before = college.everything(own_postgres)
        copy.program.start()
        found = college.shell(copy, "ledger restore --verify")

        assert 0 == found.returncode, found.stdout + found.stderr
        assert before == college.everything(copy)
    finally:
        copy.program.remove()


def test_the_commands_for_files_say_what_to_run_instead(college: College, own_postgres: PostgresServer) -> None:
    found = college.shell(own_postgres, "ledger backup --out copy")

    assert 2 == found.returncode
    assert "the private one last" in found.stderr
    assert 1 == len(found.stderr.splitlines())
    assert not (college.directory / "copy").exists()
