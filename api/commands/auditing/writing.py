"""What the subcommands that write bundles share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands.options import database

if TYPE_CHECKING:
    from api.audit.bundling import FromLedger
    from api.audit.source import Source
    from ledger import Ledger

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A directory that is not there yet, or a file that ends in .zip.",
)


def write_bundle(out: Path, what: str, content_of: Callable[[Ledger, Source], FromLedger], **asked: object) -> None:
    """Write a bundle of what *content_of* takes from the ledger, and record that it was read."""
    from api.audit.bundles import write
    from api.audit.containers import written
    from api.audit.source import opened as opened_log
    from api.commands.auditing.asking import noted
    from api.commands.opening import opened
    from api.commands.progress import progress
    from ledger.settings import Settings

    with opened() as at, opened_log(Settings.from_environment(database=database())) as log:
        at.follow()
        content = content_of(at.ledger, log)
        stream = content.claim.stream
        noted(at.ledger, what, stream and stream.removeprefix("learner-"), **asked)
        with progress("writing") as tell, written(out) as writer:
            write(content.telling(tell), writer)
    claim = content.claim
    click.echo(
        f"Wrote the facts from index {claim.start} up to {claim.end - 1} to {out}; `ledger audit check` checks it."
    )
