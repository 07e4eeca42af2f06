"""
What auditors read: a stream for each of them and each day, `audit-<account>.<day>`. It decides nothing about anybody.

Rules kept here, so that reading can neither bloat the log nor fill the disk:

- the same read again within a minute records nothing;
- of more different reads than `AT_MOST` within a minute, those further on are recorded as one of each kind;
- what was asked is kept as a keyed digest, which finds the same question again and tells it to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from ledger.decider import Command, Decider, Setting
from ledger.event import Event
from ledger.events import RecordRead

WITHIN = timedelta(minutes=1)
AT_MOST = 60

Key = tuple[str, str | None, str | None, bool]


class ReadCommand(Command, frozen=True, kw_only=True):
    """A command about what one account read on one day."""

    account: str
    day: date


class NoteRead(ReadCommand, frozen=True, kw_only=True):
    """Note that something was shown: `what` is the door, `learner` whose record, `query` a digest of what was asked."""

    what: str
    learner: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Reads:
    """What was recorded within the last minute before the newest read."""

    recent: Mapping[Key, datetime] = field(default_factory=dict)


def evolve(state: Reads, fact: Event) -> Reads:
    match fact:
        case RecordRead():
            kept = _recent(state, fact.effective_at)
            return Reads({**kept, (fact.what, fact.learner, fact.query, fact.further): fact.effective_at})
    return state


def decide(state: Reads, command: ReadCommand, setting: Setting) -> list[Event]:
    if not isinstance(command, NoteRead):
        raise TypeError(command)
    recent = _recent(state, setting.now)
    if (command.what, command.learner, command.query, False) in recent:
        return []
    if len(recent) < AT_MOST:
        return [RecordRead(effective_at=setting.now, what=command.what, learner=command.learner, query=command.query)]
    if (command.what, None, None, True) in recent:
        return []
    return [RecordRead(effective_at=setting.now, what=command.what, further=True)]


def _recent(state: Reads, now: datetime) -> dict[Key, datetime]:
    return {key: at for key, at in state.recent.items() if now - at < WITHIN}


reads: Decider[Reads, ReadCommand] = Decider(
    category="audit",
    initial=lambda _: Reads(),
    evolve=evolve,
    decide=decide,
    subject=lambda command: f"{command.account}.{command.day.isoformat()}",
)
