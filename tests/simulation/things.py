"""What the model of a learner's record is made of; all of it changes in place, and nothing is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.stacking import Completion


class No(Exception):
    """The rules forbid it."""


@dataclass(eq=False)
class Micro:
    """One version of what can be earned by evidence."""

    assessors: int = 1
    valid_for: timedelta | None = None
    confirm: bool = False


@dataclass(eq=False)
class Judgement:
    """What one person found, as it stands; and as it was `first`."""

    met: bool
    role: str
    at: datetime
    batch: str | None = None

    def __post_init__(self) -> None:
        self.first = self.met, self.at


@dataclass(eq=False)
class Evidence:
    """A submission, held to the version that was newest when it came; judgements by who judged."""

    id: str
    achievement: str
    micro: Micro
    by: str
    batch: str | None
    judgements: dict[str, Judgement] = field(default_factory=dict)
    withdrawn: bool = False
    disputed: bool = False

    def standing(self) -> str:
        """Say what was found, or who must judge next."""
        for role in ("appeal", "adjudicator"):
            for judgement in self.judgements.values():
                if judgement.role == role:
                    return "met" if judgement.met else "not met"
        found = [j.met for j in self.judgements.values()]
        if self.disputed or {True, False} == set(found):
            return "adjudicator"
        if False in found:
            return "not met"
        return "met" if len(found) >= self.micro.assessors else "marker"

    def effective_at(self) -> datetime:
        """Return when the last judgement was given that found it met."""
        return max(j.first[1] for j in self.judgements.values() if j.met)


@dataclass(eq=False)
class Award:
    """An award and what became of it; `id` is the ledger's, told afterwards, for ties of `effective_at` alone."""

    achievement: str
    effective_at: datetime
    evidence: Evidence | None = None
    valid_until: datetime | None = None
    renews: Award | None = None
    renewed_by: Award | None = None
    ended: str | None = None
    by_hand: bool = False
    suspended: set[str] = field(default_factory=set)
    id: str = ""

    def __post_init__(self) -> None:
        self.changed = self.effective_at

    def stands(self, now: datetime) -> bool:
        return self.ended is None and (self.valid_until is None or now < self.valid_until)

    def lost(self, now: datetime) -> str | None:
        """Say why it does not count, None where it does."""
        if not self.stands(now):
            return "expired" if self.ended in (None, "lapsed") else self.ended
        return "suspended" if self.suspended else None

    def newest(self) -> Award:
        return self.renewed_by.newest() if self.renewed_by else self

    def end(self, how: str, at: datetime) -> None:
        self.ended, self.changed = how, at

    def suspend(self, why: str, now: datetime) -> None:
        if why not in self.suspended:
            self.suspended.add(why)
            self.changed = now


@dataclass(eq=False)
class Waiting:
    """Something that waits for a registrar, to be confirmed or reviewed."""

    queue: str
    achievement: str
    evidence: Evidence | None = None
    completion: Completion | None = None
    award: Award | None = None
    broken: object = None

    def what(self) -> tuple[str | None, ...]:
        evidence, award = self.evidence.id if self.evidence else None, self.award.id if self.award else None
        return self.queue, self.achievement, evidence, award


@dataclass(eq=False)
class Appeal:
    """An appeal being heard, about an award, or about what somebody found of some evidence."""

    name: str
    award: Award | None = None
    about: tuple[str, str] | None = None
    since: datetime | None = None
