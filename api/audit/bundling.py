"""What a bundle is made of, taken from a ledger: only what is published, and only where it proves what it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from api.audit.bundles import Claim, Entry, tiles_between
from api.audit.source import Source
from ledger.store import Stored, StoreUnavailable, microseconds
from ledger.transparency import leaf
from ledger.transparency.faults import Disproven
from ledger.transparency.merkle import Frontier, leaf_hash
from ledger.transparency.published import Published
from ledger.transparency.ranges import range_path, verify_range
from ledger.transparency.tiles import WIDTH, Tile

Progress = Callable[[int, int], None]
_AT_ONCE = 40 * WIDTH
_CHECKPOINTS_AT_ONCE = 1_000
_MICROSECOND = timedelta(microseconds=1)


class FromLedger:
    """The content of a bundle from the log of *source*: see `Content`."""

    def __init__(self, source: Source, newest: Published, claim: Claim, proof: list[bytes]) -> None:
        self.claim = claim
        self.note = source.published.cosigned(newest)
        self.proof = proof
        self.earlier = [one.note for one in _earlier(source, claim)]
        self._source = source
        self._root = newest.checkpoint.root
        self._tell: Progress | None = None

    def telling(self, tell: Progress) -> FromLedger:
        """Return it; *tell* hears how far it is."""
        self._tell = tell
        return self

    def groups(self) -> Iterator[tuple[Tile, list[Entry]]]:
        claim = self.claim
        frontier, leaves = Frontier(), []
        facts = self._facts()
        for tile in tiles_between(claim.start, claim.end):
            entries = [self._entry(next(facts)) for _ in range(tile.width)]
            hashes = [leaf_hash(one.entry) for one in entries]
            if claim.kind == "period":
                leaves += hashes
            else:
                for one in hashes:
                    frontier.add(one)
            yield tile, entries
            if self._tell is not None:
                self._tell(tile.start + tile.width - claim.start, claim.end - claim.start)
        if claim.kind == "period":
            verify_range(leaves, claim.start, claim.size, self.proof, self._root)
        elif frontier.root() != self._source.tree.root(claim.end):
            raise Disproven("The facts are not those in the tree; run `ledger audit verify`.")

    def _entry(self, stored: Stored) -> Entry:
        entry = leaf.entry_of(stored)
        envelope = leaf.read(entry)
        return Entry(entry, envelope, stored.body if self.claim.tells(envelope) else None)

    def _facts(self) -> Iterator[Stored]:
        position = self.claim.start
        while position < self.claim.end:
            some = self._source.store.read_log(position, min(_AT_ONCE, self.claim.end - position))
            for stored in some:
                position += 1
                if stored.position != position:
                    break
                yield stored
            else:
                if some:
                    continue
            raise Disproven(f"There is no fact at position {position}; run `ledger audit verify`.")


def export(source: Source, at: int | None) -> FromLedger:
    """Return the log as of position *at*, by default all that is published."""
    newest = source.newest()
    size = newest.checkpoint.size
    if at is not None and at > size:
        msg = f"position {at} is not published: the newest checkpoint covers {size} facts"
        raise StoreUnavailable(msg)
    end = size if at is None else at
    claim = Claim(kind="export", origin=newest.checkpoint.origin, size=size, start=0, end=end)
    return FromLedger(source, newest, claim, source.tree.consistency(end, size))


def of_stream(source: Source, stream: str) -> FromLedger:
    """Return all facts of *stream* that are published, with every entry of the log."""
    newest = source.newest()
    size = newest.checkpoint.size
    claim = Claim(kind="learner", origin=newest.checkpoint.origin, size=size, start=0, end=size, stream=stream)
    return FromLedger(source, newest, claim, [])


def of_period(source: Source, since: datetime, before: datetime) -> FromLedger:
    """Return all published facts recorded at *since* or later and before *before*, with the entries around them."""
    newest = source.newest()
    size = newest.checkpoint.size
    first = min(source.store.position_at(since - _MICROSECOND), size)  # the index of the first fact within
    after = min(source.store.position_at(before - _MICROSECOND), size)  # the index of the first fact after
    start = max(0, first - 1) // WIDTH * WIDTH
    end = min(size, -(-(max(first, after) + 1) // WIDTH) * WIDTH)
    claim = Claim(
        kind="period", origin=newest.checkpoint.origin, size=size, start=start, end=end, since=since, before=before
    )
    return FromLedger(source, newest, claim, range_path(source.tree.node, start, end, size))


def _earlier(source: Source, claim: Claim) -> Iterator[Published]:
    if claim.kind != "export":
        return
    after = -1
    while some := source.published.after(after, _CHECKPOINTS_AT_ONCE):
        after = microseconds(some[-1].at)
        for one in some:
            origin, size = one.checkpoint.origin, one.checkpoint.size
            if origin == claim.origin and size <= claim.end and size < claim.size:
                yield one
