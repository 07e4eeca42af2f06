"""Backups of a ledger in files: whole or not at all, taken while it is used, and held against what was published."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.backup import manifest as manifests
from api.backup import placing, taking
from api.commands import main
from ledger.application import Ledger
from ledger.settings import Settings
from ledger.store import StoreUnavailable
from tests.api.backups import NOW, facts, ledger_of_many, left, register, restored, silent
from tests.api.conftest import Caller, Service
from tests.places import in_files

pytestmark = in_files
ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from tests.api.backups import register
from ledger.application import Ledger
from ledger.settings import Settings
ledger = Ledger.open(Settings(database=Path(sys.argv[1])))
print("writing", flush=True)
for n in range(100_000):
    register(ledger, f"process-{n}")
"""


def run(*arguments: object, **environment: str) -> Result:
    """Run the command line."""
    return CliRunner().invoke(main, [str(one) for one in arguments], env=environment)


def lose(directory: Path, *kept: str) -> None:
    """Lose a ledger but for some of its files."""
    for path in directory.glob("ledger*"):
        if path.name not in ("ledger.kek", *kept):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def publishing(service: Service, learner: Caller, *achievements: str) -> None:
    """Let a learner earn achievements, and publish what was recorded."""
    for one in achievements:
        service.publish(one)
        service.award(learner, one)
    service.clock.pass_(hours=1)
    service.catch_up()


@pytest.fixture
def full(tmp_path: Path) -> Settings:
    return ledger_of_many(tmp_path)


def test_a_restored_ledger_is_the_one_that_was_backed_up(service: Service, tmp_path: Path) -> None:
    learner = service.learner()
    publishing(service, learner, "sql")
    registrar = service.person("registrar")
    answer = registrar.post("/learners", {"ref": "S-002"}, key="once")
    service.catch_up()
    place, backup, there = tmp_path / "ledger.db", tmp_path / "backup", tmp_path / "new"
    made = run("--database", f"sqlite:///{place}", "backup", "--out", backup, "--json")
    head = service.ledger.store.head()
    before = service.ledger.store.read_log(0, 10**9)
    transcript = learner.get(f"/learners/{learner.account}/transcript").get_json()
    views = service.views.hash()

    assert 0 == made.exit_code, made.output
    assert head == json.loads(made.stdout)["manifest"]["position"]
    found = run("restore", "--from", backup, "--to", f"sqlite:///{there}/ledger.db", "--verify",
                "--against", tmp_path / "ledger.checkpoints")  # fmt: skip
    assert 0 == found.exit_code, found.output
    shutil.copy2(tmp_path / "ledger.kek", there)
    with closing(Service(there)) as again:
        again.clock.now = service.clock.now
        again.catch_up()
        same = Caller(again.app, learner.account, learner.key)
        assert before == again.ledger.store.read_log(0, 10**9)
        assert views == again.views.hash()
        assert transcript == same.get(f"/learners/{learner.account}/transcript").get_json()
        repeated = Caller(again.app, registrar.account, registrar.key).post("/learners", {"ref": "S-002"}, key="once")
        assert (answer.status_code, answer.get_json()) == (repeated.status_code, repeated.get_json())
        assert head == again.ledger.store.head()
        assert again.log.halted() is None


def test_the_key_encryption_key_followers_and_views_are_not_in_it(full: Settings, tmp_path: Path) -> None:
    found = run("backup", "--out", tmp_path / "b", LEDGER_DATABASE_URL=f"sqlite:///{full.file}")

    assert 0 == found.exit_code, found.output
    assert ["ledger-identities.db", "ledger-keys.db", "ledger.db", "manifest.json"] == left(tmp_path / "b")
    kek = full.kek_file.read_bytes().strip()
    assert not [path for path in (tmp_path / "b").iterdir() if kek in path.read_bytes()]
    assert "key-encryption key is not in it" in found.stderr
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (tmp_path / "b").iterdir()}


