"""Shapes of stacks on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import post_load

from api.auth import principal
from api.schemas.command import CommandSchema
from api.schemas.definitions import StackDefinitionSchema, StackEntrySchema
from api.schemas.fields import Choice, Instant, Prose, Text
from ledger import stacks


class DraftStackSchema(StackEntrySchema):
    """The first draft of a stack."""

    @post_load
    def build(self, data: dict[str, Any], **rest: Any) -> Any:
        entry = super().build(data, **rest)
        return stacks.DraftStack(stack_id=entry.id, definition=entry.definition, by=principal().account)


class ReviseStackSchema(StackDefinitionSchema, CommandSchema):
    """The next version of a stack."""

    @post_load
    def build(self, data: dict[str, Any], **rest: Any) -> Any:
        definition = super().build(data, **rest)
        return stacks.ReviseStack(definition=definition, **self.from_request())


class ApproveStackSchema(CommandSchema):
    """A second person's approval."""

    command: ClassVar = stacks.ApproveStack


class ActivateStackSchema(CommandSchema):
    """Activation of an approved version: from when, and whether for holders too."""

    command: ClassVar = stacks.ActivateStack

    applies_to = Choice(("new", "holders"))
    effective_at = Instant(allow_none=True)
    preview = Text(longest=120, allow_none=True)


class RetireStackSchema(CommandSchema):
    """Retirement of a stack."""

    command: ClassVar = stacks.RetireStack

    reason = Prose(required=True)
