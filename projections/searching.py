"""
Finding facts: by type, actor, learner, achievement, stack, batch, time and position, and by words that are not sealed.

All that is asked for must be so. What the index knows costs what is found; words are looked for in the facts that are
left, some at a time and for a bounded time, and who asks again with the cursor goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from ledger.codec import decode
from ledger.event import Recorded, name_of
from ledger.private import Private
from ledger.store import Store, Stored
from ledger.upcasters import upcasters
from projections.about import actors
from projections.connection import Connection
from projections.fact_index import Everywhere, Indexed, Known, Listed, listed, meeting

_AT_ONCE = 64
_APART = 8
_INDEXED = ("type", "achievement", "stack", "batch")
_ESCAPED = frozenset('"\\')
_MICROSECOND = timedelta(microseconds=1)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: `after` and `first` are included, `before` is not; `words` are written small."""

    type: str | None = None
    actor: str | None = None
    learner: str | None = None
    achievement: str | None = None
    stack: str | None = None
    batch: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    first: int | None = None
    last: int | None = None
    words: tuple[str, ...] = ()


class Found(NamedTuple):
    """Facts, and the position from which to go on, None where nothing is left."""

    facts: list[Recorded]
    next: int | None


def search(
    store: Store,
    connection: Connection,
    query: Query,
    *,
    until: int,
    cursor: int | None = None,
    limit: int = 50,
    newest: bool = True,
    seconds: float = 2.0,
) -> Found:
    """Return up to *limit* facts up to the position *until*, going on from *cursor*."""
    deadline = time.monotonic() + seconds
    first, last = _bounds(store, query, until)
    if cursor is not None:
        first, last = (first, min(last, cursor - 1)) if newest else (max(first, cursor + 1), last)
    if first > last:
        return Found([], None)
    facts: list[Recorded] = []
    examined = None
    for some in _some(_candidates(store, connection, query, first, last, newest=newest)):
        if len(facts) >= limit:
            return Found(facts, examined)
        for stored in _read(store, some, newest=newest):
            if len(facts) >= limit:
                return Found(facts, examined)
            examined = stored.position
            if not query.words or _may_say(stored, query.words):
                recorded = decode(stored)
                if says(recorded, query.words):
                    facts.append(recorded)
        if time.monotonic() > deadline:
            return Found(facts, examined)
    return Found(facts, None)


def says(recorded: Recorded, words: Iterable[str]) -> bool:
    """Whether each of *words* stands, in letters of any size, in what is not sealed."""
    if not words:
        return True
    text = "\n".join(_texts(recorded)).casefold()
    return all(word in text for word in words)


def _bounds(store: Store, query: Query, until: int) -> tuple[int, int]:
    first, last = query.first or 1, until if query.last is None else min(query.last, until)
    if query.after is not None:
        first = max(first, store.position_at(query.after - _MICROSECOND) + 1)
    if query.before is not None:
        last = min(last, store.position_at(query.before - _MICROSECOND))
    return first, last


def _candidates(
    store: Store, connection: Connection, query: Query, first: int, last: int, *, newest: bool
) -> Iterator[int]:
    """Yield, in order, the positions of the facts that have everything but the words."""
    lists: list[Listed] = []
    if query.learner is not None:
        told = {one.position for one in store.read(f"learner-{query.learner}", until=last)}
        lists.append(Known(told | listed(connection, f"learner:{query.learner}"), newest=newest))
    if query.actor is not None:
        own = [decode(one) for one in store.read(f"learner-{query.actor}", until=last)]
        if own:
            did = {one.position for one in own if query.actor in actors(one)}
            lists.append(Known(did | listed(connection, f"actor:{query.actor}"), newest=newest))
        else:
            lists.append(Indexed(connection, f"actor:{query.actor}", first, last, newest=newest))
    for term in _INDEXED:
        name = getattr(query, term)
        if name is not None:
            lists.append(Indexed(connection, f"{term}:{name}", first, last, newest=newest))
    for positions in meeting(lists or [Everywhere(first, last, newest=newest)], newest=newest):
        yield from sorted((one for one in positions if first <= one <= last), reverse=newest)


def _some(positions: Iterator[int]) -> Iterator[list[int]]:
    while some := list(islice(positions, _AT_ONCE)):
        yield some


def _read(store: Store, positions: Sequence[int], *, newest: bool) -> Iterator[Stored]:
    low, high = min(positions), max(positions)
    if high - low < _APART * len(positions):
        wanted = set(positions)
        found = [one for one in store.read_log(low - 1, high - low + 1, until=high) if one.position in wanted]
        yield from reversed(found) if newest else found
    else:
        for position in positions:
            yield from store.read_log(position - 1, 1, until=position)


def _may_say(stored: Stored, words: Iterable[str]) -> bool:
    """Say no where *words* cannot stand in a fact, at a fraction of what it costs to look."""
    if stored.name in upcasters.names():
        return True
    text = f"{stored.stream} {stored.name} {stored.body.decode()}".casefold()
    return all(word in text or not word.isprintable() or not _ESCAPED.isdisjoint(word) for word in words)


def _texts(recorded: Recorded) -> Iterator[str]:
    yield recorded.stream
    yield name_of(type(recorded.fact))
    yield from _told([recorded.actor, recorded.correlation, recorded.causation, recorded.fact])


def _told(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Private() | None | bool():
            return
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _told(getattr(value, name))
        case dict():
            for key, one in value.items():
                yield str(key)
                yield from _told(one)
        case tuple() | list() | frozenset() | set():
            for one in value:
                yield from _told(one)
