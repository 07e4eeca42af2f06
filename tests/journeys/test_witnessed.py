"""A college and a partner: what is recorded is cosigned outside, and a rewritten or older ledger shows against that."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result

from api.commands import main
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import opened
from tests.consumers.messages import until
from tests.imports import files
from tests.places import in_files

pytestmark = [pytest.mark.slow, in_files]
ORIGIN = "college.example/ledger"


class Parties:
    """A college in one directory, a witness in another."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = f"sqlite:///{directory}/ledger.db"
        self.environment = {**os.environ, "LEDGER_LOG_ORIGIN": ORIGIN, "PYTHONUNBUFFERED": "1"}

    def run(self, *arguments: str | Path) -> Result:
        base = ["--database", self.database]
        return CliRunner().invoke(main, [*base, *map(str, arguments)], env={"LEDGER_LOG_ORIGIN": ORIGIN})

    def witness(self, *arguments: str) -> str:
        found = CliRunner().invoke(main, ["witness", *arguments, "--directory", str(self.directory / "witness")])
        assert 0 == found.exit_code, found.output
        return found.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator[str]:
        """Run a server until the block ends; yield the address that it listens on."""
        program = [sys.executable, "-m", "api.commands", *arguments]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=self.environment)
        assert process.stdout is not None
        try:
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address is not None
            yield address[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            process.stdout.close()

    def key(self) -> str:
        shown = re.search(rf"{ORIGIN}\+\S+", self.run("audit", "keys").stdout)
        assert shown is not None
        return shown[0]

    def import_catalogue(self) -> None:
        path = self.directory / "catalogue.json"
        path.write_bytes(files.catalogue())
        assert 0 == self.run("import", "catalogue", path, "--by", "dora", "--approved-by", "board").exit_code

    def import_result(self, number: int) -> None:
        path = self.directory / "results.csv"
        path.write_bytes(files.results(files.row(learner_ref=f"learner-{number}", evidence_id=f"e{number}")))
        assert 0 == self.run("import", "results", path).exit_code


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    made = Parties(tmp_path)
    made.import_catalogue()
    return made


def test_a_partner_witnesses_what_a_college_records(parties: Parties, tmp_path: Path) -> None:
    parties.witness("init", "witness.example/w1", "--log", parties.key())
    cosigner = notes.read_key(parties.witness("key").strip())
    with parties.running("witness", "run", "--port", "0", "--directory", str(tmp_path / "witness")) as address:
        parties.environment["LEDGER_WITNESSES"] = f"{address} {cosigner}"
        with parties.running("--database", parties.database, "serve", "--port", "0") as college:

            def cosigned(size_from: int) -> bool:
                with urlopen(f"{college}/checkpoint") as answer:  # noqa: S310
                    checkpoint, note = opened(answer.read(), [notes.read_key(parties.key())])
                names = {signature.name for signature in note.signatures}
                return checkpoint.size > size_from and cosigner.name in names

            until(lambda: cosigned(0))
            shutil.copy(tmp_path / "ledger.db", tmp_path / "older.db")
            before = checkpoint_size(parties)
            parties.import_result(1)
            until(lambda: cosigned(before))
    (tmp_path / "seen").write_text(parties.witness("seen"), "utf-8")
    whole = parties.run("audit", "verify", "--against", tmp_path / "seen", "--key", parties.key())
    assert 0 == whole.exit_code, whole.output

    key = parties.key()
    for ending in ("-wal", "-shm"):
        (tmp_path / f"ledger.db{ending}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "older.db", tmp_path / "ledger.db")
    restored = parties.run("audit", "verify", "--against", tmp_path / "seen", "--key", key)
    assert 3 == restored.exit_code
    assert "published facts are missing" in restored.stdout


def checkpoint_size(parties: Parties) -> int:
    return int(parties.run("audit", "checkpoint").stdout.splitlines()[1])
