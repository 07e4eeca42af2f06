"""What PostgreSQL and its driver say, in one sentence each that says what to do, and never a password."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger.errors import HOLDS_NUL, NOT_UNICODE, Invalid
from ledger.store import StoreUnavailable

MIGRATE_FIRST = "the database holds no ledger of this version; run `ledger migrate`"
_HALTED = "LG001"  # while the ledger is read-only (migrations/log)
_NOT_MIGRATED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName)
_SAID = (
    ("password authentication failed", "the user or the password is wrong"),
    ("no password supplied", "it needs a password, and the URL has none"),
    ("does not exist", None),
    ("onnection refused", "nothing listens there; is the server running?"),
    ("No such file or directory", "nothing listens there; is the server running?"),
    ("ame or service not known", "no such host is known"),
    ("nodename nor servname", "no such host is known"),
    ("emporary failure in name resolution", "no such host is known"),
    ("timeout", "it did not answer in time"),
    ("too many clients", "it has no connection left for us; raise max_connections"),
    ("starting up", "it is starting up; try again"),
    ("shutting down", "it is shutting down; try again"),
)


def why_not_connected(url: str, error: BaseException) -> str:
    """Say why there is no connection, and where to, without the password that the URL may hold."""
    try:
        asked = conninfo_to_dict(url)
    except (psycopg.Error, UnicodeError, ValueError):
        return "the database URL cannot be read; it looks like postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    where = f"{asked.get('host') or 'localhost'}:{asked.get('port') or 5432}/{asked.get('dbname') or ''}"
    text = str(error).strip() or type(error).__name__
    meaning = next((meaning for said, meaning in _SAID if said in text), None)
    return f"the database at {where} cannot be used: {meaning or text.splitlines()[-1].rpartition('FATAL:')[2].strip()}"


def translate(error: BaseException) -> None:
    """Raise what the rest of the ledger knows in the place of an error of the driver's; return for any other."""
    if isinstance(error, UnicodeEncodeError):
        raise Invalid(NOT_UNICODE) from None
    if isinstance(error, psycopg.errors.CharacterNotInRepertoire) or (
        isinstance(error, psycopg.DataError) and "NUL" in str(error)
    ):
        raise Invalid(HOLDS_NUL) from None
    if isinstance(error, _NOT_MIGRATED):
        raise StoreUnavailable(MIGRATE_FIRST) from error
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        msg = f"this database role may not do that ({sentence(error)}); grant it ledger_application"
        raise StoreUnavailable(msg) from error
    if getattr(error, "sqlstate", None) == _HALTED:
        raise StoreUnavailable(sentence(error)) from error
    if isinstance(error, psycopg.Error):
        msg = f"the database cannot be used: {sentence(error)}"
        raise StoreUnavailable(msg) from error


def sentence(error: BaseException) -> str:
    """Return what an error of the driver's says, in one line."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = (primary or str(error) or type(error).__name__).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
