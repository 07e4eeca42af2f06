"""
What changed for a learner between two moments: every award that stands otherwise, and why.

An award's standing before, with the changes applied, is its standing after; nothing else changed. Standing is what was
known at the moment's position of what was valid at its instant, so time alone changes something too: awards expire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from ledger.catalogue import Catalogue
from ledger.event import Recorded, name_of
from projections.award_register import Kind
from projections.befallen import namer, sentence
from projections.connection import Connection
from projections.holdings import HeldAward, Status, Story, told
from projections.instants import micros
from projections.wording import day

Change = Literal[
    "gained", "gained and lost", "lost", "suspended", "reinstated", "renewed", "restored", "ended otherwise"
]
_STANDS = ("live", "suspended")


class When(NamedTuple):
    """A moment: what was known then, of what was valid then."""

    position: int
    instant: datetime


class AwardChange(msgspec.Struct, frozen=True, kw_only=True):
    """An award that stands otherwise; null where it was not awarded. `positions` are the facts that changed it."""

    award_id: str
    achievement_id: str
    version: int
    name: str
    kind: Kind
    change: Change
    before: Status | None
    after: Status | None
    positions: tuple[int, ...]
    sentence: str


class LearnerChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changed for one learner: awards, and how many facts of each type were recorded."""

    learner_id: str
    awards: tuple[AwardChange, ...]
    facts: Mapping[str, int]
    sentences: tuple[str, ...]


def learner_changes(
    learner_id: str, facts: Sequence[Recorded], before: When, after: When, catalogue: Catalogue
) -> LearnerChanges | None:
    """Return what changed for the learner whose *facts* these are, up to *after*; None if nothing did."""
    newer = [one for one in facts if one.position > before.position]
    was, is_ = told(facts[: len(facts) - len(newer)]), told(facts)
    awards = tuple(_changes(was, is_, before, after, catalogue))
    if not newer and not awards:
        return None
    return LearnerChanges(
        learner_id=learner_id,
        awards=awards,
        facts=dict(sorted(Counter(name_of(type(one.fact)) for one in newer).items())),
        sentences=tuple(one.sentence for one in awards),
    )


def expiring_between(connection: Connection, before: When, after: When) -> list[str]:
    """
    Return learners of whom an award's validity may end after one instant, up to another; in order of id.

    The register knows only the newest end of validity. Whoever had an award changed after the second moment is
    returned as well: what is valid longer now may have ended within.
    """
    found = connection.execute(
        "SELECT DISTINCT learner_id FROM award_register WHERE valid_until > ? AND valid_until <= ?"
        " OR valid_until IS NOT NULL AND last_position > ? ORDER BY learner_id",
        (micros(before.instant), micros(after.instant), after.position),
    )
    return [learner_id for (learner_id,) in found]


def _changes(was: Story, is_: Story, before: When, after: When, catalogue: Catalogue) -> Iterator[AwardChange]:
    for award_id, award in is_.awards.items():
        old = was.awards.get(award_id)
        stood, stands = None if old is None else old.status(before.instant), award.status(after.instant)
        if stood == stands:
            continue
        fact = award.fact
        name = namer(is_, catalogue)(award_id)
        new = [award.at] if award.at.position > before.position else []
        new += [one for one in award.befell if one.position > before.position]
        yield AwardChange(
            award_id=award_id,
            achievement_id=fact.achievement_id,
            version=fact.achievement_version,
            name=name,
            kind="micro-credential" if fact.basis.stack is None else "milestone",
            change=_change(stood, stands),
            before=stood,
            after=stands,
            positions=tuple(one.position for one in new),
            sentence=" ".join(_told(award, name, stands, new, is_, catalogue)),
        )


def _change(before: Status | None, after: Status | None) -> Change:
    if before is None:
        return "gained" if after in _STANDS else "gained and lost"
    if before not in _STANDS:
        return "restored" if after in _STANDS else "ended otherwise"
    if after == "live":
        return "reinstated"
    if after == "suspended":
        return "suspended"
    return "renewed" if after == "renewed" else "lost"


def _told(
    award: HeldAward, name: str, after: Status | None, new: list[Recorded], story: Story, catalogue: Catalogue
) -> Iterator[str]:
    fact = award.fact
    if award.at in new:
        yield f"{name} (version {fact.achievement_version}) was awarded on {day(fact.effective_at)}."
    else:
        yield f"{name}:"
    for one in new:
        if one is not award.at:
            yield sentence(one.fact, namer(story, catalogue))
    expired = any(type(one.fact).__name__ == "AwardExpired" for one in new)
    if after == "expired" and not expired and award.valid_until is not None:
        yield f"It expired on {day(award.valid_until)}."
    elif len(new) == 0:
        yield f"It is {after} since {day(fact.effective_at)}."
