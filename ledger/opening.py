"""
The parts of a ledger, found where the settings say: SQLite files, or databases of a PostgreSQL server.

What was lost or restored from another time is refused here, before anything new is written over the loss.
"""

from __future__ import annotations

import re
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple

from ledger.database import Database
from ledger.identities import Identities
from ledger.keys import LearnerKeys
from ledger.settings import PostgresUrls, Settings, shown
from ledger.sqlite_store import SQLiteStore, holds_ledger
from ledger.store import Store, StoreUnavailable

_LOOKED_AT = 500
_MADE = re.compile(r"lrn_[0-9a-f]{30}")


class Parts(NamedTuple):
    """What a ledger is made of."""

    store: Store
    keys: LearnerKeys
    identities: Identities


def exists(settings: Settings) -> bool:
    """Whether there is a ledger; StoreUnavailable where something else is, or nobody can tell."""
    if isinstance(settings.database, Path):
        return holds_ledger(settings.database)
    from ledger.migrations import status  # noqa: PLC0415  the embedded ledger starts without PostgreSQL's driver
    from ledger.postgres import NoDatabase  # noqa: PLC0415

    try:
        return status(settings.database.log).version > 0
    except NoDatabase:
        return False


def opened(settings: Settings, *, create: bool) -> Parts:
    """Open the parts; with *create*, make them where there are none. StoreUnavailable where something is missing."""
    new = create and not exists(settings)
    with ExitStack() as undo:
        if isinstance(settings.database, Path):
            found = _in_files(settings, new, undo)
        else:
            if new:
                _make_databases(settings.database)
            found = _in_postgres(settings, settings.database, create, undo)
        _refuse_older_keys(found, _where(settings, "keys"))
        _refuse_older_accounts(found, _where(settings, "identities"))
        undo.pop_all()
    return found


def small_database(settings: Settings, *, durable: bool) -> Database:
    """Open the PostgreSQL database in which followers note how far they are."""
    from ledger.postgres import PostgresDatabase  # noqa: PLC0415

    assert isinstance(settings.database, PostgresUrls)
    return PostgresDatabase(settings.database.log, durable=durable)


def _in_files(settings: Settings, new: bool, undo: ExitStack) -> Parts:
    if new:
        settings.file.parent.mkdir(parents=True, exist_ok=True)
    else:
        SQLiteStore.open(settings.file).close()  # says what is missing before keys are asked for
    # The log comes last: where there is one, its keys and accounts were made, and are never made anew.
    keys = undo.enter_context(
        closing(LearnerKeys.in_file(settings.keys, settings.key_encryption_key(create=new), create=new))
    )
    if new and not keys.unused():
        _refuse_lost_log(str(settings.file), str(settings.keys))
    identities = undo.enter_context(closing(Identities.in_file(settings.identities, create=new)))
    return Parts(undo.enter_context(closing(SQLiteStore.open(settings.file, create=new))), keys, identities)


def _in_postgres(settings: Settings, urls: PostgresUrls, create: bool, undo: ExitStack) -> Parts:
    from ledger.postgres import PostgresDatabase  # noqa: PLC0415
    from ledger.postgres_store import PostgresStore  # noqa: PLC0415

    store = undo.enter_context(closing(PostgresStore.open(urls.log)))
    private = undo.enter_context(closing(PostgresDatabase(urls.private)))
    # A key-encryption key is made only while nothing was ever wrapped with another.
    unused = create and not private.fetch("SELECT 1 FROM about LIMIT 1")
    keys = undo.enter_context(closing(LearnerKeys(private, settings.key_encryption_key(create=unused))))
    return Parts(store, keys, undo.enter_context(closing(Identities(PostgresDatabase(urls.private)))))


def _make_databases(urls: PostgresUrls) -> None:
    from ledger.migrations import migrate, status  # noqa: PLC0415
    from ledger.postgres import NoDatabase, PostgresDatabase  # noqa: PLC0415

    with suppress(NoDatabase):
        if status(urls.private, "private").version:
            with closing(PostgresDatabase(urls.private)) as database:
                if database.fetch("SELECT 1 FROM data_keys LIMIT 1"):
                    _refuse_lost_log(shown(urls.log), shown(urls.private))
    migrate(urls)


def _where(settings: Settings, part: str) -> str:
    urls = settings.database
    return shown(urls.private) if isinstance(urls, PostgresUrls) else str(getattr(settings, part))


def _refuse_older_keys(parts: Parts, where: str) -> None:
    """Refuse keys restored from before the newest facts: a new key in the place of a lost one would hide the loss."""
    missing = parts.keys.missing(_latest_learners(parts.store))
    if missing:
        msg = f"{where} is older than the ledger: {missing[0]} has facts but no key; put the right one back"
        raise StoreUnavailable(msg)


def _refuse_older_accounts(parts: Parts, where: str) -> None:
    """Refuse accounts restored from before the newest facts: who is named in a file would become somebody new."""
    learners = _latest_learners(parts.store)
    known = parts.identities.profiles(learners)
    lost = sorted(one for one in learners if one not in known and _MADE.fullmatch(one) and parts.keys.has(one))
    if lost:
        msg = f"{where} is older than the ledger: {lost[0]} has facts but no account; put the right one back"
        raise StoreUnavailable(msg)


def _latest_learners(store: Store) -> set[str]:
    newest = store.read_log(max(0, store.head() - _LOOKED_AT), _LOOKED_AT)
    return {stored.stream[8:] for stored in newest if stored.stream.startswith("learner-")}


def _refuse_lost_log(log: str, keys: str) -> None:
    """Refuse to begin a new log beside the keys of an old one: it would hide that the old one is lost."""
    msg = f"{log} is missing, but {keys} holds keys of its learners; put it back, or take the keys away to begin anew"
    raise StoreUnavailable(msg)
