"""The logins with which services come to the database: allowed what `ledger_application` is, and nothing more."""

from __future__ import annotations

from contextlib import closing, suppress

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger.migrations import ROLE, purpose
from ledger.postgres import connect, sentence
from ledger.settings import PostgresUrls
from ledger.store import StoreUnavailable


def admit(owner: PostgresUrls, application: PostgresUrls) -> list[str]:
    """Let the users of *application*'s URLs in, made with the passwords there where they are missing; return them."""
    admitted: list[str] = []
    for theirs, ours in ((application.log, owner.log), (application.private, owner.private)):
        asked, known = conninfo_to_dict(theirs), conninfo_to_dict(ours)
        if asked.get("user") not in (None, known.get("user"), *admitted):
            _admit(ours, str(asked["user"]), str(asked.get("password") or ""))
            admitted.append(str(asked["user"]))
    return admitted


def _admit(url: str, user: str, password: str) -> None:
    with closing(connect(url, purpose=purpose("log", "migrate"))) as session:
        try:
            if not session.connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone():
                make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
                with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                    session.connection.execute(make)
            grant = sql.SQL("GRANT {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(user))
            session.connection.execute(grant)
        except psycopg.Error as error:
            msg = f"the user {user} cannot be let into the database: {sentence(error)}"
            raise StoreUnavailable(msg) from None
