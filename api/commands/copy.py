"""`ledger copy`: move a ledger to PostgreSQL."""

from __future__ import annotations

import click

from api.commands.options import json_option


@click.command("copy")
@click.option("--from", "source", metavar="URL", required=True, help="The ledger to copy, sqlite:///FILE.")
@click.option("--to", "target", metavar="URL", required=True, help="Where to, postgresql://OWNER@HOST/NAME.")
@json_option
def copy_(source: str, target: str, as_json: bool) -> None:
    """Copy a ledger to PostgreSQL as it is, and compare every fact and every rebuilt view; run it again to go on."""
    import contextlib

    from api.commands.faults import DISPROVEN, Unusable
    from api.commands.output import show_json
    from api.commands.progress import progress
    from ledger.copying import copy
    from ledger.opening import opened
    from ledger.settings import PostgresUrls, Settings
    from projections.views import Views

    old, new = (Settings.from_environment(database=url) for url in (source, target))
    if not isinstance(new.database, PostgresUrls):
        raise Unusable("A ledger is copied to postgresql://…/NAME.")
    copied = copy(old, new.database, progress)
    kek = old.key_encryption_key()
    hashes = []
    for settings in (old, Settings(database=new.database, kek=kek)):
        with contextlib.ExitStack() as stack:
            parts = opened(settings, create=False)
            for part in parts:
                stack.callback(part.close)
            views = stack.enter_context(contextlib.closing(Views.of_ledger(settings)))
            with progress("rebuilding views") as tell:
                views.rebuild(parts.store, tell)
            hashes.append(views.hash())
    same = hashes[0] == hashes[1]
    answer = {"position": copied.position, "facts": copied.facts, "views": hashes[1], "same": same}
    if as_json:
        show_json(answer)
    else:
        click.echo(f"{copied.position} facts are the same on both sides; hash {copied.facts}.")
        click.echo(f"Views rebuilt on both sides {'are the same' if same else 'differ'}; hash {hashes[1]}.")
        click.echo(
            "Give the services the same key-encryption key (LEDGER_KEK or LEDGER_KEK_FILE), and the sequencer the files"
            " of the log's keys and checkpoints (LEDGER_LOG_KEYS, LEDGER_CHECKPOINTS).",
            err=True,
        )
    if not same:
        raise SystemExit(DISPROVEN)
