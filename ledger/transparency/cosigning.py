"""
The key of a witness: Ed25519, in a file that only its owner may read, as one line of text.

    PRIVATE+KEY+witness.example/w1+7997405c+BL7J…      the last part: base64 of the byte 4 and the secret

A cosignature says: at this time, this was the largest checkpoint of that log that I had seen, and all that I had seen
before are how it began. https://c2sp.org/tlog-cosignature

A key stands for one history of what was seen: never use it with an older copy of the witness's state, nor twice.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.settings import UnusableSettings
from ledger.transparency import note as notes
from ledger.transparency.faults import Malformed
from ledger.transparency.note import COSIGNATURE, Signature, VerifierKey

_HEAD: Final = "PRIVATE+KEY+"
_SEED_BYTES: Final = 32


class Cosigner:
    """A witness's key in memory."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.verifier: VerifierKey = notes.new_key(name, COSIGNATURE, self._key.public_key().public_bytes_raw())

    def cosign(self, text: str, at: int) -> Signature:
        """Return the signature under the checkpoint *text* at *at* seconds since 1970."""
        made = self._key.sign(notes.cosigned(text, at))
        return Signature(self.verifier.name, self.verifier.id, at.to_bytes(8, "big") + made)

    def secret_line(self) -> str:
        """Return the key as its file holds it."""
        key = self.verifier
        return f"{_HEAD}{key.name}+{key.id.hex()}+{notes.encoded(bytes([COSIGNATURE]) + self._seed)}\n"


def make(path: Path, name: str) -> Cosigner:
    """Make the key of a new witness; UnusableSettings where *path* holds something already, or *name* can name none."""
    try:
        cosigner = Cosigner(name, secrets.token_bytes(_SEED_BYTES))
    except Malformed as error:
        raise UnusableSettings(str(error)) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(cosigner.secret_line())
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        msg = f"{path} holds a key already; a witness keeps its key for life"
        raise UnusableSettings(msg) from None
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return cosigner


def load(path: Path) -> Cosigner:
    """Return the key in *path*; UnusableSettings where it is missing, open to others, or none."""
    try:
        text = path.read_text("utf-8", errors="replace")
        mode = path.stat().st_mode
    except FileNotFoundError:
        msg = f"there is no key at {path}; `ledger witness init` makes one"
        raise UnusableSettings(msg) from None
    if mode & 0o077:
        msg = f"{path} may be read by others (mode {mode & 0o777:o}); make it readable by its owner alone"
        raise UnusableSettings(msg)
    name, _, rest = text.removeprefix(_HEAD).partition("+")
    material = notes.decoded(rest.partition("+")[2].removesuffix("\n"))
    if material is not None and len(material) == 1 + _SEED_BYTES and material[0] == COSIGNATURE:
        try:
            cosigner = Cosigner(name, material[1:])
        except Malformed:
            pass
        else:
            if cosigner.secret_line() == text:
                return cosigner
    msg = f"{path} does not hold the key of a witness; put the right file back"
    raise UnusableSettings(msg)
