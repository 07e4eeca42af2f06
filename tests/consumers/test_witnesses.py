"""Witnesses are asked until they cosign; whatever else they say or do, nobody waits for them nor believes them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from waitress import create_server

from api.commands.witness import app_of
from consumers.looping import Loop
from consumers.shipping import Shipping
from consumers.witnesses import NotCosigned, WitnessAt, Witnessing, ask, to_be_asked
from ledger.settings import UnusableSettings
from ledger.transparency import note as notes
from ledger.transparency.cosigning import Cosigner
from ledger.transparency.witness import Seen, Witness
from tests.consumers.recorded import COSIGNER, OTHER, Recorded
from tests.ledger.transparency.witnessed import SIGNER

KEY = str(COSIGNER.verifier)


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def recorded(tmp_path: Path, ends: ExitStack) -> Recorded:
    return Recorded(tmp_path, ends)


@contextmanager
def witness(directory: Path, recorded: Recorded, cosigner: Cosigner = COSIGNER) -> Iterator[str]:
    recorded.log.keys(recorded.now)
    keys = [notes.read_key(key.verifier) for key in recorded.log.published.verifiers()]
    with closing(Seen(directory / f"{cosigner.verifier.id.hex()}.db")) as seen:
        server = create_server(app_of(Witness(cosigner, keys, seen, time.time)), host="127.0.0.1", port=0)
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.effective_port}"
        server.close()
        thread.join(5)


@contextmanager
def saying(*answers: Callable[[socket.socket], object] | bytes) -> Iterator[str]:
    """Serve on a bare socket: each connection gets the next answer, the last one for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            number = 0
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    answer = answers[min(number, len(answers) - 1)]
                    number += 1
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        if isinstance(answer, bytes):
                            connection.sendall(answer)
                        else:
                            answer(connection)

        Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def answered(status: str, body: bytes, kind: str = "text/plain") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def knows(size: int) -> bytes:
    return answered("409 Conflict", b"%d\n" % size, "text/x.tlog.size")


def asking(recorded: Recorded, url: str, deadline: float = 5) -> Witnessing:
    return Witnessing(WitnessAt(url, COSIGNER.verifier), recorded.log, deadline=deadline)


def test_every_new_checkpoint_is_cosigned_and_served_so(tmp_path: Path, recorded: Recorded) -> None:
    with witness(tmp_path, recorded) as url:
        step = asking(recorded, url).step

        assert 0 == step()
        for facts in (3, 1, 300):
            recorded.grow(facts)
            assert (1, 0) == (step(), step())
            assert recorded.cosigned_by(COSIGNER)


def test_a_witness_that_knows_another_size_is_asked_from_there(tmp_path: Path, recorded: Recorded) -> None:
    with witness(tmp_path, recorded) as url:
        recorded.grow(3)
        asking(recorded, url).step()
        with recorded.log._database.writing() as writing:
            writing.execute("DELETE FROM cosignatures")
        recorded.grow(4)

        assert 1 == asking(recorded, url).step()
        assert recorded.cosigned_by(COSIGNER)


def test_an_answer_that_was_lost_is_asked_for_again(tmp_path: Path, recorded: Recorded) -> None:
    with witness(tmp_path, recorded) as url:
        recorded.grow(3)
        newest = recorded.log.published.newest()
        assert newest is not None
        ask(url, bytes(asking(recorded, url)._request(newest, 0)))

        assert 1 == asking(recorded, url).step()
        assert recorded.cosigned_by(COSIGNER)


def test_another_history_is_not_cosigned_and_said_to_be_one(
    tmp_path: Path, recorded: Recorded, ends: ExitStack
) -> None:
    with witness(tmp_path, recorded) as url:
        recorded.grow(5)
        asking(recorded, url).step()
        twin = Recorded(tmp_path / "twin", ends)
        (tmp_path / "twin" / "keys").write_bytes((tmp_path / "keys").read_bytes())
        (tmp_path / "twin" / "keys").chmod(0o600)
        twin.grow(5, b"other")

        with pytest.raises(NotCosigned, match="saw another history of size 5"):
            asking(twin, url).step()
        twin.grow(5, b"other")
        with pytest.raises(NotCosigned, match="answers 422"):
            asking(twin, url).step()