def test_whatever_the_facts_need_is_in_a_backup_taken_while_others_write(full: Settings, tmp_path: Path) -> None:
    with closing(Ledger.open(full)) as ledger, others_writing(full, ledger):
        taken = []
        for number in range(6):
            backup = tmp_path / f"b{number}"
            taken.append((backup, taking.back_up(full, backup, NOW, silent)))
    positions = [made.position for _, made in taken]

    assert positions == sorted(positions)
    assert positions[0] < positions[-1]
    for backup, made in taken:
        settings = restored(backup, tmp_path / f"r-{backup.name}", full.kek_file)
        with closing(Ledger.open(settings)) as again:
            learners = [stream.removeprefix("learner-") for stream in again.store.streams("learner", limit=10**6)]
            assert made.position == again.store.head()
            assert [] == again.keys.missing(learners)
            assert set(learners) <= again.identities.profiles(learners).keys()
        assert facts(full.file, made.position) == facts(settings.file, made.position)


def test_a_backup_ends_however_much_is_written_meanwhile(full: Settings, tmp_path: Path) -> None:
    """SQLite begins a copy again when another process writes, unless it reads within one transaction."""
    with closing(Ledger.open(full)) as ledger:
        before, steps = ledger.store.head(), 0

        def write(done: int, of: int) -> None:
            nonlocal steps
            steps += 1
            assert steps < 2000, "the copy begins again and again"
            register(ledger, f"meanwhile-{steps}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(taking, "_PAGES", 5)
            made = taking.back_up(full, tmp_path / "b", NOW, write)
        head = ledger.store.head()

    assert before == made.position
    assert head >= before + steps > before + 5


@contextmanager
def others_writing(settings: Settings, ledger: Ledger) -> Iterator[None]:
    over = threading.Event()

    def write(name: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            register(ledger, f"{name}-{number}")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    command = [sys.executable, "-c", WRITER, str(settings.file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
            process.kill()


@pytest.mark.parametrize("name", ["ledger.db", "ledger-keys.db", "ledger-identities.db", "manifest.json"])
def test_a_backup_of_which_a_byte_differs_is_refused_and_nothing_is_restored(
    full: Settings, tmp_path: Path, name: str
) -> None:
    backup, there = tmp_path / "b", tmp_path / "new"
    taking.back_up(full, backup, NOW, silent)
    path = backup / name
    dice = random.Random(name)
    for _ in range(5):
        whole = bytearray(path.read_bytes())
        at = dice.randrange(len(whole)) if name.endswith(".db") else whole.index(b'"position"') + dice.randrange(12)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = run("restore", "--from", backup, "--to", f"sqlite:///{there}/ledger.db")
        path.write_bytes(whole)

        assert (4, 1) == (found.exit_code, found.stderr.count("Error:")), found.output
        assert "another copy" in found.stderr
        assert [] == left(there)


def test_what_stands_is_never_written_over(full: Settings, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    taking.back_up(full, backup, NOW, silent)
    for name in ("ledger.db", "ledger.db-wal", "ledger-keys.db", "ledger-identities.db", "ledger-followers.db",
                 "ledger-views"):  # fmt: skip
        there = tmp_path / name.replace(".", "-")
        there.mkdir()
        (there / name).write_bytes(b"ours")
        found = run("restore", "--from", backup, "--to", f"sqlite:///{there}/ledger.db")

        assert 4 == found.exit_code, found.output
        assert "is there already" in found.stderr
        assert [name] == left(there)
        assert b"ours" == (there / name).read_bytes()
    again = run("--database", f"sqlite:///{full.file}", "backup", "--out", backup)
    assert (4, True) == (again.exit_code, "is there already" in again.stderr)


def test_what_comes_to_stand_meanwhile_is_not_written_over_either(full: Settings, tmp_path: Path) -> None:
    taking.back_up(full, tmp_path / "b", NOW, silent)
    settings = Settings(database=tmp_path / "new" / "ledger.db")

    def make(done: int, of: int) -> None:
        settings.file.write_bytes(b"ours")

    with pytest.raises(StoreUnavailable, match="nothing was left"):
        placing.put_back(tmp_path / "b", settings, (), make)

    assert ["ledger.db"] == left(settings.file.parent)
    assert b"ours" == settings.file.read_bytes()


def test_an_older_backup_is_named_with_what_is_missing(service: Service, tmp_path: Path) -> None:
    learner = service.learner()
    publishing(service, learner, "sql")
    place = f"sqlite:///{tmp_path}/ledger.db"
    assert 0 == run("--database", place, "backup", "--out", tmp_path / "b").exit_code
    before = service.ledger.store.head()
    until = service.ledger.store.read_log(before - 1, 1)[0].recorded_at
    publishing(service, learner, "git", "awk")
    published = service.ledger.store.head()
    outside = tmp_path / "outside"
    shutil.copy2(tmp_path / "ledger.checkpoints", outside)
    service.close()
    lose(tmp_path)
    found = run("restore", "--from", tmp_path / "b", "--to", place, "--verify", "--against", outside, "--json")
    comparison = json.loads(found.stdout)["comparison"]

    assert 3 == found.exit_code, found.output
    assert published - before == comparison["missing"]
    assert (before, published) == (comparison["facts"], comparison["published"])
    assert until == datetime.fromisoformat(comparison["recorded_until"])
    assert before == comparison["first_bad_index"]
    said = run("--database", place, "restore", "--verify")
    assert 3 == said.exit_code
    assert f"{published - before} published facts are missing" in said.stdout
    # The checkpoints put in place are those from outside, so the ledger knows what it lacks, and signs nothing.
    with closing(Service(tmp_path)) as again:
        again.log.publish(again.clock.now, at_once=True)
        assert "does not follow" in (again.log.halted() or "")


def test_what_is_published_while_it_is_backed_up_does_not_stand_in_the_way(service: Service, tmp_path: Path) -> None:
    """Beside a log that does not reach it, a checkpoint would make the restored ledger read-only."""
    learner = service.learner()
    publishing(service, learner, "sql")
    meanwhile = ["git"]

    def publish(done: int, of: int) -> None:
        if meanwhile:
            publishing(service, learner, meanwhile.pop())

    before = service.ledger.store.head()
    made = taking.back_up(Settings(database=tmp_path / "ledger.db"), tmp_path / "b", NOW, publish)
    restored(tmp_path / "b", tmp_path / "new", tmp_path / "ledger.kek")

    assert before == made.position < service.ledger.store.head()
    with closing(Service(tmp_path / "new")) as again:
        again.clock.now = service.clock.now
        publishing(again, Caller(again.app, learner.account, learner.key), "awk")
        again.log.publish(again.clock.now, at_once=True)
        assert again.log.halted() is None
        newest = again.log.published.newest()
        assert newest is not None
        assert newest.checkpoint.size == again.ledger.store.head()


@pytest.mark.parametrize("spoilt", [b"", b"{}\n", b"\xff\xfe", b"example.com/log\n1\n"])
def test_checkpoints_that_cannot_be_believed_are_refused_before_anything_is_restored(
    service: Service, tmp_path: Path, spoilt: bytes
) -> None:
    publishing(service, service.learner(), "sql")
    taking.back_up(Settings(database=tmp_path / "ledger.db"), tmp_path / "b", NOW, silent)
    outside = tmp_path / "outside"
    outside.write_bytes(spoilt)
    found = run("restore", "--from", tmp_path / "b", "--to", f"sqlite:///{tmp_path}/new/ledger.db", "--verify",
                "--against", outside)  # fmt: skip

    assert (4, 1) == (found.exit_code, found.stderr.count("Error:")), found.output
    assert [] == left(tmp_path / "new")


def test_a_damaged_ledger_is_not_backed_up(full: Settings, tmp_path: Path) -> None:
    with closing(sqlite3.connect(full.file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'facts'").fetchone()
    with full.file.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(random.Random(1).randbytes(12))
    found = run("--database", f"sqlite:///{full.file}", "backup", "--out", tmp_path / "out" / "b")

    assert (4, 1) == (found.exit_code, found.stderr.count("Error:")), found.output
    assert [] == left(tmp_path / "out")


def test_checkpoints_that_survived_stay_and_are_what_the_log_is_held_against(service: Service, tmp_path: Path) -> None:
    learner = service.learner()
    publishing(service, learner, "sql")
    place = f"sqlite:///{tmp_path}/ledger.db"
    assert 0 == run("--database", place, "backup", "--out", tmp_path / "b").exit_code
    publishing(service, learner, "git")
    service.close()
    survived = (tmp_path / "ledger.checkpoints").read_bytes()
    lose(tmp_path, "ledger.checkpoints", "ledger.log-keys")
    found = run("restore", "--from", tmp_path / "b", "--to", place, "--verify")

    assert 3 == found.exit_code, found.output
    assert "published facts are missing" in found.stdout
    assert survived == (tmp_path / "ledger.checkpoints").read_bytes()


def test_an_older_copy_that_was_written_to_is_named_with_where_it_parted(service: Service, tmp_path: Path) -> None:
    learner = service.learner()
    publishing(service, learner, "sql")
    assert 0 == run("--database", f"sqlite:///{tmp_path}/ledger.db", "backup", "--out", tmp_path / "b").exit_code
    before = service.ledger.store.head()
    publishing(service, learner, "git")
    settings = restored(tmp_path / "b", tmp_path / "new", tmp_path / "ledger.kek")
    with closing(Ledger.open(settings)) as ledger:
        for number in range(40):
            register(ledger, f"anew-{number}")
    found = run("--database", f"sqlite:///{settings.file}", "restore", "--verify", "--against",
                tmp_path / "ledger.checkpoints", "--json")  # fmt: skip
    comparison = json.loads(found.stdout)["comparison"]

    assert 3 == found.exit_code, found.output
    assert before == comparison["first_bad_index"]
    assert comparison["contained"] < comparison["outside"]


def test_without_anything_from_outside_it_cannot_be_said(full: Settings, tmp_path: Path) -> None:
    taking.back_up(full, tmp_path / "b", NOW, silent)
    found = run("restore", "--from", tmp_path / "b", "--to", f"sqlite:///{tmp_path}/new/ledger.db", "--verify")

    assert 4 == found.exit_code
    assert "--against" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["restore"], "--from DIR"),
        (["restore", "--from", "{nothing}", "--to", "sqlite:///x.db"], "no backup"),
        (["restore", "--from", "{nothing}", "--to", "postgresql://h/n"], "restored to sqlite"),
        (["restore", "--from", "{nothing}", "--against", "{file}"], "--verify"),
        (["backup", "--out", "{nothing}/b", "--database", "sqlite:///{nothing}/n.db"], "no ledger"),
        (["backup", "--out", "{nothing}/b", "--database", "postgresql://h/n"], "pg_basebackup"),
        (["backup", "--out", "{file}/b", "--database", "{ledger}"], "could not be made"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(full: Settings, tmp_path: Path, arguments: list[str], says: str) -> None:
    nothing, file = tmp_path / "nothing", tmp_path / "file"
    nothing.mkdir()
    file.write_text("{}")
    places = {"nothing": nothing, "file": file, "ledger": f"sqlite:///{full.file}"}
    found = run(*(one.format(**places) for one in arguments))

    assert found.exit_code in (2, 4), found.output
    assert says in found.stderr
    assert [] == left(nothing)


def test_manifests_are_read_only_as_they_are_written(full: Settings, tmp_path: Path) -> None:
    taking.back_up(full, tmp_path / "b", NOW, silent)
    path = tmp_path / "b" / manifests.FILE
    data = path.read_bytes()
    outside = data.replace(b'"ledger.db"', b'"../other.db"')
    for other in (data + b"\n", data.replace(b"  ", b" "), data[:-3], b"", b"[" * 60_000, outside, b"{}", b"\xff"):
        path.write_bytes(other)
        with pytest.raises(StoreUnavailable):
            manifests.read(tmp_path / "b")


def test_a_log_of_another_application_is_no_backup(full: Settings, tmp_path: Path) -> None:
    taking.back_up(full, tmp_path / "b", NOW, silent)
    log = tmp_path / "b" / manifests.LOG
    log.unlink()
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("CREATE TABLE other (a)")
    found = run("restore", "--from", tmp_path / "b", "--to", f"sqlite:///{tmp_path}/new/l.db", "--verify")

    assert 4 == found.exit_code
    assert [] == left(tmp_path / "new")
