"""`ledger audit checkpoint`, `verify` and `consistency`: what they say, and what they exit with."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.audit.recomputing import AT_ONCE, Recomputing, State
from api.audit.resuming import Notes
from api.audit.source import opened
from api.audit.verifying import verify
from api.commands import main
from ledger.settings import Settings
from ledger.sqlite_store import SQLiteStore
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import opened as read_checkpoint
from ledger.transparency.log import Log
from ledger.transparency.outside import Outside
from ledger.transparency.signing import Ed25519Signer
from tests.api.audit.kept import ORIGIN, SIZES, Kept, another, make_ledger, raw
from tests.api.audit.tampering import cut_off, edited, older_tree
from tests.examples import START

STRANGER = str(Ed25519Signer(ORIGIN, b"\1" * 32).verifier)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_ledger(tmp_path_factory.mktemp("ledger"))


def run(kept: Kept, *arguments: str | Path) -> Result:
    database = f"sqlite:///{kept.settings.database}"
    return CliRunner().invoke(main, ["--database", database, "audit", *map(str, arguments)])


def key_of(kept: Kept) -> str:
    with opened(kept.settings) as source:
        return str(source.keys()[0])


def one_sentence(found: Result) -> bool:
    return (
        "Traceback" not in found.output
        and found.stderr.strip().count("\n") == 0
        and found.stderr.endswith((".\n", "…\n"))
    )


def note_file(kept: Kept, directory: Path, which: int) -> Path:
    path = directory / f"checkpoint-{which}"
    path.write_text(list(Outside(kept.outside).all())[which].note, "utf-8")
    return path


def test_the_newest_checkpoint_is_shown_and_written(ledger: Kept, tmp_path: Path) -> None:
    shown = run(ledger, "checkpoint").stdout
    written = run(ledger, "checkpoint", "--out", tmp_path / "checkpoint")
    checkpoint, _ = read_checkpoint(shown.encode(), [notes.read_key(key_of(ledger))])

    assert shown == (tmp_path / "checkpoint").read_text("utf-8")
    assert (ledger.sizes[-1], 0) == (checkpoint.size, written.exit_code)


def test_a_whole_log_is_proven_and_said_to_be(ledger: Kept) -> None:
    found = run(ledger, "verify", "--against", ledger.outside, "--key", key_of(ledger))

    assert (0, "") == (found.exit_code, found.stderr)
    assert "Everything is as it was recorded and published." in found.stdout


def test_without_a_checkpoint_from_elsewhere_it_says_what_it_cannot_tell(ledger: Kept) -> None:
    assert "shows only against a checkpoint kept elsewhere" in run(ledger, "verify").stdout


def test_what_is_wrong_is_named_with_its_index(ledger: Kept, tmp_path: Path) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    with raw(spoilt) as sql:
        done = edited(sql, Random(4), 700)
    found = run(spoilt, "verify")
    answer: Any = json.loads(run(spoilt, "verify", "--json").stdout)

    assert 3 == found.exit_code
    assert f"The first bad index is {done.first}." in found.stdout
    assert (False, done.first) == (answer["well"], answer["verdict"]["first_bad_index"])


def test_how_many_published_facts_are_missing_is_said(ledger: Kept, tmp_path: Path) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    with raw(spoilt) as sql:
        done = cut_off(sql, Random(4), ledger.sizes[-1])
    found = run(spoilt, "verify", "--against", spoilt.outside)

    assert 3 == found.exit_code
    assert f"{done.missing} published facts are missing: the log was cut off, or is an older copy." in found.stdout


@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}\n", b"{", b"\xff", b"a\nb\n\n", b"\0" * 9])
def test_what_is_no_checkpoint_is_one_sentence(ledger: Kept, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)
    found = run(ledger, "verify", "--against", path)

    assert 4 == found.exit_code
    assert one_sentence(found), found.stderr


def test_a_checkpoint_by_a_key_that_is_not_trusted_is_not_believed(ledger: Kept) -> None:
    found = run(ledger, "verify", "--against", ledger.outside, "--key", STRANGER)

    assert (4, True) == (found.exit_code, one_sentence(found))
    assert "name the log's key with --key" in found.stderr


@pytest.mark.parametrize("key", ["nonsense", "", "a+00000000+AAAA"])
def test_what_is_no_key_is_one_sentence(ledger: Kept, key: str) -> None:
    found = run(ledger, "verify", "--key", key)

    assert (2, True) == (found.exit_code, one_sentence(found))


def test_without_a_ledger_it_is_one_sentence(tmp_path: Path) -> None:
    for command in ("verify", "checkpoint"):
        found = CliRunner().invoke(main, ["audit", command, "--database", f"sqlite:///{tmp_path}/none.db"])

        assert (4, True) == (found.exit_code, one_sentence(found))


def test_of_two_checkpoints_one_is_how_the_other_began(ledger: Kept, tmp_path: Path) -> None:
    first, last = note_file(ledger, tmp_path, 0), note_file(ledger, tmp_path, 2)
    found = run(ledger, "consistency", first, last)

    assert 0 == found.exit_code
    assert f"size {ledger.sizes[0]} is how that of size {ledger.sizes[2]} began" in found.stdout
    assert 4 == run(ledger, "consistency", last, first).exit_code


def test_of_two_histories_none_is_how_the_other_began(ledger: Kept, tmp_path: Path) -> None:
    first, last = note_file(ledger, tmp_path, 0), note_file(ledger, tmp_path, 2)
    spoilt = another(ledger, tmp_path / "spoilt")
    with raw(spoilt) as sql:
        sql.set_tile(0, 0, bytes(32) + sql.tile(0, 0)[32:])

    assert 3 == run(spoilt, "consistency", first, last).exit_code


def test_an_interrupted_audit_goes_on_where_it_was(
    ledger: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.audit.recomputing.AT_ONCE", 256)
    monkeypatch.setattr("api.audit.resuming._EVERY_S", 0)
    with opened(ledger.settings) as source:
        noting = Notes(tmp_path / "notes", source)

        def interrupted(state: State) -> None:
            noting.note(state)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Recomputing(source, noting.begun(), (), ledger.sizes[-1]).run(interrupted)
        assert 256 == noting.begun().facts
    found = run(ledger, "verify", "--resume", tmp_path / "notes", "--against", ledger.outside)

    assert 0 == found.exit_code, found.output
    assert "Went on after 256 facts" in found.stdout
    assert not (tmp_path / "notes").exists()


def test_notes_of_another_audit_or_none_at_all_are_refused(ledger: Kept, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    for content in (b"", b"[]", b'{"log":"elsewhere","state":{}}'):
        path.write_bytes(content)
        found = run(ledger, "verify", "--resume", path)

        assert (4, True) == (found.exit_code, one_sentence(found))


def test_notes_that_the_tree_does_not_bear_out_are_begun_anew(ledger: Kept, tmp_path: Path) -> None:
    noted = {"log": str(ledger.settings.file.resolve()), "state": {"size": 256, "facts": 256, "parts": [], "tops": ""}}
    (tmp_path / "notes").write_text(json.dumps(noted), "utf-8")
    found = run(ledger, "verify", "--resume", tmp_path / "notes")

    assert 0 == found.exit_code
    assert "Went on" not in found.stdout


def test_a_history_that_was_given_up_is_said_to_be_and_shows_against_what_was_kept(
    ledger: Kept, tmp_path: Path
) -> None:
    forged = another(ledger, tmp_path / "forged")
    with raw(forged) as sql:
        older_tree(sql, 300)
    with closing(SQLiteStore.open(forged.settings.file)) as store:
        log = Log.of_ledger(forged.settings, store)
        assert log.publish(START, at_once=True) is None
        assert log.halted() is not None
        log.begin_anew(START)
        assert log.publish(START, at_once=True) is not None
        log.close()
    alone, against = run(forged, "verify"), run(forged, "verify", "--against", ledger.outside)

    assert 0 == alone.exit_code, alone.output
    assert 3 == against.exit_code
    assert f"{ledger.sizes[2] - 300} published facts are missing" in against.stdout


@pytest.mark.slow
def test_a_log_that_grows_meanwhile_is_verified_as_it_was(tmp_path: Path) -> None:
    from tests.benchmarks.sample import grow, make

    with closing(make(tmp_path / "ledger.db")) as growing, ThreadPoolExecutor(1) as beside:
        settings = Settings(database=tmp_path / "ledger.db")
        log = Log.of_ledger(settings, growing.store)
        learners = grow(growing, 2_000)
        under_way = beside.submit(lambda: [grow(growing, growing.store.head() + 30, learners + n) for n in range(40)])
        while not under_way.done():
            log.publish(growing.now(), at_once=True)
            with opened(settings) as source:
                assert [] == verify(source, (), (), State(), lambda *_: None).faults
        under_way.result()
        log.close()


@pytest.mark.slow
def test_killed_and_run_again_an_audit_goes_on(tmp_path: Path) -> None:
    from tests.benchmarks.sample import grow, make

    ledger = make(tmp_path / "ledger.db")
    grow(ledger, 3 * AT_ONCE)
    ledger.close()
    begin = "import api.audit.resuming as r; r._EVERY_S = 0; from api.commands import main; main()"
    arguments = [
        "--database",
        f"sqlite:///{tmp_path}/ledger.db",
        "audit",
        "verify",
        "--resume",
        str(tmp_path / "notes"),
    ]
    process = subprocess.Popen([sys.executable, "-c", begin, *arguments], env=dict(os.environ))
    while not (tmp_path / "notes").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = CliRunner().invoke(main, arguments)

    assert 0 == found.exit_code, found.output
    assert "Went on after" in found.stdout


def test_sizes_of_the_sample_are_as_they_are_named(ledger: Kept) -> None:
    assert [] == [size for size, wanted in zip(ledger.sizes, SIZES, strict=True) if size < wanted]


def test_what_cannot_be_written_is_named_and_leaves_what_stood_there(
    ledger: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    path.write_text("kept", "utf-8")

    def full(self: Path, text: str, encoding: str) -> None:
        self.write_bytes(text[:9].encode(encoding))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    found = run(ledger, "checkpoint", "--out", path)

    assert (2, f"Error: {path} cannot be used: No space left on device.\n") == (found.exit_code, found.stderr)
    assert b"kept" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_of_a_run_that_was_resumed_it_is_said_what_it_does_not_show(ledger: Kept, tmp_path: Path) -> None:
    notes_at = tmp_path / "notes"
    with opened(ledger.settings) as source:
        state, noted = State(), Notes(notes_at, source)
        noted._saved_at = float("-inf")

        def stop(now: State) -> None:
            if now.facts == now.size:
                noted.note(now)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Recomputing(source, state, (), 256).run(stop)
    found = run(ledger, "verify", "--resume", notes_at)

    assert 0 == found.exit_code, found.output
    assert "Went on after 256 facts" in found.stdout
    assert "shows only a run that is not resumed" in found.stdout
