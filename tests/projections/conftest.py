"""Views are tested over both places where they are kept: files, and schemas of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projections.college import College

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def database_of_views(postgres: PostgresServer) -> Iterator[str]:
    """Give the database in which all tests of a session keep their views, each under names of its own."""
    urls = postgres.new_database()
    yield urls.log
    postgres.drop(urls)


@pytest.fixture(params=["files", pytest.param("schemas", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest) -> str | None:
    """Give the URL of the database for views; None where they are to be kept in files."""
    return request.getfixturevalue("database_of_views") if request.param == "schemas" else None


@pytest.fixture
def college(tmp_path: Path, place: str | None) -> Iterator[College]:
    """Give a college whose programme has just begun."""
    with closing(College(tmp_path, place)) as college:
        yield college
