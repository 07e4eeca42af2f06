"""The smallest rules there can be, to try the front door with: a learner knocks, and the knocks are counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from ledger.application import Ledger, utc_now
from ledger.decider import Command, Decider, Setting
from ledger.errors import AlreadyRecorded
from ledger.event import Actor, Event
from ledger.events import EvidenceWithdrawn, LearnerRegistered, PersonRegistered
from ledger.learners.commands import RegisterLearner
from ledger.opening import opened
from ledger.private import Private
from ledger.rules import Rules
from tests.places import settings_in

ANA = Actor(id="per_ana", role="registrar", client="test")
BEN = Actor(id="per_ben", role="registrar", client="test")


class Knock(Command, frozen=True, kw_only=True):
    """Knock once more; refused beyond `at_most`, nothing new beyond `enough`."""

    learner_id: str
    evidence_id: str = ""
    at_most: int | None = None
    enough: int | None = None
    reason: Private | None = None


class Arrive(Command, frozen=True, kw_only=True):
    """Become known as a person: a fact that definitions and people are made of."""

    person_id: str


def _knock(knocks: int, command: Knock | RegisterLearner, setting: Setting) -> list[Event]:
    if isinstance(command, RegisterLearner):
        return [] if knocks else [LearnerRegistered(effective_at=setting.now)]
    if command.at_most is not None and knocks >= command.at_most:
        raise AlreadyRecorded("That is enough.")
    if command.enough is not None and knocks >= command.enough:
        return []
    fact = EvidenceWithdrawn(
        effective_at=setting.now,
        evidence_id=command.evidence_id or f"knock_{knocks + 1}",
        withdrawn_by=f"{setting.by} of {len(setting.catalogue.people)}",
        reason=command.reason,
    )
    return [fact]


def _arrive(_: int, command: Arrive, setting: Setting) -> list[Event]:
    if command.person_id in setting.catalogue.people:
        return []
    return [PersonRegistered(effective_at=setting.now)]


knocking: Decider[int, Knock | RegisterLearner] = Decider(
    category="learner",
    initial=lambda _: 0,
    evolve=lambda knocks, _: knocks + 1,
    decide=_knock,
    subject=lambda command: command.learner_id,
)
arriving: Decider[int, Arrive] = Decider(
    category="person",
    initial=lambda _: 0,
    evolve=lambda known, _: known + 1,
    decide=_arrive,
    subject=lambda command: command.person_id,
)
RULES: Mapping[type[Command], Rules] = {Knock: knocking, RegisterLearner: knocking, Arrive: arriving}


def door(directory: Path, clock: Callable[[], datetime] = utc_now) -> Ledger:
    """Open a ledger in *directory*; several may be open on the same place, as in several processes."""
    return Ledger(*opened(settings_in(directory), create=True), clock, RULES)
