"""Shapes of evidence, its assessment, recognition and appeals."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import ValidationError, post_load, validates_schema

from api.auth import LEARNER, principal
from api.schemas.command import CommandSchema
from api.schemas.fields import (
    Choice,
    Decimal,
    Flag,
    Identifier,
    Instant,
    Listed,
    Named,
    Nested,
    PrivateLine,
    PrivateLink,
    PrivateProse,
    Shape,
    Text,
)
from ledger.definition import ROUTES
from ledger.events import Judgement
from ledger.learners import commands

CAPACITIES = ("marker", "moderator", "adjudicator", "appeal")


class SubmitEvidenceSchema(CommandSchema):
    """Evidence towards an achievement; `declaration` vouches that it is the learner's own."""

    command: ClassVar = commands.SubmitEvidence
    signed_as: ClassVar = "submitted_by"
    brings: ClassVar = ("evidence_id", "evd")

    achievement_id = Identifier(required=True)
    declaration = Flag(required=True)
    route = Choice(ROUTES)
    submitted_at = Instant(allow_none=True)
    produced_at = Instant(allow_none=True)
    evidence_url = PrivateLink(allow_none=True)
    narrative = PrivateProse(allow_none=True)
    external_id = PrivateLine(allow_none=True)
    digest = Text(longest=200, allow_none=True)

    @validates_schema
    def declared(self, data: dict[str, Any], **_: Any) -> None:
        if not data["declaration"]:
            raise ValidationError(
                "must be true: somebody vouches that the evidence is the learner's own", "declaration"
            )

    @post_load
    def build(self, data: dict[str, Any], **rest: Any) -> Any:
        data.pop("declaration")
        data["declared_by"] = "learner" if principal().role == LEARNER else "recorder"
        return super().build(data, **rest)


class WithdrawEvidenceSchema(CommandSchema):
    """Withdrawal of evidence."""

    command: ClassVar = commands.WithdrawEvidence

    reason = PrivateProse(allow_none=True)


class JudgementSchema(Shape):
    """What was found on one criterion."""

    criterion = Identifier(required=True)
    met = Flag(required=True)
    level = Identifier(allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Judgement:
        return Judgement(**data)


class JudgingSchema(CommandSchema):
    """A judgement: per criterion, with results, feedback, and comments by criterion."""

    met = Flag(allow_none=True)
    judgements = Listed(Nested(JudgementSchema), most=100)
    results = Named(Decimal(least=-(10**6), most=10**6))
    feedback = PrivateProse(allow_none=True)
    comments = Named(PrivateProse())


class AssessEvidenceSchema(JudgingSchema):
    """A judgement of evidence; left out, `met` follows from judgements and pass marks."""

    command: ClassVar = commands.AssessEvidence
    signed_as: ClassVar = "assessor"
    brings: ClassVar = ("assessment_id", "asm")

    capacity = Choice(CAPACITIES)
    assessed_at = Instant(allow_none=True)


class AmendAssessmentSchema(JudgingSchema):
    """A correction of one's own judgement."""

    command: ClassVar = commands.AmendAssessment

    reason = PrivateProse(required=True)


class WaivePrerequisitesSchema(CommandSchema):
    """A waiver of an achievement's prerequisites for one learner."""

    command: ClassVar = commands.WaivePrerequisites

    achievement_id = Identifier(required=True)
    reason = PrivateProse(required=True)


class RecogniseLearningSchema(CommandSchema):
    """Prior learning recognised, with its source."""

    command: ClassVar = commands.RecogniseLearning
    brings: ClassVar = ("recognition_id", "rec")

    achievement_id = Identifier(required=True)
    source = PrivateProse(required=True)
    results = Named(Decimal(least=-(10**6), most=10**6))


class LodgeAppealSchema(CommandSchema):
    """An appeal against a judgement, or against the loss of an award; name one of the two."""

    command: ClassVar = commands.LodgeAppeal
    signed_as: ClassVar = None
    brings: ClassVar = ("appeal_id", "apl")

    grounds = PrivateProse(required=True)
    assessment_id = Identifier(allow_none=True)
    award_id = Identifier(allow_none=True)

    @validates_schema
    def against_one(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("assessment_id")) == bool(data.get("award_id")):
            raise ValidationError("must name one thing: either assessment_id or award_id", "assessment_id")


class DecideAppealSchema(CommandSchema):
    """The decision of an appeal, by somebody who had no part in the judgement."""

    command: ClassVar = commands.DecideAppeal

    upheld = Flag(required=True)
    reason = PrivateProse(required=True)
    results = Named(Decimal(least=-(10**6), most=10**6))
