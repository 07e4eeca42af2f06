"""
Old stored versions read as today's classes: one function per step, from one stored name to the next.

A step takes the fact as a JSON object and returns the object that the next version would have stored. Stored bytes
are never rewritten. Personal text stays sealed in a step: it can be moved to another field only if the field's name,
to which the seal is bound, is kept.

    @upcasters.step("evidence.submitted.v1", "evidence.submitted.v2")
    def route_was_always_work_product(fact: JSON) -> JSON:
        return {"route": "work_product", **fact}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JSON = dict[str, Any]
Step = Callable[[JSON], JSON]


class Upcasters:
    """The steps from each stored name that is no longer written to the one that followed it."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[str, Step]] = {}

    def step(self, old: str, new: str) -> Callable[[Step], Step]:
        """Declare how facts stored as *old* are read as *new*."""

        def declare(function: Step) -> Step:
            if old in self._steps:
                msg = f"{old!r} is read as {self._steps[old][0]!r} already"
                raise ValueError(msg)
            if old in self._chain(new):
                msg = f"{old!r} would be read as itself"
                raise ValueError(msg)
            self._steps[old] = (new, function)
            return function

        return declare

    def upcast(self, name: str, fact: JSON) -> tuple[str, JSON]:
        """Take *fact* from its stored *name* to the newest there is a step to."""
        while found := self._steps.get(name):
            name, function = found
            fact = function(fact)
        return name, fact

    def names(self) -> tuple[str, ...]:
        """Stored names that are read but no longer written."""
        return tuple(self._steps)

    def _chain(self, name: str) -> tuple[str, ...]:
        names = [name]
        while found := self._steps.get(names[-1]):
            names.append(found[0])
        return tuple(names)


upcasters = Upcasters()


@upcasters.step("stack.activated.v1", "stack.activated.v2")
def activated_without_a_preview(fact: JSON) -> JSON:
    """Read an activation from before holders were previewed: it names no preview."""
    return fact


@upcasters.step("award.queued.v1", "award.queued.v2")
def queued_without_who_asked(fact: JSON) -> JSON:
    """Read an entry from before it said which two people put the award in doubt."""
    return fact
