"""Proofs and bundles are written from a ledger, and checked without one; no byte of them can be changed unseen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audit import checking, proofs
from api.audit.bundles import write
from api.audit.bundling import FromLedger, export, of_period, of_stream
from api.audit.containers import written
from api.audit.source import Source, opened
from api.commands import main
from ledger import Ledger
from ledger.sqlite_store import SQLiteStore
from ledger.store import StoreUnavailable, microseconds
from ledger.transparency import note as notes
from ledger.transparency.cosigning import Cosigner
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.log import Log
from ledger.transparency.note import VerifierKey
from ledger.transparency.proof_file import Proof
from ledger.transparency.signing import Ed25519Signer
from tests.api.audit.kept import ORIGIN, Kept, another, make_ledger, raw
from tests.benchmarks.sample import learn

WITNESS = Cosigner("witness.example/w1", b"\3" * 32)
STRANGER = Ed25519Signer(ORIGIN, b"\1" * 32).verifier
Making = Callable[[Source], FromLedger]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    kept = make_ledger(tmp_path_factory.mktemp("ledger"))
    with closing(SQLiteStore.open(kept.settings.file)) as store:
        trusting = type(kept.settings)(database=kept.settings.file, witnesses=(str(WITNESS.verifier),))
        with closing(Log.of_ledger(trusting, store)) as log:
            newest = log.published.newest()
            assert newest is not None
            line = WITNESS.cosign(str(newest.checkpoint), 1_700_000_000).line
            log.published.add_cosignature(newest.checkpoint.size, line)
    return kept


@pytest.fixture(scope="module")
def source(ledger: Kept) -> Iterator[Source]:
    with opened(ledger.settings) as found:
        yield found


def exported(source: Source) -> FromLedger:
    return export(source, None)


def as_of_300(source: Source) -> FromLedger:
    return export(source, 300)


def a_learner(source: Source) -> FromLedger:
    return of_stream(source, source.store.streams("learner")[3])


def a_period(source: Source) -> FromLedger:
    facts = source.store.read_log(0, 2_000)
    return of_period(source, facts[300].recorded_at, facts[420].recorded_at)


KINDS: tuple[Making, ...] = (exported, as_of_300, a_learner, a_period)
kinds = pytest.mark.parametrize("make", KINDS, ids=lambda one: one.__name__)


def keys(source: Source) -> list[VerifierKey]:
    return source.keys()


def bundle(source: Source, path: Path, make: Making) -> Path:
    with written(path) as writer:
        write(make(source), writer)
    return path


def award_proof(source: Source) -> Proof:
    stored = next(one for one in source.store.read_log(100, 500) if one.name == "achievement.awarded.v1")
    return proofs.prove(source, stored)


@kinds
@pytest.mark.parametrize("name", ["bundle.zip", "bundle"])
def test_a_bundle_is_checked_with_nothing_but_keys(source: Source, tmp_path: Path, make: Making, name: str) -> None:
    checked = checking.check(bundle(source, tmp_path / name, make), keys(source), [WITNESS.verifier])

    assert ([ORIGIN], ["witness.example/w1"]) == (checked.signed_by, checked.cosigned_by)
    assert make(source).claim == checked.claim
    assert checked.facts


@kinds
def test_the_same_bundle_is_the_same_bytes(source: Source, tmp_path: Path, make: Making) -> None:
    first, second = (bundle(source, tmp_path / name, make).read_bytes() for name in ("a.zip", "b.zip"))

    assert first == second


def test_an_export_holds_every_fact_as_it_is_stored(source: Source, tmp_path: Path) -> None:
    path = bundle(source, tmp_path / "bundle", as_of_300)
    lines = [line for file in sorted((path / "facts").rglob("*.jsonl")) for line in file.read_bytes().splitlines()]

    assert [stored.body for stored in source.store.read_log(0, 300)] == lines
    assert [one.body for one in source.store.read_reference(0, 300)] == (
        path / "definitions.jsonl"
    ).read_bytes().splitlines()


def test_a_bundle_of_a_learner_holds_all_their_facts_and_no_others(source: Source, tmp_path: Path) -> None:
    path = bundle(source, tmp_path / "bundle", a_learner)
    lines = [line for file in sorted((path / "facts").rglob("*.jsonl")) for line in file.read_bytes().splitlines()]

    assert [stored.body for stored in source.store.read(source.store.streams("learner")[3])] == lines


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 700), (255, 257), (256, 512), (300, 301), (699, 700), (5, 4)])
def test_a_bundle_of_a_period_holds_what_was_recorded_then(
    source: Source, tmp_path: Path, first: int, last: int
) -> None:
    facts = source.store.read_log(0, 2_000)[: source.newest().checkpoint.size]
    since = facts[first].recorded_at
    before = facts[last].recorded_at if last > first else since.replace(year=2099)
    path = tmp_path / "bundle.zip"
    with written(path) as writer:
        write(of_period(source, since, before), writer)
    within = [one for one in facts if microseconds(since) <= one.recorded_us < microseconds(before)]

    assert len(within) == checking.check(path, keys(source), []).facts


@pytest.mark.parametrize("year", [2000, 2090])
def test_that_nothing_was_recorded_in_a_period_is_proven_too(source: Source, tmp_path: Path, year: int) -> None:
    path = tmp_path / "bundle.zip"
    with written(path) as writer:
        write(of_period(source, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)), writer)

    assert 0 == checking.check(path, keys(source), []).facts


def test_what_is_not_published_yet_is_not_exported(source: Source) -> None:
    size = source.newest().checkpoint.size

    with pytest.raises(StoreUnavailable, match=f"position {size + 1} is not published"):
        export(source, size + 1)


def test_a_spoilt_ledger_gives_no_bundle(ledger: Kept, tmp_path: Path) -> None:
    spoilt = another(ledger, tmp_path / "spoilt")
    with raw(spoilt) as sql:
        sql.run("UPDATE facts SET recorded_at = recorded_at + 1 WHERE position = 300")
    with opened(spoilt.settings) as source:
        for make in (exported, a_learner, a_period):
            with pytest.raises(Disproven):
                bundle(source, tmp_path / "bundle.zip", make)

    assert not list(tmp_path.glob("bundle*"))


@pytest.mark.parametrize("change", ["changed", "inserted", "removed", "swapped"])
@kinds
@settings(max_examples=40, deadline=None)
@given(chosen=st.randoms(use_true_random=False))
def test_no_byte_of_a_zip_file_can_be_changed_unseen(
    source: Source, tmp_path_factory: pytest.TempPathFactory, make: Making, change: str, chosen: object
) -> None:
    whole = _bundles(source, tmp_path_factory, make)
    path = tmp_path_factory.mktemp("spoilt") / "bundle.zip"
    spoilt = _spoilt(whole, change, chosen)
    path.write_bytes(spoilt)
    if spoilt != whole:
        with pytest.raises((Disproven, Malformed)):
            checking.check(path, keys(source), [WITNESS.verifier])
    path.unlink()


_made: dict[str, bytes] = {}


def _bundles(source: Source, directories: pytest.TempPathFactory, make: Making) -> bytes:
    if make.__name__ not in _made:
        _made[make.__name__] = bundle(source, directories.mktemp("bundles") / "bundle.zip", make).read_bytes()
    return _made[make.__name__]


def _spoilt(whole: bytes, change: str, chosen: object) -> bytes:
    at = chosen.randrange(len(whole) - 1)  # type: ignore[attr-defined]
    other = chosen.randrange(1, 256)  # type: ignore[attr-defined]
    match change:
        case "changed":
            return whole[:at] + bytes([whole[at] ^ other]) + whole[at + 1 :]
        case "inserted":
            return whole[:at] + bytes([other]) + whole[at:]
        case "removed":
            return whole[:at] + whole[at + 1 :]
        case _:
            return whole[:at] + whole[at : at + 2][::-1] + whole[at + 2 :]


@kinds
def test_no_file_of_a_directory_can_be_changed_added_or_removed_unseen(
    source: Source, tmp_path: Path, make: Making
) -> None:
    path = bundle(source, tmp_path / "bundle", make)
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        whole = file.read_bytes()
        for spoilt in (whole + b"\n", whole[:-1], whole[:-1] + b"!", None):
            if spoilt == whole:
                continue
            file.unlink()
            if spoilt is not None:
                file.write_bytes(spoilt)
            with pytest.raises((Disproven, Malformed)):
                checking.check(path, keys(source), [WITNESS.verifier])
            file.write_bytes(whole)
    (path / "more").write_bytes(b"")
    with pytest.raises(Disproven, match="more does not belong to the bundle"):
        checking.check(path, keys(source), [])


@pytest.mark.parametrize("change", ["changed", "inserted", "removed", "swapped"])
@settings(max_examples=150, deadline=None)
@given(chosen=st.randoms(use_true_random=False))
def test_no_byte_of_a_proof_or_checkpoint_can_be_changed_unseen(source: Source, change: str, chosen: object) -> None:
    for data, check in (
        (str(award_proof(source)).encode(), proofs.check),
        (source.published.cosigned(source.newest()).encode(), proofs.check_checkpoint),
    ):
        spoilt = _spoilt(data, change, chosen)

        assert check(data, keys(source), [WITNESS.verifier])
        if spoilt != data:
            with pytest.raises((Disproven, Malformed)):
                check(spoilt, keys(source), [WITNESS.verifier])


def test_a_proof_shows_the_fact_that_it_proves(source: Source) -> None:
    proof = award_proof(source)
    found = proofs.check(str(proof).encode(), keys(source), [])
    stored = source.store.read_log(proof.index, 1)[0]

    assert (stored.stream, stored.version, stored.name) == (
        found.envelope.stream, found.envelope.version, found.envelope.name
    )  # fmt: skip
    assert stored.body == bytes(found.fact)


def test_another_key_or_a_witness_that_did_not_sign_disproves(source: Source) -> None:
    data = str(award_proof(source)).encode()

    with pytest.raises(Disproven):
        proofs.check(data, [STRANGER], [])
    with pytest.raises(Disproven):
        proofs.check(data, keys(source), [Cosigner("witness.example/w2", b"\4" * 32).verifier])


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", "check", *map(str, arguments)])


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"PK\3\4nonsense", b"PK", b"c2sp.org/tlog-proof@v1\n", b"c2sp.org/tlog-proof@v2\n", b"\xff\0"],
)
def test_what_is_neither_proof_nor_bundle_is_one_sentence(source: Source, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "directory").mkdir()
    for path in (tmp_path / "file", tmp_path / "directory"):
        found = run(path, "--key", str(keys(source)[0]))

        assert (4, 1) == (found.exit_code, found.stderr.count("\n")), found.output
        assert "Traceback" not in found.output


def test_a_bundle_that_is_a_compressed_or_linked_copy_is_refused(source: Source, tmp_path: Path) -> None:
    path = bundle(source, tmp_path / "bundle", exported)
    shutil.make_archive(str(tmp_path / "compressed"), "zip", path)
    shutil.copytree(path, tmp_path / "linked")
    (tmp_path / "linked" / "proof").unlink()
    (tmp_path / "linked" / "proof").symlink_to(path / "proof")
    for spoilt in ("compressed.zip", "linked"):
        with pytest.raises(Malformed):
            checking.check(tmp_path / spoilt, keys(source), [])


@pytest.mark.parametrize("name", ["README.md", "another"])
def test_a_pipe_in_a_bundle_is_refused_not_waited_for(source: Source, tmp_path: Path, name: str) -> None:
    path = bundle(source, tmp_path / "bundle", as_of_300)
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)

    with pytest.raises(Malformed, match=f"{name} is no file that can be in a bundle"):
        checking.check(path, keys(source), ())


@pytest.mark.parametrize(("name", "raised"), [("bundle.json", Malformed), ("README.md", Disproven)])
def test_a_file_that_is_larger_than_memory_is_not_read(
    source: Source, tmp_path: Path, name: str, raised: type[Exception]
) -> None:
    path = bundle(source, tmp_path / "bundle", as_of_300)
    os.truncate(path / name, 2**40)

    with pytest.raises(raised, match=name):
        checking.check(path, keys(source), ())


def test_a_directory_that_is_no_bundle_is_not_looked_through(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "root").symlink_to("/")

    with pytest.raises(Malformed, match="is no bundle"):
        checking.check(tmp_path, (), ())


def test_a_proof_is_read_from_a_pipe_and_no_further_than_a_proof_goes(source: Source, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = []
    for content in (str(award_proof(source)).encode(), b"c2sp.org/tlog-proof@v1" * 2**22):

        def feed(content: bytes = content) -> None:
            with suppress(BrokenPipeError), pipe.open("wb") as file:
                file.write(content)

        feeding = Thread(target=feed, daemon=True)
        feeding.start()
        said.append(run(pipe, "--key", str(keys(source)[0])).exit_code)
        feeding.join(10)

    assert [0, 4] == said


def test_a_zip_file_with_a_name_twice_is_refused(source: Source, tmp_path: Path) -> None:
    path = bundle(source, tmp_path / "bundle.zip", exported)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("proof", b"")
    with pytest.raises(Malformed):
        checking.check(path, keys(source), [])


OFFLINE = """
import socket, sys
def refuse(*_, **__): raise AssertionError("no network")
socket.socket.connect = refuse
from api.commands import main
try:
    main(["audit", "check", *sys.argv[1:]])
