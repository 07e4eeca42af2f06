"""
What settling would do to one learner under a changed catalogue: who gains, loses and keeps, by the rules themselves.

The record is settled first under what is in force, so that only what follows from the change is told.
Nothing here decides anything: `settle` does, on a copy of the record, and its facts are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from ledger import stack_rule
from ledger.decider import Setting
from ledger.definition import Policy
from ledger.event import Event
from ledger.events import (
    AchievementAwarded,
    AwardDeclined,
    AwardLapsed,
    AwardQueued,
    AwardRevoked,
    AwardSuspended,
    StackBroken,
)
from ledger.foresight import Foreseen, Outcome, Why
from ledger.learners.evolve import folded
from ledger.learners.holdings import holdings
from ledger.learners.loss import offers
from ledger.learners.milestones import is_open, settle
from ledger.learners.record import Completion, Record


def foresee(record: Record, stack_id: str, before: Setting, after: Setting) -> tuple[Foreseen, ...]:
    """Return what would follow if *before* became *after*: first what follows, then what stays of *stack_id*."""
    record = folded(record, settle(record, before))
    facts = settle(record, after)
    then = folded(record, facts)
    gained = _gained(then, stack_id, facts)
    lost = _lost(record, then, facts, after)
    touched = gained.keys() | lost.keys()
    kept = [
        _kept(completion, then, before)
        for completion in record.completions.values()
        if completion.stack_id == stack_id
        and completion.award_id not in touched
        and is_open(record, completion, before.now)
    ]
    return (*gained.values(), *lost.values(), *kept)


def _gained(then: Record, stack_id: str, facts: list[Event]) -> dict[str, Foreseen]:
    gained: dict[str, Foreseen] = {}
    for fact in facts:
        why: Why = "completes"
        match fact:
            case AchievementAwarded():
                award_id = fact.award_id
            case AwardQueued(queue="confirm", award_id=str(award_id)):
                why = "awaits confirmation"
            case _:
                continue
        completion = then.completion_of(award_id)
        if completion is not None:
            if why == "completes" and completion.stack_id != stack_id:
                why = "chain"
            line = _line(then, completion, "gains", why, fact.achievement_id)
            gained[award_id] = replace(line, effective_at=completion.effective_at)
    return gained


def _lost(record: Record, then: Record, facts: list[Event], after: Setting) -> dict[str, Foreseen]:
    lost: dict[str, Foreseen] = {}
    for award_id, why, policy, due_at in _losses(record, then, facts, after):
        completion = _completion(then, award_id)
        if completion is not None and completion.award_id not in lost:
            line = _line(then, completion, "loses", why, _milestone(then, completion, after))
            ways_out = _ways_out(line, then, after)
            lost[completion.award_id] = replace(line, policy=policy, due_at=due_at, would_keep=ways_out)
    return lost


def _losses(
    record: Record, then: Record, facts: list[Event], after: Setting
) -> Iterator[tuple[str, Why, Policy, datetime | None]]:
    for fact in facts:
        match fact:
            case AwardQueued(queue="review", award_id=str(award_id)):
                yield award_id, "does not fit", "review", None
            case StackBroken():
                yield fact.award_id, "broken", fact.policy, fact.due_at
            case AwardSuspended():
                yield fact.award_id, "broken", "suspend", None
            case AwardLapsed():
                yield fact.award_id, "broken", "lapse", None
            case AwardRevoked():
                yield fact.award_id, "broken", "revoke", None
            case AwardDeclined():
                queued = record.queued.get(fact.queue_id)
                if queued and queued.award_id and then.held(queued.achievement_id, after.now) is None:
                    yield queued.award_id, "broken", "lapse", None


def _kept(completion: Completion, then: Record, setting: Setting) -> Foreseen:
    now = then.completions[completion.completion_id]
    saved = any(b.threatens for b in completion.breaks) and not now.breaks
    why: Why = "mended" if saved else "moves" if now.version != completion.version else "pinned"
    return _line(then, now, "keeps", why, _milestone(then, now, setting))


def _line(record: Record, completion: Completion, outcome: Outcome, why: Why, achievement_id: str) -> Foreseen:
    return Foreseen(
        learner_id=record.learner_id,
        outcome=outcome,
        why=why,
        achievement_id=achievement_id,
        award_id=completion.award_id,
        stack_id=completion.stack_id,
        version=completion.version,
        awards=completion.awards,
        components=tuple(record.awards[one].achievement_id for one in completion.awards),
    )


def _completion(record: Record, award_id: str) -> Completion | None:
    """Return the completion behind a milestone, which may have been renewed since."""
    for completion in record.completions.values():
        if completion.award_id == award_id:
            return completion
        if completion.award_id in record.awards and record.head(completion.award_id).award_id == award_id:
            return completion
    return None


def _milestone(record: Record, completion: Completion, setting: Setting) -> str:
    if completion.award_id in record.awards:
        return record.awards[completion.award_id].achievement_id
    return setting.catalogue.stack_version(completion.stack_id, completion.version).definition.milestone


def _ways_out(line: Foreseen, record: Record, setting: Setting) -> tuple[str, ...]:
    """Return the achievements each of which would fit the milestone to the rule in force."""
    for stack in setting.catalogue.active_stacks(setting.now):
        if stack.stack_id == line.stack_id:
            held = holdings(record, setting, line.stack_id)
            return stack_rule.progress(stack.rule, held, offers(stack.rule, setting), setting.now).closes
    return ()
