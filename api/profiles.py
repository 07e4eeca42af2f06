"""Accounts behind refs: the college's own numbers and names for people, kept outside the log."""

from __future__ import annotations

from typing import Any

from api.acting import ledger
from ledger.errors import AlreadyRecorded
from ledger.identities import Kind


def registered(kind: Kind, profile: dict[str, Any]) -> str:
    """
    Return the account of the profile's ref, made if it is new.

    A name or address is taken where none is known yet; another one than is known is refused, not overwritten.
    """
    identities = ledger().identities
    account = identities.register(kind, [profile["ref"]])[profile["ref"]]
    before = identities.profile(account)
    name, email = (before.name, before.email) if before else (None, None)
    for field, known in (("name", name), ("email", email)):
        given = profile.get(field)
        if given is not None and known is not None and given != known:
            raise AlreadyRecorded(f"{profile['ref']} is registered with another {field}.", field=field)
    if (name, email) != (wanted := (name or profile.get("name"), email or profile.get("email"))):
        identities.update(account, name=wanted[0], email=wanted[1])
    return account
