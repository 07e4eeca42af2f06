"""
Commands decided on a copy of the catalogue, so that a file is found good or bad before anything of it is recorded.

Rules are pure, so the rehearsal and the recording decide alike unless somebody else changes the catalogue between.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ledger.achievements import AchievementCommand, achievements
from ledger.catalogue import Catalogue
from ledger.decider import LOCAL_ADMINISTRATION, Command, Decider, Setting
from ledger.event import Actor, Event, Recorded
from ledger.foresight import Rechecked
from ledger.frameworks import FrameworkCommand, frameworks
from ledger.issuer import IssuerCommand, issuer
from ledger.people import PersonCommand, people
from ledger.stacks import StackCommand, stacks

COMMAND_LINE = Actor(id=LOCAL_ADMINISTRATION, role="operator", client="ledger command line")

_Known = Callable[[Catalogue, str], Any]
_KINDS: dict[type[Command], tuple[Decider[Any, Any], _Known]] = {
    AchievementCommand: (achievements, lambda catalogue, name: catalogue.achievements.get(name)),
    StackCommand: (stacks, lambda catalogue, name: catalogue.stacks.get(name)),
    FrameworkCommand: (frameworks, lambda catalogue, name: catalogue.frameworks.get(name)),
    IssuerCommand: (issuer, lambda catalogue, _: catalogue.issuer),
    PersonCommand: (people, lambda catalogue, name: catalogue.people.get(name)),
}


class Rehearsal:
    """A catalogue that moves on with each command decided, beside the real one."""

    def __init__(self, catalogue: Catalogue, now: datetime, by: str = LOCAL_ADMINISTRATION) -> None:
        self.catalogue = catalogue
        self._now = now
        self._by = by

    def decide(self, command: Command, rechecked: Rechecked | None = None) -> list[Event]:
        """
        Return what *command* would record and move the copy on; raises `Refused` as the ledger would.

        *rechecked* is what the log says of the preview that the command names.
        """
        rules, known = next(found for base, found in _KINDS.items() if isinstance(command, base))
        subject = rules.subject(command)
        state = known(self.catalogue, subject) or rules.initial(subject)
        setting = Setting(now=self._now, catalogue=self.catalogue, by=self._by, rechecked=rechecked)
        facts = rules.decide(state, command, setting)
        stream = f"{rules.category}-{subject}"
        self.catalogue = self.catalogue.advance(self._recorded(stream, fact) for fact in facts)
        return facts

    def _recorded(self, stream: str, fact: Event) -> Recorded:
        position = self.catalogue.position + 1
        return Recorded(
            position=position, stream=stream, version=position, recorded_at=self._now, fact=fact, actor=COMMAND_LINE
        )
