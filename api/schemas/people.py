"""Shapes of people who act, and of what is known of them."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from api.schemas.command import CommandSchema
from api.schemas.fields import Choice, Identifier, Instant, Line, Listed, Shape, Text
from ledger import people
from ledger.events import Role

ROLES: tuple[Any, ...] = get_args(Role)


class ProfileSchema(Shape):
    """A person as the college knows them: `ref` is the college's own number or name, unique."""

    ref = Text(longest=200, required=True)
    name = Line(allow_none=True)
    email = Text(longest=320, allow_none=True)


class GrantRoleSchema(CommandSchema):
    """A role, for all achievements or some, for good or until an instant."""

    command: ClassVar = people.GrantRole

    role = Choice(ROLES, required=True)
    achievements = Listed(Identifier(), least=1, allow_none=True)
    until = Instant(allow_none=True)


class WithdrawRoleSchema(CommandSchema):
    """The end of a role."""

    command: ClassVar = people.WithdrawRole

    role = Choice(ROLES, required=True)


class LinkAccountSchema(CommandSchema):
    """Another account of the same human being, a person's or a learner's."""

    command: ClassVar = people.LinkAccount

    account = Identifier(required=True)


class DeclareConflictSchema(CommandSchema):
    """A conflict of interest with a learner."""

    command: ClassVar = people.DeclareConflict
    signed_as: ClassVar = None

    learner = Identifier(required=True)
