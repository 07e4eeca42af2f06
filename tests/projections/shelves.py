"""What may be found on a shelf of views, and happen to it, whichever kind it is."""

from __future__ import annotations

import psycopg

from projections.files import Files
from projections.schemas import Schemas
from projections.views import Views


def editions(views: Views) -> list[str]:
    """Return the editions that are kept, in use or not."""
    shelf = views._shelf
    if isinstance(shelf, Files):
        return sorted(path.name for path in shelf.directory.glob("views-*.db"))
    assert isinstance(shelf, Schemas)
    query = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE %s ORDER BY 1"
    with psycopg.connect(shelf._url) as connection:
        return [name for (name,) in connection.execute(query, (f"{shelf._family}\\_%",))]


def lose(views: Views) -> None:
    """Take away all editions; what names the one in use stays."""
    shelf = views._shelf
    for edition in editions(views):
        if isinstance(shelf, Files):
            shelf.discard(edition)
        else:
            _execute(shelf, f"DROP SCHEMA {edition} CASCADE")


def lose_all(views: Views) -> None:
    """Take away everything."""
    lose(views)
    shelf = views._shelf
    if isinstance(shelf, Files):
        (shelf.directory / "current").unlink()
    else:
        assert isinstance(shelf, Schemas)
        _execute(shelf, f"DROP SCHEMA {shelf._family} CASCADE")


def spoil(views: Views) -> None:
    """Make what is in use something else."""
    shelf = views._shelf
    for edition in editions(views):
        if isinstance(shelf, Files):
            (shelf.directory / edition).write_bytes(b"no database" * 999)
            (shelf.directory / f"{edition}-wal").unlink(missing_ok=True)
        else:
            _execute(shelf, f"DROP TABLE {edition}.standing")


def _execute(shelf: object, statement: str) -> None:
    assert isinstance(shelf, Schemas)
    with psycopg.connect(shelf._url) as connection:
        connection.execute(statement.encode())
