"""
Every error as an RFC 9457 problem document; the only table of refusals, statuses and type URLs.

`{"type": "/problems/own-evidence", "title": …, "status": 403, "detail": …, "errors": [{"field": …, "message": …}]}`.
The type is a page that says which rule was broken and what to do; its address never changes.
A new refusal without a row here inherits the status of the class it descends from.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from flask import Flask, Response, current_app, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from api.paths import FieldError, field_errors
from api.problem_kinds import FAULT, KINDS, TOO_LARGE, UNAVAILABLE, UNUSABLE, Kind
from ledger import codec, errors
from ledger.errors import Refused
from ledger.store import StoreUnavailable
from projections.views import ViewsMissing

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

_log = logging.getLogger(__name__)

STATUS_OF: dict[type[Refused], int] = {
    errors.Refused: 409,
    errors.Invalid: 422,
    errors.Unknown: 404,
    errors.UnusableIdentifier: 422,
    errors.KeyReused: 422,
    errors.UnusableRule: 422,
    errors.UnusableDefinition: 422,
    errors.IncompleteJudgement: 422,
    errors.ContradictoryOutcome: 422,
    errors.EvidenceMissing: 422,
    errors.ReflectionMissing: 422,
    errors.RouteClosed: 422,
    errors.EvidenceTooOld: 422,
    errors.SecondPersonNeeded: 403,
    errors.OwnEvidence: 403,
    errors.Recused: 403,
    errors.NotAllowed: 403,
    errors.HeardByJudge: 403,
    errors.AlreadyRecorded: 409,
    errors.NotApproved: 409,
    errors.NotDrafted: 409,
    errors.FrameworkNotMet: 409,
    errors.Retired: 409,
    errors.NotPublished: 409,
    errors.AttemptsExhausted: 409,
    errors.PrerequisitesMissing: 409,
    errors.EvidenceClosed: 409,
    errors.AlreadyJudged: 409,
    errors.AppealLate: 409,
    errors.AppealOpen: 409,
    errors.AppealHeard: 409,
    errors.WorsenedByAppeal: 409,
    errors.AlreadyHeld: 409,
    errors.NotLive: 409,
    errors.NothingToConfirm: 409,
    errors.ConsequencesChanged: 409,
    errors.NotSubstitutable: 409,
    errors.BatchUndone: 409,
    errors.RecordConflict: 409,
    errors.PreviewNeeded: 409,
    errors.PreviewDiffers: 409,
    errors.UnlistedLosers: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    codec.Unwritable: 422,
    errors.Erased: 410,
}


class Problem(Exception):
    """An answer that is a problem but no refusal by the ledger's rules."""

    def __init__(self, kind: Kind, detail: str, *found: FieldError, **headers: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.found = list(found)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


_OF_STATUS = {kind.status: kind for kind in KINDS} | {422: UNUSABLE}
_ADVICE = {
    403: "Let somebody do it who may.",
    404: "Check the identifier.",
    410: "Nothing: what was erased stays erased.",
    409: "Read the resource again; what it says now decides what can be done.",
    412: "Read the resource again, decide again, and send its new `ETag` in `If-Match`.",
    413: TOO_LARGE.advice,
    422: "Correct what `errors` names and send it again.",
    503: UNAVAILABLE.advice,
}
_ADVICE_OF: dict[type[Refused], str] = {
    errors.SecondPersonNeeded: "Let another person do it, with a key of their own.",
    errors.Recused: "Let an assessor without a conflict of interest judge it.",
    errors.HeardByJudge: "Let somebody hear the appeal who neither judged nor submitted.",
    errors.AlreadyRecorded: "Take a new identifier for something new; correct what is recorded by its own request.",
    errors.NotApproved: "Have a second person approve the version first.",
    errors.NotDrafted: "Draft a revision first.",
    errors.FrameworkNotMet: "Check the principles that `detail` names, then approve with all of them.",
    errors.Retired: "Use what replaced it; what is retired stays so.",
    errors.NotPublished: "Have a version approved and published first.",
    errors.AttemptsExhausted: "Nothing more can be submitted; where a judgement was wrong, appeal against it.",
    errors.PrerequisitesMissing: "Earn what `detail` names first; a registrar may be able to waive it.",
    errors.EvidenceClosed: "Submit new evidence.",
    errors.AlreadyJudged: "Amend the judgement recorded before, with the reason.",
    errors.AppealLate: "The time is over; a registrar can still look at the award.",
    errors.AppealOpen: "Wait until that appeal is decided.",
    errors.AppealHeard: "A further decision, or a further loss, can be appealed against anew.",
    errors.AlreadyHeld: "Nothing: it is held already. Renew the award where its validity ends.",
    errors.NotLive: "Nothing more can be done to this award; what it became is in its history.",
    errors.ConsequencesChanged: "Look at `/awards/{award_id}/consequences`, and ask for the revocation anew.",
    errors.PreviewNeeded: "Send the definition to `/stacks/{stack_id}/previews`, look at who would lose, and name it.",
    errors.PreviewDiffers: "Preview exactly this version, for holders and from the same instant, and name that.",
    errors.UnlistedLosers: "Preview it again, look at who would lose now, and name the new preview.",
    errors.BatchUndone: "Nothing: it is undone. Its file can be sent again.",
    errors.RecordConflict: "Send the same request again.",
}


def kebab(name: str) -> str:
    """`OwnEvidence` as `own-evidence`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def status_of(cls: type[Refused]) -> int:
    """Return the status of refusals of class *cls*, its own or the one it descends from."""
    return next(STATUS_OF[parent] for parent in cls.__mro__ if parent in STATUS_OF)


def kind_of(cls: type[Refused]) -> Kind:
    """Describe refusals of class *cls*: its docstring is the rule."""
    status = status_of(cls)
    rule = " ".join((cls.__doc__ or "").split())
    return Kind(kebab(cls.__name__), status, rule, _ADVICE_OF.get(cls, _ADVICE[status]))


def all_kinds() -> list[Kind]:
    """Every kind of problem that can be answered, sorted by name."""
    return sorted({*KINDS, *(kind_of(cls) for cls in _with_descendants(Refused))})


def _with_descendants(cls: type[Refused]) -> list[type[Refused]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _with_descendants(child))]


def document(kind: Kind, detail: str, found: list[FieldError] | None = None) -> dict[str, Any]:
    """Return the problem document."""
    problem: dict[str, Any] = {
        "type": f"/problems/{kind.name}",
        "title": kind.rule,
        "status": kind.status,
        "detail": detail,
    }
    if found:
        problem["errors"] = [{"field": error.field, "message": error.message} for error in found]
    return problem


def answer(
    kind: Kind, detail: str, found: list[FieldError] | None = None, headers: dict[str, str] | None = None
) -> Response:
    """Return the problem as a response."""
    response: Response = current_app.json.response(document(kind, detail, found))  # type: ignore[assignment]
    response.status_code = kind.status
    response.content_type = MEDIA_TYPE
    if kind.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if kind.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="competency ledger"'
    response.headers.update(headers or {})
    return response


def unusable(messages: Any) -> Response:
    """Answer what a schema found, field by field."""
    found = field_errors(messages)
    detail = " ".join(error.sentence for error in found[:3])
    return answer(UNUSABLE, f"{detail} …" if len(found) > 3 else detail, found)


def install(app: Flask) -> None:
    """Let *app* answer every error as a problem document."""

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        found = [FieldError(error.field, error.detail.rstrip("."))] if error.field else None
        return answer(kind_of(type(error)), error.detail, found)

    @app.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        return answer(error.kind, error.detail, error.found, error.headers)

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        return unusable(error.messages)

    @app.errorhandler(StoreUnavailable)
    def unavailable(error: StoreUnavailable) -> Response:
        return answer(UNAVAILABLE, str(error) or UNAVAILABLE.rule)

    @app.errorhandler(ViewsMissing)
    def missing(_: ViewsMissing) -> Response:
        return answer(UNAVAILABLE, "The views are being built; ask again.")

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        messages = getattr(error, "data", {}).get("messages")
        if error.code == 422 and messages:
            return unusable(messages)
        headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After", "Location"}}
        if error.code is not None and error.code < 400:
            return error.get_response()  # type: ignore[return-value]
        kind = _OF_STATUS.get(error.code or 500) or Kind(
            kebab(type(error).__name__),
            error.code or 500,
            HTTP_STATUS_CODES.get(error.code or 500, "Error"),
            "Check the request.",
        )
        return answer(kind, _detail_of(kind, error), headers=headers)

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        _log.error("fault in %s %s", request.method, request.endpoint, exc_info=error)
        return answer(
            FAULT, "The request could not be completed; whether it was recorded shows when you send it again."
        )


def _detail_of(kind: Kind, error: HTTPException) -> str:
    match kind.status:
        case 404:
            return f"Nothing stands at {request.path[:200]!r}."
        case 405:
            return f"{request.method} is not taken at {request.path[:200]!r}."
        case _:
            return error.description or kind.rule


def page_of_problems() -> str:
    """Return `docs/problems.md`: every kind of problem, its status, the rule, and what to do."""
    lines = [
        "# Problems",
        "",
        "Every error is an RFC 9457 problem document. Its `type` is `/problems/<name>`, a page of the service;",
        "`detail` says what was found, `errors` names the fields. Nothing is recorded by a request that is refused.",
        "",
        "| name | status | rule | what to do |",
        "|---|---|---|---|",
        *(f"| `{kind.name}` | {kind.status} | {kind.rule} | {kind.advice} |" for kind in all_kinds()),
    ]
    return "\n".join(lines) + "\n"
