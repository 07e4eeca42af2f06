"""A fact as auditors see it, wherever in the log it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from api.answers import complete
from ledger.application import Ledger
from ledger.event import Actor, Recorded, name_of
from ledger.keys import reveal_fact


class FactFound(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with its place in the log, its personal text revealed; `[erased]` where the learner's key is gone."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    effective_at: datetime
    actor: Actor
    correlation: str | None
    causation: str | None
    fact: dict[str, Any]


class FactsFound(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was found among the facts up to `position`; `next` is the cursor with which to go on."""

    items: list[FactFound]
    next: str | None
    position: int


def fact_found(ledger: Ledger, recorded: Recorded) -> FactFound:
    """Return *recorded* as it is shown."""
    fact = recorded.fact
    fields = {name: complete(getattr(fact, name)) for name in fact.__struct_fields__ if name != "effective_at"}
    if recorded.stream.startswith("learner-"):
        fields |= reveal_fact(ledger.keys, recorded.subject, fact)
    return FactFound(
        position=recorded.position,
        stream=recorded.stream,
        version=recorded.version,
        type=name_of(type(fact)),
        recorded_at=recorded.recorded_at,
        effective_at=fact.effective_at,
        actor=recorded.actor,
        correlation=recorded.correlation,
        causation=recorded.causation,
        fact=fields,
    )
