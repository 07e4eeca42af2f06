"""Given / when / then, for deciders: one sentence for a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.catalogue import EMPTY, Catalogue
from ledger.decider import Command, Decider, Setting
from ledger.errors import Refused
from ledger.event import Event
from ledger.foresight import Rechecked

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Given:
    """A stream's facts; what `when` is asked of them, `then` shows."""

    rules: Decider[Any, Any]
    facts: tuple[Event, ...] = ()
    command: Command | None = None
    catalogue: Catalogue = EMPTY
    now: datetime = NOW
    by: str = "system"
    rechecked: Rechecked | None = None

    def when(
        self,
        command: Command,
        *,
        catalogue: Catalogue = EMPTY,
        now: datetime = NOW,
        by: str = "system",
        rechecked: Rechecked | None = None,
    ) -> Given:
        return replace(self, command=command, catalogue=catalogue, now=now, by=by, rechecked=rechecked)

    def decided(self) -> list[Event]:
        """Return what follows, having checked that deciding once more on it records nothing."""
        facts = self._decide(self.facts)

        assert [] == self._decide((*self.facts, *facts)), "deciding again must record nothing"
        return facts

    def then(self, *expected: Event) -> None:
        assert list(expected) == self.decided()

    def then_refused(self, reason: type[Refused], *, field: str | None = None, saying: str = "") -> None:
        """Refused for exactly *reason*, where asked by *field*, in a sentence that holds *saying*."""
        with pytest.raises(reason) as refusal:
            self._decide(self.facts)

        assert reason is refusal.type
        assert saying in refusal.value.detail
        if field is not None:
            assert field == refusal.value.field

    def _decide(self, facts: Sequence[Event]) -> list[Event]:
        assert self.command is not None
        state = self.rules.fold(self.rules.subject(self.command), facts)
        setting = Setting(now=self.now, catalogue=self.catalogue, by=self.by, rechecked=self.rechecked)
        return self.rules.decide(state, self.command, setting)


def given(rules: Decider[Any, Any], *facts: Event) -> Given:
    return Given(rules, facts)
