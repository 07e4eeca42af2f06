"""
Imports: results as one CSV file, a catalogue as one JSON file. Both are idempotent by their content.

An import is many commands: under an `Idempotency-Key` its answer is kept whole, but for the reports of rows, which name
learners; they are made anew. `If-Match` names the position of the log, for a catalogue that of definitions and people.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec
from flask import Response, current_app, request

from api import idempotency
from api.acting import REPLAYED, ledger
from api.answers import answer, described
from api.auth import actor, demand_of, principal, second_person
from api.door import IMPORT_MAX, SECOND_PERSON, Door
from api.imports.catalogue import import_catalogue
from api.imports.results import import_results, preview_results, read_file
from api.imports.unusable import UnusableFile
from api.problem_kinds import MEDIA, UNUSABLE_FILE
from api.problems import Problem
from api.problems import answer as problem_answer
from api.schemas.imports import CatalogueImported, ResultsImported
from api.schemas.reading import ImportSchema
from ledger.application import refuse_stale
from ledger.errors import SecondPersonNeeded, Unknown
from ledger.identities import Principal

blueprint = Door("imports", __name__, description="Whole files at once, previewed, reported row by row.")
_ONE_AT_A_TIME = Lock()
T = TypeVar("T", bound=msgspec.Struct)
_CSV = {"text/csv": {"schema": {"type": "string", "description": "UTF-8, with a header line."}}}
_JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/CatalogueFile"}}}


@blueprint.errorhandler(UnusableFile)
def unusable(error: UnusableFile) -> Response:
    return problem_answer(UNUSABLE_FILE, str(error))


@blueprint.post("/imports/results")
@blueprint.arguments(ImportSchema, location="query")
@blueprint.doc(requestBody={"required": True, "content": _CSV})
@blueprint.response(200, described(ResultsImported))
def results(query: dict[str, Any]) -> Response:
    """Import results as one batch; with `dry_run` say only what would be recorded."""
    raw = _body({"text/csv"}, "text/csv")
    file = read_file(raw, ledger().catalogue())
    if query["dry_run"] == "true":
        return answer(ResultsImported.of(preview_results(ledger(), file, actor=actor())))
    with _ONE_AT_A_TIME:
        kept = _kept(raw, ResultsImported)
        if kept is not None:
            now = ResultsImported.of(preview_results(ledger(), file, actor=actor()))
            return _again(kept.with_reports(now.reports), kept.position)
        refuse_stale(ledger().store.head(), idempotency.expected())
        done = ResultsImported.of(import_results(ledger(), file, actor=actor()))
        _keep(raw, msgspec.structs.replace(done, reports=[]))
    current_app.extensions["catch_up"]()
    return answer(done, position=done.position)


@blueprint.post("/imports/catalogue")
@blueprint.doc(parameters=[SECOND_PERSON | {"required": True}], requestBody={"required": True, "content": _JSON})
@blueprint.response(200, described(CatalogueImported))
def catalogue() -> Response:
    """Import a catalogue: drafted by who asks, approved by the holder of the second key, put into effect."""
    raw = _body({"application/json"}, "application/json")
    second = second_person()
    if second is None:
        raise SecondPersonNeeded("A second person approves a catalogue: send their key in Second-Authorization.")
    demand_of(second, "imports.catalogue")
    by, approved_by = _ref(principal()), _ref(second)
    signed = second.account.encode() + b"\n" + raw
    with _ONE_AT_A_TIME:
        kept = _kept(signed, CatalogueImported)
        if kept is not None:
            return _again(kept, kept.position)
        refuse_stale(ledger().store.reference_head(), idempotency.expected())
        imported = import_catalogue(ledger(), raw, name="catalogue.json", by=by, approved_by=approved_by, actor=actor())
        done = CatalogueImported(
            achievements=imported.achievements, stacks=imported.stacks,
            new_versions=imported.new_versions, position=imported.position,
        )  # fmt: skip
        _keep(signed, done)
    current_app.extensions["catch_up"]()
    return answer(done, position=imported.position)


def _kept(sent: bytes, kind: type[T]) -> T | None:
    """Return what was answered when the same was sent under the same key, or None."""
    key = idempotency.key()
    found = None if key is None else ledger().answered(_named(sent), actor=actor(), key=key)
    return None if found is None else msgspec.json.decode(found, type=kind)


def _keep(sent: bytes, done: msgspec.Struct) -> None:
    key = idempotency.key()
    if key is not None:
        ledger().keep_answer(_named(sent), msgspec.json.encode(done).decode(), actor=actor(), key=key)


def _named(sent: bytes) -> bytes:
    return request.path.encode() + b"\n" + sent


def _again(document: msgspec.Struct, position: int) -> Response:
    response = answer(document, position=position)
    response.headers[REPLAYED] = "true"
    return response


def _body(media: set[str], name: str) -> bytes:
    request.max_content_length = IMPORT_MAX
    if request.mimetype not in media:
        raise Problem(MEDIA, f"The body is {request.mimetype or 'of no stated media type'}; it must be {name}.")
    return request.get_data()


def _ref(who: Principal) -> str:
    profile = ledger().identities.profile(who.account)
    if profile is None or profile.kind != "person":
        raise Unknown(f"The key's account {who.account} is no registered person.")
    return profile.ref
