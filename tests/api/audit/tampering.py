"""What somebody with access to the database may do to it, and where an audit must say that it began."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from ledger.transparency.merkle import SIZE
from ledger.transparency.tiles import WIDTH
from tests.api.audit.kept import Raw


class Done(NamedTuple):
    """The index at which it begins, None where the database cannot tell, and how many published facts are gone."""

    first: int | None
    missing: int = 0


def edited(raw: Raw, chosen: Random, size: int) -> Done:
    position = chosen.randint(1, size)
    row = list(raw.fact(position))
    column = chosen.choice((2, 3, 4, 4, 4, 5))
    if column == 4:
        body = bytearray(row[4])
        body[chosen.randrange(len(body))] ^= 1 << chosen.randrange(8)
        row[4] = bytes(body)
    elif column == 3:
        row[3] = chosen.choice(("learner.registered.v1", "award.revoked.v1", "what.is.this.v9"))
        if raw.fact(position)[3] == row[3]:
            row[3] = "award.suspended.v1"
    else:
        row[column] += chosen.choice((-1, 1)) * 1_000_000
    raw.remove(position)
    raw.write(row)
    return Done(position - 1)


def deleted(raw: Raw, chosen: Random, size: int) -> Done:
    position = chosen.randint(1, size)
    raw.remove(position)
    return Done(position - 1, int(position == size))


def closed_up(raw: Raw, chosen: Random, size: int) -> Done:
    """Delete, and let what follows move up, so that no position is missing."""
    position = chosen.randint(1, size)
    raw.remove(position)
    raw.move(position, -1)
    return Done(position - 1, 1)


def swapped(raw: Raw, chosen: Random, size: int) -> Done:
    first, second = sorted(chosen.sample(range(1, size + 1), 2))
    one, other = raw.fact(first), raw.fact(second)
    raw.remove(first)
    raw.remove(second)
    raw.write((first, *other[1:]))
    raw.write((second, *one[1:]))
    return Done(first - 1)


def inserted(raw: Raw, chosen: Random, size: int) -> Done:
    position = chosen.randint(1, size)
    row = raw.fact(position)
    raw.move(position, 1)
    raw.write((position, f"learner-lrn_{chosen.randrange(10**9)}", 1, *row[3:]))
    return Done(position - 1)


def tile_edited(raw: Raw, chosen: Random, size: int) -> Done:
    level = chosen.choice((0, 0, 1))
    nth = chosen.randrange(-(-(size >> (8 * level)) // WIDTH))
    hashes = bytearray(raw.tile(level, nth))
    at = chosen.randrange(len(hashes))
    hashes[at] ^= 1 << chosen.randrange(8)
    raw.set_tile(level, nth, bytes(hashes))
    return Done(nth * WIDTH + at // SIZE if level == 0 else 0)


def tile_lost(raw: Raw, chosen: Random, size: int) -> Done:
    nth = chosen.randrange(-(-size // WIDTH))
    raw.run("DELETE FROM tiles WHERE level = 0 AND nth = ?", nth)
    return Done(nth * WIDTH)


def cut_off(raw: Raw, chosen: Random, size: int) -> Done:
    """Delete the last facts, and nothing else."""
    left = chosen.randint(size - 40, size - 1)
    raw.run("DELETE FROM facts WHERE position > ?", left)
    return Done(left, size - left)


def put_back(raw: Raw, chosen: Random, size: int) -> Done:
    """Delete the last facts with everything that knew of them: what an older copy of the database would hold."""
    left = chosen.randint(1, size - 1)
    older_tree(raw, left)
    return Done(left, size - left)


def older_tree(raw: Raw, left: int) -> None:
    raw.run("DELETE FROM facts WHERE position > ?", left)
    raw.run("DELETE FROM reference_facts WHERE position > ?", left)
    raw.run("DELETE FROM checkpoints WHERE size > ?", left)
    for level in range(3):
        full, width = divmod(left >> (8 * level), WIDTH)
        raw.run("DELETE FROM tiles WHERE level = ? AND nth > ?", level, full - (0 if width else 1))
        if width:
            raw.set_tile(level, full, raw.tile(level, full)[: width * SIZE])


KINDS: tuple[Callable[[Raw, Random, int], Done], ...] = (
    edited, deleted, closed_up, swapped, inserted, tile_edited, tile_lost, cut_off, put_back,
)  # fmt: skip
