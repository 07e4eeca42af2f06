"""The shape of tables, read from the statements that make them."""

from __future__ import annotations

import re
from typing import NamedTuple

_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)\)(?: WITHOUT ROWID)?;", re.DOTALL)
_COLUMN = re.compile(r"(?:^|,)\s*([a-z_]+) (INTEGER|TEXT|BLOB)( PRIMARY KEY)?")
_KEY = re.compile(r"PRIMARY KEY \(([a-z_, ]+)\)")


class Shape(NamedTuple):
    """A table: the type of each column, and the columns that name a row."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]


def shapes(statements: str) -> list[Shape]:
    """Return the tables that *statements* make, in order of name."""
    return sorted(map(_shape, _TABLE.findall(statements)))


def _shape(found: tuple[str, str]) -> Shape:
    name, body = found
    columns = _COLUMN.findall(body)
    key = tuple(column for column, _, primary in columns if primary)
    if not key and (several := _KEY.search(body)):
        key = tuple(several[1].split(", "))
    return Shape(name, {column: type_ for column, type_, _ in columns}, key)
