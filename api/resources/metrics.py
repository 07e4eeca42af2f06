"""Numbers for whoever watches the service, in the text form of Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Gauge, generate_latest

from api.door import Door

blueprint = Door("metrics", __name__, description="For whoever watches the service.")


@blueprint.get("/metrics")
@blueprint.response(
    200, {"type": "string"}, content_type="text/plain", description="Gauges in the text form of Prometheus."
)
def shown() -> Response:
    """Say how far followers are behind the log, and how many dead letters wait; looked up at most once a second."""
    return Response(current_app.extensions["metrics"](), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def written(position: int, followers: Sequence[tuple[str, str, int, float]], dead_letters: int) -> bytes:
    """Return the numbers as text; a follower is its name, what it counts, how many it is behind, and seconds."""
    registry = CollectorRegistry()
    Gauge("ledger_log_position", "Position of the newest fact.", registry=registry).set(position)
    Gauge("ledger_dead_letters_waiting", "Dead letters that wait for a decision.", registry=registry).set(dead_letters)
    gauges = {
        "facts": Gauge("ledger_follower_lag_facts", "Facts not handled yet.", ["follower"], registry=registry),
        "messages": Gauge("ledger_follower_lag_messages", "Messages not handled yet.", ["follower"], registry=registry),
    }
    seconds_behind = Gauge(
        "ledger_follower_lag_seconds", "Age of the first one not handled yet.", ["follower"], registry=registry
    )
    for name, counted, behind, seconds in followers:
        gauges[counted].labels(name).set(behind)
        seconds_behind.labels(name).set(seconds)
    return generate_latest(registry)
