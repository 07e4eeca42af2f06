"""Shapes of what is done to awards, by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import ValidationError, validates_schema

from api.schemas.command import CommandSchema
from api.schemas.definitions import POLICIES
from api.schemas.fields import Choice, Identifier, Instant, PrivateProse
from api.whose import learner_of
from ledger.learners import commands


class OnRecordSchema(CommandSchema):
    """A command on what is addressed without its learner: the learner is found by the address."""

    def from_request(self) -> dict[str, Any]:
        found = super().from_request()
        return {"learner_id": learner_of(found), **found}


class SuspendAwardSchema(OnRecordSchema):
    """Suspension until it is lifted by hand."""

    command: ClassVar = commands.SuspendAward

    reason = PrivateProse(required=True)


class ReinstateAwardSchema(OnRecordSchema):
    """The end of a suspension made by hand."""

    command: ClassVar = commands.ReinstateAward

    reason = PrivateProse(required=True)


class RequestRevocationSchema(OnRecordSchema):
    """The first signature under a revocation."""

    command: ClassVar = commands.RequestRevocation
    brings: ClassVar = ("request_id", "rvr")

    reason = PrivateProse(required=True)


class RevokeAwardSchema(OnRecordSchema):
    """The second signature under a revocation."""

    command: ClassVar = commands.RevokeAward

    request_id = Identifier(required=True)

    def from_request(self) -> dict[str, Any]:
        found = super().from_request()
        found.pop("award_id")
        return found


class ExtendAwardSchema(OnRecordSchema):
    """A later end of validity, or a later due date of the award's open break."""

    command: ClassVar = commands.ExtendAward

    reason = PrivateProse(required=True)
    valid_until = Instant(allow_none=True)
    due_at = Instant(allow_none=True)

    @validates_schema
    def says_until_when(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("valid_until")) == bool(data.get("due_at")):
            raise ValidationError("must name one date: either valid_until or due_at", "valid_until")


class RenewAwardSchema(OnRecordSchema):
    """Renewal on newer evidence that was judged met."""

    command: ClassVar = commands.RenewAward

    evidence_id = Identifier(required=True)


class SubstituteComponentSchema(CommandSchema):
    """One award standing for a component of one stack."""

    command: ClassVar = commands.SubstituteComponent
    brings: ClassVar = ("substitution_id", "sub")

    stack_id = Identifier(required=True)
    achievement_id = Identifier(required=True)
    award_id = Identifier(required=True)
    reason = PrivateProse(required=True)


class ConferAwardSchema(OnRecordSchema):
    """The conferral of an award that waits for confirmation."""

    command: ClassVar = commands.ConferAward


class DeclineAwardSchema(OnRecordSchema):
    """The refusal of an award that waits for confirmation."""

    command: ClassVar = commands.DeclineAward

    reason = PrivateProse(required=True)


class ReviewAwardSchema(OnRecordSchema):
    """The decision of a review."""

    command: ClassVar = commands.ReviewAward

    decision = Choice(POLICIES, required=True)
    reason = PrivateProse(required=True)
