"""
Makes the two PostgreSQL databases what this version of the code needs: `ledger migrate`.

Any number of processes may start at once: one carries the steps out under an advisory lock, the others wait and find
nothing left to do. Each step is one transaction together with its row in `ledger.migrations`, so a crash between any
two leaves a whole number of steps.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.postgres import NoDatabase, Session, connect, sentence
from ledger.schema import Kind, Step, needed, steps, version
from ledger.settings import PostgresUrls
from ledger.store import StoreUnavailable

ROLE = "ledger_application"
_TURN = 4_991_233_002
_PATIENCE_S = 3600.0
_HISTORY = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE IF NOT EXISTS ledger.migrations (
    number int PRIMARY KEY, name text NOT NULL, phase text NOT NULL, fingerprint bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(), applied_by text NOT NULL DEFAULT current_user);
"""
_OLDER = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name ~ '^ledger/[0-9]+'
  AND substring(application_name FROM '^ledger/([0-9]+)')::int < %s
"""


class Migrated(NamedTuple):
    """From which version of the log's schema to which; the same where nothing was left to do."""

    before: int
    after: int


class Status(NamedTuple):
    """What stands in one database: its version, what this code needs, and the steps still to be carried out."""

    version: int
    needed: int
    known: int
    pending: tuple[Step, ...]


def migrate(urls: PostgresUrls, *, contract: bool = False) -> Migrated:
    """
    Carry out what is still to be done in both databases, made where they are missing.

    What takes away is left for later unless *contract* is said, and refused while an older process is connected.
    """
    _migrate(urls.private, "private", contract=contract)
    return _migrate(urls.log, "log", contract=contract)


def status(url: str, kind: Kind = "log") -> Status:
    """Return how far one database is; StoreUnavailable if it cannot be asked."""
    with closing(connect(url, purpose=purpose(kind, "status"))) as session:
        done = {number for number, _ in _done(session)}
    pending = tuple(step for step in steps(kind) if step.number not in done)
    return Status(max(done, default=0), needed(kind), version(kind), pending)


def migrated(urls: PostgresUrls) -> bool:
    """Whether the log's database holds a ledger; False where there is no such database, or nothing of ours in it."""
    try:
        return status(urls.log).version > 0
    except NoDatabase:
        return False


def purpose(kind: Kind, what: str) -> str:
    """Return the name under which a session stands in pg_stat_activity: it tells migrations who is connected."""
    return f"/{version(kind)} {what}"


def _migrate(url: str, kind: Kind, *, contract: bool) -> Migrated:
    name = purpose(kind, "migrate")
    try:
        session = connect(url, purpose=name, patience=_PATIENCE_S)
    except NoDatabase:
        _create_database(url, name)
        session = connect(url, purpose=name, patience=_PATIENCE_S)
    with closing(session):
        try:
            return _carry_out(session.connection, session, kind, contract=contract)
        except psycopg.Error as error:
            msg = f"the {kind} database cannot be migrated: {sentence(error)}"
            raise StoreUnavailable(msg) from error


def _carry_out(connection: psycopg.Connection[Any], session: Session, kind: Kind, *, contract: bool) -> Migrated:
    (encoding,) = connection.execute("SELECT current_setting('server_encoding')").fetchone() or ("",)
    if encoding != "UTF8":
        msg = f"the {kind} database is encoded in {encoding}; make it anew with ENCODING 'UTF8'"
        raise StoreUnavailable(msg)
    connection.execute("SELECT pg_advisory_lock(%s)", (_TURN,))
    done = dict(_done(session))
    before = max(done, default=0)
    refuse_newer(before, kind)
    if not done:
        _create_role(connection)
        connection.execute(_HISTORY)
    for step in steps(kind):
        if step.number in done:
            if bytes(done[step.number]) != step.fingerprint:
                msg = (
                    f"step {step.number} of the {kind} database is not the one it was made with; use the right version"
                )
                raise StoreUnavailable(msg)
        elif step.phase != "contract" or contract:
            _apply(connection, step, kind)
            done[step.number] = step.fingerprint
    if max(done) != before:
        _grant(connection, kind)
    return Migrated(before, max(done))


def _apply(connection: psycopg.Connection[Any], step: Step, kind: Kind) -> None:
    if step.phase == "contract":
        (older,) = connection.execute(_OLDER, (step.needs,)).fetchone() or (0,)
        if older:
            msg = (
                f"{older} connections to the {kind} database are of processes older than version {step.needs}; "
                f"stop them before `{step.name}` takes away what they use"
            )
            raise StoreUnavailable(msg)
    with connection.transaction():
        connection.execute(step.statements.encode())  # bytes: several statements at once, and no marks in them
        connection.execute(
            "INSERT INTO ledger.migrations (number, name, phase, fingerprint) VALUES (%s, %s, %s, %s)",
            (step.number, step.name, step.phase, step.fingerprint),
        )


def _done(session: Session) -> list[tuple[int, bytes]]:
    try:
        return session.connection.execute("SELECT number, fingerprint FROM ledger.migrations").fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return []
    except psycopg.Error as error:
        msg = f"what stands in the database cannot be read: {sentence(error)}"
        raise StoreUnavailable(msg) from error


def refuse_newer(found: int, kind: Kind) -> None:
    """Refuse a schema that this code does not know."""
    if found > version(kind):
        msg = (
            f"the {kind} database has schema version {found}, newer than the {version(kind)} that this version of the "
            "ledger knows; install the newer one"
        )
        raise StoreUnavailable(msg)


def refuse_unusable(session: Session, kind: Kind) -> None:
    """Refuse a database that lacks a step this code needs, or that is of a newer schema."""
    done = {number for number, _ in _done(session)}
    refuse_newer(max(done, default=0), kind)
    missing = [step for step in steps(kind) if step.number not in done and step.phase != "contract"]
    if missing:
        begun = f"is at schema version {max(done)}, older than {needed(kind)}" if done else "holds no ledger yet"
        msg = f"the {kind} database {begun}; run `ledger migrate`"
        raise StoreUnavailable(msg)


def _create_database(url: str, name: str) -> None:
    """Make the database that *url* names, where its user may; another process may be first."""
    wanted = str(conninfo_to_dict(url)["dbname"])
    with closing(connect(make_conninfo(url, dbname="postgres"), purpose=name, patience=_PATIENCE_S)) as session:
        connection = session.connection
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (_TURN,))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (wanted,)).fetchone():
                create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(wanted))
                connection.execute(create)
        except psycopg.Error as error:
            msg = f"there is no database {wanted}, and it cannot be made: {sentence(error)}"
            raise StoreUnavailable(msg) from error


def _create_role(connection: psycopg.Connection[Any]) -> None:
    """Make the role that applications act in; roles belong to the whole server, so another database may be first."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(ROLE)))


def _grant(connection: psycopg.Connection[Any], kind: Kind) -> None:
    """Let applications in, and make schemas for views beside the log."""
    rights = "CONNECT, CREATE" if kind == "log" else "CONNECT"
    (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
    wanted = sql.SQL("GRANT " + rights + " ON DATABASE {} TO {}")
    connection.execute(wanted.format(sql.Identifier(database), sql.Identifier(ROLE)))
    connection.execute(sql.SQL("GRANT SELECT ON ledger.migrations TO {}").format(sql.Identifier(ROLE)))
