"""
Signed notes: a text, an empty line, and lines of signatures, each by a named key.

    example.com/log
    109482
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — example.com/log <base64 of the key's id (4 bytes) and the signature>

A key is told by its name and id together; signatures of others are carried along unread. What a key signs depends on
its kind: the text itself (`ED25519`), or, for a witness, the text after a line with the time (`COSIGNATURE`).
https://c2sp.org/signed-note, https://c2sp.org/tlog-cosignature
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.transparency.faults import Disproven, Malformed, Unsigned

ED25519: Final = 1
COSIGNATURE: Final = 4
_KINDS = (ED25519, COSIGNATURE)
_DASH = "\N{EM DASH} "
_LARGEST = 1_000_000
_MOST_SIGNATURES = 100
_SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 72}


class VerifierKey(NamedTuple):
    """The public half of an Ed25519 key, with the name and the kind that it signs as."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before its signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encoded(bytes([self.kind]) + self.public)}"


class Signature(NamedTuple):
    """One signature line."""

    name: str
    id: bytes
    made: bytes

    @property
    def line(self) -> str:
        """It as it is written, newline and all."""
        return f"{_DASH}{self.name} {encoded(self.id + self.made)}\n"

    @property
    def at(self) -> int:
        """When a cosignature was made, in seconds since 1970."""
        return int.from_bytes(self.made[:8], "big")


class Note(NamedTuple):
    """A text, which ends in a newline, and what signs it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n" + "".join(signature.line for signature in self.signatures)


def read(data: bytes) -> Note:
    """Return the note that *data* holds; Malformed for anything that would be written otherwise."""
    if len(data) > _LARGEST:
        raise Malformed("The note is too long.")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Malformed("The note is not text in UTF-8.") from None
    if any(character < " " and character != "\n" for character in whole):
        raise Malformed("The note holds control characters.")
    text, separated, lines = whole.rpartition("\n\n")
    if not separated or not lines.endswith("\n"):
        raise Malformed("The note has no signatures after an empty line, or does not end with one.")
    each = lines[:-1].split("\n")
    if len(each) > _MOST_SIGNATURES:
        raise Malformed("The note has too many signatures.")
    return Note(text + "\n", tuple(read_signature(line + "\n") for line in each))


def read_signature(line: str) -> Signature:
    """Return the signature that *line* holds, newline and all; Malformed for any other spelling."""
    name, separated, value = line.removeprefix(_DASH).removesuffix("\n").partition(" ")
    made = decoded(value)
    if made is None or len(made) <= 4 or not separated or not _is_name(name):
        raise Malformed("A signature line of the note cannot be read.")
    signature = Signature(name, made[:4], made[4:])
    if signature.line != line:
        raise Malformed("A signature line of the note cannot be read.")
    return signature


def read_key(text: str) -> VerifierKey:
    """Return the verifier key that *text* is, `<name>+<id>+<base64>`; Malformed for any other spelling."""
    name, _, rest = text.partition("+")
    material = decoded(rest.partition("+")[2])
    if material is not None and len(material) == 33 and material[0] in _KINDS and _is_name(name):
        key = VerifierKey(name, material[0], material[1:])
        if str(key) == text:
            return key
    msg = f"{text[:200]!r} is no verifier key; one looks like example.com/log+7997405c+AQcC…"
    raise Malformed(msg)


def new_key(name: str, kind: int, public: bytes) -> VerifierKey:
    """Return a key under *name*; Malformed where that can be no name of a key."""
    if not _is_name(name):
        msg = f"{name[:100]!r} cannot name a key: it must have neither spaces nor `+`, and must not be empty."
        raise Malformed(msg)
    return VerifierKey(name, kind, public)


def verified(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """
    Return which of *keys* signed *note*.

    Disproven where a signature of one of them is wrong, and Unsigned where none of them signed.
    """
    by_id = {(key.name, key.id): key for key in keys}
    signed: list[VerifierKey] = []
    for signature in note.signatures:
        key = by_id.get((signature.name, signature.id))
        if key is None:
            continue
        if key in signed:
            raise Malformed("One key signed the note twice.")
        verify(key, note.text, signature)
        signed.append(key)
    if not signed:
        raise Unsigned("The note is signed by none of the keys that are trusted.")
    return signed


def verify(key: VerifierKey, text: str, signature: Signature) -> None:
    """Raise Disproven unless *signature* is one of *key* under *text*."""
    if len(signature.made) != _SIGNATURE_BYTES[key.kind]:
        msg = f"The signature of {key.name} has another length than such signatures have."
        raise Disproven(msg)
    message = text.encode() if key.kind == ED25519 else cosigned(text, signature.at)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature.made[-64:], message)
    except (InvalidSignature, ValueError):
        msg = f"The signature of {key.name} does not fit the text: one of them was changed."
        raise Disproven(msg) from None


def cosigned(text: str, at: int) -> bytes:
    """Return what a witness signs for *text* at *at* seconds since 1970 (tlog-cosignature, Signed message)."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def with_signatures(note: Note, more: Sequence[Signature]) -> Note:
    """Return *note* with *more* signatures below its own."""
    return Note(note.text, (*note.signatures, *more))


def encoded(data: bytes) -> str:
    """Return base64 of RFC 4648 §4."""
    return base64.b64encode(data).decode()


def decoded(text: str) -> bytes | None:
    """Return what base64 *text* stands for; None unless it is spelt the one way that `encoded` spells it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if encoded(data) == text else None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(one.isspace() or one < " " for one in name)
