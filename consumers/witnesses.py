"""
Asking witnesses outside to cosign every new checkpoint (c2sp.org/tlog-witness); what they sign is kept with it.

Each witness has a thread of its own, so one that is slow or away holds up nobody. It is proven to each that the log
grew from the checkpoint that it cosigned last; where it knows another one, it says which, and is asked from there.

A witness is not trusted with anything but its signature: it has so many seconds, answers are cut off at so many bytes,
redirections are not followed, and what it signed is verified before it is kept.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from contextlib import suppress
from threading import Timer
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from consumers.looping import Loop
from ledger.settings import UnusableSettings
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint, number
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.log import Log
from ledger.transparency.note import COSIGNATURE, VerifierKey
from ledger.transparency.published import Published
from ledger.transparency.witness import SIZE_TYPE, Request

_DEADLINE_S: Final = 10.0
_LARGEST_ANSWER: Final = 16 * 1024
_LOOK_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0
_TRIES: Final = 3


class NotCosigned(Exception):
    """A witness did not cosign; asked again, it may."""


class WitnessAt(NamedTuple):
    """A witness, and the address below which it is asked."""

    url: str
    key: VerifierKey


class Said(NamedTuple):
    """What was answered: status, type and text."""

    status: int
    media_type: str
    text: str


def to_be_asked(witnesses: tuple[str, ...]) -> list[WitnessAt]:
    """Return those of LEDGER_WITNESSES that have an address; UnusableSettings where it is none that may be asked."""
    found = []
    for text in witnesses:
        url, _, key = text.rpartition(" ")
        if url:
            found.append(WitnessAt(_usable(url.strip()), _witness_key(key)))
    return found


class Witnessing:
    """Has one witness cosign every new checkpoint of *log*."""

    def __init__(self, witness: WitnessAt, log: Log, *, deadline: float = _DEADLINE_S) -> None:
        self._witness = witness
        self._log = log
        self._deadline = deadline
        name = f"witness {witness.key.name}"
        self.loop = Loop(name, self.step, self._wait, _LONGEST_PAUSE_S, outside=(NotCosigned,))

    def step(self) -> int:
        """Have the newest checkpoint cosigned; return 0 where it is already. NotCosigned says why it was not."""
        published = self._log.published
        newest = published.newest()
        if newest is None:
            return 0
        old = published.cosigned_up_to(newest.checkpoint.origin, self._witness.key)
        if old is not None and old >= newest.checkpoint.size:
            return 0
        self._have_cosigned(newest, old or 0)
        return 1

    def _have_cosigned(self, newest: Published, old: int) -> None:
        for _ in range(_TRIES):
            said = ask(self._witness.url, bytes(self._request(newest, old)), self._deadline)
            match said.status:
                case 200:
                    self._keep(newest.checkpoint, said.text)
                    return
                case 409:
                    old = self._known(newest.checkpoint, old, said)
                case _:
                    raise NotCosigned(f"{self._witness.url} answers {said.status}: {_one_line(said.text)}")
        raise NotCosigned(f"{self._witness.url} knows another size each time that it is asked")

    def _request(self, newest: Published, old: int) -> Request:
        path = self._log.tree.consistency(old, newest.checkpoint.size)
        note = notes.read(newest.note.encode())
        return Request(old, tuple(path), note, newest.checkpoint)

    def _known(self, ours: Checkpoint, asked: int, said: Said) -> int:
        known = number(said.text.removesuffix("\n")) if said.text.endswith("\n") else None
        if known is None or said.media_type != SIZE_TYPE:
            raise NotCosigned(f"{self._witness.url} answers 409 without the size that it knows")
        if known == asked:
            raise NotCosigned(f"{self._witness.url} saw another history of size {known}: run `ledger audit verify`")
        if known > ours.size:
            raise NotCosigned(f"{self._witness.url} saw a checkpoint of size {known}; the newest here is {ours.size}")
        return known

    def _keep(self, checkpoint: Checkpoint, lines: str) -> None:
        key = self._witness.key
        try:
            for line in lines.splitlines(keepends=True):
                signature = notes.read_signature(line)
                if (signature.name, signature.id) == (key.name, key.id):
                    self._log.published.add_cosignature(checkpoint.size, line)
                    return
        except (Malformed, Disproven) as error:
            raise NotCosigned(f"{self._witness.url} answers with no cosignature: {error}") from None
        raise NotCosigned(f"{self._witness.url} cosigns with another key than {key}")

    def _wait(self) -> None:
        self.loop.pause(_LOOK_S)


def ask(url: str, data: bytes, deadline: float = _DEADLINE_S) -> Said:
    """Post *data* to the witness at *url*; NotCosigned where there is no answer in time, or not a bounded one."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=deadline, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=deadline)
    )
    # Each read has its own time limit, so drops of an answer could go on for ever: at the deadline the line is cut.
    cut = Timer(deadline, _cut, (connection,))
    cut.daemon = True
    cut.start()
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/add-checkpoint", data, {"Content-Type": "text/plain"})
        response = connection.getresponse()
        answered = response.read(_LARGEST_ANSWER + 1)
        media_type = response.getheader("content-type", "").partition(";")[0].strip()
        status = response.status
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise NotCosigned(f"{url} does not answer ({type(error).__name__}: {_one_line(str(error))})") from None
    finally:
        cut.cancel()
        connection.close()
    if len(answered) > _LARGEST_ANSWER:
        raise NotCosigned(f"{url} answers with more than {_LARGEST_ANSWER} bytes")
    return Said(status, media_type, answered.decode("utf-8", errors="replace"))


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(2)


def _usable(url: str) -> str:
    try:
        parts = urlsplit(url)
        plain = parts.port is None or bool(parts.port)
        plain = plain and not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        plain = False
    if not plain or parts.scheme not in {"https", "http"} or not parts.hostname or not url.isascii():
        raise UnusableSettings(
            f"LEDGER_WITNESSES: {url[:200]!r} is no address; one looks like https://witness.example/w1"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise UnusableSettings(f"LEDGER_WITNESSES: {url} must begin with https://, for it is on another machine")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _witness_key(text: str) -> VerifierKey:
    try:
        key = notes.read_key(text)
    except Malformed as error:
        raise UnusableSettings(f"LEDGER_WITNESSES: {error}") from None
    if key.kind != COSIGNATURE:
        raise UnusableSettings(f"LEDGER_WITNESSES: {key.name} is the key of a log, not of a witness")
    return key


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
