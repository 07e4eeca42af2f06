"""
Heads of the transparency log that an operator accepted although they do not follow from what was published.

One stream, `log-heads`. The rule kept here: an origin is begun by one acceptance, and accepting it again records
nothing. Why the ledger had become read-only is kept word for word, with both heads in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.decider import Command, Decider, Setting
from ledger.event import Event
from ledger.events import HeadAccepted


class HeadCommand(Command, frozen=True, kw_only=True):
    """A command about the heads of the log."""


class AcceptHead(HeadCommand, frozen=True, kw_only=True):
    """Record that the head was accepted: the log goes on under the name *origin*."""

    origin: str
    former_origin: str
    found: str
    because: str
    by: str


@dataclass(frozen=True, slots=True)
class Heads:
    """The origins that were begun by accepting a head."""

    origins: frozenset[str] = frozenset()


def evolve(state: Heads, fact: Event) -> Heads:
    match fact:
        case HeadAccepted():
            return Heads(state.origins | {fact.origin})
    return state


def decide(state: Heads, command: HeadCommand, setting: Setting) -> list[Event]:
    if not isinstance(command, AcceptHead):
        raise TypeError(command)
    if command.origin in state.origins:
        return []
    return [
        HeadAccepted(
            effective_at=setting.now,
            origin=command.origin,
            former_origin=command.former_origin,
            found=command.found,
            because=command.because,
            accepted_by=command.by,
        )
    ]


heads: Decider[Heads, HeadCommand] = Decider(
    category="log",
    initial=lambda _: Heads(),
    evolve=evolve,
    decide=decide,
    subject=lambda _: "heads",
)
