"""What waits for a person: evidence to assess, awards to confirm or review, revocations to sign second."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import carry_out
from api.answers import Page, answer, described
from api.door import Door
from api.pages import after_position, page
from api.reading import viewed
from api.schemas.awards import ConferAwardSchema, DeclineAwardSchema, ReviewAwardSchema
from api.schemas.reading import PageSchema, WaitingSchema
from ledger.events import Queue
from ledger.learners.commands import ConferAward, DeclineAward, ReviewAward
from projections.assessment_queue import Waiting, waiting
from projections.award_queues import QueuedAward, queued_awards
from projections.revocations import RequestedRevocation, requested_revocations

blueprint = Door("queues", __name__, description="What waits for a person's decision.")


@blueprint.get("/queues/assessment")
@blueprint.arguments(WaitingSchema, location="query")
@blueprint.response(200, described(Page[Waiting]))
def assessment(query: dict[str, Any]) -> Response:
    """List what waits for a marker, a moderator, an adjudicator or a decision of an appeal."""
    achievement = query.get("achievement")
    with viewed(query.get("at_least")) as connection:
        found = waiting(
            connection, after=after_position(query.get("cursor")), limit=query["limit"] + 1,
            waits_for=query.get("waits_for"), achievement_ids=None if achievement is None else [achievement],
        )  # fmt: skip
    return answer(page(found, query["limit"], lambda one: one.position))


@blueprint.get("/queues/confirm")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[QueuedAward]))
def confirm(query: dict[str, Any]) -> Response:
    """List awards that are due and wait for a registrar's confirmation."""
    return _waiting("confirm", query)


@blueprint.get("/queues/review")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[QueuedAward]))
def review(query: dict[str, Any]) -> Response:
    """List awards whose ground has moved and wait for a registrar's decision."""
    return _waiting("review", query)


@blueprint.get("/queues/revocation")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[RequestedRevocation]))
def revocation(query: dict[str, Any]) -> Response:
    """List revocations that wait for a second person, with what falls with each."""
    with viewed(query.get("at_least")) as connection:
        found = requested_revocations(connection, after=after_position(query.get("cursor")), limit=query["limit"] + 1)
    return answer(page(found, query["limit"], lambda one: one.position))


@blueprint.post("/queues/confirm/<id:queue_id>/conferral")
@blueprint.arguments(ConferAwardSchema, required=False)
@blueprint.records()
def confer(command: ConferAward, queue_id: str) -> Response:
    """Confer an award that waits for confirmation."""
    return carry_out(command, queue_id, f"/learners/{command.learner_id}/awards")


@blueprint.post("/queues/confirm/<id:queue_id>/declination")
@blueprint.arguments(DeclineAwardSchema)
@blueprint.records()
def decline(command: DeclineAward, queue_id: str) -> Response:
    """Decline an award that waits for confirmation, with the reason."""
    return carry_out(command, queue_id, f"/learners/{command.learner_id}/awards")


@blueprint.post("/queues/review/<id:queue_id>/decision")
@blueprint.arguments(ReviewAwardSchema)
@blueprint.records()
def decide(command: ReviewAward, queue_id: str) -> Response:
    """Decide a review: keep, suspend, let lapse or revoke, with the reason."""
    return carry_out(command, queue_id, f"/learners/{command.learner_id}/awards")


def _waiting(queue: Queue, query: dict[str, Any]) -> Response:
    with viewed(query.get("at_least")) as connection:
        found = queued_awards(connection, queue, after=after_position(query.get("cursor")), limit=query["limit"] + 1)
    return answer(page(found, query["limit"], lambda one: one.position))
