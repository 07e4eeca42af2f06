"""
Bundles checked: with what is in them and the keys that are trusted, and nothing else.

The entries and facts are read and verified one after another, and the bundle is written once more from them; where
that is not what is there, byte for byte, something was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from api.audit.bundles import Claim, Entry, encoded, facts_of, tiles_between, write
from api.audit.containers import Reader, reading
from api.audit.proofs import signers
from ledger.store import instant
from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import leaf
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.leaf import Leaf
from ledger.transparency.merkle import SIZE, Frontier, leaf_hash, verify_consistency
from ledger.transparency.note import VerifierKey
from ledger.transparency.ranges import verify_range
from ledger.transparency.tiles import WIDTH, Tile, read_bundle

_LONGEST_PROOF = 1_000


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle proves: its claim, and how many facts it is about."""

    claim: Claim
    facts: int
    signed_by: list[str]
    cosigned_by: list[str]


def check(path: Path, keys: Iterable[VerifierKey], witnesses: Iterable[VerifierKey]) -> Checked:
    """Return what the bundle *path* proves; Malformed where it cannot be read, Disproven where it is not so."""
    with reading(path) as reader:
        content = FromBundle(reader, list(keys))
        note = notes.read(content.note.encode())
        signed_by, cosigned_by = signers(content.checkpoint, note, content.keys, witnesses)
        with reader.compared() as writer:
            write(content, writer)
        return Checked(claim=content.claim, facts=content.facts, signed_by=signed_by, cosigned_by=cosigned_by)


class FromBundle:
    """The content of a bundle that is being read; each part is verified before it is given: see `Content`."""

    def __init__(self, reader: Reader, keys: list[VerifierKey]) -> None:
        self._reader = reader
        self.keys = keys
        self.facts = 0
        self.claim = _claim(reader.read("bundle.json"))
        self.note, self.checkpoint = self._signed(reader.read("checkpoint"))
        if (self.checkpoint.origin, self.checkpoint.size) != (self.claim.origin, self.claim.size):
            raise Disproven("The checkpoint is not the one that the bundle is about.")
        self.proof = _proof(reader.read("proof"))
        lines = reader.read("checkpoints.jsonl").splitlines()
        self.earlier = [_string(line) for line in lines]
        self._claimed = sorted((self._signed(one.encode())[1] for one in self.earlier), key=lambda one: one.size)
        self._versions: dict[str, int] = {}
        self._recorded_us = 0

    def groups(self) -> Iterator[tuple[Tile, list[Entry]]]:
        claim = self.claim
        frontier = Frontier()
        leaves: list[bytes] = []
        waiting = list(self._claimed)
        for tile in tiles_between(claim.start, claim.end):
            entries = self._entries(tile)
            if claim.kind == "period":
                leaves += [leaf_hash(one.entry) for one in entries]
                self._see_the_ends(tile, entries)
            else:
                for one in entries:
                    frontier.add(leaf_hash(one.entry))
                    while waiting and waiting[0].size <= frontier.size:
                        _agree(waiting.pop(0), frontier)
            yield tile, entries
        if waiting:
            raise Disproven(f"The checkpoint of size {waiting[0].size} is not one of this bundle's log.")
        if claim.kind == "period":
            verify_range(leaves, claim.start, claim.size, self.proof, self.checkpoint.root)
        else:
            verify_consistency(claim.end, claim.size, self.proof, frontier.root(), self.checkpoint.root)

    def _entries(self, tile: Tile) -> list[Entry]:
        read = read_bundle(self._reader.read(tile.path))
        if len(read) != tile.width:
            raise Disproven(f"{tile.path} holds {len(read)} entries, not {tile.width}.")
        envelopes = [leaf.read(entry) for entry in read]
        told = [self.claim.tells(envelope) for envelope in envelopes]
        bodies = iter(self._bodies(tile, sum(told)))
        entries = []
        for number, (entry, envelope) in enumerate(zip(read, envelopes, strict=True)):
            index = tile.start + number
            body = next(bodies) if told[number] else None
            if body is not None and sha256(body).hexdigest() != envelope.sha256:
                raise Disproven(f"The fact at index {index} is not the one that was recorded.")
            self._see_its_place(index, envelope)
            entries.append(Entry(entry, envelope, body))
        self.facts += sum(told)
        return entries

    def _bodies(self, tile: Tile, many: int) -> list[bytes]:
        if not many:
            return []
        name = facts_of(tile)
        lines = self._reader.read(name).split(b"\n")
        if lines.pop() != b"" or len(lines) != many:
            raise Disproven(f"{name} holds other facts than those that it should: {many}, a line each.")
        return lines

    def _see_its_place(self, index: int, envelope: Leaf) -> None:
        known = self._versions.get(envelope.stream)
        expected = envelope.version if known is None and self.claim.start else (known or 0) + 1
        if envelope.version != expected:
            raise Disproven(f"The fact at index {index} is version {envelope.version} of its stream, not {expected}.")
        if envelope.recorded_us < self._recorded_us:
            raise Disproven(f"The fact at index {index} was recorded before the one ahead of it.")
        self._versions[envelope.stream] = envelope.version
        self._recorded_us = envelope.recorded_us

    def _see_the_ends(self, tile: Tile, entries: list[Entry]) -> None:
        """See that facts before and after those of a period are there, unless the log begins or ends with them."""
        claim = self.claim
        assert claim.since is not None
        assert claim.before is not None
        first, last = instant(entries[0].envelope.recorded_us), instant(entries[-1].envelope.recorded_us)
        if tile.start == claim.start and claim.start and first >= claim.since:
            raise Disproven("The bundle begins after the period does.")
        if tile.start + tile.width == claim.end and claim.end < claim.size and last < claim.before:
            raise Disproven("The bundle ends before the period does.")

    def _signed(self, data: bytes) -> tuple[str, Checkpoint]:
        return data.decode("utf-8", "replace"), checkpoints.opened(data, self.keys)[0]


