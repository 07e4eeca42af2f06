"""Under which rule which awards complete which milestone: drafted, approved by a second person, activated."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import carry_out, ledger
from api.answers import Page, answer, described
from api.door import Door
from api.pages import page_of_names
from api.previews import cursor_of, previewed, resumed
from api.reading import last_position
from api.schemas.catalogue import StackLine, StackShown, StackVersionShown
from api.schemas.definitions import StackDefinitionSchema
from api.schemas.previews import PreviewSchema, PreviewShown
from api.schemas.reading import PageSchema
from api.schemas.stacks import (
    ActivateStackSchema,
    ApproveStackSchema,
    DraftStackSchema,
    RetireStackSchema,
    ReviseStackSchema,
)
from ledger.definition import StackDefinition
from ledger.foresight import Supposed
from ledger.stacks import ActivateStack, ApproveStack, DraftStack, RetireStack, ReviseStack

blueprint = Door("stacks", __name__, description="Rules under which micro-credentials stack into milestone badges.")


def _at(stack_id: str) -> str:
    return f"/stacks/{stack_id}"


@blueprint.post("/stacks")
@blueprint.arguments(DraftStackSchema)
@blueprint.records()
def draft(command: DraftStack) -> Response:
    """Draft a stack; its milestone is an achievement drafted before."""
    return carry_out(command, command.stack_id, _at(command.stack_id))


@blueprint.get("/stacks")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[StackLine]))
def listed(query: dict[str, Any]) -> Response:
    """List stacks."""
    known = ledger().catalogue().stacks
    names, following = page_of_names(known, query["limit"], query.get("cursor"))
    return answer(Page([StackLine.of(known[name]) for name in names], following))


@blueprint.get("/stacks/<id:stack_id>")
@blueprint.response(200, described(StackShown))
def shown(stack_id: str) -> Response:
    """Show a stack with all its versions."""
    return answer(StackShown.of(ledger().catalogue().stack(stack_id)), position=last_position(f"stack-{stack_id}"))


@blueprint.get("/stacks/<id:stack_id>/versions/<number:version>")
@blueprint.response(200, described(StackVersionShown))
def version_shown(stack_id: str, version: int) -> Response:
    """Show one version of a stack."""
    found = ledger().catalogue().stack_version(stack_id, version)
    return answer(StackVersionShown.of(version, found), position=last_position(f"stack-{stack_id}"))


@blueprint.post("/stacks/<id:stack_id>/revisions")
@blueprint.arguments(ReviseStackSchema)
@blueprint.records()
def revise(command: ReviseStack, stack_id: str) -> Response:
    """Draft the next version, or replace its unapproved draft; holders keep what they hold."""
    return carry_out(command, stack_id, _at(stack_id))


@blueprint.post("/stacks/<id:stack_id>/previews")
@blueprint.arguments(PreviewSchema, location="query")
@blueprint.arguments(StackDefinitionSchema)
@blueprint.response(200, described(PreviewShown))
def preview(query: dict[str, Any], definition: StackDefinition, stack_id: str) -> Response:
    """Replay history as if the stack were defined so: who gains, loses and keeps. Nothing is recorded."""
    supposed = Supposed(
        stack_id=stack_id, definition=definition, applies_to=query["applies_to"], begins=query.get("effective_at")
    )
    after, moment = resumed(ledger(), query.get("cursor"))
    limit = query["limit"]
    found, lines = previewed(ledger(), supposed, moment, after=after, limit=limit + 1)
    following = cursor_of(found, after + limit) if len(lines) > limit else None
    return answer(PreviewShown.of(found, lines[:limit], following), position=found.position)


@blueprint.post("/stacks/<id:stack_id>/versions/<number:version>/approval")
@blueprint.arguments(ApproveStackSchema, required=False)
@blueprint.records()
def approve(command: ApproveStack, stack_id: str, version: int) -> Response:
    """Approve a draft as the second person."""
    return carry_out(command, stack_id, f"{_at(stack_id)}/versions/{version}")


@blueprint.post("/stacks/<id:stack_id>/versions/<number:version>/activation")
@blueprint.arguments(ActivateStackSchema, required=False)
@blueprint.records()
def activate(command: ActivateStack, stack_id: str, version: int) -> Response:
    """Activate an approved version, now or from an instant on; learners who satisfied it earlier are awarded too."""
    return carry_out(command, stack_id, f"{_at(stack_id)}/versions/{version}")


@blueprint.post("/stacks/<id:stack_id>/retirement")
@blueprint.arguments(RetireStackSchema)
@blueprint.records()
def retire(command: RetireStack, stack_id: str) -> Response:
    """Retire a stack: it completes no more, and milestones held stand."""
    return carry_out(command, stack_id, _at(stack_id))
