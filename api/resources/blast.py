"""
What rests on what is in doubt: an assessor's judgements, a piece of evidence, an achievement as it was defined before.

Carrying it out takes two registrars, the second by their key in `Second-Authorization`; it queues reviews, no more.
"""

from __future__ import annotations

from typing import Any

from flask import Response

from api import idempotency
from api.acting import ledger
from api.answers import answer, described
from api.auth import actor, demand_of, principal, second_person
from api.blasting import blast, carry_out, require_known, resumed
from api.door import SECOND_PERSON, Door
from api.schemas.blast import BlastSchema, BlastShown, CarriedOut, DiscreditingSchema
from api.schemas.definitions import AchievementDefinitionSchema
from ledger.definition import AchievementDefinition
from ledger.doubt import Doubt
from ledger.errors import SecondPersonNeeded

blueprint = Door("blast", __name__, description="How far it reaches when something is found wanting afterwards.")
_SECOND = {"parameters": [SECOND_PERSON | {"required": True}]}


@blueprint.get("/people/<id:person_id>/blast-radius")
@blueprint.arguments(BlastSchema, location="query")
@blueprint.response(200, described(BlastShown))
def of_assessor(query: dict[str, Any], person_id: str) -> Response:
    """Show whose awards rest on a person's judgements, and what would fall with them. Nothing is recorded."""
    return _shown(Doubt(kind="assessor", subject=person_id), query)


@blueprint.post("/people/<id:person_id>/discrediting")
@blueprint.arguments(DiscreditingSchema)
@blueprint.doc(**_SECOND)
@blueprint.response(200, described(CarriedOut))
def discredit_assessor(body: dict[str, Any], person_id: str) -> Response:
    """Discredit an assessor, as two people: awards that rest on their judgements are queued for review, none taken."""
    return _carried_out(Doubt(kind="assessor", subject=person_id), "blast.discredit_assessor", body["reason"])


@blueprint.get("/learners/<id:learner_id>/evidence/<id:evidence_id>/blast-radius")
@blueprint.arguments(BlastSchema, location="query")
@blueprint.response(200, described(BlastShown))
def of_evidence(query: dict[str, Any], learner_id: str, evidence_id: str) -> Response:
    """Show what rests on a piece of evidence, and what would fall with it. Nothing is recorded."""
    return _shown(Doubt(kind="evidence", subject=evidence_id, learner_id=learner_id), query)


@blueprint.post("/learners/<id:learner_id>/evidence/<id:evidence_id>/discrediting")
@blueprint.arguments(DiscreditingSchema)
@blueprint.doc(**_SECOND)
@blueprint.response(200, described(CarriedOut))
def discredit_evidence(body: dict[str, Any], learner_id: str, evidence_id: str) -> Response:
    """Discredit a piece of evidence, as two people: the award that rests on it is queued for review, none taken."""
    doubt = Doubt(kind="evidence", subject=evidence_id, learner_id=learner_id)
    return _carried_out(doubt, "blast.discredit_evidence", body["reason"])


@blueprint.post("/achievements/<id:achievement_id>/previews")
@blueprint.arguments(BlastSchema, location="query")
@blueprint.arguments(AchievementDefinitionSchema)
@blueprint.response(200, described(BlastShown))
def of_revision(query: dict[str, Any], definition: AchievementDefinition, achievement_id: str) -> Response:
    """Hold the awards of an achievement against a definition: whose would not be made, or differ. Nothing is taken."""
    return _shown(Doubt(kind="achievement", subject=achievement_id, definition=definition), query)


@blueprint.post("/achievements/<id:achievement_id>/versions/<number:version>/reviews")
@blueprint.doc(**_SECOND)
@blueprint.response(200, described(CarriedOut))
def review_revision(achievement_id: str, version: int) -> Response:
    """Queue for review the awards of earlier versions that would not be made under this one, as two people."""
    doubt = Doubt(kind="achievement", subject=achievement_id, version=version)
    return _carried_out(doubt, "blast.review_revision")


def _shown(doubt: Doubt, query: dict[str, Any]) -> Response:
    after, moment = resumed(ledger(), query.get("cursor"))
    found = blast(ledger(), doubt, moment, after=after, limit=query["limit"])
    return answer(found, position=found.position)


def _carried_out(doubt: Doubt, permission: str, reason: str = "") -> Response:
    require_known(ledger(), doubt)
    second = second_person()
    if second is None:
        raise SecondPersonNeeded("A second registrar approves: send their key in Second-Authorization.")
    demand_of(second, permission)
    done = carry_out(
        ledger(),
        doubt,
        by=principal().account,
        approved_by=second.account,
        reason=reason,
        actor=actor(),
        key=idempotency.key(),
    )
    return answer(done, position=done.position)
