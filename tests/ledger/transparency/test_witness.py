"""A witness cosigns what grew, and nothing else, whatever it is asked, by whomever at once, and wherever it dies."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.settings import UnusableSettings
from ledger.transparency import cosigning, merkle
from ledger.transparency import note as notes
from ledger.transparency.cosigning import Cosigner
from ledger.transparency.faults import Malformed
from ledger.transparency.merkle import EMPTY
from ledger.transparency.note import Note
from ledger.transparency.signing import Ed25519Signer
from ledger.transparency.witness import SIZE_TYPE, Answer, Request, Seen, Witness, read_request
from tests.ledger.transparency.trees import changed
from tests.ledger.transparency.witnessed import ORIGIN, SIGNER, Grown

LOG = Grown(40)
COSIGNER = Cosigner("witness.example/w1", b"\3" * 32)
NOW = 1_700_000_000


def opened(directory: Path) -> Witness:
    return Witness(COSIGNER, [SIGNER.verifier], Seen(directory / "seen.db"), lambda: NOW)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = opened(tmp_path)
    yield made
    made._seen.close()


def ask(witness: Witness, old: int, size: int, log: Grown = LOG) -> Answer:
    return witness.add_checkpoint(bytes(log.request(old, size)))


def believed(answer: Answer, note: Note) -> bool:
    assert 200 == answer.status, answer.text
    signature = notes.read_signature(answer.text)
    whole = notes.with_signatures(note, [signature])
    return [COSIGNER.verifier] == notes.verified(whole, [COSIGNER.verifier]) and NOW == signature.at


def test_what_grew_is_cosigned(witness: Witness) -> None:
    assert believed(ask(witness, 0, 7), LOG.note(7))
    assert believed(ask(witness, 7, 30), LOG.note(30))
    assert believed(ask(witness, 30, 30), LOG.note(30))


def test_an_empty_log_can_be_cosigned(witness: Witness) -> None:
    assert EMPTY == LOG.checkpoint(0).root
    assert believed(ask(witness, 0, 0), LOG.note(0))
    assert believed(ask(witness, 0, 5), LOG.note(5))


def test_who_asks_from_another_size_is_told_the_one_that_is_known(witness: Witness) -> None:
    ask(witness, 0, 20)

    assert Answer(409, "20\n", SIZE_TYPE) == ask(witness, 0, 30)
    assert Answer(409, "20\n", SIZE_TYPE) == ask(witness, 21, 30)


def test_a_smaller_checkpoint_is_never_cosigned_again(witness: Witness) -> None:
    ask(witness, 0, 20)

    assert Answer(409, "20\n", SIZE_TYPE) == ask(witness, 10, 19)
    assert Answer(409, "20\n", SIZE_TYPE) == ask(witness, 0, 19)


def test_another_root_of_the_same_size_is_a_conflict(witness: Witness) -> None:
    ask(witness, 0, 20)

    assert Answer(409, "20\n", SIZE_TYPE) == ask(witness, 20, 20, Grown(40, fork=3))


def test_a_fork_is_refused_and_changes_nothing(witness: Witness) -> None:
    ask(witness, 0, 20)

    assert 422 == ask(witness, 20, 30, Grown(40, fork=3)).status
    assert believed(ask(witness, 20, 30), LOG.note(30))


@pytest.mark.parametrize("number", range(100))
def test_a_fork_anywhere_is_refused(tmp_path: Path, number: int) -> None:
    chosen = random.Random(number)
    size = chosen.randint(1, 39)
    larger = chosen.randint(size, 40)
    witness = opened(tmp_path)
    ask(witness, 0, size)

    answer = ask(witness, size, larger, Grown(40, fork=chosen.randrange(size), branch=b"other"))

    assert (409 if larger == size else 422) == answer.status
    assert [LOG.note(size).text] == [notes.read(one.encode()).text for one in witness._seen.newest()]


def test_a_proof_that_is_not_needed_is_refused(witness: Witness) -> None:
    request = LOG.request(0, 20)._replace(path=(EMPTY,))

    assert 422 == witness.add_checkpoint(bytes(request)).status


def test_an_unknown_log_is_not_found(witness: Witness) -> None:
    other = Ed25519Signer("other.example/log", b"\1" * 32)
    text = str(LOG.checkpoint(5)._replace(origin="other.example/log"))
    note = Note(text, (notes.Signature(other.verifier.name, other.verifier.id, other.sign(text.encode())),))

    assert 404 == witness.add_checkpoint(f"old 0\n\n{note}".encode()).status


def test_a_checkpoint_that_the_log_did_not_sign_is_forbidden(witness: Witness) -> None:
    stranger = Ed25519Signer(ORIGIN, b"\1" * 32)
    forged = LOG.note(5)._replace(text=str(LOG.checkpoint(6)))

    assert 403 == witness.add_checkpoint(f"old 0\n\n{LOG.note(5, stranger)}".encode()).status
    assert 403 == witness.add_checkpoint(f"old 0\n\n{forged}".encode()).status


def test_an_old_size_beyond_the_checkpoint_is_refused(witness: Witness) -> None:
    assert 400 == ask(witness, 9, 5).status


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"old 0", b"old 00\n\n", b"old -1\n\n", b"old 0\nxx\n\n", b"\xff", b"new 0\n\n", b"old 0\n\n\n"),
        b"old 0\n\nno\n",
        b"old 0\n" + b"%s\n" % notes.encoded(EMPTY).encode() * 64 + b"\n" + str(LOG.note(5)).encode(),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(witness: Witness, data: bytes) -> None:
    answer = witness.add_checkpoint(data)

    assert 400 == answer.status
    assert 1 == answer.text.count("\n")


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_requests_are_read_only_as_they_are_written(data: st.DataObject) -> None:
    old = data.draw(st.integers(0, 40))
    whole = bytes(LOG.request(old, data.draw(st.integers(old, 40))))
    other = changed(whole, data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255)))

    assert whole == bytes(read_request(whole))
    try:
        read: Request = read_request(other)
    except Malformed:
        return
    assert other == bytes(read)


def test_cosignatures_of_others_are_carried_past(witness: Witness) -> None:
    note = notes.with_signatures(LOG.note(5), [Cosigner("w2.example", b"\5" * 32).cosign(LOG.note(5).text, 1)])

    assert 200 == witness.add_checkpoint(f"old 0\n\n{note}".encode()).status


def test_of_requests_at_once_each_goes_on_from_what_was_cosigned_before(witness: Witness) -> None:
    asked = [(old, size) for old in range(0, 40, 4) for size in range(old + 1, 41, 3)]
    random.Random(5).shuffle(asked)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda one: (*one, ask(witness, *one)), asked * 2))

    cosigned = sorted((old, size) for old, size, answer in answers if answer.status == 200)
    assert {200, 409} == {answer.status for *_, answer in answers}
    assert [0, *(size for _, size in cosigned[:-1])] == [old for old, _ in cosigned]


def test_two_processes_over_one_state_answer_for_one_history(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)

    assert 200 == ask(first, 0, 20).status
    assert 422 == ask(second, 20, 30, Grown(40, fork=2)).status
    assert 200 == ask(second, 20, 30).status
    assert Answer(409, "30\n", SIZE_TYPE) == ask(first, 20, 31)


def test_what_cannot_be_kept_is_not_cosigned(witness: Witness, tmp_path: Path) -> None:
    ask(witness, 0, 20)
    with closing(sqlite3.connect(tmp_path / "seen.db")) as other:
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON seen BEGIN SELECT RAISE(ABORT, 'disk full'); END")

        assert 503 == ask(witness, 20, 30).status
        other.execute("DROP TRIGGER full")
    assert believed(ask(witness, 20, 31), LOG.note(31))


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger.transparency import witness as w
from tests.ledger.transparency.test_witness import COSIGNER, LOG, opened, ask

where = sys.argv[2]
if where == "before":
    w.verify_consistency = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
witness = opened(Path(sys.argv[1]))
if where == "signed":
    w.Cosigner.cosign = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
ask(witness, 0, 20)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("where", "known"), [("before", 0), ("signed", 0), ("after", 20)])
def test_killed_before_it_answers_a_witness_lets_no_fork_through(tmp_path: Path, where: str, known: int) -> None:
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), where], check=False)
    assert -signal.SIGKILL == died.returncode

    witness = opened(tmp_path)
    if known:
        assert Answer(409, f"{known}\n", SIZE_TYPE) == ask(witness, 0, 20)
        assert 409 == ask(witness, known, known, Grown(40, fork=1)).status
        assert 422 == ask(witness, known, 30, Grown(40, fork=1)).status
    assert believed(ask(witness, known, 20), LOG.note(20))


def test_the_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    made = cosigning.make(tmp_path / "key", "witness.example/w1")

    assert made.verifier == cosigning.load(tmp_path / "key").verifier
    assert 0o600 == (tmp_path / "key").stat().st_mode & 0o777
    with pytest.raises(UnusableSettings, match="holds a key already"):
        cosigning.make(tmp_path / "key", "witness.example/w1")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.chmod(0o640),
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text("utf-8")[:-5]),
        lambda path: path.write_text(path.read_text("utf-8").replace("w1", "w2")),
        lambda path: path.write_bytes(b"\xff\0"),
    ],
    ids=["open to others", "gone", "cut off", "renamed", "no text"],
)
def test_a_key_that_is_not_as_it_was_made_is_refused(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    cosigning.make(tmp_path / "key", "witness.example/w1")
    spoil(tmp_path / "key")

    with pytest.raises(UnusableSettings):
        cosigning.load(tmp_path / "key")


def test_a_witness_needs_neither_ledger_nor_its_store() -> None:
    loaded = "import sys, ledger.transparency.witness; print(sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout

    assert not any(f"'{one}'" in found for one in ("ledger.store", "ledger.application", "eventsourcing", "flask"))


def test_consistency_proofs_lead_from_every_size_to_every_other() -> None:
    for old in range(41):
        for size in range(old, 41):
            path = merkle.consistency_path(LOG.nodes, old, size)
            merkle.verify_consistency(old, size, path, LOG.checkpoint(old).root, LOG.checkpoint(size).root)
