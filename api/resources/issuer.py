"""The issuer: the college in whose name everything is awarded."""

from __future__ import annotations

from flask import Response

from api.acting import carry_out, ledger
from api.answers import answer, described
from api.auth import principal
from api.door import Door
from api.reading import last_position
from api.schemas.catalogue import IssuerShown
from api.schemas.definitions import IssuerSchema
from ledger.errors import Unknown
from ledger.issuer import SELF, DescribeIssuer

blueprint = Door("issuer", __name__, description="The college in whose name achievements are awarded.")


@blueprint.post("/issuer")
@blueprint.arguments(IssuerSchema)
@blueprint.records()
def describe(profile: dict[str, str]) -> Response:
    """Say who issues, in the place of what was said before; the same again records nothing."""
    command = DescribeIssuer(**profile, by=principal().account)
    return carry_out(command, command.id, "/issuer")


@blueprint.get("/issuer")
@blueprint.response(200, described(IssuerShown))
def shown() -> Response:
    """Show who issues."""
    known = ledger().catalogue().issuer
    if known is None:
        raise Unknown("It was not said yet who issues; POST /issuer says it, or a catalogue that is imported.")
    return answer(IssuerShown.of(known), position=last_position(f"issuer-{SELF}"))
