"""What the subcommands that write bundles share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what goes wrong while *path* is written name it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path*, all of it or nothing: what stood there before stays where there is no room."""
    with naming(path):
        if path.exists() and not path.is_file():  # a pipe or a device, such as /dev/stdout
            path.write_text(text, "utf-8")
            return
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            draft.write_text(text, "utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


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
        with progress("writing") as tell, naming(out), written(out) as writer:
            write(content.telling(tell), writer)
    click.echo(f"Wrote {content.claim.about} to {out}; `ledger audit check` checks it.")
