"""
Replaying history under a supposed rule, from the log alone and writing nothing: who gains, who loses, who keeps.

One pass over the log finds who ever held what the stack's rules name; each of those learners is folded and settled, a
few hundred at a time, in order of their ids. So memory stays bounded, and the same question about the same position
and instant has the same answer, in whatever process and in either store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import msgspec

from ledger import codec
from ledger.catalogue import Catalogue
from ledger.decider import Setting
from ledger.event import Event
from ledger.foresight import AppliesTo, Digest, Foreseen, Outcome, Supposed
from ledger.learners import learners
from ledger.learners.foreseeing import foresee
from ledger.store import Store, Stored
from ledger.supposing import supposing

CatalogueAt = Callable[[int], Catalogue]
Progress = Callable[[int, int], None]
_READ_AT_ONCE = 5000
_LEARNER = "learner-"
_FOLDED_AT_ONCE = 200


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a preview came to, counted by milestones; `name` names the position, the instant and the digest of it all.

    `version` would take effect at `effective_at`; `folded` of `facts` facts were replayed, those of `learners`.
    """

    name: str
    stack_id: str
    version: int
    applies_to: AppliesTo
    position: int
    at: datetime
    effective_at: datetime
    gains: int
    loses: int
    keeps: int
    learners: int
    folded: int


def preview(
    store: Store,
    catalogue_at: CatalogueAt,
    supposed: Supposed,
    *,
    position: int,
    at: datetime,
    take: Callable[[Foreseen], None] | None = None,
    progress: Progress | None = None,
) -> Preview:
    """
    Replay history up to *position* as if the version were activated *at* an instant; hand each line to *take*.

    Refused where the version could not be drafted or take effect.
    """
    world = World.of(catalogue_at(position), supposed, at)
    digest = Digest(supposed, world.version, world.milestone, position, at)
    counts: dict[Outcome, int] = {"gains": 0, "loses": 0, "keeps": 0}
    some = concerned(store, world.names(supposed), supposed.stack_id, position, progress)
    folded = 0
    for done, (learner_id, facts) in enumerate(stories(store, some, position), start=1):
        folded += len(facts)
        for line in world.foresee(learner_id, supposed.stack_id, facts):
            counts[line.outcome] += 1
            digest.add(line)
            if take is not None:
                take(line)
        if progress is not None:
            progress(position + done, position + len(some))
    return Preview(
        name=digest.name(), stack_id=supposed.stack_id, version=world.version, applies_to=supposed.applies_to,
        position=position, at=at, effective_at=supposed.effective(at), learners=len(some), folded=folded, **counts,
    )  # fmt: skip


def concerned(
    store: Store,
    achievements: Iterable[str],
    stack_id: str,
    until: int,
    progress: Progress | None = None,
    *,
    after: int = 0,
) -> list[str]:
    """Return, in order, who up to *until* was awarded any of *achievements*, or had one substituted in the stack."""
    wanted = {
        "achievement.awarded": saying("achievement_id", achievements),
        "component.substituted": saying("stack_id", [stack_id]),
    }
    return sorted(naming(store, wanted, until, progress, after=after))


def naming(
    store: Store,
    wanted: Mapping[str, re.Pattern[bytes]],
    until: int,
    progress: Progress | None = None,
    *,
    after: int = 0,
) -> set[str]:
    """
    Return the learners of whom a fact up to *until* says what is *wanted*: by the name without its version, a pattern.

    Bodies are canonical JSON, so that a pattern finds what decoding would, at a fraction of the cost.
    """
    found: set[str] = set()
    while after < until:
        read = store.read_log(after, _READ_AT_ONCE, until)
        if not read:
            break
        for position, stream, _, name, body, _ in read:
            pattern = wanted.get(name.rpartition(".")[0])
            if pattern is not None and pattern.search(body):
                found.add(stream.partition("-")[2])
            after = position
        if progress is not None:
            progress(after, until)
    return found


def changed(store: Store, after: int, until: int) -> set[str]:
    """Return the learners about whom there are facts after one position, up to another."""
    found: set[str] = set()
    while read := store.read_log(after, _READ_AT_ONCE, until):
        found.update(one.stream.removeprefix(_LEARNER) for one in read if one.stream.startswith(_LEARNER))
        after = read[-1].position
    return found


def saying(field: str, names: Iterable[str]) -> re.Pattern[bytes]:
    """Return what finds any of *names* as the value of *field*, as it is written in a body."""
    written = b"|".join(re.escape(msgspec.json.encode(name)) for name in sorted(names))
    return re.compile(b'"' + field.encode() + b'":(?:' + written + b")")


class World(NamedTuple):
    """A catalogue before and after the change, at the instant at which that takes effect."""

    before: Setting
    after: Setting
    version: int
    milestone: int

    @classmethod
    def of(cls, catalogue: Catalogue, supposed: Supposed, at: datetime) -> World:
        supposed_so, version = supposing(catalogue, supposed, at)
        effective_at = supposed.effective(at)
        milestone, _ = supposed_so.published(supposed.definition.milestone)
        return cls(
            Setting(now=effective_at, catalogue=catalogue),
            Setting(now=effective_at, catalogue=supposed_so),
            version,
            milestone,
        )

    def names(self, supposed: Supposed) -> frozenset[str]:
        """Return the achievements that any version of the stack names or leads to."""
        versions = self.after.catalogue.stack(supposed.stack_id).versions.values()
        return frozenset(name for one in versions for name in (*one.rule.names, one.definition.milestone))

    def foresee(self, learner_id: str, stack_id: str, facts: Iterable[Stored]) -> tuple[Foreseen, ...]:
        record = learners.fold(learner_id, map(fact_of, facts))
        return foresee(record, stack_id, self.before, self.after)


def stories(store: Store, learner_ids: Iterable[str], until: int) -> Iterator[tuple[str, list[Stored]]]:
    """Yield each learner's facts up to *until*, reading a few hundred learners at a time."""
    left = iter(learner_ids)
    while some := list(islice(left, _FOLDED_AT_ONCE)):
        read = store.read_many([f"learner-{learner_id}" for learner_id in some])
        for learner_id in some:
            yield learner_id, up_to(until, read.get(f"learner-{learner_id}", ()))


def fact_of(stored: Stored) -> Event:
    return codec.decode(stored).fact


def up_to(position: int, facts: Iterable[Stored]) -> list[Stored]:
    return [one for one in facts if one.position <= position]
