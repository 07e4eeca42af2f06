"""Personal text revealed for who may read it; `[erased]` where the learner's key is gone."""

from __future__ import annotations

from typing import Any

from api.acting import ledger
from api.answers import complete
from ledger.event import Event
from ledger.keys import reveal_fact


def revealed(learner_id: str, fact: Event) -> dict[str, Any]:
    """Return the fields of *fact*, those that are sealed in plain text."""
    private = reveal_fact(ledger().keys, learner_id, fact)
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__ if name != "effective_at"}
    return {name: private[name] if name in private else complete(value) for name, value in fields.items()}
