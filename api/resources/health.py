"""Whether the service is alive, and whether it can do its work."""

from __future__ import annotations

from flask import Response, current_app

from api.acting import ledger
from api.answers import answer, described
from api.door import Door
from api.problem_kinds import UNAVAILABLE
from api.problems import Problem
from api.reading import views
from api.schemas.records import Health

blueprint = Door("health", __name__, description="For whoever runs the service.")
BEHIND_MOST = 100_000


@blueprint.get("/livez")
@blueprint.response(200, described(Health))
def livez() -> Response:
    """Say that the process answers."""
    return answer(Health(status="live"))


@blueprint.get("/readyz")
@blueprint.response(200, described(Health))
@blueprint.alt_response(503, response="Problem503")
def readyz() -> Response:
    """Say that commands are taken, that the views are not far behind, and that what follows gets on."""
    transparency = current_app.extensions["log"]
    halted = transparency and transparency.halted()
    if halted:
        raise Problem(UNAVAILABLE, halted)
    failing = current_app.extensions["failing"]()
    if failing:
        raise Problem(UNAVAILABLE, f"Not getting on: {', '.join(sorted(failing))}.")
    position, seen = ledger().store.head(), views().position()
    if position - seen > BEHIND_MOST:
        raise Problem(UNAVAILABLE, f"The views stand at position {seen}, far behind the log at {position}.")
    return answer(Health(status="ready", position=position, views_position=seen))