finally:
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not {"psycopg", "eventsourcing", "kafka", "flask"} & loaded, loaded
"""


@pytest.mark.slow
def test_an_award_is_proven_and_everything_exported_from_the_command_line(ledger: Kept, tmp_path: Path) -> None:
    kept = another(ledger, tmp_path / "college")
    with closing(Ledger.open(kept.settings)) as college:
        from tests.benchmarks.sample import CLIENT

        college.execute_many(learn(9_999), actor=CLIENT)
    base = ["--database", f"sqlite:///{kept.settings.file}"]
    listed = json.loads(CliRunner().invoke(main, [*base, "awards", "--json"]).stdout)["items"]
    key = json.loads(CliRunner().invoke(main, [*base, "audit", "keys", "--json"]).stdout)
    verifier = next(iter(_verifiers(key)))
    files = {
        "award.tlog-proof": ("prove", listed[0]["id"]),
        "all.zip": ("export",),
        "all": ("export", "--at", "500"),
        "learner.zip": ("complete", "--learner", listed[0]["learner_id"]),
        "period.zip": ("complete", "--from", "2020-01-01T00:00:00Z", "--to", "2090-01-01T00:00:00+02:00"),
        "checkpoint": ("checkpoint",),
    }
    for name, command in files.items():
        made = CliRunner().invoke(main, [*base, "audit", *command, "--out", str(tmp_path / name)])
        assert 0 == made.exit_code, made.output
        program = [sys.executable, "-c", OFFLINE, str(tmp_path / name), "--key", verifier]
        found = subprocess.run(program, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert (0, "Proven") == (found.returncode, found.stdout[:6]), found.stderr
    again = CliRunner().invoke(main, [*base, "audit", "export", "--out", str(tmp_path / "all")])
    assert (4, True) == (again.exit_code, "is there already" in again.stderr)
    for bad in (("--from", "2020-01-01T00:00:00", "--to", "2021-01-01T00:00:00Z"), ("--from", "x", "--to", "y")):
        refused = CliRunner().invoke(main, [*base, "audit", "complete", *bad, "--out", str(tmp_path / "no.zip")])
        assert (4, True) == (refused.exit_code, "offset from UTC" in refused.stderr)


def _verifiers(shown: object) -> Iterator[str]:
    match shown:
        case str() if shown.startswith(ORIGIN) and shown.count("+") >= 2:
            yield str(notes.read_key(shown))
        case dict():
            for value in shown.values():
                yield from _verifiers(value)
        case list():
            for value in shown:
                yield from _verifiers(value)
