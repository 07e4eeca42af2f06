"""
Bundles: a part of the log with everything that proves it, for whoever has neither the ledger nor a network.

    README.md                 how to check it, by hand too
    bundle.json               what it claims
    checkpoint                the signed checkpoint that all of it is proven by
    checkpoints.jsonl         earlier ones, each as a string to a line
    proof                     hashes in base64: that the tree over the entries is how the checkpoint's began, or the
                              hashes beside a range of it
    tile/entries/<N>          envelopes of facts, 256 to a file, as c2sp.org/tlog-tiles has them
    tile/<level>/<N>          the tree over all of them
    facts/<N>.jsonl           the stored bytes of the facts that it is about, a line each, in the order of the entries
    definitions.jsonl         those of definitions and people among them

Three kinds. An *export* is the log as of a position. A *learner* proves that its facts are all of one stream: it has
every entry of the log, which show stream and version, and the facts of that stream. A *period* proves that its facts
are all that were recorded within it: it has the entries around it without a gap; that none elsewhere bears an instant
of that period follows as far as `recorded_at` never runs backwards, which an export or `ledger audit verify` shows.

What can be derived is derived again when a bundle is checked, and every file must be as it would be written: the same
function writes and checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec

from api.audit.containers import Writer
from api.audit.readme import readme
from ledger.store import instant, is_reference
from ledger.transparency import note as notes
from ledger.transparency.leaf import Leaf
from ledger.transparency.merkle import SIZE, leaf_hash, perfect
from ledger.transparency.tiles import ENTRIES, WIDTH, Tile, bundle

Kind = Literal["export", "learner", "period"]


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    What a bundle says of itself.

    Its entries are those from index `start` up to `end`, which is at most the checkpoint's `size`. It has the facts of
    `stream`, or those recorded at `since` or later, and before `before`.
    """

    v: Literal[1] = 1
    kind: Kind
    origin: str
    size: int
    start: int
    end: int
    stream: str | None = None
    since: datetime | None = None
    before: datetime | None = None

    @property
    def about(self) -> str:
        """What facts these are, in words."""
        if self.kind == "learner":
            return f"all facts of the stream {self.stream} up to position {self.end}"
        if self.kind == "period" and self.since and self.before:
            return f"all facts recorded from {_shown(self.since)} to before {_shown(self.before)}"
        return f"the log as of position {self.end}"

    def tells(self, envelope: Leaf) -> bool:
        """Whether the fact of this envelope is among those that the bundle is about."""
        if self.kind == "learner":
            return envelope.stream == self.stream
        if self.kind == "period":
            assert self.since is not None
            assert self.before is not None
            return self.since <= instant(envelope.recorded_us) < self.before
        return True


class Entry(NamedTuple):
    """One entry, its envelope, and the stored bytes of its fact where the bundle is about it."""

    entry: bytes
    envelope: Leaf
    body: bytes | None


class Content(Protocol):
    """What a bundle is made of, from a ledger or from a bundle."""

    claim: Claim
    note: str
    earlier: list[str]
    proof: list[bytes]

    def groups(self) -> Iterator[tuple[Tile, list[Entry]]]:
        """Yield the entries, bundle by bundle."""


def write(content: Content, writer: Writer) -> None:
    """Write *content*, file by file, always in the same order."""
    claim = content.claim
    writer.put("README.md", readme(claim.kind, claim.origin, claim.size, claim.start, claim.end).encode())
    writer.put("bundle.json", encoded(claim))
    writer.put("checkpoint", content.note.encode())
    writer.put("checkpoints.jsonl", b"".join(msgspec.json.encode(one) + b"\n" for one in content.earlier))
    writer.put("proof", "".join(f"{notes.encoded(one)}\n" for one in content.proof).encode())
    definitions, tops = [], []
    for tile, entries in content.groups():
        writer.put(tile.path, bundle(one.entry for one in entries))
        bodies = [one.body for one in entries if one.body is not None]
        if bodies:
            writer.put(facts_of(tile), b"".join(body + b"\n" for body in bodies))
        definitions += [one.body for one in entries if one.body is not None and is_reference(one.envelope.stream)]
        if claim.kind == "export":
            hashes = b"".join(leaf_hash(one.entry) for one in entries)
            writer.put(tile._replace(level=0).path, hashes)
            if tile.width == WIDTH:
                tops.append(perfect(hashes))
    writer.put("definitions.jsonl", b"".join(body + b"\n" for body in definitions))
    _write_tree(tops, writer)


def encoded(claim: Claim) -> bytes:
    """Return *claim* as `bundle.json` has it."""
    return msgspec.json.format(msgspec.json.encode(claim), indent=2) + b"\n"


def facts_of(tile: Tile) -> str:
    """Return the name of the file with the facts of a bundle of entries."""
    return tile.path.replace("tile/entries", "facts", 1) + ".jsonl"


def tiles_between(start: int, end: int) -> Iterator[Tile]:
    """Yield the bundles of the entries from *start*, where one begins, up to *end*."""
    for at in range(start, end, WIDTH):
        yield Tile(ENTRIES, at // WIDTH, min(WIDTH, end - at))


def _write_tree(hashes: list[bytes], writer: Writer) -> None:
    level = 1
    while hashes:
        above = []
        for nth, start in enumerate(range(0, len(hashes), WIDTH)):
            tile = b"".join(hashes[start : start + WIDTH])
            writer.put(Tile(level, nth, len(tile) // SIZE).path, tile)
            if len(tile) == WIDTH * SIZE:
                above.append(perfect(tile))
        level, hashes = level + 1, above


def _shown(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
