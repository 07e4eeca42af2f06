"""
How an endpoint is declared: a flask-smorest blueprint that reads strictly and documents what every endpoint shares.

The shared part is who may call, which headers count, and which problems can be the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from flask import Request
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.routing import BaseConverter, IntegerConverter, Map

from api import strict_json
from api.answers import Recorded, described
from api.auth import POLICY, PUBLIC
from api.idempotency import HEADER
from api.problem_kinds import MALFORMED, MEDIA
from api.problems import MEDIA_TYPE, Problem
from api.schemas.fields import IDENTIFIER

BODY_MAX = 1024 * 1024
VERSION_MAX = 999_999
IMPORT_MAX = 64 * 1024 * 1024
_READING = (401, 403, 404, 406, 410, 422, 503)
_WRITING = (400, 401, 403, 404, 406, 409, 410, 412, 413, 415, 422, 503)
SECOND_PERSON = {
    "in": "header",
    "name": "Second-Authorization",
    "schema": {"type": "string"},
    "description": "`Bearer <key>` of the second person, where something takes two.",
}
_RECORDED_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "The position to name in If-Match."},
    "Location": {"schema": {"type": "string"}, "description": "Where it can be read."},
    "Idempotent-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Stands there when the request was carried out before, under the same Idempotency-Key.",
    },
}
_TITLES = {
    400: "The request cannot be read.",
    401: "The key is missing or unknown.",
    403: "The role may not do this, or a rule forbids this person.",
    404: "There is no such thing, or none that this principal may see.",
    406: "Answers are JSON.",
    409: "A rule of the programme refuses this as the record stands.",
    410: "The learner's personal data were erased.",
    412: "The record changed since the state named in If-Match.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "A value is missing, unknown or out of bounds.",
    503: "Unavailable just now; send the same again after Retry-After seconds.",
}


class IdConverter(BaseConverter):
    """An identifier in a path; what could be none is not found."""

    regex = IDENTIFIER
    part_isolating = True


class NumberConverter(IntegerConverter):
    """A version's number in a path."""

    def __init__(self, map: Map) -> None:  # noqa: A002 -- werkzeug's name
        super().__init__(map, min=1, max=VERSION_MAX)


class StrictParser(FlaskParser):
    """Reads bodies by `strict_json`, takes each query parameter once, and refuses unknown names."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": None}

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 -- webargs's signature
        raw = req.get_data()
        if not raw and not req.mimetype:
            return {}
        if not req.is_json:
            raise Problem(
                MEDIA, f"The body is {req.mimetype or 'of no stated media type'}; it must be application/json."
            )
        try:
            body = strict_json.loads(raw)
        except strict_json.Malformed as error:
            raise Problem(MALFORMED, str(error)) from None
        if not isinstance(body, dict):
            raise ValidationError({"_schema": ["must be an object"]})
        return body

    def load_querystring(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002
        several = [name for name in req.args if len(req.args.getlist(name)) > 1]
        if several:
            raise ValidationError({name: ["may stand only once"] for name in several})
        return req.args.to_dict()

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Leave the answer to `problems`; webargs files messages under the location, which people need not see."""
        messages = error.messages
        if isinstance(messages, dict) and len(messages) == 1 and {"json", "query"} & set(messages):
            messages = next(iter(messages.values()))
        raise ValidationError(messages)


class Door(Blueprint):  # type: ignore[misc]
    """One resource of the service."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, module: str, **rest: Any) -> None:
        super().__init__(name, module, **rest)
        self._prepare_doc_cbks.append(self._prepare_shared_doc)

    def records(self) -> Callable[[Any], Any]:
        """Document the answers of an endpoint that records: 201 for what is new, 200 for what stood already."""
        receipt = described(Recorded)
        new = self.response(201, receipt, description="It is recorded.", headers=_RECORDED_HEADERS)
        standing = self.response(200, receipt, description="It stood already.", headers=_RECORDED_HEADERS)
        return lambda view: new(standing(view))

    def _store_endpoint_docs(self, endpoint: str, obj: Any, parameters: Any, tags: Any, **options: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for method, doc in self._docs[endpoint].items():
            if method != "parameters":
                doc["door"] = f"{self.name}.{endpoint}"

    @staticmethod
    def _prepare_shared_doc(doc: dict[str, Any], info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
        endpoint = info["door"]
        doc["operationId"] = endpoint
        responses = doc.setdefault("responses", {})
        responses.pop("default", None)
        if endpoint in PUBLIC:
            doc["security"] = []
            asked = [responses.pop(status, None) for status in ("422", 422)]
            if any(asked) and doc.get("parameters"):
                responses["422"] = "Problem422"
            return doc
        doc["x-roles"] = sorted(POLICY.get(endpoint, ()))
        for status in _WRITING if method == "post" else _READING:
            responses[str(status)] = f"Problem{status}"
            responses.pop(status, None)
        if method == "post":
            doc["parameters"] = [*doc.get("parameters", []), "IdempotencyKey", "IfMatch"]
        return doc


def describe_shared(spec: Any) -> None:
    """Declare in *spec* what the endpoints refer to."""
    problem = {"$ref": "#/components/schemas/Problem"}
    spec.components.schema(
        "Problem",
        {
            "type": "object",
            "description": "RFC 9457; `type` is the address of a page on the rule that was broken.",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string", "pattern": "^/problems/[a-z0-9-]+$"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
            },
        },
    )
    for status, title in _TITLES.items():
        answer: dict[str, Any] = {"description": title, "content": {MEDIA_TYPE: {"schema": problem}}}
        if status == 503:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
        spec.components.response(f"Problem{status}", answer)
    spec.components.parameter(
        "IdempotencyKey", "header",
        {"name": HEADER, "description": "Names this request: sent again with the same body it records nothing twice.",
         "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}},
    )  # fmt: skip
    spec.components.parameter(
        "IfMatch", "header",
        {"name": "If-Match", "description": "The `ETag` of the state decided on; 412 when the record has moved since.",
         "schema": {"type": "string", "pattern": '^("[0-9]{1,18}"|\\*)$'}},
    )  # fmt: skip
    spec.components.security_scheme(
        "key", {"type": "http", "scheme": "bearer", "description": "A key made by `ledger keys create`."}
    )
