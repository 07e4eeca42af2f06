"""
Whether the definition of an achievement or a stack is complete and consistent: asked when it is drafted.

Fields are named by their path in the definition: `results.0.pass_at`, `on_loss.revoked.grace`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NoReturn

import msgspec

from ledger import duration
from ledger.definition import ROUTES, AchievementDefinition, ResultDescription, StackDefinition
from ledger.errors import UnusableDefinition
from ledger.sound_rule import best_result

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MOST_ASSESSORS = 9


def identical(one: AchievementDefinition | StackDefinition, other: AchievementDefinition | StackDefinition) -> bool:
    """Whether two definitions are equal, or would be once stored."""
    if one == other:
        return True
    return msgspec.json.encode(one, order="deterministic") == msgspec.json.encode(other, order="deterministic")


def sound_achievement(definition: AchievementDefinition) -> None:
    """Raise UnusableDefinition at the first thing that cannot be; prerequisites are checked as a rule, elsewhere."""
    _said(definition.name, "name")
    _said(definition.description, "description")
    _said(definition.achievement_type, "achievement_type")
    _said(definition.criteria.narrative, "criteria.narrative")
    _each_once([item.id for item in definition.criteria.items], "criteria.items", "id")
    for index, item in enumerate(definition.criteria.items):
        _said(item.text, f"criteria.items.{index}.text")
    for index, alignment in enumerate(definition.alignments):
        _said(alignment.target_name, f"alignments.{index}.target_name")
        _said(alignment.target_url, f"alignments.{index}.target_url")
    _each_once([result.id for result in definition.results], "results", "id")
    for index, result in enumerate(definition.results):
        _sound_result(result, f"results.{index}", {item.id for item in definition.criteria.items})
    _sound_assessment(definition)
    _not_negative(definition.credits, "credits")
    _not_negative(definition.hours, "hours")
    if not _LANGUAGE.fullmatch(definition.language):
        _refuse("language", f"{definition.language!r} is not a language tag such as en or fr-CA")
    if definition.valid_for is not None:
        _sound_duration(definition.valid_for, "valid_for", positive=True)
    for key, value in definition.groups.items():
        if not key.strip() or not value.strip():
            _refuse("groups", "names neither groups nor their values by nothing")


def sound_stack(definition: StackDefinition) -> None:
    """Raise UnusableDefinition at the first thing that cannot be; milestone and rule are checked elsewhere."""
    _said(definition.name, "name")
    for cause in ("expired", "suspended", "revoked"):
        _sound_duration(getattr(definition.on_loss, cause).grace, f"on_loss.{cause}.grace", positive=False)
    if definition.starts_at is not None and definition.starts_at.tzinfo is None:
        _refuse("starts_at", "needs an offset from UTC, such as Z")


def _sound_assessment(definition: AchievementDefinition) -> None:
    if not definition.routes:
        _refuse("routes", f"names at least one of {', '.join(ROUTES)}")
    _each_once(definition.routes, "routes", "route")
    if not 1 <= definition.assessors_required <= _MOST_ASSESSORS:
        _refuse("assessors_required", f"is from 1 to {_MOST_ASSESSORS}")
    if not 0 <= definition.moderation_percent <= 100:
        _refuse("moderation_percent", "is from 0 to 100")
    if definition.attempts_allowed is not None and definition.attempts_allowed < 1:
        _refuse("attempts_allowed", "is 1 or more; leave it out to allow any number")
    if definition.evidence_max_age is not None:
        _sound_duration(definition.evidence_max_age, "evidence_max_age", positive=True)
    _sound_duration(definition.appeal_within, "appeal_within", positive=False)


def _sound_result(result: ResultDescription, path: str, criteria: set[str]) -> None:
    _said(result.name, f"{path}.name")
    _said(result.type, f"{path}.type")
    for name in ("pass_at", "minimum", "maximum"):
        value = getattr(result, name)
        if value is not None and not value.is_finite():
            _refuse(f"{path}.{name}", "is a number")
    if result.criterion is not None and result.criterion not in criteria:
        _refuse(f"{path}.criterion", f"there is no criterion {result.criterion}")
    _each_once([level.id for level in result.levels], f"{path}.levels", "id")
    points = [level.points for level in result.levels]
    if points != sorted(set(points)):
        _refuse(f"{path}.levels", "go from the worst to the best, each worth more points than the one before")
    lowest = result.minimum if result.minimum is not None else min(points, default=None)
    if lowest is None and result.type == "Percent":
        lowest = Decimal(0)
    highest = best_result(result)
    if lowest is not None and highest is not None and lowest > highest:
        _refuse(f"{path}.minimum", f"{lowest} is above the highest value, {highest}")
    if result.pass_at is not None and (
        (lowest is not None and result.pass_at < lowest) or (highest is not None and result.pass_at > highest)
    ):
        _refuse(f"{path}.pass_at", f"{result.pass_at} is outside what the result can state")


def _said(text: str, field: str) -> None:
    if not text.strip():
        _refuse(field, "must say something")


def _each_once(values: Iterable[str], field: str, what: str) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        _said(value, f"{field}.{index}")
        if value in seen:
            _refuse(f"{field}.{index}", f"{what} {value} stands there twice")
        seen.add(value)


def _not_negative(value: Decimal, field: str) -> None:
    if not value.is_finite() or not 0 <= value <= 10**6:
        _refuse(field, "is a number from 0")


def _sound_duration(text: str, field: str, *, positive: bool) -> None:
    try:
        months, rest = duration.parse(text)
    except ValueError:
        _refuse(field, f"{text!r} is not an ISO 8601 duration such as P1Y, P6M, P30D or PT12H")
    if positive and not months and not rest:
        _refuse(field, "is longer than nothing")


def _refuse(field: str, sentence: str) -> NoReturn:
    raise UnusableDefinition(f"{field}: {sentence}.", field=field)
