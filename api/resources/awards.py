"""Awards: the register, why one is held, what falls with it, and what registrars do to them."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import carry_out, ledger
from api.answers import Page, answer, described
from api.auth import actor
from api.door import Door
from api.pages import after_position, page
from api.reading import known, last_position, viewed
from api.resources.log import in_log
from api.schemas.auditing import WhyNotSchema
from api.schemas.awards import (
    ExtendAwardSchema,
    ReinstateAwardSchema,
    RenewAwardSchema,
    RequestRevocationSchema,
    RevokeAwardSchema,
    SubstituteComponentSchema,
    SuspendAwardSchema,
)
from api.schemas.reading import AsOfSchema, AwardsSchema, FreshSchema
from api.schemas.records import AwardShown, Consequences
from api.whose import learner_of_award
from ledger.decider import Setting
from ledger.errors import Unknown
from ledger.learners import consequences as falling
from ledger.learners.commands import (
    ExtendAward,
    ReinstateAward,
    RenewAward,
    RequestRevocation,
    RevokeAward,
    SubstituteComponent,
    SuspendAward,
)
from projections import award_register
from projections.views import position
from projections.why import Why
from projections.why import why as explained
from projections.why_not import WhyNot
from projections.why_not import why_not as not_held

blueprint = Door("awards", __name__, description="Awards of micro-credentials and milestone badges.")


def _at(award_id: str) -> str:
    return f"/awards/{award_id}"


@blueprint.get("/awards")
@blueprint.arguments(AwardsSchema, location="query")
@blueprint.response(200, described(Page[AwardShown]))
def listed(query: dict[str, Any]) -> Response:
    """List awards in the order in which they were recorded."""
    with viewed(query.get("at_least")) as connection:
        found = award_register.awards(
            connection, ledger().now(), after=after_position(query.get("cursor")), limit=query["limit"] + 1,
            learner_id=query.get("learner"), achievement_id=query.get("achievement"),
            status=query.get("status"), kind=query.get("kind"),
        )  # fmt: skip
    profiles = ledger().identities.profiles(award.learner_id for award in found)
    shown_awards = [AwardShown.of(award, profiles.get(award.learner_id)) for award in found]
    return answer(page(shown_awards, query["limit"], lambda award: award.position))


@blueprint.get("/awards/<id:award_id>")
@blueprint.arguments(FreshSchema, location="query")
@blueprint.response(200, described(AwardShown))
def shown(query: dict[str, Any], award_id: str) -> Response:
    """Show an award with its standing now."""
    learner_id = learner_of_award(award_id)
    with viewed(query.get("at_least")) as connection:
        award = award_register.award(connection, award_id, ledger().now())
        seen = position(connection)
    if award is None:
        raise Unknown(f"There is no award {award_id}.", field="award_id")
    document = AwardShown.of(award, ledger().identities.profile(award.learner_id), in_log(award.position))
    # A command about the award decides on the learner's whole record, as far as it is shown here.
    return answer(document, position=last_position(f"learner-{learner_id}", until=seen))


@blueprint.get("/awards/<id:award_id>/why")
@blueprint.arguments(AsOfSchema, location="query")
@blueprint.response(200, described(Why))
def why(query: dict[str, Any], award_id: str) -> Response:
    """Explain an award: rule version, matched awards, judgements, evidence; and what became of it."""
    found = known(learner_of_award(award_id), query)
    return answer(explained(award_id, found.facts, found.catalogue, found.on), position=found.position)


@blueprint.get("/learners/<id:learner_id>/why")
@blueprint.arguments(WhyNotSchema, location="query")
@blueprint.response(200, described(WhyNot))
def why_not(query: dict[str, Any], learner_id: str) -> Response:
    """Explain why a learner does not hold an achievement: what is missing, waits or was lost; or that it is held."""
    found = known(learner_id, query)
    document = not_held(learner_id, query["achievement"], found.facts, found.catalogue, found.on)
    return answer(document, position=found.position)


@blueprint.get("/awards/<id:award_id>/consequences")
@blueprint.response(200, described(Consequences))
def consequences(award_id: str) -> Response:
    """Preview what falls with an award if it is revoked."""
    learner_id = learner_of_award(award_id)
    setting = Setting(now=ledger().now(), catalogue=ledger().catalogue(), by=actor().id)
    lines = falling(ledger().record(learner_id), award_id, setting)
    return answer(Consequences(award_id=award_id, consequences=list(lines)), position=known(learner_id, {}).position)


@blueprint.post("/awards/<id:award_id>/suspension")
@blueprint.arguments(SuspendAwardSchema)
@blueprint.records()
def suspend(command: SuspendAward, award_id: str) -> Response:
    """Suspend an award until the suspension is lifted."""
    return carry_out(command, award_id, _at(award_id))


@blueprint.post("/awards/<id:award_id>/reinstatement")
@blueprint.arguments(ReinstateAwardSchema)
@blueprint.records()
def reinstate(command: ReinstateAward, award_id: str) -> Response:
    """Lift a suspension made by hand."""
    return carry_out(command, award_id, _at(award_id))


@blueprint.post("/awards/<id:award_id>/revocation-requests")
@blueprint.arguments(RequestRevocationSchema)
@blueprint.records()
def request_revocation(command: RequestRevocation, award_id: str) -> Response:
    """Ask, as the first of two people, to revoke an award, signing what falls with it."""
    return carry_out(command, command.request_id, _at(award_id))


@blueprint.post("/awards/<id:award_id>/revocations")
@blueprint.arguments(RevokeAwardSchema)
@blueprint.records()
def revoke(command: RevokeAward, award_id: str) -> Response:
    """Revoke an award as the second person; 409 if what falls with it has changed since the first signed."""
    request = ledger().record(command.learner_id).requests.get(command.request_id)
    if request is not None and request.award_id != award_id:
        raise Unknown(f"There is no request {command.request_id} to revoke this award.", field="request_id")
    return carry_out(command, award_id, _at(award_id))


@blueprint.post("/awards/<id:award_id>/extension")
@blueprint.arguments(ExtendAwardSchema)
@blueprint.records()
def extend(command: ExtendAward, award_id: str) -> Response:
    """Give more time: a later end of validity, or a later due date of the award's open break."""
    return carry_out(command, award_id, _at(award_id))


@blueprint.post("/awards/<id:award_id>/renewal")
@blueprint.arguments(RenewAwardSchema)
@blueprint.records()
def renew(command: RenewAward, award_id: str) -> Response:
    """Renew an award on newer evidence; the old one ends in the same instant, and no stack breaks."""
    return carry_out(command, award_id, _at(award_id))


@blueprint.post("/learners/<id:learner_id>/substitutions")
@blueprint.arguments(SubstituteComponentSchema)
@blueprint.records()
def substitute(command: SubstituteComponent, learner_id: str) -> Response:
    """Let one award stand for a component of one stack."""
    return carry_out(command, command.substitution_id, f"/learners/{learner_id}/progress")
