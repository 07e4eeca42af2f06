r"""
Proofs that one fact stands in the log, as `.tlog-proof` files (c2sp.org/tlog-proof).

What the proof proves is the fact's envelope; envelope and stored bytes go with it in the line `extra`:

    {"body":"{\"actor\":…}","entry":"{\"name\":\"achievement.awarded.v1\",…}"}

The tree vouches for the envelope, and the digest in that for the stored bytes, so nothing in the file can be changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ledger.store import Stored, StoreUnavailable
from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import leaf, proof_file
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.leaf import Leaf
from ledger.transparency.merkle import verify_inclusion
from ledger.transparency.note import Note, VerifierKey
from ledger.transparency.proof_file import Proof

if TYPE_CHECKING:
    from api.audit.source import Source  # what checks needs no store


class Extra(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes with a proof: the fact itself."""

    body: str
    entry: str


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof proves: that the fact stood at `index` when the log had `size` facts."""

    index: int
    size: int
    origin: str
    envelope: Leaf
    fact: msgspec.Raw
    signed_by: list[str]
    cosigned_by: list[str]


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says."""

    origin: str
    size: int
    root: str
    signed_by: list[str]
    cosigned_by: list[str]


def prove(source: Source, stored: Stored) -> Proof:
    """Return the proof that *stored* is in the newest published log; StoreUnavailable until it is."""
    newest = source.newest()
    size = newest.checkpoint.size
    index = stored.position - 1
    if index >= size:
        msg = f"position {stored.position} is not published yet: the newest checkpoint covers {size} facts; try again"
        raise StoreUnavailable(msg)
    path = source.tree.inclusion(index, size)
    entry = leaf.entry_of(stored)
    verify_inclusion(leaf.hash_of(stored), index, size, path, newest.checkpoint.root)
    extra = msgspec.json.encode(Extra(body=stored.body.decode(), entry=entry.decode()))
    return Proof(index, tuple(path), notes.read(source.published.cosigned(newest).encode()), extra)


def check(data: bytes, keys: Iterable[VerifierKey], witnesses: Iterable[VerifierKey]) -> Proven:
    """Return what the proof in *data* proves; Malformed where it cannot be read, Disproven where it is not so."""
    proof = proof_file.read(data)
    try:
        extra = msgspec.json.decode(proof.extra or b"", type=Extra)
        again = msgspec.json.encode(extra)
    except (msgspec.DecodeError, UnicodeError):
        again = None
    if again is None or again != proof.extra:
        raise Malformed("The line `extra` of the proof does not hold a fact and its envelope.")
    entry, body = extra.entry.encode(), extra.body.encode()
    checkpoint = proof.verify(entry, keys)
    envelope = leaf.read(entry)
    if sha256(body).hexdigest() != envelope.sha256:
        raise Disproven("The fact in the proof is not the one that its envelope is about.")
    signed_by, cosigned_by = signers(checkpoint, proof.note, keys, witnesses)
    return Proven(
        index=proof.index,
        size=checkpoint.size,
        origin=checkpoint.origin,
        envelope=envelope,
        fact=msgspec.Raw(body),
        signed_by=signed_by,
        cosigned_by=cosigned_by,
    )


def check_checkpoint(data: bytes, keys: Iterable[VerifierKey], witnesses: Iterable[VerifierKey]) -> Signed:
    """Return what the checkpoint in *data* says, once it is seen who signed it."""
    checkpoint, note = checkpoints.opened(data, keys)
    signed_by, cosigned_by = signers(checkpoint, note, keys, witnesses)
    return Signed(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=notes.encoded(checkpoint.root),
        signed_by=signed_by,
        cosigned_by=cosigned_by,
    )


def signers(
    checkpoint: Checkpoint, note: Note, keys: Iterable[VerifierKey], witnesses: Iterable[VerifierKey]
) -> tuple[list[str], list[str]]:
    """Return who signed and who cosigned *note*; Disproven unless one of *keys* did, and every one of *witnesses*."""
    signed = notes.verified(note, [key for key in keys if key.name == checkpoint.origin])
    wanted = list(witnesses)
    cosigned = notes.verified(note, wanted) if wanted else []
    lacking = [key.name for key in wanted if key not in cosigned]
    if lacking:
        msg = f"{lacking[0]} has not cosigned the checkpoint of size {checkpoint.size}."
        raise Disproven(msg)
    return [key.name for key in signed], [key.name for key in cosigned]
