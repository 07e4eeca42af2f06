"""What can be earned: the contents of one version of an achievement or of a stack, in the terms of Open Badges 3.0."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

Route = Literal["work_product", "observation", "test", "portfolio", "prior_learning"]
Awarding = Literal["automatic", "confirm"]
Origin = Literal["developed", "co-developed", "endorsed"]
Cause = Literal["expired", "suspended", "revoked"]
Policy = Literal["keep", "suspend", "review", "lapse", "revoke"]

ROUTES: tuple[Route, ...] = ("work_product", "observation", "test", "portfolio", "prior_learning")
PRINCIPLES = (
    "skills_and_competency_based",
    "stackable",
    "shareable",
    "quality_assured",
    "industry_recognised",
    "personal_pathway",
)


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A value inside a fact."""


class Criterion(Value, frozen=True, kw_only=True):
    """One thing that evidence must show."""

    id: str
    text: str


class Criteria(Value, frozen=True, kw_only=True):
    """What must be shown to earn the achievement, in prose and, where assessed one by one, as items."""

    narrative: str
    items: tuple[Criterion, ...] = ()


class Alignment(Value, frozen=True, kw_only=True):
    """A competency of a framework that the achievement develops."""

    target_name: str
    target_url: str
    target_code: str | None = None
    target_type: str | None = None
    framework: str | None = None


class Level(Value, frozen=True, kw_only=True):
    """One level of a rubric, worst first; `points` is what it counts for where results are compared."""

    id: str
    name: str
    points: Decimal


class ResultDescription(Value, frozen=True, kw_only=True):
    """A result that an assessment may state: a percentage, a score, or a level of a rubric for one criterion."""

    id: str
    name: str
    type: str
    pass_at: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    levels: tuple[Level, ...] = ()
    criterion: str | None = None


class FrameworkCheck(Value, frozen=True, kw_only=True):
    """How the programme's principles were checked before approval, by which body, and when to look again."""

    principles: tuple[str, ...]
    body: str
    reference: str
    review_on: date


class AchievementDefinition(Value, frozen=True, kw_only=True):
    """The content of one version of an achievement; immutable once published."""

    name: str
    description: str
    achievement_type: str
    criteria: Criteria
    alignments: tuple[Alignment, ...] = ()
    results: tuple[ResultDescription, ...] = ()
    routes: tuple[Route, ...] = ROUTES
    evidence_required: bool = True
    reflection_required: bool = False
    evidence_max_age: str | None = None
    assessors_required: int = 1
    blind: bool = False
    moderation_percent: int = 0
    attempts_allowed: int | None = None
    appeal_within: str = "P28D"
    credits: Decimal = Decimal(0)
    hours: Decimal = Decimal(0)
    level: str | None = None
    language: str = "en"
    prerequisites: dict[str, Any] | None = None
    prerequisites_waivable: bool = False
    valid_for: str | None = None
    origin: Origin = "developed"
    partner: str | None = None
    awarding: Awarding = "automatic"
    groups: dict[str, str] = {}


class LossPolicy(Value, frozen=True, kw_only=True):
    """What becomes of a milestone when a component is lost, after how long (ISO 8601)."""

    policy: Policy
    grace: str = "P0D"


class OnLoss(Value, frozen=True, kw_only=True):
    """Loss policy by cause; the defaults take nothing by themselves."""

    expired: LossPolicy = LossPolicy(policy="keep")
    suspended: LossPolicy = LossPolicy(policy="keep")
    revoked: LossPolicy = LossPolicy(policy="review")


class StackDefinition(Value, frozen=True, kw_only=True):
    """The content of one version of a stack: under which rule which awards complete which milestone."""

    name: str
    milestone: str
    rule: dict[str, Any]
    on_loss: OnLoss = OnLoss()
    awarding: Awarding = "automatic"
    pathway: Literal["breadth", "depth"] | None = None
    starts_at: datetime | None = None
