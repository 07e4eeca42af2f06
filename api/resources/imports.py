"""Imports: results as one CSV file, a catalogue as one JSON file. Both are idempotent by their content."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

from api.acting import ledger
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
from ledger.errors import SecondPersonNeeded, Unknown
from ledger.identities import Principal

blueprint = Door("imports", __name__, description="Whole files at once, previewed, reported row by row.")
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
    outcome = import_results(ledger(), file, actor=actor())
    current_app.extensions["catch_up"]()
    return answer(ResultsImported.of(outcome), position=outcome.position)


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
    imported = import_catalogue(ledger(), raw, name="catalogue.json", by=by, approved_by=approved_by, actor=actor())
    current_app.extensions["catch_up"]()
    done = CatalogueImported(
        achievements=imported.achievements, stacks=imported.stacks,
        new_versions=imported.new_versions, position=imported.position,
    )  # fmt: skip
    return answer(done, position=imported.position)


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
