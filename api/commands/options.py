"""Options that many commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_DATABASE = "ledger.database"


def _keep(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[_DATABASE] = value


def database() -> str | None:
    """Return what `--database` said, before or after the subcommand, or None."""
    found: str | None = click.get_current_context().meta.get(_DATABASE)
    return found


database_option = click.option(
    "--database",
    metavar="URL",
    expose_value=False,
    callback=_keep,
    help="The ledger, sqlite:///FILE. Default: LEDGER_DATABASE_URL, or sqlite:///ledger.db.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a reading command its two options."""
    return database_option(json_option(function))
