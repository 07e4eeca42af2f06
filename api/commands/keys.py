"""`ledger keys`: API keys, shown once and stored hashed; listed and withdrawn by their ids."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from api.commands.options import database_option, json_option, reading

if TYPE_CHECKING:
    from ledger.events import Role

ROLES = (
    "learner", "assessor", "adjudicator", "designer", "quality_reviewer", "partner",
    "registrar", "auditor", "privacy_officer", "operator", "service",
)  # fmt: skip


@click.group("keys")
@database_option
def keys_() -> None:
    """Make, list and withdraw API keys."""


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


@keys_.command("list")
@reading
def list_(as_json: bool) -> None:
    """List API keys, oldest first: whose they are and when they were used last; none can be shown again."""
    from api.commands.opening import opened
    from api.commands.output import show_json, show_table
    from ledger.store import instant

    with opened() as at:
        found = at.ledger.identities.keys()
        profiles = at.ledger.identities.profiles(key.account for key in found)
    items = [
        {
            "id": key.id,
            "role": key.role,
            "ref": profiles[key.account].ref if key.account in profiles else None,
            "account": key.account,
            "made_at": instant(key.created_us),
            "expires": None if key.expires_us is None else instant(key.expires_us),
            "last_used_at": None if key.last_used_us is None else instant(key.last_used_us),
        }
        for key in found
    ]
    if as_json:
        show_json({"items": items, "next": None})
        return
    rows = [(one["id"], one["role"], one["ref"], *map(_day, (one["expires"], one["last_used_at"]))) for one in items]
    show_table(("key", "role", "of", "until", "last used"), rows, empty="No keys.")


@keys_.command()
@click.argument("key_id")
@json_option
@database_option
def withdraw(key_id: str, as_json: bool) -> None:
    """Withdraw the key of this id at once; `ledger keys list` has the ids."""
    from api.commands.faults import Unusable
    from api.commands.opening import opened
    from api.commands.output import show_json

    with opened() as at:
        if not at.ledger.identities.delete_key(key_id):
            raise Unusable(f"There is no key {key_id!r}; `ledger keys list` has the ids.")
    if as_json:
        show_json({"id": key_id, "withdrawn": True})
    else:
        click.echo(f"Key {key_id} opens nothing any more.")


def _day(instant: object) -> str:
    return f"{instant:%Y-%m-%d}" if isinstance(instant, datetime) else ""
