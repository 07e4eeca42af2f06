"""How much the ledger holds."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import ledger
from api.answers import answer, described
from api.door import Door
from api.reading import viewed, views
from api.schemas.reading import FreshSchema
from api.schemas.records import Statistics
from projections.totals import statistics

blueprint = Door("stats", __name__, description="Numbers over the whole ledger.")


@blueprint.get("/stats")
@blueprint.arguments(FreshSchema, location="query")
@blueprint.response(200, described(Statistics))
def shown(query: dict[str, Any]) -> Response:
    """Count learners, evidence, assessments, awards, milestones and what waits."""
    position = views().position()
    with viewed(query.get("at_least")) as connection:
        return answer(Statistics(position=position, **statistics(connection, ledger().now())))
