"""How a body becomes a command: its fields, the identifiers in its path, who signs, and what comes to be."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from marshmallow import post_load

from api import idempotency
from api.auth import principal
from api.schemas.fields import Shape
from ledger.decider import Command


class CommandSchema(Shape):
    """A body that is loaded as a command. The acting person is the one who asks, never one named in a body."""

    command: ClassVar[type[Command]]
    signed_as: ClassVar[str | None] = "by"
    brings: ClassVar[tuple[str, str] | None] = None

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Command:
        return self.command(**self.from_request(), **data)

    def from_request(self) -> dict[str, Any]:
        """Return what the body does not say: the path, the signature, the new identifier."""
        found: dict[str, Any] = dict(request.view_args or {})
        if self.signed_as:
            found[self.signed_as] = principal().account
        if self.brings:
            field, prefix = self.brings
            found[field] = idempotency.identifier(prefix)
        return found
