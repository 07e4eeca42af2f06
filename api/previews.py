"""
Previews through the doors: replayed up to the head of the log, or once more as they were named.

Of the lines only a page is kept in memory. The next page replays the same history up to the same position.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from api.pages import after_name, unusable, written
from api.schemas.previews import ForeseenShown
from ledger.application import Ledger
from ledger.errors import Invalid
from ledger.foresight import Foreseen, PreviewName, Supposed
from ledger.previewing import Preview, Progress, preview
from ledger.supposing import supposing
from projections.foretold import names


class Moment(NamedTuple):
    """Where history is replayed up to, and at which instant; `name` is that of the preview made then, if known."""

    position: int
    at: datetime
    name: str | None = None


class Page(NamedTuple):
    """A preview with some of its lines."""

    found: Preview
    lines: list[ForeseenShown]


def now(ledger: Ledger) -> Moment:
    """Return the head of the log, now."""
    return Moment(ledger.store.head(), ledger.now())


def moment_of(ledger: Ledger, name: str) -> Moment:
    """Return when a preview was made, by its name."""
    named = PreviewName.read(name)
    if named is None or named.position > ledger.store.head():
        raise Invalid(f"{name[:60]!r} names no preview of this ledger.", field="preview")
    return Moment(named.position, named.at, name)


def previewed(
    ledger: Ledger, supposed: Supposed, moment: Moment, *, after: int, limit: int, progress: Progress | None = None
) -> Page:
    """Make a preview and keep *limit* of its lines, following the first *after*; it is the named one, if one is."""
    kept: list[Foreseen] = []
    seen = 0

    def take(line: Foreseen) -> None:
        nonlocal seen
        if after <= seen < after + limit:
            kept.append(line)
        seen += 1

    found = preview(
        ledger.store,
        ledger.catalogue_at,
        supposed,
        position=moment.position,
        at=moment.at,
        take=take,
        progress=progress,
    )
    if moment.name not in (None, found.name):
        raise Invalid("That preview was of another definition; make this one anew.", field="preview")
    catalogue, _ = supposing(ledger.catalogue_at(moment.position), supposed, moment.at)
    named = names(catalogue)
    return Page(found, [ForeseenShown.of(line, named) for line in kept])


def cursor_of(found: Preview, after: int) -> str:
    """Return the cursor of the lines that follow the first *after* of a preview."""
    return written(f"{after}:{found.name}")


def resumed(ledger: Ledger, cursor: str | None) -> tuple[int, Moment]:
    """Return how many lines a cursor has passed, and of which preview; without one, none and now."""
    if cursor is None:
        return 0, now(ledger)
    after, _, name = after_name(cursor).partition(":")
    if not re.fullmatch(r"[0-9]{1,18}", after):
        raise unusable()
    try:
        return int(after), moment_of(ledger, name)
    except Invalid:
        raise unusable() from None
