"""Which stacks are in effect when, in which order to try them, and which of them name an achievement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ledger.definition import StackDefinition
from ledger.programme import StackRecord
from ledger.rule_language import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveStack:
    """The version of a stack that completes now."""

    stack_id: str
    version: int
    definition: StackDefinition
    rule: Rule
    applies_to: Literal["new", "holders"]
    effective_at: datetime


class StackIndex:
    """
    What follows from all stacks together, worked out once; catalogues whose stacks are the same share it.

    `naming` gives the stacks any activated version of which names an achievement; `milestones` are what activated
    versions lead to; `edges` are the instants at which versions take effect. What is active is kept from one edge
    to the next.
    """

    __slots__ = ("_active", "_order", "_stacks", "edges", "milestones", "naming")

    def __init__(self, stacks: Mapping[str, StackRecord]) -> None:
        self._stacks = stacks
        self._order = _components_first(stacks)
        self._active: tuple[datetime, datetime | None, tuple[ActiveStack, ...]] | None = None
        naming: dict[str, list[str]] = {}
        for stack_id in self._order:
            versions = [one for one in stacks[stack_id].versions.values() if one.effective_at is not None]
            for name in {name for one in versions for name in one.rule.names}:
                naming.setdefault(name, []).append(stack_id)
        self.naming = {name: tuple(ids) for name, ids in naming.items()}
        self.milestones = frozenset(
            one.definition.milestone
            for stack in stacks.values()
            for one in stack.versions.values()
            if one.effective_at is not None
        )
        self.edges = sorted(
            {one.effective_at for stack in stacks.values() for one in stack.versions.values() if one.effective_at}
        )

    def active(self, now: datetime) -> tuple[ActiveStack, ...]:
        # One tuple, read and written at once, because threads share the index.
        kept = self._active
        if kept is not None and kept[0] <= now and (kept[1] is None or now < kept[1]):
            return kept[2]
        since = max((edge for edge in self.edges if edge <= now), default=datetime.min.replace(tzinfo=UTC))
        until = min((edge for edge in self.edges if edge > now), default=None)
        found = (self._in_effect(stack_id, now) for stack_id in self._order)
        active = tuple(stack for stack in found if stack is not None)
        self._active = (since, until, active)
        return active

    def _in_effect(self, stack_id: str, now: datetime) -> ActiveStack | None:
        record = self._stacks[stack_id]
        started = {
            number: one.effective_at
            for number, one in record.versions.items()
            if one.effective_at is not None and one.effective_at <= now
        }
        if record.retired or not started:
            return None
        number = max(started)
        version = record.versions[number]
        return ActiveStack(
            stack_id=stack_id,
            version=number,
            definition=version.definition,
            rule=version.rule,
            applies_to=version.applies_to,
            effective_at=started[number],
        )


def _components_first(stacks: Mapping[str, StackRecord]) -> tuple[str, ...]:
    """Order stacks so that each follows those whose milestones it names; a circle is cut at its first id."""
    earning: dict[str, set[str]] = {}
    for stack_id, stack in stacks.items():
        for version in stack.versions.values():
            earning.setdefault(version.definition.milestone, set()).add(stack_id)
    waits = {stack_id: _built_on(stack, earning) - {stack_id} for stack_id, stack in stacks.items()}
    order: list[str] = []
    while waits:
        ready = sorted(stack_id for stack_id, others in waits.items() if not others & waits.keys()) or [min(waits)]
        order += ready
        for stack_id in ready:
            del waits[stack_id]
    return tuple(order)


def _built_on(stack: StackRecord, earning: Mapping[str, set[str]]) -> set[str]:
    names = {name for version in stack.versions.values() for name in version.rule.names}
    return {earlier for name in names for earlier in earning.get(name, ())}
