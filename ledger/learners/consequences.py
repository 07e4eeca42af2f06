"""What falls with an award: the list that two people sign before it is revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ledger.decider import Setting
from ledger.event import Event
from ledger.events import AwardLapsed, AwardQueued, AwardRevoked, AwardSuspended, StackBroken
from ledger.learners.evolve import evolve, folded
from ledger.learners.milestones import settle
from ledger.learners.record import Record

_FARTHEST = 20


def consequences(record: Record, award_id: str, setting: Setting) -> tuple[str, ...]:
    """
    Return what revoking *award_id* leads to by rule, through chains and due dates, as `<award> <what happens>`.

    Computed by settling a copy of the record; awards that run out meanwhile by themselves are left out.
    """
    return tuple(dict.fromkeys(line for fact in falling(record, (award_id,), setting) for line in _line(fact)))


def falling(record: Record, award_ids: Iterable[str], setting: Setting) -> list[Event]:
    """Return what would be recorded, now and at due dates, if *award_ids* were revoked by hand."""
    record = folded(record, settle(record, setting))
    now = setting.now
    for award_id in award_ids:
        record = evolve(record, AwardRevoked(effective_at=now, award_id=award_id, cause="hand"))
    found: list[Event] = []
    for _ in range(_FARTHEST):
        facts = settle(record, replace(setting, now=now))
        record = folded(record, facts)
        found += facts
        due = [
            b.due_at
            for completion in record.completions.values()
            for b in completion.breaks
            if _stands(record, completion.award_id) and b.threatens and b.due_at > now
        ]
        if not due:
            break
        now = min(due)
    return found


def _stands(record: Record, award_id: str) -> bool:
    return award_id in record.awards and record.awards[award_id].ended is None


def _line(fact: Event) -> tuple[str, ...]:
    match fact:
        case StackBroken():
            return (f"{fact.award_id} broken: {fact.policy} after {_days(fact)}",)
        case AwardSuspended():
            return (f"{fact.award_id} suspended",)
        case AwardLapsed():
            return (f"{fact.award_id} lapses",)
        case AwardRevoked():
            return (f"{fact.award_id} revoked",)
        case AwardQueued(queue="review"):
            return (f"{fact.award_id} queued for review",)
    return ()


def _days(fact: StackBroken) -> str:
    seconds = int((fact.due_at - fact.effective_at).total_seconds())
    return f"{seconds // 86400} days" if seconds % 86400 == 0 else f"{seconds} seconds"