def test_a_checkpoint_that_is_larger_than_ours_is_reported(recorded: Recorded) -> None:
    recorded.grow(5)
    with saying(knows(9)) as url, pytest.raises(NotCosigned, match="saw a checkpoint of size 9; the newest here is 5"):
        asking(recorded, url).step()


FOREIGN = OTHER.cosign("text\n", 1).line.encode()
WRONG = COSIGNER.cosign("another text\n", 1).line.encode()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([answered("200 OK", b"")], "cosigns with another key"),
        ([answered("200 OK", b"nonsense\n")], "answers with no cosignature"),
        ([answered("200 OK", FOREIGN)], "cosigns with another key"),
        ([answered("200 OK", WRONG)], "answers with no cosignature"),
        ([answered("200 OK", b"x" * 20_000)], "more than 16384 bytes"),
        ([answered("302 Found", b"")], "answers 302"),
        ([answered("500 Oh", b"one\ntwo")], "answers 500: one two"),
        ([answered("409 Conflict", b"3\n")], "without the size"),
        ([answered("409 Conflict", b"03\n", "text/x.tlog.size")], "without the size"),
        ([answered("409 Conflict", b"3", "text/x.tlog.size")], "without the size"),
        ([knows(1), knows(2), knows(3), knows(1)], "knows another size each time"),
        ([b"garbage\r\n\r\n"], "does not answer"),
        ([b""], "does not answer"),
    ],
    ids=["nothing", "nonsense", "another's", "under another text", "too long", "moved", "failed", "no type",
         "no number", "cut off", "fickle", "no http", "hung up"],
)  # fmt: skip
def test_what_is_no_cosignature_is_never_kept(recorded: Recorded, answers: list[bytes], said: str) -> None:
    recorded.grow(5)
    with saying(*answers) as url, pytest.raises(NotCosigned, match=said):
        asking(recorded, url).step()

    assert not recorded.cosigned_by(COSIGNER)


def dripping(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"H")
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [dripping, lambda _: time.sleep(3)], ids=["dripping", "silent"])
def test_a_slow_witness_has_so_many_seconds(answer: Callable[[socket.socket], object]) -> None:
    began = time.monotonic()
    with saying(answer) as url, pytest.raises(NotCosigned, match="does not answer"):
        ask(url, b"", 0.3)

    assert time.monotonic() - began < 2


@pytest.mark.slow
def test_one_slow_witness_holds_nobody_up(tmp_path: Path, recorded: Recorded) -> None:
    with saying(lambda _: time.sleep(8)) as slow, witness(tmp_path, recorded, OTHER) as quick:
        both = [WitnessAt(slow, COSIGNER.verifier), WitnessAt(quick, OTHER.verifier)]
        shipping = Shipping(None, [Witnessing(one, recorded.log, deadline=3) for one in both])
        shipping.start()
        recorded.grow(5)
        until = time.monotonic() + 2
        while not recorded.cosigned_by(OTHER) and time.monotonic() < until:
            time.sleep(0.02)

        assert recorded.cosigned_by(OTHER)
        shipping.close()
        assert not any(map(running, shipping.loops))


def running(loop: Loop) -> bool:
    return loop.running


@pytest.mark.parametrize(
    "text",
    [
        "http://witness.example {key}",
        "ftp://witness.example {key}",
        "witness.example {key}",
        "https://user:word@witness.example {key}",
        "https://witness.example?a=b {key}",
        "https://witness.example:port {key}",
        "https:// {key}",
        "https://witness.example nonsense",
        "https://witness.example {log}",
    ],
)
def test_an_address_or_key_that_cannot_be_used_is_refused_at_start(text: str) -> None:
    with pytest.raises(UnusableSettings, match="LEDGER_WITNESSES: "):
        to_be_asked((text.format(key=KEY, log=SIGNER.verifier),))


def test_a_key_without_an_address_is_not_asked() -> None:
    found = to_be_asked((KEY, f"https://witness.example/w1 {KEY}", f"http://[::1]:8700 {KEY}"))

    assert ["https://witness.example/w1", "http://[::1]:8700"] == [one.url for one in found]