def _agree(claimed: Checkpoint, frontier: Frontier) -> None:
    if claimed.size != frontier.size or claimed.root != frontier.root():
        raise Disproven(f"The checkpoint of size {claimed.size} has another root than the facts here.")


def _claim(data: bytes) -> Claim:
    try:
        claim = msgspec.json.decode(data, type=Claim)
        exact = encoded(claim) == data
    except (msgspec.DecodeError, UnicodeError):
        exact = False
    if exact:
        period = claim.since is not None and claim.before is not None and claim.since.tzinfo and claim.before.tzinfo
        given = (claim.stream is not None, claim.since is not None, claim.before is not None)
        whole = {"export": (False, False, False), "learner": (True, False, False), "period": (False, True, True)}
        fits = given == whole[claim.kind] and (claim.kind != "period" or bool(period))
        placed = 0 <= claim.start < claim.end <= claim.size and claim.start % WIDTH == 0
        if claim.kind != "period":
            placed = placed and claim.start == 0 and (claim.kind == "export" or claim.end == claim.size)
        if fits and placed and (claim.end == claim.size or claim.kind == "export" or claim.end % WIDTH == 0):
            return claim
    raise Malformed("bundle.json does not say what a bundle can claim.")


def _proof(data: bytes) -> list[bytes]:
    lines = data.decode("utf-8", "replace").split("\n")
    hashes = [notes.decoded(line) for line in lines[:-1]]
    if lines[-1] or len(hashes) > _LONGEST_PROOF or any(one is None or len(one) != SIZE for one in hashes):
        raise Malformed("The file `proof` does not hold hashes in base64, a line each.")
    return [one for one in hashes if one is not None]


def _string(line: bytes) -> str:
    try:
        return msgspec.json.decode(line, type=str)
    except (msgspec.DecodeError, UnicodeError):
        raise Malformed("checkpoints.jsonl does not hold checkpoints, a string to a line.") from None
