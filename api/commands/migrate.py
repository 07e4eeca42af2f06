"""`ledger migrate`: make the databases and topics what this version of the ledger needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.commands.options import database_option, json_option

if TYPE_CHECKING:
    from ledger.settings import PostgresUrls


@click.command("migrate")
@click.option("--contract", is_flag=True, help="Also take away what no running process needs any more.")
@json_option
@database_option
def migrate_(contract: bool, as_json: bool) -> None:
    """
    Make PostgreSQL's schemas and Kafka's topics, or bring them up to this version; any number may run at once.

    LEDGER_OWNER_URL names the databases' owner where services come as another user: that user is let in.
    """
    import os
    from contextlib import closing

    from api.commands.faults import Unusable
    from api.commands.options import database
    from api.commands.output import show_json
    from ledger.application import utc_now
    from ledger.migrations import migrate
    from ledger.migrations.logins import admit
    from ledger.opening import opened
    from ledger.settings import PostgresUrls, Settings
    from ledger.transparency.log import Log

    settings = Settings.from_environment(database=database())
    if not isinstance(settings.database, PostgresUrls):
        raise Unusable("A ledger in SQLite files needs no migration; `ledger init` makes one.")
    owner = _owner(os.environ.get("LEDGER_OWNER_URL"), settings.database)
    done = migrate(owner, contract=contract)
    admitted = admit(owner, settings.database)
    parts = opened(settings, create=True)  # a key-encryption key that is there is proven right
    if settings.log_keys is not None and settings.checkpoints is not None:
        with closing(Log.of_ledger(settings, parts.store)) as log:
            log.keys(utc_now())
    for part in parts:
        part.close()
    topics = _topics(settings.kafka)
    if as_json:
        show_json({"before": done.before, "after": done.after, "admitted": admitted, "topics": topics})
        return
    said = "stands" if done.before == done.after else f"was brought from version {done.before}"
    click.echo(f"{settings.database} {said} at version {done.after}.")
    if topics:
        click.echo(f"Topics: {', '.join(topics)}.")


def _owner(url: str | None, urls: PostgresUrls) -> PostgresUrls:
    """Return where the owner comes in: the same databases, by another user."""
    if not url:
        return urls
    from ledger.settings import PostgresUrls, owned_by

    return PostgresUrls(owned_by(urls.log, url), owned_by(urls.private, url))


def _topics(bootstrap: str | None) -> list[str]:
    if bootstrap is None:
        return []
    from consumers.topics import create

    return create(bootstrap)
