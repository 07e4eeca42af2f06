"""A scaled ledger and a partner: the sequencer and the witness as processes of their own, over PostgreSQL."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from api.audit.source import opened
from api.commands import main
from ledger.application import Ledger
from ledger.settings import PostgresUrls, Settings
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.checkpoint import opened as read_checkpoint
from ledger.transparency.note import VerifierKey
from tests.api.backups import register
from tests.servers import free_port, until
from tests.servers.stack import Stack, environment, procfile

pytestmark = pytest.mark.slow
ORIGIN = "college.example/ledger"
NAME = "witness.example/w1"
SECONDS = 45.0


class Partner:
    """A witness in a directory of its own, at an address that stays."""

    def __init__(self, directory: Path, log: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.run("init", NAME, "--log", log)
        self.key = notes.read_key(self.run("key").strip())

    @property
    def setting(self) -> str:
        """What the college sets to have it asked."""
        return f"http://127.0.0.1:{self.port} {self.key}"

    def run(self, *arguments: str) -> str:
        found = CliRunner().invoke(main, ["witness", *arguments, "--directory", str(self.directory)])
        assert 0 == found.exit_code, found.output
        return found.stdout

    @contextmanager
    def running(self, end: signal.Signals = signal.SIGTERM) -> Iterator[None]:
        """Run it until the block ends, and then end it so."""
        program = [sys.executable, "-m", "api.commands", "witness", "run", "--directory", str(self.directory)]
        process = subprocess.Popen(
            [*program, "--port", str(self.port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        try:
            assert "listens on" in process.stdout.readline()
            yield
        finally:
            process.send_signal(end)
            process.wait(20)
            process.stdout.close()


class College:
    """A ledger in PostgreSQL of which nothing runs but the sequencer."""

    def __init__(self, database: PostgresUrls, directory: Path) -> None:
        self.directory = directory
        self.environment = environment(database, None, LEDGER_LOG_ORIGIN=ORIGIN)
        kek = base64.b64decode(self.environment["LEDGER_KEK"])
        self.settings = Settings(database=database, kek=kek, log_origin=ORIGIN)
        first = self.stack()
        first.run("migrate")
        shown = re.search(rf"{ORIGIN}\+\S+", first.run("audit", "keys"))
        assert shown is not None
        self.key = notes.read_key(shown[0])

    def stack(self, **more: str) -> Stack:
        """Return what runs nothing but a sequencer."""
        counts = {name: int(name == "sequencer") for name in procfile()}
        return Stack(self.environment | more, self.directory, counts)

    def record(self, *refs: str) -> int:
        """Record a fact for each, past the sequencer; return how many facts there are."""
        with closing(Ledger.open(self.settings)) as ledger:
            for ref in refs:
                register(ledger, ref)
            return ledger.store.head()

    def newest(self) -> tuple[Checkpoint, list[VerifierKey]]:
        """Return the newest checkpoint as it is served, and who cosigned it."""
        with opened(self.settings) as source:
            text = source.published.cosigned(source.newest()).encode()
        checkpoint, note = read_checkpoint(text, [self.key])
        return checkpoint, [key for key in self.witnesses if (key.name, key.id) in {one[:2] for one in note.signatures}]

    witnesses: tuple[VerifierKey, ...] = ()

    def cosigned(self, size: int) -> bool:
        """Whether a checkpoint that covers *size* is published and cosigned."""
        with opened(self.settings) as source:
            if source.published.newest() is None:
                return False
        checkpoint, by = self.newest()
        return checkpoint.size >= size and by == list(self.witnesses)

    def published(self, size: int) -> bool:
        """Whether a checkpoint that covers *size* is published."""
        with opened(self.settings) as source:
            newest = source.published.newest()
        return newest is not None and newest.checkpoint.size >= size


@pytest.fixture
def college(database: PostgresUrls, tmp_path: Path) -> College:
    return College(database, tmp_path / "college")


@pytest.fixture
def partner(college: College, tmp_path: Path) -> Partner:
    made = Partner(tmp_path / "witness", str(college.key))
    college.witnesses = (made.key,)
    return made


def test_what_the_sequencer_publishes_is_cosigned_whoever_of_the_two_was_away(
    college: College, partner: Partner, tmp_path: Path
) -> None:
    with college.stack(LEDGER_WITNESSES=partner.setting) as stack:
        stack.start()
        with partner.running(signal.SIGKILL):
            size = college.record("S-1", "S-2")
            assert until(lambda: college.cosigned(size), SECONDS), stack.log_tail()
        size = college.record("S-3")  # the witness is away: the ledger goes on
        assert until(lambda: college.published(size), SECONDS), stack.log_tail()
        assert not college.cosigned(size)
        with partner.running():
            assert until(lambda: college.cosigned(size), 3 * SECONDS), stack.log_tail()
            stack.kill("sequencer")
            size = college.record("S-4")
            assert until(lambda: college.cosigned(size), SECONDS), stack.log_tail()
            assert 2 <= stack.lives("sequencer")
        seen = tmp_path / "seen"
        seen.write_text(partner.run("seen"), "utf-8")
        key = ["--key", str(college.key), "--witness", str(partner.key)]
        said = stack.run("audit", "verify", "--against", str(seen), *key)

    assert "Everything is as it was recorded and published." in said
    assert "3 cosignatures of witnesses verified" in said or "4 cosignatures of witnesses verified" in said
    assert "1 from elsewhere" in said


def test_a_ledger_that_was_rewritten_goes_on_without_the_witness(
    college: College, partner: Partner, database: PostgresUrls, tmp_path: Path
) -> None:
    with partner.running():
        with college.stack(LEDGER_WITNESSES=partner.setting) as stack:
            stack.start()
            size = college.record("S-1", "S-2", "S-3")
            assert until(lambda: college.cosigned(size), SECONDS), stack.log_tail()
        forget_what_was_published(database)
        (college.directory / "checkpoints").unlink()  # whoever rewrites history takes its own list away as well
        with college.stack(LEDGER_WITNESSES=partner.setting) as stack:
            stack.start()
            again = college.record("S-4", "S-5")
            assert until(lambda: college.published(again), SECONDS), stack.log_tail()
            assert until(lambda: "another history" in stack.log_tail() or "422" in stack.log_tail(), SECONDS)
            assert not college.cosigned(again)
    (tmp_path / "seen").write_text(partner.run("seen"), "utf-8")
    said = CliRunner().invoke(
        main,
        ["audit", "verify", "--against", str(tmp_path / "seen"), "--key", str(college.key)],
        env={"LEDGER_DATABASE_URL": database.log, **college.environment},
    )

    assert 3 == said.exit_code, said.output
    assert "has another root" in said.stdout or "published facts are missing" in said.stdout


def forget_what_was_published(database: PostgresUrls) -> None:
    """Rewrite the last fact, and take away everything that tells."""
    with psycopg.connect(database.log) as connection:
        connection.execute("SET search_path = ledger")
        for table in ("facts", "reference_facts"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        connection.execute("DELETE FROM facts WHERE position = (SELECT max(position) FROM facts)")
        for table in ("tiles", "checkpoints", "cosignatures"):
            connection.execute(f"DELETE FROM {table}".encode())
        for table in ("facts", "reference_facts"):
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL".encode())
