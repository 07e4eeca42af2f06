"""
Views in PostgreSQL: schemas `views_<n>`, and the table `views.current`, which names the ones in use.

Every version of the views has a row there of its own, so that while an installation is being upgraded the old
processes go on with their schema and the new ones build theirs. It is all made here and needs no migration, for it can
be lost: views are built again.

Whoever reads begins with `standing`, and whoever drops a schema locks that table first, without waiting: what is
being read is dropped another time, and a reader finds its schema whole or not at all.
"""

# ruff: noqa: S608 -- what is put into statements are names and numbers of our own

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from psycopg import errors

from ledger.migrations import ROLE
from ledger.postgres import Session, connect
from ledger.store import StoreUnavailable
from projections.listener import Listener
from projections.schema_reader import Reader, Readers
from projections.schema_writer import MISSING, SchemaWriter, available, ddl, ran
from projections.shelf import Writer
from projections.tables import fingerprint, making, making_indexes

_TURN_S = 300.0
_TURN_POLL_S = 0.1
_LONG_S = 24 * 3600.0
_FAMILY = re.compile(r"[a-z][a-z0-9]{0,30}")


class Schemas:
    """The shelf that is a database; *family* keeps views apart that are of one database and not of one log."""

    def __init__(self, url: str, family: str = "views") -> None:
        if not _FAMILY.fullmatch(family):
            msg = f"{family!r} cannot name views: lower-case letters and digits only"
            raise ValueError(msg)
        self._url = url
        self._family = family
        self._made_by = fingerprint()
        self._readers = Readers(url, family, self._made_by)
        self._listener = Listener(url, family)

    def current(self) -> str | None:
        return self._readers.again(self._readers.current)

    @contextmanager
    def building(self) -> Iterator[None]:
        session = self._connect("building views")
        try:
            with available(session):
                self._wait_for_turn(session)
                ran(
                    session,
                    f"BEGIN; {_schema_made(session, self._family)}"
                    "CREATE SEQUENCE IF NOT EXISTS editions;"
                    "CREATE TABLE IF NOT EXISTS current (fingerprint text PRIMARY KEY, edition bigint NOT NULL);"
                    "COMMIT",
                )
            yield
        finally:
            session.close()

    def fresh(self) -> str:
        return self._readers.again(self._fresh, _LONG_S)

    def draft(self, edition: str) -> Writer:
        session = self._connect("building views")
        try:
            with available(session):
                ran(
                    session,
                    f"BEGIN; {_schema_made(session, edition)} {ddl(making())}"
                    f"INSERT INTO standing VALUES (0, '{self._made_by}', 0); COMMIT",
                )
        except BaseException:
            session.close()
            raise
        return SchemaWriter(session, edition)

    def finish(self, edition: str, draft: Writer) -> Writer:
        assert isinstance(draft, SchemaWriter)
        with available(draft.session, _LONG_S):
            ran(
                draft.session,
                f"BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL search_path = {edition};"
                f"{ddl(making_indexes())}; ANALYZE {', '.join(draft.tables)}; COMMIT",
            )
        return SchemaWriter(draft.session, edition, notify=self._family)

    def discard(self, edition: str) -> None:
        self._readers.again(lambda session: self._drop(session, edition))

    def writer(self, edition: str) -> Writer | None:
        session = self._connect("projecting")
        try:
            with available(session):
                found = ran(session, f"SELECT fingerprint FROM {edition}.standing")
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            found = None
        except BaseException:
            session.close()
            raise
        if found is not None and found[0] == self._made_by:
            return SchemaWriter(session, edition, notify=self._family)
        session.close()
        return None

    def serves(self, edition: str, writer: Writer) -> bool:
        del edition  # that it was replaced, the edition itself says
        return isinstance(writer, SchemaWriter) and not writer.session.connection.closed

    @contextmanager
    def replacing(self, edition: str) -> Iterator[None]:
        session = self._connect("building views")
        try:
            with available(session, _LONG_S):
                ran(session, "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
                old = self._readers.current(session)
                if old is not None and ran(session, f"SELECT to_regclass('{old}.standing')")[0] is not None:
                    ran(session, f"SELECT 1 FROM {old}.standing FOR UPDATE")
                else:
                    old = None
                yield
                number = edition.rpartition("_")[2]
                ran(
                    session,
                    f"INSERT INTO {self._family}.current VALUES ('{self._made_by}', {number})"
                    " ON CONFLICT (fingerprint) DO UPDATE SET edition = excluded.edition",
                )
                if old is not None:
                    ran(session, f"UPDATE {old}.standing SET retired = 1")
                ran(session, f"NOTIFY {self._family}; COMMIT")
        finally:
            session.close()

    def reading(self, seconds: float | None = None) -> AbstractContextManager[Reader]:
        return self._readers.reading(seconds)

    def position(self) -> int:
        return self._readers.position()

    def watch(self, moved: Callable[[], None]) -> float:
        return self._listener.listen(moved)

    def close(self) -> None:
        self._listener.close()
        self._readers.close()

    def _fresh(self, session: Session) -> str:
        for schema in self._unused(session):
            self._drop(session, schema)
        (number,) = ran(session, f"SELECT nextval('{self._family}.editions')")
        return f"{self._family}_{number}"

    def _connect(self, purpose: str) -> Session:
        self._readers.check_open()
        return connect(self._url, purpose=purpose)

    def _wait_for_turn(self, session: Session) -> None:
        until = time.monotonic() + _TURN_S
        while not ran(session, f"SELECT pg_try_advisory_lock(hashtext('building {self._family}'))")[0]:
            if time.monotonic() > until:
                raise StoreUnavailable("another process has been building the views for long; try again later")
            time.sleep(_TURN_POLL_S)
            session.due = time.monotonic() + _TURN_S

    def _unused(self, session: Session) -> list[str]:
        """
        Return the schemas that nobody uses.

        Those of other versions of the views are in use as long as they are kept up: not behind our own.
        """
        ours = self._position(session, self._readers.current(session))
        used = session.connection.execute(f"SELECT edition, fingerprint FROM {self._family}.current").fetchall()
        kept = set()
        for number, made_by in used:
            schema = f"{self._family}_{number}"
            if made_by == self._made_by or self._position(session, schema) >= ours:
                kept.add(schema)
        found = session.connection.execute(
            "SELECT nspname::text FROM pg_namespace WHERE nspname ~ %s", (f"^{self._family}_[0-9]+$",)
        )
        return [schema for (schema,) in found if schema not in kept]

    @staticmethod
    def _position(session: Session, schema: str | None) -> int:
        with suppress(*MISSING):
            if schema is not None:
                return int(ran(session, f"SELECT position FROM {schema}.standing")[0])
        return -1

    def _drop(self, session: Session, schema: str) -> None:
        begin = "BEGIN;"
        if ran(session, f"SELECT to_regclass('{schema}.standing')")[0] is not None:
            begin += f"LOCK TABLE {schema}.standing IN ACCESS EXCLUSIVE MODE NOWAIT;"
        try:
            ran(
                session,
                f"{begin} DELETE FROM {self._family}.current WHERE edition = {schema.rpartition('_')[2]};"
                f"DROP SCHEMA {schema} CASCADE; COMMIT",
            )
        except (errors.LockNotAvailable, *MISSING):  # it is being read: another time
            ran(session, "ROLLBACK")


def _schema_made(session: Session, schema: str) -> str:
    """Say how to make a schema, and what follows in it, the property of the role of all the ledger's processes."""
    ours = "SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(oid, 'MEMBER')"
    member = session.connection.execute(ours, (ROLE,)).rowcount
    owner, become = (f"AUTHORIZATION {ROLE}", f"SET LOCAL ROLE {ROLE};") if member else ("", "")
    return f"CREATE SCHEMA IF NOT EXISTS {schema} {owner}; {become} SET LOCAL search_path = {schema};"
