"""
Where in the log facts of a kind stand: by type, by who acted, by achievement, stack and batch.

For each term and each 1,024 positions one row lists the positions: two bytes for each, the place within the block.
So a million facts cost some ten thousands of rows, and what is looked for together is found by meeting lists.
A learner's facts are the learner's stream, and what learners do they do there: neither is listed. What the streams of
others say of a learner is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from ledger.event import Event, Recorded, catalogue_of_events
from projections.about import Shape, Subjects, shape_of
from projections.connection import Connection, Writing
from projections.rows import Rows
from projections.view import Apply, View

Places = defaultdict[str, list[bytes]]

BLOCK = 1024
_ROWS = 64
_PLACES = [place.to_bytes(2, "big") for place in range(BLOCK)]


class FactIndex(View):
    """The index; terms are written `type:award.revoked`, `actor:per_…`."""

    name = "fact_index"
    tables = """
        CREATE TABLE fact_index (
            term TEXT NOT NULL,
            block INTEGER NOT NULL,
            places BLOB NOT NULL,
            PRIMARY KEY (term, block)
        ) WITHOUT ROWID;
    """

    def __init__(self) -> None:
        self._rows = Rows("fact_index", "term block places", key="term block")
        self._subjects = Subjects()
        self._block, self._start = -1, -BLOCK
        self._new = False
        # The places of one block, by what they are found by; terms are written out once for a block.
        self._types: Places = defaultdict(list)
        self._actors: Places = defaultdict(list)
        self._others: dict[str, Places] = {}
        for kind in ("achievement", "stack", "batch", "learner"):
            self._others[kind] = defaultdict(list)
        super().__init__(self._rows)

    def handlers(self) -> dict[type[Event], Apply]:
        """Every fact there is."""
        return {cls: self._taking(shape_of(cls)) for cls in catalogue_of_events().values()}

    def flush(self, connection: Writing) -> None:
        """Write what was taken in; what follows in the same block is added to what is written."""
        self._settle()
        self._new = False
        super().flush(connection)

    def forget(self) -> None:
        """Drop what is in memory."""
        self._clear()
        self._block, self._start, self._new = -1, -BLOCK, False
        super().forget()

    def _taking(self, shape: Shape) -> Apply:
        """Return what takes in facts of one shape; of its own, for it runs for every fact there is."""
        types, actors, others = self._types, self._actors, self._others
        achievements, stacks, batches, learners = (
            others[kind] for kind in ("achievement", "stack", "batch", "learner")
        )
        subject_of, name, people, learner = self._subjects.telling(shape), shape.type, shape.people, shape.learner
        in_batch, of_batch = shape.batch, shape.type.startswith("batch.")

        def take(fact: Any, at: Recorded) -> None:
            position = at.position
            if not self._start <= position < self._start + BLOCK:
                self._turn(position)
            place = _PLACES[position - self._start]
            types[name].append(place)
            account, own = at.actor.id, at.stream[8:]
            if account != own:
                actors[account].append(place)
            for field in people:
                person = getattr(fact, field)
                if person is not None and person not in (account, own):
                    places = actors[person]
                    if not places or places[-1] is not place:
                        places.append(place)
            achievement, stack = subject_of(fact, at, self.past)
            if achievement is not None:
                achievements[achievement].append(place)
            if stack is not None:
                stacks[stack].append(place)
            if in_batch:
                if fact.batch_id is not None:
                    batches[fact.batch_id].append(place)
            elif of_batch:
                batches[at.subject].append(place)
            if learner is not None and getattr(fact, learner) is not None:
                learners[getattr(fact, learner)].append(place)

        return take

    def _turn(self, position: int) -> None:
        """Begin another block."""
        self._settle()
        self._block, place = divmod(position, BLOCK)
        self._start = position - place
        self._new = place == (0 if self._block else 1)  # then nothing of it can be written yet

    def _settle(self) -> None:
        """Bring the places taken in to their rows."""
        for kind, found in (("type", self._types), ("actor", self._actors), *self._others.items()):
            for name, places in found.items():
                term, written = f"{kind}:{name}", b"".join(places)
                row = None if self._new else self._rows.change((term, self._block))
                if row is None:
                    self._rows.add((term, self._block), [term, self._block, written])
                else:
                    row[2] += written
        self._clear()

    def _clear(self) -> None:
        for found in (self._types, self._actors, *self._others.values()):
            found.clear()


class Listed(Protocol):
    """Blocks in order, each with positions; `block` is where it stands, None at the end."""

    block: int | None

    def positions(self) -> set[int]:
        """Return the positions of the block where it stands."""

    def to(self, block: int) -> None:
        """Go to *block*, or the next after it that has any."""


def meeting(lists: Sequence[Listed], *, newest: bool) -> Iterator[set[int]]:
    """Yield, block by block in order, the positions that stand in all of *lists*, of which there is one at least."""
    while True:
        ahead = [one.block for one in lists if one.block is not None]
        if len(ahead) < len(lists):
            return
        furthest = min(ahead) if newest else max(ahead)
        behind = [one for one in lists if one.block != furthest]
        for one in behind:
            one.to(furthest)
        if not behind:
            together = set.intersection(*[one.positions() for one in lists])
            if together:
                yield together
            for one in lists:
                one.to(furthest + (-1 if newest else 1))


class Indexed:
    """The places of one term, read some rows at a time."""

    def __init__(self, connection: Connection, term: str, first: int, last: int, *, newest: bool) -> None:
        self._connection, self._term, self._newest = connection, term, newest
        self._first, self._last = first // BLOCK, last // BLOCK
        self._found: list[tuple[int, bytes]] = []
        self.block: int | None = None
        self._read(self._last if newest else self._first)

    def positions(self) -> set[int]:
        block, places = self._found[-1]
        start = block * BLOCK
        return {start + int.from_bytes(places[at : at + 2], "big") for at in range(0, len(places), 2)}

    def to(self, block: int) -> None:
        while self._found and (self._found[-1][0] > block if self._newest else self._found[-1][0] < block):
            self._found.pop()
        if self._found:
            self.block = self._found[-1][0]
        else:
            self._read(block)

    def _read(self, start: int) -> None:
        low, high, order = (self._first, start, "DESC") if self._newest else (start, self._last, "ASC")
        found = self._connection.execute(
            "SELECT block, places FROM fact_index WHERE term = ? AND block >= ? AND block <= ?"  # noqa: S608
            f" ORDER BY block {order} LIMIT {_ROWS}",
            (self._term, low, high),
        ).fetchall()
        self._found = [(int(block), bytes(places)) for block, places in reversed(found)]
        self.block = self._found[-1][0] if self._found else None


class Known:
    """Places that are known already."""

    def __init__(self, positions: Iterable[int], *, newest: bool) -> None:
        self._blocks: dict[int, set[int]] = {}
        for position in positions:
            self._blocks.setdefault(position // BLOCK, set()).add(position)
        self._newest = newest
        self._left = sorted(self._blocks, reverse=not newest)
        self.block = self._left[-1] if self._left else None

    def positions(self) -> set[int]:
        return set() if self.block is None else self._blocks[self.block]

    def to(self, block: int) -> None:
        while self._left and (self._left[-1] > block if self._newest else self._left[-1] < block):
            self._left.pop()
        self.block = self._left[-1] if self._left else None


class Everywhere:
    """Every place from the position *first* to the position *last*."""

    def __init__(self, first: int, last: int, *, newest: bool) -> None:
        self._first, self._last = first, last
        self.block: int | None = None
        self.to(last // BLOCK if newest else first // BLOCK)

    def positions(self) -> set[int]:
        assert self.block is not None
        start = self.block * BLOCK
        return set(range(max(start, self._first), min(start + BLOCK - 1, self._last) + 1))

    def to(self, block: int) -> None:
        self.block = block if self._first // BLOCK <= block <= self._last // BLOCK else None


def listed(connection: Connection, term: str) -> set[int]:
    """Return every position of *term*, of one that is rare."""
    rows = connection.execute("SELECT block, places FROM fact_index WHERE term = ?", (term,)).fetchall()
    return {
        int(block) * BLOCK + int.from_bytes(bytes(places)[at : at + 2], "big")
        for block, places in rows
        for at in range(0, len(places), 2)
    }
