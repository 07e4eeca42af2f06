"""Two editions of the views held against each other, row by row, in order of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from projections.connection import Connection, without_nul
from projections.shapes import Shape, shapes
from projections.tables import in_order, making

_NOT_COMPARED = frozenset({"standing"})
_Row = tuple[Any, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One row that is not the same; `live` or `rebuilt` is null where the row is only in the other."""

    table: str
    key: Mapping[str, Any]
    columns: tuple[str, ...]
    live: Mapping[str, Any] | None
    rebuilt: Mapping[str, Any] | None


def compared_tables() -> list[Shape]:
    """Return the tables that are held against each other."""
    return [shape for shape in shapes(making()) if shape.name not in _NOT_COMPARED]


def differences(live: Connection, rebuilt: Connection) -> Iterator[Difference]:
    """Yield every row that differs; both editions are to be at one position."""
    for shape in compared_tables():
        yield from _of_table(shape, _rows(live, shape), _rows(rebuilt, shape))


def _of_table(shape: Shape, live: Iterator[_Row], rebuilt: Iterator[_Row]) -> Iterator[Difference]:
    names = tuple(shape.columns)
    places = [names.index(column) for column in shape.key]
    here, there = next(live, None), next(rebuilt, None)
    while here is not None or there is not None:
        first, second = _order(here, places), _order(there, places)
        if second is None or (first is not None and first < second):
            yield _difference(shape, places, here, None)
            here = next(live, None)
        elif first is None or second < first:
            yield _difference(shape, places, None, there)
            there = next(rebuilt, None)
        else:
            if here != there:
                yield _difference(shape, places, here, there)
            here, there = next(live, None), next(rebuilt, None)


def _difference(shape: Shape, places: list[int], live: _Row | None, rebuilt: _Row | None) -> Difference:
    names = tuple(shape.columns)
    known = live or rebuilt
    assert known is not None
    both = zip(names, live or (), rebuilt or (), strict=False)
    return Difference(
        table=shape.name,
        key={names[place]: known[place] for place in places},
        columns=names if live is None or rebuilt is None else tuple(name for name, a, b in both if a != b),
        live=None if live is None else dict(zip(names, live, strict=False)),
        rebuilt=None if rebuilt is None else dict(zip(names, rebuilt, strict=False)),
    )


def _rows(connection: Connection, shape: Shape) -> Iterator[_Row]:
    for row in in_order(connection, shape.name, ", ".join(shape.key), len(shape.key)):
        yield tuple(map(without_nul, row))  # which PostgreSQL cannot hold


def _order(row: _Row | None, places: list[int]) -> list[tuple[int, Any]] | None:
    """Order as SQLite does, which may hold a value of any kind in any column: numbers, text, bytes."""
    if row is None:
        return None
    return [(_RANK.get(type(row[place]), 0), row[place] if row[place] is not None else 0) for place in places]


_RANK = {int: 1, float: 1, str: 2, bytes: 3}
