"""Who is asking."""

from __future__ import annotations

from flask import Response

from api.acting import ledger
from api.answers import answer, described
from api.auth import principal
from api.door import Door
from api.schemas.records import Me

blueprint = Door("me", __name__, description="The account behind a key.")


@blueprint.get("/me")
@blueprint.response(200, described(Me))
def shown() -> Response:
    """Show whose key this is: the account to name in paths, its role, and how the college knows it."""
    who = principal()
    profile = ledger().identities.profile(who.account)
    return answer(
        Me(
            account=who.account,
            role=who.role,
            ref=profile.ref if profile else None,
            name=profile.name if profile else None,
        )
    )
