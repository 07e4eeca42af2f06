"""
Settling: what follows by rule alone from what a learner holds.

- An award past its `valid_until` is recorded as expired.
- A stack that live awards satisfy is completed, once; its milestone is awarded, or queued where a person confirms.
  One append holds both, and chains follow in the same append.
- A withdrawn endorsement queues a review of the awards made under it.
- A completion pins its stack version; what becomes of it later is kept in loss.py.
- A milestone that lapsed or was revoked by rule can be earned again; one that a person ended needs a person;
  after expiry, or when declined, a newer component is needed.

Settling again records nothing, so redelivery and two of everything are harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ledger import duration, ids, stack_rule
from ledger.catalogue import ActiveStack
from ledger.decider import Setting
from ledger.event import Event
from ledger.events import AchievementAwarded, AwardExpired, AwardQueued, Basis, StackCompleted
from ledger.learners.evolve import evolve, folded
from ledger.learners.holdings import holdings
from ledger.learners.loss import hold, queue_review
from ledger.learners.record import Award, Completion, Record
from ledger.stack_rule import Holding


def settle(record: Record, setting: Setting) -> list[Event]:
    """Return everything that follows, chains included; nothing when all is settled."""
    facts: list[Event] = []
    while True:
        new = next(_next(record, setting), None)
        if new is None:
            return facts
        record = folded(record, new)
        facts.extend(new)


def milestone(
    completion: Completion,
    achievement_id: str,
    version: int,
    setting: Setting,
    *,
    queue_id: str | None = None,
    confirmed_by: str | None = None,
) -> AchievementAwarded:
    """Return the milestone's award: it takes effect with the latest award in its basis."""
    definition = setting.catalogue.definition(achievement_id, version)
    return AchievementAwarded(
        effective_at=completion.effective_at,
        award_id=completion.award_id,
        achievement_id=achievement_id,
        achievement_version=version,
        basis=Basis(stack=completion.stack_id, stack_version=completion.version, awards=completion.awards),
        valid_until=duration.after(completion.effective_at, definition.valid_for) if definition.valid_for else None,
        queue_id=queue_id,
        confirmed_by=confirmed_by,
    )


def _next(record: Record, setting: Setting) -> Iterator[list[Event]]:
    """Yield groups of facts to record; the first is recorded before anything else is looked at again."""
    for award in record.awards.values():
        if award.ended is None and not award.stands(setting.now) and award.valid_until is not None:
            yield [AwardExpired(effective_at=award.valid_until, award_id=award.award_id)]
    for award in record.awards.values():
        if award.achievement_id in setting.catalogue.unendorsed and award.stands(setting.now):
            yield from _endorsements_lost(record, award, setting)
    active = setting.catalogue.active_stacks(setting.now) if record.awards else ()
    newest = {stack.stack_id: stack for stack in active}
    for completion in record.completions.values():
        if is_open(record, completion, setting.now):
            yield from hold(record, completion, newest.get(completion.stack_id), setting)
    held = holdings(record, setting)
    for stack in _worth_a_look(record, active, setting):
        substituted = any(s.stack_id == stack.stack_id for s in record.substitutions.values())
        held_there = holdings(record, setting, stack.stack_id) if substituted else held
        facts = _complete(record, stack, held_there, setting)
        if facts:
            yield facts


def _endorsements_lost(record: Record, award: Award, setting: Setting) -> Iterator[list[Event]]:
    """Yield a review for each endorsement withdrawn of the version that was earned; nothing is lost by it."""
    for endorsement in setting.catalogue.achievement_version(award.achievement_id, award.version).endorsements:
        if endorsement.withdrawn is not None:
            queue_id = ids.derived("que", award.award_id, endorsement.id)
            facts = queue_review(record, award, queue_id, "endorsement withdrawn", setting)
            if facts:
                yield facts


def is_open(record: Record, completion: Completion, now: datetime) -> bool:
    """Whether the completion's milestone stands, or waits for confirmation."""
    award = record.awards.get(completion.award_id)
    return completion.declined is None if award is None else record.head(completion.award_id).stands(now)


def _worth_a_look(record: Record, active: tuple[ActiveStack, ...], setting: Setting) -> Iterator[ActiveStack]:
    """Yield the active stacks that name something the learner holds."""
    touched = {s.stack_id for s in record.substitutions.values()}
    for award in record.awards.values():
        if award.live(setting.now):
            touched.update(setting.catalogue.stacks_naming(award.achievement_id))
    if touched:
        yield from (stack for stack in active if stack.stack_id in touched)


def _complete(record: Record, stack: ActiveStack, held: list[Holding], setting: Setting) -> list[Event]:
    earlier = [c for c in record.completions.values() if c.stack_id == stack.stack_id]
    if any(is_open(record, c, setting.now) for c in earlier):
        return []
    if record.held(stack.definition.milestone, setting.now) is not None:
        return []
    achievement = setting.catalogue.achievement(stack.definition.milestone)
    if achievement.retired or achievement.published is None:
        return []
    done = stack_rule.complete(stack.rule, held)
    if done is None or any(_needs_newer(record, c) and done.effective_at <= c.effective_at for c in earlier):
        return []
    ordinal = len(earlier) + 1
    completion_id = ids.derived("cmp", record.learner_id, stack.stack_id, ordinal)
    award_id = ids.derived("awd", completion_id)
    by_hand = any(
        award.achievement_id == achievement.id and award.ended in ("revoked", "lapsed") and award.by_hand
        for award in record.awards.values()
    )
    confirm = by_hand or stack.definition.awarding == "confirm"
    queue_id = ids.derived("que", completion_id) if confirm else None
    completed = StackCompleted(
        effective_at=done.effective_at,
        completion_id=completion_id,
        stack_id=stack.stack_id,
        stack_version=stack.version,
        ordinal=ordinal,
        awards=done.awards,
        definitions_position=setting.catalogue.position,
        award_id=award_id,
        queue_id=queue_id,
    )
    if queue_id is None:
        completion = evolve(record, completed).completions[completion_id]
        return [completed, milestone(completion, achievement.id, achievement.published, setting)]
    queued = AwardQueued(
        effective_at=setting.now,
        queue_id=queue_id,
        queue="confirm",
        reason="revoked by hand before" if by_hand else "awaits confirmation",
        achievement_id=achievement.id,
        achievement_version=achievement.published,
        basis=Basis(stack=stack.stack_id, stack_version=stack.version, awards=done.awards),
        award_id=award_id,
    )
    return [completed, queued]


def _needs_newer(record: Record, completion: Completion) -> bool:
    award = record.awards.get(completion.award_id)
    return completion.declined == "by person" if award is None else award.ended == "expired"
