"""Backups and restores that are killed, or find no room: whole or not at all."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.backup import manifest as manifests
from api.backup import placing, taking
from ledger.application import Ledger
from ledger.settings import Settings
from tests.api.backups import NOW, facts, ledger_of_many, left, restored, silent
from tests.places import in_files

pytestmark = in_files
ROOT = Path(__file__).parents[2]


@pytest.fixture
def full(tmp_path: Path) -> Settings:
    return ledger_of_many(tmp_path)


def killed_at(moment: int, work: Callable[[], object]) -> int:
    """Do *work* in a child that is killed at its *moment*-th call of anything; return how many it came to."""
    reading, written = os.pipe()
    child = os.fork()
    if child == 0:
        calls = 0

        def count(*_: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(None)
            os.write(written, str(calls).encode())
            os._exit(0)
    os.close(written)
    os.waitpid(child, 0)
    with os.fdopen(reading) as file:
        return int(file.read() or 0)


def moments(calls: int, count: int, seed: int) -> list[int]:
    """Return moments at random, and the last ones, where names are given."""
    dice = random.Random(seed)
    return [*(dice.randrange(1, calls) for _ in range(count)), *range(calls - 60, calls, 4)]


@pytest.mark.slow
def test_a_backup_that_is_killed_is_never_taken_for_one(full: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out" / "b"

    def back_up() -> None:
        taking.back_up(full, out, NOW, silent)

    back_up()  # what is done once in a process is done
    calls = killed_at(0, lambda: taking.back_up(full, tmp_path / "counted", NOW, silent))
    unfinished = 0
    for moment in moments(calls, 40, 1):
        shutil.rmtree(out, ignore_errors=True)
        killed_at(moment, back_up)
        if not out.exists():
            unfinished += 1
            back_up()
            assert ["b"] == left(out.parent)
        shutil.rmtree(tmp_path / "r", ignore_errors=True)
        assert 300 == len(facts(restored(out, tmp_path / "r", full.kek_file).file, 10**6))

    assert unfinished


@pytest.mark.slow
def test_a_restore_that_is_killed_leaves_no_ledger_and_goes_on(full: Settings, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    taking.back_up(full, backup, NOW, silent)
    there = tmp_path / "new"
    settings = Settings(database=there / "ledger.db")

    def put_back() -> None:
        placing.put_back(backup, settings, (), silent)

    placing.put_back(backup, Settings(database=tmp_path / "first" / "ledger.db"), (), silent)
    calls = killed_at(0, put_back)
    unfinished = 0
    for moment in moments(calls, 40, 2):
        shutil.rmtree(there, ignore_errors=True)
        killed_at(moment, put_back)
        if not settings.file.exists():
            unfinished += 1
            put_back()
        shutil.copy2(full.kek_file, settings.kek_file)
        with closing(Ledger.open(settings)) as ledger:
            assert 300 == ledger.store.head()

    assert unfinished


@pytest.mark.parametrize(
    ("command", "room"),
    # SQLite needs 32 KiB beside a file that it only reads.
    [("backup", 34_000), ("backup", 60_000), ("restore", 0), ("restore", 5_000), ("restore", 60_000)],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    full: Settings, tmp_path: Path, command: str, room: int
) -> None:
    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    backup, out, there = tmp_path / "whole", tmp_path / "out", tmp_path / "new"
    taking.back_up(full, backup, NOW, silent)
    arguments = {
        "backup": ("--database", f"sqlite:///{full.file}", "--out", str(out / "b")),
        "restore": ("--from", str(backup), "--to", f"sqlite:///{there}/ledger.db"),
    }[command]
    whole = [sys.executable, "-m", "api.commands", command, *arguments]
    found = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=little)

    assert max(part.bytes for part in manifests.read(backup).files.values()) > room
    assert (4, 1) == (found.returncode, found.stderr.count("Error:")), found.stderr
    assert "nothing was left" in found.stderr
    assert "Traceback" not in found.stderr
    assert [] == left(out) + left(there)
