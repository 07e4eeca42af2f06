"""
What follows by rule alone from what a learner holds: the stacks of the model, in plain words.

A basis is chosen by when its awards took effect, then by award id. Of a completed stack, what is lost is made up for
by other live awards, or is a break; at its due date the policy for that cause acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.model import Learner
    from tests.simulation.things import Award


@dataclass(eq=False)
class Stack:
    """One version: `need` of the achievements `of` complete the milestone; policy and grace by cause of loss."""

    milestone: str
    need: int
    of: tuple[str, ...]
    loss: dict[str, tuple[str, timedelta]]
    confirm: bool = False
    for_holders: bool = False
    begins: datetime | None = None


@dataclass(eq=False)
class Break:
    """Components lost for one cause, and what is done about it when."""

    lost: set[Award]
    cause: str
    policy: str
    due: datetime
    decided: bool = False
    acted: bool = False


@dataclass(eq=False)
class Completion:
    """A stack completed: the version and the awards it rests on, and the milestone once it is awarded."""

    stack: str
    version: int
    basis: list[Award]
    at: datetime
    award: Award | None = None
    declined: str | None = None
    breaks: list[Break] = field(default_factory=list)
    times_broken: int = 0
    reviewed: set[int] = field(default_factory=set)

    def is_open(self, now: datetime) -> bool:
        return self.award.stands(now) if self.award else self.declined is None


def settle(learner: Learner, now: datetime) -> None:
    """Let everything follow that does, one thing at a time."""
    while expire(learner, now) or keep_or_lose(learner, now) or complete(learner, now):
        pass


def expire(learner: Learner, now: datetime) -> bool:
    over = next((a for a in learner.awards if a.ended is None and not a.stands(now)), None)
    if over and over.valid_until:
        over.end("expired", over.valid_until)
    return over is not None


def keep_or_lose(learner: Learner, now: datetime) -> bool:
    return any(
        completion.is_open(now) and (follow(learner, completion, now) or revise(learner, completion, now))
        for completion in learner.completions
    )


def follow(learner: Learner, completion: Completion, now: datetime) -> bool:
    """Hold a completion together, or let its pinned version say what its losses lead to."""
    stack, award = learner.stacks[completion.stack][completion.version], completion.award
    if award is None and learner.held(stack.milestone, now):
        return decline(learner, completion)
    lost = {a: cause for a in completion.basis if (cause := a.newest().lost(now))}
    basis = basis_of(learner, stack, now) if lost else completion.basis
    if basis:
        troubled = bool(lost or completion.breaks or (award and "stack" in award.suspended))
        return troubled and rebase(learner, completion, completion.version, basis, now)
    if award is None:
        return decline(learner, completion)
    if "voided" in lost.values():
        award.end("voided", now)
        return True
    for cause in ("revoked", "suspended", "expired"):
        known = {a for b in completion.breaks if b.cause == cause for a in b.lost}
        new = {a for a, why in lost.items() if why == cause and a not in known}
        if new:
            policy, grace = stack.loss[cause]
            completion.breaks.append(Break(new, cause, policy, now + grace))
            completion.times_broken += 1
            return True
    return act(learner, award, completion, now)


def decline(learner: Learner, completion: Completion) -> bool:
    """What waits for confirmation has lost its ground, or is held by other means."""
    completion.declined = "by rule"
    learner.queue = [w for w in learner.queue if w.completion is not completion]
    return True


def act(learner: Learner, award: Award, completion: Completion, now: datetime) -> bool:
    """Do what is due, unless an appeal stops the clock; a suspension lifts with its cause."""
    if not any(appeal.award is award for appeal in learner.appeals.values()):
        for one in completion.breaks:
            if one.lost and not (one.decided or one.acted) and one.due <= now and one.policy != "keep":
                one.acted = True
                if one.policy == "review":
                    learner.wait("review", award.achievement, award=award, broken=one)
                elif one.policy == "suspend":
                    award.suspend("stack", now)
                else:
                    award.end({"lapse": "lapsed", "revoke": "revoked"}[one.policy], now)
                return True
    held_up = any(b.lost and b.policy == "suspend" and b.due <= now for b in completion.breaks)
    if "stack" in award.suspended and not held_up:
        learner.lift(award, "stack", now)
        return True
    return False


def revise(learner: Learner, completion: Completion, now: datetime) -> bool:
    """A version activated for holders moves who fits it; of who does not, a person decides."""
    newest = in_effect(learner, completion.stack, now) or 0
    stack = learner.stacks[completion.stack][newest]
    if not stack.for_holders or completion.version >= newest or completion.award is None:
        return False
    basis = basis_of(learner, stack, now)
    if basis:
        return rebase(learner, completion, newest, basis, now)
    if newest in completion.reviewed:
        return False
    completion.reviewed.add(newest)
    learner.wait("review", completion.award.achievement, award=completion.award)
    return True


def rebase(learner: Learner, completion: Completion, version: int, basis: list[Award], now: datetime) -> bool:
    completion.version, completion.basis, completion.breaks = version, basis, []
    if completion.award is None:
        completion.at = max(a.effective_at for a in basis)
    if completion.award and "stack" in completion.award.suspended:
        learner.lift(completion.award, "stack", now)
    return True


def complete(learner: Learner, now: datetime) -> bool:
    """Complete a stack that is satisfied, held by none, and not declined on the same ground."""
    for name, versions in learner.stacks.items():
        version = in_effect(learner, name, now)
        if version is None:
            continue
        stack = versions[version]
        basis = basis_of(learner, stack, now)
        earlier = [c for c in learner.completions if c.stack == name]
        if not basis or any(c.is_open(now) for c in earlier) or learner.held(stack.milestone, now):
            continue
        at = max(a.effective_at for a in basis)
        if any(c.declined == "by hand" and at <= c.at for c in earlier):
            continue
        completion = Completion(name, version, basis, at)
        learner.completions.append(completion)
        by_hand = any(
            a.achievement == stack.milestone and a.ended in ("revoked", "lapsed") and a.by_hand for a in learner.awards
        )
        if stack.confirm or by_hand:
            learner.wait("confirm", stack.milestone, completion=completion)
        else:
            learner.award_milestone(stack.milestone, completion)
        return True
    return False


def basis_of(learner: Learner, stack: Stack, now: datetime) -> list[Award] | None:
    live = [a for a in learner.awards if a.lost(now) is None and a.achievement in stack.of]
    live.sort(key=lambda a: (a.effective_at, a.id))
    return live[: stack.need] if len(live) >= stack.need else None


def in_effect(learner: Learner, name: str, now: datetime) -> int | None:
    begun = [n for n, stack in enumerate(learner.stacks[name]) if stack.begins is not None and stack.begins <= now]
    return begun[-1] if begun else None
