"""Any row of the live views that was changed, added or taken away behind their back is found, whichever it is."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import psycopg
import pytest

from api.audit.comparing import Comparison, compare
from projections.comparing import compared_tables
from projections.files import Files
from projections.schemas import Schemas
from projections.shapes import Shape
from projections.views import Views, ViewsMissing
from tests.projections.college import College, live_through


def _compare(college: College, views: Views) -> Comparison:
    return compare(college.ledger.store, views, lambda _, __: None)


def _edition(views: Views) -> tuple[Any, str]:
    """Return a connection of our own to the edition in use, and the prefix of its tables."""
    shelf = views._shelf
    current = shelf.current()
    assert current is not None
    if isinstance(shelf, Files):
        return sqlite3.connect(shelf.directory / current, isolation_level=None), ""
    assert isinstance(shelf, Schemas)
    return psycopg.connect(shelf._url, autocommit=True), f"{current}."


def _tables_with_rows(connection: Any, prefix: str) -> list[Shape]:
    return [
        shape
        for shape in compared_tables()
        if connection.execute(f"SELECT count(*) FROM {prefix}{shape.name}").fetchone()[0]
    ]


def test_views_that_nobody_touched_are_the_same(college: College) -> None:
    live_through(college, seed=1, steps=120)
    views = college.views()
    views.catch_up(college.ledger.store)

    found = _compare(college, views)

    assert (True, 0, college.ledger.store.head()) == (found.same, found.differing, found.position)


def test_views_that_are_behind_are_compared_where_they_are(college: College) -> None:
    views = college.views()
    views.catch_up(college.ledger.store)
    behind = views.position()
    live_through(college, seed=2, steps=30)

    assert (True, behind) == ((found := _compare(college, views)).same, found.position)


def test_a_row_changed_in_any_table_is_found_and_left_as_it_is(college: College) -> None:
    live_through(college, seed=3, steps=150)
    views = college.views()
    views.catch_up(college.ledger.store)
    connection, prefix = _edition(views)
    chance = random.Random(5)

    tables = _tables_with_rows(connection, prefix)
    for shape in tables:
        column = chance.choice([name for name in shape.columns if name not in shape.key] or list(shape.key)[-1:])
        kind = shape.columns[column]
        changed = {"INTEGER": "987654", "TEXT": "'tampered'"}.get(kind)
        changed = changed or ("x'00ff'" if isinstance(connection, sqlite3.Connection) else "'\\x00ff'::bytea")
        key = ", ".join(shape.key)
        row = connection.execute(f"SELECT {key} FROM {prefix}{shape.name} ORDER BY {key} LIMIT 1").fetchone()
        where = " AND ".join(f"{name} = {value!r}" for name, value in zip(shape.key, row, strict=True))
        connection.execute(f"UPDATE {prefix}{shape.name} SET {column} = {changed} WHERE {where}")

    found = _compare(college, views)
    again = _compare(college, views)
    connection.close()

    assert {shape.name for shape in tables} == {one.table for one in found.differences}
    assert not found.same
    assert found.differences == again.differences


def test_rows_added_and_taken_away_are_told_apart(college: College) -> None:
    college.earn("lrn_lee", "mig")
    college.earn("lrn_mo", "mig")
    views = college.views()
    views.catch_up(college.ledger.store)
    connection, prefix = _edition(views)
    connection.execute(f"DELETE FROM {prefix}learners WHERE learner_id = 'lrn_lee'")
    connection.execute(f"INSERT INTO {prefix}totals VALUES ('awards.imagined', 7)")
    connection.close()

    found = _compare(college, views)

    assert {("learners", True, False), ("totals", False, True)} == {
        (one.table, one.live is None, one.rebuilt is None) for one in found.differences
    }


def test_where_there_are_no_views_nothing_can_be_compared(college: College) -> None:
    with pytest.raises(ViewsMissing):
        _compare(college, college.views())
