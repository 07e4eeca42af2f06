"""
How far a learner is towards each milestone, what is missing, and what is at risk.

For every stack in effect on the day, and every milestone held: have and need, what any one of would close it,
what expires soon, and open breaks with their due dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from ledger import stack_rule
from ledger.catalogue import Catalogue
from ledger.definition import Cause, Policy
from ledger.event import Recorded
from ledger.stack_rule import Rule
from projections.holdings import Completed, HeldAward, Story, holdings, told
from projections.wording import ACTS, day, described, listed, number

EXPIRES_SOON = timedelta(days=90)

Stage = Literal["held", "suspended", "at risk", "awaits confirmation", "complete", "under way", "not begun"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One node of a rule; of an achievement, `short` says what is wanting: award, version, result or window."""

    kind: str
    have: Decimal
    need: Decimal
    satisfied: bool
    achievement: str | None
    name: str | None
    award_id: str | None
    short: str | None
    distinct_by: str | None
    of: tuple[Part, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An achievement that would help."""

    achievement: str
    name: str


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """An award that counts and runs out soon."""

    award_id: str
    achievement: str
    name: str
    valid_until: datetime


class AtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """An open break: what was lost, what follows by when, and what would keep the milestone."""

    break_id: str
    lost: tuple[str, ...]
    cause: Cause
    policy: Policy
    due_at: datetime
    would_keep: tuple[str, ...]
    appeal_until: datetime | None
    appealed: bool


class StackProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Progress under one version of a stack: the pinned one where the milestone is held."""

    stack_id: str
    version: int
    name: str
    milestone: str
    milestone_name: str
    stage: Stage
    award_id: str | None
    have: Decimal
    need: Decimal
    satisfied: bool
    closes: tuple[Wanted, ...]
    missing: tuple[Wanted, ...]
    expires_soon: tuple[Expiring, ...]
    at_risk: tuple[AtRisk, ...]
    rule: Part
    sentences: tuple[str, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A learner's progress on a day."""

    learner_id: str
    on: datetime
    position: int
    stacks: tuple[StackProgress, ...]


def progress(learner_id: str, facts: Iterable[Recorded], catalogue: Catalogue, on: datetime) -> Progress:
    """Return the progress as it was *on* a day, as *facts* tell it."""
    story = told(facts)
    held = _milestones(story, on)
    rows = [_progress(story, catalogue, on, stack_id, c.version, c) for stack_id, c in held.items()]
    rows += [
        _progress(story, catalogue, on, stack.stack_id, stack.version, None)
        for stack in catalogue.active_stacks(on)
        if stack.stack_id not in held
    ]
    return Progress(learner_id=learner_id, on=on, position=story.position, stacks=tuple(rows))


def _milestones(story: Story, on: datetime) -> dict[str, Completed]:
    """Return the newest completion of each stack whose milestone stands on the day, or waits to be confirmed."""
    waiting = {queued.award_id for queued in story.queued.values()}
    found: dict[str, Completed] = {}
    for completion in story.completions.values():
        award_id = completion.fact.award_id
        award = story.head(award_id) if award_id in story.awards else None
        stands = award_id in waiting if award is None else award.status(on) in ("live", "suspended")
        if stands and completion.fact.effective_at <= on:
            found[completion.fact.stack_id] = completion
    return found


def _progress(
    story: Story, catalogue: Catalogue, on: datetime, stack_id: str, version: int, completion: Completed | None
) -> StackProgress:
    pinned = catalogue.stack_version(stack_id, version)
    rule, definition = pinned.rule, pinned.definition
    names = _Names(catalogue)
    offers = {
        achievement: offer
        for achievement in stack_rule.achievements(rule)
        if (offer := catalogue.offer(achievement, on)) is not None
    }
    found = stack_rule.progress(rule, holdings(story, catalogue, on, stack_id), offers, on)
    award = None
    if completion is not None and completion.fact.award_id in story.awards:
        award = story.head(completion.fact.award_id)
    at_risk = () if completion is None or award is None or found.satisfied else _at_risk(story, completion, award)
    part = _part(found, names)
    row = StackProgress(
        stack_id=stack_id,
        version=version,
        name=definition.name,
        milestone=definition.milestone,
        milestone_name=names(definition.milestone),
        stage=_stage(found, completion, award, on, bool(at_risk)),
        award_id=None if award is None else award.fact.award_id,
        have=found.have,
        need=found.need,
        satisfied=found.satisfied,
        closes=tuple(names.wanted(achievement) for achievement in found.closes),
        missing=() if found.satisfied else tuple(names.wanted(one) for one in _missing(part)),
        expires_soon=_expiring(story, part, names, on),
        at_risk=at_risk,
        rule=part,
        sentences=(),
    )
    return msgspec.structs.replace(row, sentences=tuple(_sentences(row, rule, names, story)))


class _Names:
    """Names of achievements: of their newest version, which is what is offered."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, achievement: str) -> str:
        record = self._catalogue.achievements.get(achievement)
        if record is None or not record.newest:
            return achievement
        return record.versions[record.published or record.newest].definition.name

    def wanted(self, achievement: str) -> Wanted:
        return Wanted(achievement=achievement, name=self(achievement))


def _stage(
    found: stack_rule.Progress, completion: Completed | None, award: HeldAward | None, on: datetime, at_risk: bool
) -> Stage:
    if completion is not None and award is None:
        return "awaits confirmation"
    if award is not None:
        return "suspended" if award.status(on) == "suspended" else "at risk" if at_risk else "held"
    if found.satisfied:
        return "complete"
    return "under way" if found.have > 0 or any(part.have > 0 for part in found.of) else "not begun"


def _part(found: stack_rule.Progress, names: _Names) -> Part:
    return Part(
        kind=found.kind,
        have=found.have,
        need=found.need,
        satisfied=found.satisfied,
        achievement=found.achievement,
        name=None if found.achievement is None else names(found.achievement),
        award_id=found.award_id,
        short=found.short,
        distinct_by=found.distinct_by,
        of=tuple(_part(part, names) for part in found.of),
    )


def _leaves(part: Part) -> Iterable[Part]:
    if part.achievement is not None:
        yield part
    for one in part.of:
        yield from _leaves(one)


def _missing(part: Part) -> Iterable[str]:
    """Yield the achievements that nodes not yet satisfied are short of."""
    if part.satisfied:
        return
    if part.achievement is not None:
        yield part.achievement
    for one in part.of:
        yield from _missing(one)


def _wanting(part: Part) -> str:
    """Say what an unsatisfied node still wants: all of some, one of some, or so many more of some."""
    if part.name is not None:
        return part.name
    wanted = [_wanting(one) if one.name is not None else f"({_wanting(one)})" for one in part.of if not one.satisfied]
    match part.kind:
        case "all":
            return listed(wanted)
        case "any":
            return listed(wanted, "or")
    more = "more credits from" if part.kind == "credits" else "more of"
    other = "" if part.distinct_by is None else f", each of another {part.distinct_by}"
    return f"{number(part.need - part.have)} {more} {listed(wanted)}{other}"


def _expiring(story: Story, part: Part, names: _Names, on: datetime) -> tuple[Expiring, ...]:
    found = []
    for leaf in _leaves(part):
        award = story.awards.get(leaf.award_id or "")
        if award is not None and award.valid_until is not None and on < award.valid_until <= on + EXPIRES_SOON:
            achievement = award.fact.achievement_id
            found.append(
                Expiring(
                    award_id=award.fact.award_id,
                    achievement=achievement,
                    name=names(achievement),
                    valid_until=award.valid_until,
                )
            )
    return tuple(sorted(found, key=lambda one: (one.valid_until, one.award_id)))


def _at_risk(story: Story, completion: Completed, award: HeldAward) -> tuple[AtRisk, ...]:
    appealed = any(appeal.award_id == award.fact.award_id for appeal in story.appeals.values())
    found = []
    for broken in completion.breaks.values():
        notice = story.notices.get(broken.break_id)
        if broken.policy != "keep" and broken.break_id in story.due:
            found.append(
                AtRisk(
                    break_id=broken.break_id,
                    lost=broken.lost,
                    cause=broken.cause,
                    policy=broken.policy,
                    due_at=story.due[broken.break_id],
                    would_keep=() if notice is None else notice.would_keep,
                    appeal_until=None if notice is None else notice.appeal_until,
                    appealed=appealed,
                )
            )
    return tuple(found)


def _sentences(row: StackProgress, rule: Rule, names: _Names, story: Story) -> Iterable[str]:
    asks = described(rule, names)
    match row.stage:
        case "held":
            yield f"{row.milestone_name} is held."
        case "suspended":
            yield f"{row.milestone_name} is suspended; it asks for {asks}."
        case "at risk":
            yield f"{row.milestone_name} is held, but may be lost; it asks for {asks}."
        case "awaits confirmation":
            yield f"{row.milestone_name} is complete and waits for a registrar's confirmation."
        case "complete":
            yield f"Everything that {row.milestone_name} asks for is there."
        case _:
            unit = " credits" if row.rule.kind == "credits" else ""
            yield f"{number(row.have)} of {number(row.need)}{unit} towards {row.milestone_name}, which asks for {asks}."
    if row.closes:
        which = listed([one.name for one in row.closes], "or")
        does = {"at risk": "keeps", "suspended": "restores"}.get(row.stage, "closes")
        yield f"Any of these {does} it: {which}." if len(row.closes) > 1 else f"This {does} it: {which}."
    elif row.missing and row.stage in ("under way", "not begun"):
        yield f"Still missing: {_wanting(row.rule)}."
    for risk in row.at_risk:
        lost = [names(story.awards[one].fact.achievement_id) for one in risk.lost if one in story.awards]
        yield f"{listed(lost)} no longer {'counts' if len(lost) == 1 else 'count'} ({risk.cause})."
        stands = " An appeal is being heard; until then nothing happens." if risk.appealed else ""
        yield f"Unless it is completed again by {day(risk.due_at)}, {ACTS[risk.policy]}.{stands}"
    for expiring in row.expires_soon:
        yield f"{expiring.name} expires on {day(expiring.valid_until)}."
