"""
What designers write: achievements and stacks, read into the ledger's definitions.

The same shapes serve the HTTP resources and the catalogue file, which is
`{"issuer": {…}, "achievements": [{"id": …, …}], "stacks": [{"id": …, "milestone": {an achievement}, "rule": {…}}]}`.
Errors name the path of the value, `stacks[0].milestone.criteria.narrative`, through `api.paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal as Number
from typing import Any, NamedTuple

from marshmallow import ValidationError, fields, post_load, pre_load

from api.schemas.fields import (
    Choice,
    Day,
    Decimal,
    Duration,
    Flag,
    Identifier,
    Instant,
    Line,
    Link,
    Listed,
    Named,
    Nested,
    Prose,
    Shape,
    Text,
    Whole,
)
from ledger.definition import (
    PRINCIPLES,
    ROUTES,
    AchievementDefinition,
    Alignment,
    Criteria,
    Criterion,
    FrameworkCheck,
    Level,
    LossPolicy,
    OnLoss,
    ResultDescription,
    StackDefinition,
)

POLICIES = ("keep", "suspend", "review", "lapse", "revoke")
CAUSES = ("expired", "suspended", "revoked")
_WITHOUT_FAULT = {"expired": "lapse", "suspended": "suspend", "revoked": "revoke"}
_AS_IN_OPEN_BADGES = {
    "targetName": "target_name",
    "targetUrl": "target_url",
    "targetCode": "target_code",
    "targetType": "target_type",
    "targetFramework": "framework",
    "target_framework": "framework",
}


class CriterionSchema(Shape):
    """One thing that evidence must show."""

    id = Identifier(required=True)
    text = Prose(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Criterion:
        return Criterion(**data)


class CriteriaSchema(Shape):
    """What must be shown, in prose and, where it is assessed one by one, as items."""

    narrative = Prose(required=True)
    items = Listed(Nested(CriterionSchema), most=100)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Criteria:
        return Criteria(**data)


class AlignmentSchema(Shape):
    """A competency that the achievement develops."""

    target_name = Text(required=True)
    target_url = Link(required=True)
    target_code = Text(longest=120, allow_none=True)
    target_type = Text(longest=120, allow_none=True)
    framework = Text(allow_none=True)

    @pre_load
    def as_in_open_badges(self, data: Any, **_: Any) -> Any:
        """Take the names of Open Badges 3.0 as well, so that alignments can be pasted from there."""
        return (
            {_AS_IN_OPEN_BADGES.get(name, name): value for name, value in data.items()}
            if isinstance(data, dict)
            else data
        )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Alignment:
        return Alignment(**data)


class LevelSchema(Shape):
    """One level of a rubric; levels stand worst first, and count 0, 1, 2 … where points are not given."""

    id = Identifier(required=True)
    name = Text()
    points = Decimal(least=-(10**6), most=10**6)


class ResultDescriptionSchema(Shape):
    """A result that an assessment may state."""

    id = Identifier(required=True)
    name = Text()
    type = Text(longest=60, required=True)
    pass_at = Decimal(least=-(10**6), most=10**6, allow_none=True)
    minimum = Decimal(least=-(10**6), most=10**6, allow_none=True)
    maximum = Decimal(least=-(10**6), most=10**6, allow_none=True)
    levels = Listed(Nested(LevelSchema), most=50)
    criterion = Identifier(allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ResultDescription:
        levels = tuple(
            Level(id=level["id"], name=level.get("name", level["id"]), points=level.get("points", Number(rank)))
            for rank, level in enumerate(data.pop("levels", ()))
        )
        return ResultDescription(**{"name": data["id"], **data}, levels=levels)


class FrameworkCheckSchema(Shape):
    """How the principles of the programme's framework were checked."""

    principles = Listed(Choice(PRINCIPLES), most=len(PRINCIPLES), required=True)
    body = Text(required=True)
    reference = Text(required=True)
    review_on = Day(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> FrameworkCheck:
        return FrameworkCheck(**data)


class Rule(fields.Dict):
    """
    A rule over live awards: `all`, `any`, `at_least … of`, `credits … of`, or a leaf `achievement`.

    Its grammar is kept in `ledger/stack_rule.py`, which names the node that it refuses.
    """

    default_error_messages = {"required": "is missing", "null": "may not be null"}

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002 -- marshmallow's signature
        data: Mapping[str, Any] | None,  # noqa: ARG002
        **_: Any,
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError('must be an object such as {"all": [{"achievement": "…"}, …]}')
        return {name: _plain(below) for name, below in value.items()}


def _plain(value: Any) -> Any:
    """Numbers as JSON has them: a stored rule is a JSON document and must read back as it was written."""
    match value:
        case Number():
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {name: _plain(below) for name, below in value.items()}
        case list():
            return [_plain(below) for below in value]
        case _:
            return value


class AchievementDefinitionSchema(Shape):
    """The content of one version of an achievement."""

    name = Line(required=True)
    description = Prose(required=True)
    achievement_type = Text(longest=120, required=True)
    criteria = Nested(CriteriaSchema, required=True)
    alignments = Listed(Nested(AlignmentSchema))
    results = Listed(Nested(ResultDescriptionSchema), most=100)
    routes = Listed(Choice(ROUTES), least=1, most=len(ROUTES))
    evidence_required = Flag()
    reflection_required = Flag()
    evidence_max_age = Duration(allow_none=True)
    assessors_required = Whole(1, 20)
    blind = Flag()
    moderation_percent = Whole(0, 100)
    attempts_allowed = Whole(1, 1000, allow_none=True)
    appeal_within = Duration()
    credits = Decimal(most=10**6)
    hours = Decimal(most=10**6)
    level = Line(allow_none=True)
    language = Text(longest=35)
    prerequisites = Rule(allow_none=True)
    prerequisites_waivable = Flag()
    valid_for = Duration(allow_none=True)
    origin = Choice(("developed", "co-developed", "endorsed"))
    partner = Line(allow_none=True)
    awarding = Choice(("automatic", "confirm"))
    groups = Named(Text(longest=120))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        return AchievementDefinition(**data)


class AchievementEntry(NamedTuple):
    """An achievement under its identifier."""

    id: str
    definition: AchievementDefinition


class AchievementEntrySchema(AchievementDefinitionSchema):
    """An achievement with its identifier."""

    id = Identifier(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        return AchievementEntry(data.pop("id"), AchievementDefinition(**data))


class LossPolicySchema(Shape):
    """What becomes of the milestone when a component is lost, after how long."""

    policy = Choice(POLICIES, required=True)
    grace = Duration()


class OnLossSchema(Shape):
    """
    Loss policy by cause, or `policy` and `grace` for all causes.

    A shorthand `revoke` means lapse on expiry and suspend on suspension: those are nobody's fault.
    """

    policy = Choice(POLICIES)
    grace = Duration()
    expired = Nested(LossPolicySchema)
    suspended = Nested(LossPolicySchema)
    revoked = Nested(LossPolicySchema)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> OnLoss:
        by_cause = {cause: LossPolicy(**data[cause]) for cause in CAUSES if cause in data}
        if "policy" not in data:
            if "grace" in data:
                raise ValidationError("needs a policy beside it, or stands inside a cause", "grace")
            return OnLoss(**by_cause)
        if by_cause:
            raise ValidationError("is for all causes; give either it or the causes, not both", "policy")
        grace = data.get("grace", "P0D")
        chosen = _WITHOUT_FAULT if data["policy"] == "revoke" else dict.fromkeys(CAUSES, data["policy"])
        return OnLoss(**{cause: LossPolicy(policy=policy, grace=grace) for cause, policy in chosen.items()})  # type: ignore[arg-type]


class StackDefinitionSchema(Shape):
    """The content of one version of a stack; `milestone` is the achievement that its completion earns."""

    name = Line(required=True)
    milestone = Identifier(required=True)
    rule = Rule(required=True)
    on_loss = Nested(OnLossSchema)
    awarding = Choice(("automatic", "confirm"))
    pathway = Choice(("breadth", "depth"), allow_none=True)
    effective_at = Instant(allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        return _stack(data)


class StackEntry(NamedTuple):
    """A stack under its identifier, with its milestone where that is defined beside it."""

    id: str
    definition: StackDefinition
    milestone: AchievementEntry | None = None


class StackEntrySchema(StackDefinitionSchema):
    """A stack with its identifier."""

    id = Identifier(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        return StackEntry(data.pop("id"), _stack(data))


class StackInFileSchema(StackEntrySchema):
    """A stack of a catalogue file: its milestone is defined within it."""

    milestone = Nested(AchievementEntrySchema, required=True)  # type: ignore[assignment]

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        milestone: AchievementEntry = data["milestone"]
        return StackEntry(data.pop("id"), _stack(data | {"milestone": milestone.id}), milestone)


def _stack(data: dict[str, Any]) -> StackDefinition:
    starts_at = data.pop("effective_at", None)
    return StackDefinition(**data, starts_at=starts_at)


class IssuerSchema(Shape):
    """The body in whose name achievements are awarded."""

    id = Text(required=True, longest=2000)
    name = Line(required=True)
    url = Link(required=True)


class CatalogueFile(NamedTuple):
    """A catalogue file: who issues, and everything that can be earned."""

    issuer: dict[str, str] | None
    achievements: tuple[AchievementEntry, ...]
    stacks: tuple[StackEntry, ...]


class CatalogueFileSchema(Shape):
    """A catalogue in one JSON object."""

    issuer = Nested(IssuerSchema)
    achievements = Listed(Nested(AchievementEntrySchema), most=20_000)
    stacks = Listed(Nested(StackInFileSchema), most=5_000)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> CatalogueFile:
        return CatalogueFile(data.get("issuer"), data.get("achievements", ()), data.get("stacks", ()))
