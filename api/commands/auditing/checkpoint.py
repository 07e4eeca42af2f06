"""`ledger audit checkpoint`."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.options import database, database_option


@click.command("checkpoint")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@database_option
def checkpoint_(out: Path | None) -> None:
    """
    Show the newest signed checkpoint, with the cosignatures of witnesses.

    Keep it where nobody can reach it who could reach the ledger: `ledger audit verify --against` needs no more.
    """
    from api.audit.source import opened
    from api.commands.auditing.writing import write_text
    from ledger.settings import Settings

    with opened(Settings.from_environment(database=database())) as source:
        note = source.published.cosigned(source.newest())
    if out is None:
        click.echo(note, nl=False)
    else:
        write_text(out, note)
        click.echo(f"Wrote the checkpoint of size {note.splitlines()[1]} to {out}.")
