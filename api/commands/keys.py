"""`ledger keys`: API keys, shown once and stored hashed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.commands.options import database_option, json_option

if TYPE_CHECKING:
    from ledger.events import Role

ROLES = (
    "learner", "assessor", "adjudicator", "designer", "quality_reviewer", "partner",
    "registrar", "auditor", "privacy_officer", "operator", "service",
)  # fmt: skip


@click.group("keys")
@database_option
def keys_() -> None:
    """Make API keys."""


@keys_.command()
@click.option("--role", required=True, type=click.Choice(ROLES), help="What the key lets its holder do.")
@click.option(
    "--ref", metavar="REF", help="Whose it is: a person's name or a learner's number. Default: the role's name."
)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is good for.")
@json_option
@database_option
def create(role: Role, ref: str | None, days: int, as_json: bool) -> None:
    """Make a key for a role, and show it this once."""
    from datetime import timedelta

    from api.commands.opening import opened
    from api.commands.output import show_json
    from api.keys import create_key

    with opened() as at:
        made = create_key(at.ledger, role, ref or role, expires=at.ledger.now() + timedelta(days=days))
    if as_json:
        show_json(made)
    else:
        click.echo(f"{made.key}\n{made.role} of {made.ref} ({made.account}) until {made.expires:%Y-%m-%d}.")
