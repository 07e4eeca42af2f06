"""`ledger audit keys`: who signs for the transparency log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.commands.options import database_option, json_option

if TYPE_CHECKING:
    from ledger.transparency.published import PublicKey


@click.group("keys", invoke_without_command=True)
@click.pass_context
@json_option
@database_option
def keys_(ctx: click.Context, as_json: bool) -> None:
    """Show the verifier keys of the transparency log: give them to whoever is to check it, by another way than this."""
    if ctx.invoked_subcommand is not None:
        return
    from api.commands.opening import opened

    with opened() as at:
        at.follow()
        show(at.log.published.verifiers(), as_json)


@keys_.command("rotate")
@json_option
@database_option
def rotate(as_json: bool) -> None:
    """Add a key; those before it sign beside it for 30 days, so that whoever knows only them can go on checking."""
    from api.commands.opening import opened

    with opened() as at:
        at.follow()
        at.log.rotate_keys(at.ledger.now())
        show(at.log.published.verifiers(), as_json)


def show(keys: list[PublicKey], as_json: bool) -> None:
    """Show *keys*, the newest last."""
    from api.commands.output import show_json

    if as_json:
        show_json([{"verifier": key.verifier, "made_at": key.made_at, "until": key.until} for key in keys])
        return
    if not keys:
        click.echo("Nothing was signed yet.", err=True)
    for key in keys:
        click.echo(key.verifier + ("" if key.until is None else f"  until {key.until:%Y-%m-%d}"))
