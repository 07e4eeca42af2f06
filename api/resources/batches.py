"""Batches: imported files, and their undoing as units."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from api import idempotency
from api.acting import ledger, receipted
from api.answers import Page, answer, described
from api.auth import actor, demand_of, principal, second_person
from api.door import SECOND_PERSON, Door
from api.imports.undo import undo_batch
from api.pages import after_position, page
from api.reading import last_position, viewed, views
from api.schemas.reading import FreshSchema, PageSchema
from ledger.errors import Unknown
from projections import batches

blueprint = Door("batches", __name__, description="Imported files, each of which can be undone as a unit.")


@blueprint.get("/batches")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[batches.Batch]))
def listed(query: dict[str, Any]) -> Response:
    """List batches in the order in which they were recorded."""
    with viewed(query.get("at_least")) as connection:
        found = batches.batches(connection, after=after_position(query.get("cursor")), limit=query["limit"] + 1)
    return answer(page(found, query["limit"], lambda batch: batch.position))


@blueprint.get("/batches/<id:batch_id>")
@blueprint.arguments(FreshSchema, location="query")
@blueprint.response(200, described(batches.Batch))
def shown(query: dict[str, Any], batch_id: str) -> Response:
    """Show a batch with its counts."""
    with viewed(query.get("at_least")) as connection:
        found = batches.batch(connection, batch_id)
    if found is None:
        raise Unknown(f"There is no batch {batch_id}.", field="batch_id")
    return answer(found, position=last_position(f"batch-{batch_id}"))


@blueprint.post("/batches/<id:batch_id>/undo")
@blueprint.doc(parameters=[SECOND_PERSON])
@blueprint.records()
def undo(batch_id: str) -> Response:
    """Undo a batch: everything it brought is void. Older than a day, it takes a second person's key as well."""
    second = second_person()
    if second is not None:
        demand_of(second, "batches.undo")
    current_app.extensions["catch_up"]()
    receipt = undo_batch(
        ledger(),
        views(),
        batch_id,
        by=principal().account,
        approved_by=second.account if second else None,
        actor=actor(),
        key=idempotency.key(),
        expect=idempotency.expected(),
    )
    current_app.extensions["catch_up"]()
    return receipted(receipt, batch_id, f"/batches/{batch_id}")
