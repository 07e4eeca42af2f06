"""Competency frameworks, imported from 1EdTech CASE 1.x packages."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from api.acting import carry_out, ledger
from api.answers import Page, answer, described
from api.door import Door
from api.imports.case import read
from api.imports.unusable import UnusableFile
from api.pages import page_of_names
from api.problem_kinds import MEDIA, UNUSABLE_FILE
from api.problems import Problem
from api.problems import answer as problem_answer
from api.reading import last_position
from api.schemas.catalogue import FrameworkLine, FrameworkShown
from api.schemas.reading import PageSchema
from ledger.errors import Unknown

blueprint = Door("frameworks", __name__, description="Competency frameworks that achievements align with.")
_PACKAGE = {"application/json": {"schema": {"$ref": "#/components/schemas/CasePackage"}}}


@blueprint.errorhandler(UnusableFile)
def unusable(error: UnusableFile) -> Response:
    return problem_answer(UNUSABLE_FILE, str(error))


@blueprint.post("/frameworks")
@blueprint.doc(requestBody={"required": True, "content": _PACKAGE})
@blueprint.records()
def take_in() -> Response:
    """Import a framework from a CASE package; the same again records nothing."""
    if not request.is_json:
        raise Problem(MEDIA, "A CASE package is sent as application/json.")
    command = read(request.get_data())
    return carry_out(command, command.framework_id, f"/frameworks/{command.framework_id}")


@blueprint.get("/frameworks")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[FrameworkLine]))
def listed(query: dict[str, Any]) -> Response:
    """List frameworks."""
    known = ledger().catalogue().frameworks
    names, following = page_of_names(known, query["limit"], query.get("cursor"))
    return answer(Page([FrameworkLine.of(known[name]) for name in names], following))


@blueprint.get("/frameworks/<id:framework_id>")
@blueprint.response(200, described(FrameworkShown))
def shown(framework_id: str) -> Response:
    """Show a framework with its competencies."""
    record = ledger().catalogue().frameworks.get(framework_id)
    if record is None:
        raise Unknown(f"There is no framework {framework_id}.", field="framework_id")
    return answer(FrameworkShown.of(record), position=last_position(f"framework-{framework_id}"))
