"""`ledger audit export`."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.auditing.writing import out_option
from api.commands.options import database_option


@click.command("export")
@out_option
@click.option("--at", type=click.IntRange(1), metavar="POSITION", help="As of this position; default: all published.")
@database_option
def export_(out: Path, at: int | None) -> None:
    """Write every fact as of a position, with all that proves it, so that it can be checked without the ledger."""
    from api.audit.bundling import export
    from api.commands.auditing.writing import write_bundle

    write_bundle(out, "audit.export", lambda _, log: export(log, at), at=at)
