"""The composition root of the service: a ledger, its views and what follows it, behind the HTTP resources."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask, Response, request
from flask_smorest import Api

from api import answers, auth, door, problems
from api.answers import Json
from api.audit import reads
from api.imports.case import PackageSchema
from api.problem_kinds import NOT_ACCEPTABLE
from api.resources import (
    achievements,
    appeals,
    audit,
    awards,
    batches,
    blast,
    documentation,
    evidence,
    frameworks,
    health,
    imports,
    issuer,
    learners,
    log,
    me,
    metrics,
    people,
    queues,
    stacks,
    stats,
)
from api.schemas.definitions import CatalogueFileSchema
from api.schemas.fields import IDENTIFIER
from api.schemas.meanings import describe_fields
from consumers.following import Following
from consumers.lag import Lag
from consumers.run import Followers
from ledger.application import Ledger
from ledger.transparency.log import Log
from projections.views import Views

VERSION = "1.0.0"
RESOURCES = (
    achievements, stacks, frameworks, issuer, people, learners, evidence, appeals,
    awards, queues, imports, batches, blast, audit, stats, me, log, health, metrics,
)  # fmt: skip
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_METRICS_FRESH_S = 1.0
_DESCRIPTION = (
    "Evidence, assessments, awards of micro-credentials, and the milestone badges they stack into. "
    "Commands answer with the position in the log at which they stand; pass it as `at_least` to read what follows. "
    "Every POST takes an `Idempotency-Key`. "
    "Errors are RFC 9457 problems whose `type` leads to the rule that was broken."
)


def create_app(
    ledger: Ledger,
    views: Views,
    followers: Followers | None = None,
    following: Following | None = None,
    transparency: Log | None = None,
) -> Flask:
    """
    Return the service over *ledger* and *views*.

    *followers* carry out what follows from imports before those answer; without them the views follow by themselves
    and automations are somebody else's. *following* tells how far behind they all are, wherever they run.
    *transparency* is the log that proves what is recorded.
    """
    app = Flask(__name__, static_folder="static", static_url_path="/static")
    app.json = Json(app)
    app.config.update(MAX_CONTENT_LENGTH=door.BODY_MAX, PROPAGATE_EXCEPTIONS=False)
    app.url_map.strict_slashes = False
    app.url_map.converters |= {"id": door.IdConverter, "number": door.NumberConverter}
    app.extensions["ledger"] = ledger
    app.extensions["views"] = views
    app.extensions["log"] = transparency
    app.extensions["failing"] = dict if followers is None else followers.failing
    app.extensions["settled_to"] = _settled_to(followers)
    app.extensions["metrics"] = _metrics(following or _following(ledger, views, followers))
    app.extensions["catch_up"] = _catching_up(ledger, views, followers)
    marshmallow = MarshmallowPlugin(schema_name_resolver=_body_name)
    api = Api(app, spec_kwargs=_spec(marshmallow))
    describe_fields(marshmallow)
    api.register_converter(door.IdConverter, lambda _: {"type": "string", "pattern": f"^{IDENTIFIER}$"})
    door.describe_shared(api.spec)
    problems.install(app)
    auth.install(app)
    reads.install(app)
    app.before_request(_negotiate)
    app.after_request(_harden)
    for resource in RESOURCES:
        api.register_blueprint(resource.blueprint)
    app.register_blueprint(documentation.blueprint)
    api.spec.components.schema("CatalogueFile", schema=CatalogueFileSchema)
    api.spec.components.schema("CasePackage", schema=PackageSchema)
    answers.describe(api.spec)
    app.extensions["openapi"] = json.loads(app.json.dumps(api.spec.to_dict()))
    return app


def _spec(marshmallow: MarshmallowPlugin) -> dict[str, Any]:
    return {
        "title": "Competency ledger",
        "version": VERSION,
        "openapi_version": "3.1.0",
        "info": {"description": _DESCRIPTION},
        "security": [{"key": []}],
        "marshmallow_plugin": marshmallow,
    }


def _body_name(schema: Any) -> str:
    """Bodies and answers are different shapes, even of the same thing: `DraftAchievementBody`, `Achievement`."""
    name = str(getattr(resolve_schema_cls(schema), "__name__", schema))
    return f"{name.removesuffix('Schema')}Body"


def _catching_up(ledger: Ledger, views: Views, followers: Followers | None) -> Callable[[], object]:
    if followers is not None:
        return followers.catch_up
    return lambda: views.catch_up(ledger.store)


def _following(ledger: Ledger, views: Views, followers: Followers | None) -> Following:
    return Following(ledger.store, views, dict if followers is None else followers.positions, ledger.now)


def _metrics(following: Following) -> Callable[[], bytes]:
    """Write the numbers anew when they are a second old, however many ask."""

    def numbers() -> bytes:
        found = [one for one in (*following.followers(), *following.groups()) if isinstance(one, Lag)]
        rows = [(one.follower, one.counted, one.behind, one.seconds) for one in found]
        return metrics.written(following.position(), rows, following.dead_letters())

    written = b""
    until = 0.0

    def remembered() -> bytes:
        nonlocal written, until
        if monotonic() >= until:
            written, until = numbers(), monotonic() + _METRICS_FRESH_S
        return written

    return remembered


def _settled_to(followers: Followers | None) -> Callable[[], int | None]:
    """Say up to which position consequences are drawn, None where nobody in this process draws them."""
    return lambda: followers.settling.position if followers is not None and followers.settling.loop.running else None


def _negotiate() -> None:
    """Refuse a client that takes no JSON, before anything is done for it."""
    if request.endpoint in auth.PUBLIC or "Accept" not in request.headers:
        return
    if not any(request.accept_mimetypes[media] for media in ("application/json", problems.MEDIA_TYPE)):
        raise problems.Problem(NOT_ACCEPTABLE, "The answer would be JSON, which the Accept header leaves out.")


def _harden(response: Response) -> Response:
    response.headers.update(_HEADERS)
    open_to_all = request.endpoint in auth.PUBLIC
    response.headers.setdefault("Cache-Control", "no-cache" if open_to_all else "no-store")
    return response
