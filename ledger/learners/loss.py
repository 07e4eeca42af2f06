"""
Holding what was completed, when components are lost or rules are revised.

- Other live awards are tried first; else the break is recorded with its due date, the learner is told,
  and at the due date the policy for that cause acts. An appeal stops the clock.
- What suspended a milestone lifts with its cause, though other components may still be lost;
  a component that is back is acted upon no more. What voiding takes away is voided, whatever the policy.
- A version activated for holders moves those who fit it; who does not is queued for review.
- What waits for confirmation is declined when its ground has gone, or the milestone is held by other means.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from ledger import duration, ids, stack_rule
from ledger.catalogue import ActiveStack
from ledger.decider import SYSTEM, Setting
from ledger.definition import Cause, LossPolicy
from ledger.event import Event
from ledger.events import (
    AwardDeclined,
    AwardLapsed,
    AwardQueued,
    AwardReinstated,
    AwardRevoked,
    AwardSuspended,
    NoticeGiven,
    StackBasisReplaced,
    StackBroken,
)
from ledger.learners.holdings import holdings
from ledger.learners.record import Award, Break, Completion, Record

_CAUSES: dict[str, Cause] = {"expired": "expired", "lapsed": "expired", "revoked": "revoked"}


def hold(record: Record, completion: Completion, newest: ActiveStack | None, setting: Setting) -> Iterator[list[Event]]:
    """Yield groups of facts that an open completion calls for; the first is recorded before looking again."""
    if completion.award_id not in record.awards and _stands_otherwise(record, completion, setting):
        yield from _declined(record, completion, setting)
        return
    lost = lost_of(record, completion, setting.now)
    if not lost:
        if completion.breaks or _suspended_by_stack(record, completion):
            yield _mended(record, completion, completion.version, completion.awards, setting)
    else:
        rule = setting.catalogue.stack_version(completion.stack_id, completion.version).rule
        done = stack_rule.complete(rule, holdings(record, setting, completion.stack_id))
        if done is not None:
            yield _mended(record, completion, completion.version, done.awards, setting)
        else:
            yield from _break(record, completion, lost, setting)
    if newest is not None and newest.applies_to == "holders" and completion.version < newest.version:
        facts = _revise(record, completion, newest, setting)
        if facts:
            yield facts


def lost_of(record: Record, completion: Completion, now: datetime) -> dict[str, Cause | Literal["voided"]]:
    """Return the awards of the basis that no longer count, by cause; what was renewed lives on."""
    lost: dict[str, Cause | Literal["voided"]] = {}
    for award_id in completion.awards:
        award = record.head(award_id)
        if award.ended == "voided":
            lost[award_id] = "voided"
        elif award.ended is not None:
            lost[award_id] = _CAUSES[award.ended]
        elif not award.live(now):
            lost[award_id] = "suspended"
    return lost


def _mended(
    record: Record, completion: Completion, version: int, awards: tuple[str, ...], setting: Setting
) -> list[Event]:
    replaced = StackBasisReplaced(
        effective_at=setting.now, completion_id=completion.completion_id, stack_version=version, awards=awards
    )
    if not _suspended_by_stack(record, completion):
        return [replaced]
    milestone_award = record.head(completion.award_id)
    lifted = AwardReinstated(effective_at=setting.now, award_id=milestone_award.award_id, lifts="stack")
    return [replaced, lifted]


def _suspended_by_stack(record: Record, completion: Completion) -> bool:
    return completion.award_id in record.awards and "stack" in record.head(completion.award_id).suspensions


def _break(
    record: Record, completion: Completion, lost: dict[str, Cause | Literal["voided"]], setting: Setting
) -> Iterator[list[Event]]:
    """Record what is newly lost, then let policies act whose time has come."""
    if completion.award_id not in record.awards:
        yield from _declined(record, completion, setting)
        return
    award = record.head(completion.award_id)
    if "voided" in lost.values():
        yield [AwardRevoked(effective_at=setting.now, award_id=award.award_id, cause="voided")]
        return
    known = {(component, b.cause) for b in completion.breaks for component in b.lost}
    causes: tuple[Cause, ...] = ("revoked", "suspended", "expired")
    for cause in causes:
        new = tuple(component for component, why in lost.items() if why == cause and (component, cause) not in known)
        if new:
            yield _broken(record, completion, new, cause, setting)
    for b in completion.breaks:
        if b.threatens and b.due_at <= setting.now and not _appealed(record, award):
            facts = _act(record, award, b, setting)
            if facts:
                yield facts
    if "stack" in award.suspensions and not any(
        b.lost and b.policy == "suspend" and b.due_at <= setting.now for b in completion.breaks
    ):
        yield [AwardReinstated(effective_at=setting.now, award_id=award.award_id, lifts="stack")]


def _stands_otherwise(record: Record, completion: Completion, setting: Setting) -> bool:
    """Whether the milestone that waits for confirmation is held already: an appeal gave an earlier one back."""
    pinned = setting.catalogue.stack_version(completion.stack_id, completion.version)
    return record.held(pinned.definition.milestone, setting.now) is not None


def _declined(record: Record, completion: Completion, setting: Setting) -> Iterator[list[Event]]:
    for queued in record.queued.values():
        if queued.award_id == completion.award_id:
            yield [AwardDeclined(effective_at=setting.now, queue_id=queued.queue_id, declined_by=SYSTEM)]


def _broken(
    record: Record, completion: Completion, lost: tuple[str, ...], cause: Cause, setting: Setting
) -> list[Event]:
    award = record.head(completion.award_id)
    pinned = setting.catalogue.stack_version(completion.stack_id, completion.version)
    loss: LossPolicy = getattr(pinned.definition.on_loss, cause)
    due_at = duration.after(setting.now, loss.grace)
    broken = StackBroken(
        effective_at=setting.now,
        break_id=ids.derived("brk", completion.completion_id, completion.breaks_ever),
        completion_id=completion.completion_id,
        award_id=award.award_id,
        lost=lost,
        cause=cause,
        policy=loss.policy,
        due_at=due_at,
    )
    if loss.policy == "keep":
        return [broken]
    definition = setting.catalogue.definition(award.achievement_id, award.version)
    held = holdings(record, setting, completion.stack_id)
    notice = NoticeGiven(
        effective_at=setting.now,
        notice_id=ids.derived("ntc", broken.break_id),
        award_id=award.award_id,
        break_id=broken.break_id,
        policy=loss.policy,
        cause=cause,
        lost=lost,
        would_keep=stack_rule.progress(pinned.rule, held, offers(pinned.rule, setting), setting.now).closes,
        due_at=due_at,
        appeal_until=duration.after(due_at, definition.appeal_within),
    )
    return [broken, notice]


def offers(rule: stack_rule.Rule, setting: Setting) -> dict[str, stack_rule.Holding]:
    """Return what could still be earned towards *rule*."""
    offers = ((name, setting.catalogue.offer(name, setting.now)) for name in stack_rule.achievements(rule))
    return {name: offer for name, offer in offers if offer is not None}


def _appealed(record: Record, award: Award) -> bool:
    return any(appeal.award_id == award.award_id for appeal in record.appeals.values())


def _act(record: Record, award: Award, b: Break, setting: Setting) -> list[Event]:
    """Return what the policy of a due break does, once."""
    match b.policy:
        case "suspend" if "stack" not in award.suspensions:
            return [
                AwardSuspended(effective_at=setting.now, award_id=award.award_id, cause="stack", break_id=b.break_id)
            ]
        case "review":
            return queue_review(record, award, b.queue_id, "stack broken", setting)
        case "lapse":
            return [AwardLapsed(effective_at=setting.now, award_id=award.award_id, break_id=b.break_id)]
        case "revoke":
            return [AwardRevoked(effective_at=setting.now, award_id=award.award_id, cause="stack", break_id=b.break_id)]
    return []


def _revise(record: Record, completion: Completion, newest: ActiveStack, setting: Setting) -> list[Event]:
    """Move a holder to a version activated for holders, or let a person look at the case."""
    if completion.award_id not in record.awards:
        return []
    done = stack_rule.complete(newest.rule, holdings(record, setting, completion.stack_id))
    if done is not None:
        return _mended(record, completion, newest.version, done.awards, setting)
    queue_id = ids.derived("que", completion.completion_id, "revised", newest.version)
    return queue_review(record, record.head(completion.award_id), queue_id, "stack revised", setting)


def queue_review(
    record: Record,
    award: Award,
    queue_id: str,
    reason: str,
    setting: Setting,
    *,
    queued_by: str | None = None,
    approved_by: str | None = None,
) -> list[Event]:
    """Return the entry that lets a person decide, unless it waits or was decided already; and who asked for it."""
    if queue_id in record.queued or queue_id in record.decided:
        return []
    return [
        AwardQueued(
            effective_at=setting.now,
            queue_id=queue_id,
            queue="review",
            reason=reason,
            achievement_id=award.achievement_id,
            achievement_version=award.version,
            basis=award.basis,
            award_id=award.award_id,
            queued_by=queued_by,
            approved_by=approved_by,
        )
    ]
