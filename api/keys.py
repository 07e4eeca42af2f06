"""API keys made from the command line and for the demo: for somebody known, or made known with the role they need."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.imports.rehearsal import COMMAND_LINE
from ledger.application import Ledger
from ledger.errors import Unknown
from ledger.events import Role
from ledger.people import GrantRole, RegisterPerson


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was made; `key` is shown this once."""

    key: str
    role: str
    ref: str
    account: str
    expires: datetime


def create_key(ledger: Ledger, role: Role, ref: str, *, expires: datetime) -> Made:
    """
    Make a key in *role* for whoever is known as *ref*.

    A learner must be registered; a person is registered, and granted the role, where that has not been done.
    """
    account = _learner(ledger, ref) if role == "learner" else person(ledger, ref, role)
    return Made(
        key=ledger.identities.create_key(role, account, expires), role=role, ref=ref, account=account, expires=expires
    )


def _learner(ledger: Ledger, ref: str) -> str:
    account = ledger.identities.find("learner", ref)
    if account is None:
        raise Unknown(f"No learner is known as {ref!r}.", field="ref")
    return account


def person(ledger: Ledger, ref: str, role: Role) -> str:
    """Return the account of the person known as *ref*, registered and granted *role* where that is not so yet."""
    account = ledger.identities.register("person", [ref])[ref]
    ledger.execute(RegisterPerson(person_id=account), actor=COMMAND_LINE)
    if not ledger.catalogue().may(account, role, None, ledger.now()):
        ledger.execute(GrantRole(person_id=account, role=role, by=COMMAND_LINE.id), actor=COMMAND_LINE)
    return account
