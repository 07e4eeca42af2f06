"""Learners: registered, found, and everything the ledger holds about one of them, as of any moment."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import carry_out, ledger
from api.answers import Page, answer, described
from api.auth import demand
from api.door import Door
from api.pages import after_position, page
from api.profiles import registered
from api.reading import known, viewed
from api.revealing import revealed
from api.schemas.people import ProfileSchema
from api.schemas.reading import AsOfSchema, FactsSchema, FreshSchema, LearnersSchema, ViewedSchema
from api.schemas.records import FactShown, LearnerShown, TranscriptShown
from ledger.event import name_of
from ledger.learners.commands import RegisterLearner
from projections import learners as roll
from projections import transcript as transcripts
from projections.progress import Progress
from projections.progress import progress as progressing

blueprint = Door("learners", __name__, description="Learners and their records, as of any moment.")


@blueprint.post("/learners")
@blueprint.arguments(ProfileSchema)
@blueprint.records()
def register(profile: dict[str, Any]) -> Response:
    """Register a learner; the same `ref` again is the same learner."""
    account = registered("learner", profile)
    return carry_out(RegisterLearner(learner_id=account), account, f"/learners/{account}")


@blueprint.get("/learners")
@blueprint.arguments(LearnersSchema, location="query")
@blueprint.response(200, described(Page[LearnerShown]))
def listed(query: dict[str, Any]) -> Response:
    """List learners in the order in which they came, or find one by `ref`, which is all that assessors may."""
    identities = ledger().identities
    if "ref" in query:
        account = identities.find("learner", query["ref"])
        recorded = account is not None and bool(ledger().record(account).registered)
        return answer(Page([LearnerShown.of(account, identities.profile(account))] if account and recorded else []))
    demand("learners.listed:all")
    with viewed(query.get("at_least")) as connection:
        found = roll.learners(connection, after=after_position(query.get("cursor")), limit=query["limit"] + 1)
    lines = page(found, query["limit"], lambda learner: learner.position)
    profiles = identities.profiles(line.learner_id for line in lines.items)
    return answer(
        Page([LearnerShown.of(line.learner_id, profiles.get(line.learner_id)) for line in lines.items], lines.next)
    )


@blueprint.get("/learners/<id:learner_id>")
@blueprint.arguments(FreshSchema, location="query")
@blueprint.response(200, described(LearnerShown))
def shown(query: dict[str, Any], learner_id: str) -> Response:
    """Show who a learner is."""
    found = known(learner_id, query)
    return answer(LearnerShown.of(learner_id, ledger().identities.profile(learner_id)), position=found.position)


@blueprint.get("/learners/<id:learner_id>/facts")
@blueprint.arguments(FactsSchema, location="query")
@blueprint.response(200, described(Page[FactShown]))
def facts(query: dict[str, Any], learner_id: str) -> Response:
    """List every fact about a learner, in order, personal text revealed."""
    after = after_position(query.get("cursor"))
    found = [fact for fact in known(learner_id, query).facts if fact.position > after][: query["limit"] + 1]
    shown_facts = [
        FactShown(
            position=one.position,
            version=one.version,
            type=name_of(type(one.fact)),
            recorded_at=one.recorded_at,
            effective_at=one.fact.effective_at,
            actor=one.actor,
            correlation=one.correlation,
            causation=one.causation,
            fact=revealed(learner_id, one.fact),
        )
        for one in found
    ]
    return answer(page(shown_facts, query["limit"], lambda one: one.position))


@blueprint.get("/learners/<id:learner_id>/transcript")
@blueprint.arguments(ViewedSchema, location="query")
@blueprint.response(200, described(TranscriptShown))
def transcript(query: dict[str, Any], learner_id: str) -> Response:
    """Show the transcript: official, or in full with every award's history, evidence and judgements."""
    if query["view"] == "full":
        demand("learners.transcript:full")
    found = known(learner_id, query)
    told = transcripts.transcript(learner_id, found.facts, found.catalogue, found.on, query["view"])
    learner = LearnerShown.of(learner_id, ledger().identities.profile(learner_id))
    return answer(TranscriptShown.of(learner, told), position=found.position)


@blueprint.get("/learners/<id:learner_id>/progress")
@blueprint.arguments(AsOfSchema, location="query")
@blueprint.response(200, described(Progress))
def progress(query: dict[str, Any], learner_id: str) -> Response:
    """Show how far the learner is towards each milestone, what would close it, and what is at risk."""
    found = known(learner_id, query)
    return answer(progressing(learner_id, found.facts, found.catalogue, found.on), position=found.position)


@blueprint.get("/learners/<id:learner_id>/awards")
@blueprint.arguments(AsOfSchema, location="query")
@blueprint.response(200, described(Page[transcripts.TranscriptAward]))
def awards(query: dict[str, Any], learner_id: str) -> Response:
    """List the learner's awards, ended ones too, each with its history."""
    found = known(learner_id, query)
    told = transcripts.transcript(learner_id, found.facts, found.catalogue, found.on, "full")
    return answer(Page(list(told.awards)), position=found.position)
