"""Reading views in PostgreSQL: one round trip before the first query, and one after the last."""

# ruff: noqa: S608 -- what is put into statements are names of our own

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from ledger.postgres import Lost, Session, Sessions, marked
from projections.connection import without_nul
from projections.schema_writer import MISSING, ran
from projections.shelf import ViewsMissing

Answer = TypeVar("Answer")

_TRIES = 3


class Reader:
    """A connection for reading, within a transaction."""

    def __init__(self, session: Session) -> None:
        self._connection = session.connection

    def execute(self, query: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        return self._connection.execute(marked(query), [without_nul(value) for value in parameters])


class Readers:
    """
    Sessions that read views of one *family* made by one version of the code.

    They remember which schema was in use last. Whether it still is, it says itself, in the snapshot that is read.
    """

    def __init__(self, url: str, family: str, made_by: str) -> None:
        self._sessions = Sessions(url, purpose="views")
        self._family = family
        self._pointer = f"SELECT edition FROM {family}.current WHERE fingerprint = '{made_by}'"
        self._seen: str | None = None

    def current(self, session: Session) -> str | None:
        """Return the schema in use, None where there is none."""
        with suppress(*MISSING):
            found = ran(session, self._pointer)
            return None if found is None else f"{self._family}_{found[0]}"
        return None

    @contextmanager
    def reading(self, seconds: float | None) -> Iterator[Reader]:
        """Lend a connection that sees one state; see `Shelf.reading`."""
        session, use = self._begun(seconds)
        with use:
            try:
                yield Reader(session)
            finally:
                with suppress(psycopg.Error):
                    session.connection.execute("ROLLBACK")

    def position(self) -> int:
        """Return the position of the schema in use, in one round trip; ViewsMissing where there is none."""
        return self.again(lambda session: self._look(session, _position))

    def again(self, ask: Callable[[Session], Answer], seconds: float | None = None) -> Answer:
        """Ask what may be asked twice: a session that was idle may turn out to be lost."""
        try:
            with self._sessions.using(seconds) as session:
                return ask(session)
        except Lost:
            with self._sessions.using(seconds) as session:
                return ask(session)

    def check_open(self) -> None:
        """Raise StoreUnavailable once closed, and in a child process."""
        self._sessions.check_open()

    def close(self) -> None:
        """Let go of all sessions."""
        self._sessions.close()

    def _begun(self, seconds: float | None) -> tuple[Session, ExitStack]:
        for attempt in (1, 2):
            with suppress(Lost) if attempt == 1 else ExitStack(), ExitStack() as use:
                session = use.enter_context(self._sessions.using(seconds))
                self._look(session, _begin)
                return session, use.pop_all()
        raise AssertionError

    def _look(self, session: Session, look: Callable[[Session, str], int | None]) -> int:
        for _ in range(_TRIES):
            schema = self._seen = self._seen or self.current(session)
            if schema is None:
                break
            found = look(session, schema)
            if found is not None:
                return found
            self._seen = None
        raise ViewsMissing


def _begin(session: Session, schema: str) -> int | None:
    """Begin a transaction that reads a schema; None, and none is begun, where that is not in use."""
    begin = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = {schema};"
    with suppress(*MISSING):
        position, retired = ran(session, f"{begin} SELECT position, retired FROM standing")
        if not retired:
            return int(position)
    ran(session, "ROLLBACK")
    return None


def _position(session: Session, schema: str) -> int | None:
    with suppress(*MISSING):
        query = f"SELECT position, retired FROM {schema}.standing"
        position, retired = session.connection.execute(query.encode(), prepare=True).fetchone() or (0, 1)
        return None if retired else int(position)
    return None
