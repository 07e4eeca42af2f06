"""Cosignatures of witnesses that are kept: each is checked by `ledger audit verify`, wherever its key is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.audit import cosigned
from api.audit.source import opened as opened_log
from api.commands import main
from ledger.settings import PostgresUrls, Settings
from ledger.transparency import note as notes
from ledger.transparency.cosigning import Cosigner
from ledger.transparency.log import Log
from tests.api.audit.kept import Kept, Raw, another, make_ledger, moved, raw
from tests.ledger.transparency.logs import opened

ONE = Cosigner("witness.example/w1", b"\1" * 32)
OTHER = Cosigner("witness.example/w2", b"\2" * 32)
FALSE = Cosigner("witness.example/w1", b"\3" * 32)
AT = 1_772_000_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def ledger(whole: Kept, tmp_path: Path) -> Kept:
    made = another(whole, tmp_path / "cosigned")
    cosign(made.settings)
    return made


def cosign(settings: Settings) -> None:
    """Let two witnesses cosign every checkpoint."""
    with opened(settings) as (store, _), closing(Log.of_ledger(settings, store)) as log:
        log.published.witnesses = {(one.verifier.name, one.verifier.id): one.verifier for one in (ONE, OTHER)}
        for published in log.published.after(-1, 10):
            for witness in (ONE, OTHER):
                line = witness.cosign(str(published.checkpoint), AT).line
                log.published.add_cosignature(published.checkpoint.size, line)


def run(kept: Kept, *arguments: str | Path, **environment: str) -> Result:
    database = ["--database", f"sqlite:///{kept.settings.database}"]
    return CliRunner().invoke(main, [*database, "audit", "verify", *map(str, arguments)], env=environment)


def test_cosignatures_of_known_witnesses_verify_and_of_others_it_is_said_that_they_were_not_checked(
    ledger: Kept,
) -> None:
    found = run(ledger, "--witness", str(ONE.verifier))
    both = run(ledger, "--witness", str(ONE.verifier), LEDGER_WITNESSES=f"http://127.0.0.1:1 {OTHER.verifier}")

    assert (0, 0) == (found.exit_code, both.exit_code), found.output + both.output
    assert "3 cosignatures of witnesses verified." in found.stdout
    assert f"Not checked: 3 cosignatures of {OTHER.verifier.name}" in found.stdout
    assert "6 cosignatures of witnesses verified." in both.stdout
    assert "Not checked" not in both.stdout


Spoil = Callable[[Raw, int], object]


def _flipped(sql: Raw, size: int) -> None:
    ((line,),) = sql.run("SELECT line FROM cosignatures WHERE size = ? AND witness LIKE ?", size, "%/w1+%")
    signature = notes.read_signature(line)
    other = signature._replace(made=signature.made[:-1] + bytes([signature.made[-1] ^ 1]))
    _put(sql, size, other.line)


def _put(sql: Raw, size: int, line: object) -> None:
    sql.run("UPDATE cosignatures SET line = ? WHERE size = ? AND witness LIKE ?", line, size, "%/w1+%")


def _of_another_checkpoint(sql: Raw, size: int) -> None:
    lines = sql.run("SELECT line FROM cosignatures WHERE size > ? AND witness LIKE ?", size, "%/w1+%")
    _put(sql, size, lines[0][0])


def _without_checkpoint(sql: Raw, size: int) -> None:
    sql.run("UPDATE cosignatures SET size = size + 1 WHERE size = ? AND witness LIKE ?", size, "%/w1+%")


SPOILT: dict[str, Spoil] = {
    "a bit of it": _flipped,
    "the one of another checkpoint": _of_another_checkpoint,
    "the line of another witness": lambda sql, size: _put(sql, size, OTHER.cosign("text\n", AT).line),
    "by another key of that name": lambda sql, size: _put(sql, size, FALSE.cosign("text\n", AT).line),
    "cut short": lambda sql, size: _put(sql, size, "\N{EM DASH} witness.example/w1 AAAA\n"),
    "nonsense": lambda sql, size: _put(sql, size, "nonsense"),
    "bytes": lambda sql, size: _put(sql, size, b"\xff"),
    "nothing that it stands under": _without_checkpoint,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_one_that_does_not_verify_is_named_with_its_checkpoint_and_witness(ledger: Kept, spoil: Spoil) -> None:
    size = ledger.sizes[1]
    with raw(ledger) as sql:
        spoil(sql, size)
    found = run(ledger, "--witness", str(ONE.verifier), "--witness", str(OTHER.verifier), "--json")
    answer: Any = json.loads(found.stdout)

    assert 3 == found.exit_code, found.output
    (fault,) = answer["verdict"]["faults"]
    assert "cosignature" == fault["subject"]
    witness = f"witness.example/w1+{ONE.verifier.id.hex()}"
    moved_too = (size, size + 1)
    assert any(f"of {witness} under the checkpoint of size {one}" in fault["sentence"] for one in moved_too), fault
    assert 5 == answer["verdict"]["cosignatures"]


@pytest.mark.parametrize("line", ["nonsense", b"\xff", ""])
def test_one_that_cannot_be_read_does_not_keep_the_others_from_being_served(ledger: Kept, line: object) -> None:
    with raw(ledger) as sql:
        _put(sql, ledger.sizes[-1], line)
    shown = CliRunner().invoke(main, ["--database", f"sqlite:///{ledger.settings.file}", "audit", "checkpoint"])

    assert 0 == shown.exit_code, shown.output
    assert "witness.example/w2" in shown.stdout
    assert "witness.example/w1" not in shown.stdout


def test_what_a_known_witness_signs_in_a_file_from_elsewhere_must_verify(ledger: Kept, tmp_path: Path) -> None:
    note = CliRunner().invoke(main, ["--database", f"sqlite:///{ledger.settings.file}", "audit", "checkpoint"]).stdout
    path = tmp_path / "outside"
    path.write_text(note, "utf-8")
    assert 0 == run(ledger, "--against", path, "--witness", str(ONE.verifier)).exit_code
    lines = note.splitlines(keepends=True)
    false = ONE.cosign("another text\n", AT).line
    path.write_text("".join(false if line.startswith("\N{EM DASH} witness.example/w1") else line for line in lines))
    found = run(ledger, "--against", path, "--witness", str(ONE.verifier))

    assert 4 == found.exit_code
    assert "witness.example/w1 does not fit" in found.stderr


def test_they_are_read_a_page_at_a_time(ledger: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosigned, "_AT_ONCE", 1)

    assert "3 cosignatures of witnesses verified." in run(ledger, "--witness", str(ONE.verifier)).stdout


def test_over_postgresql_too(whole: Kept, database: PostgresUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = moved(whole, database)
    cosign(kept.settings)
    monkeypatch.setattr(cosigned, "_AT_ONCE", 4)
    with opened_log(kept.settings) as source:
        assert (6, [], []) == cosigned.cosignatures(source, [ONE.verifier, OTHER.verifier])
    with raw(kept) as sql:
        _flipped(sql, kept.sizes[1])
    with opened_log(kept.settings) as source:
        found = cosigned.cosignatures(source, [ONE.verifier, OTHER.verifier])

    assert 5 == found.verified
    assert f"under the checkpoint of size {kept.sizes[1]}" in found.faults[0].sentence
