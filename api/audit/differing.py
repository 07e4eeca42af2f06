"""What changed between two moments, overall and learner by learner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from api.audit.moments import Moment, NoMoment
from ledger.application import Ledger
from ledger.codec import decode
from ledger.store import Stored
from projections.announcements import Announced, announced
from projections.connection import Connection
from projections.difference import LearnerChanges, When, expiring_between, learner_changes

Progress = Callable[[int, int], None]
_AT_ONCE = 10_000
_FOLDED_AT_ONCE = 500


class DiffCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much changed: `facts` by type, `awards` and `milestones` by what became of them."""

    facts: Mapping[str, int]
    learners: int
    awards: Mapping[str, int]
    milestones: Mapping[str, int]


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """What changed after one moment, up to another; `next` is the cursor of further learners."""

    from_position: int
    to_position: int
    from_instant: datetime
    to_instant: datetime
    counts: DiffCounts
    announcements: list[Announced]
    learners: list[LearnerChanges]
    next: str | None
    sentences: list[str]


def diff(
    ledger: Ledger,
    connection: Connection,
    before: Moment,
    after: Moment,
    progress: Progress = lambda _, __: None,
    *,
    learner_id: str | None = None,
    beyond: str = "",
    limit: int | None = None,
) -> Diff:
    """
    Say what changed; of one learner only, if named. Learners *beyond* an id are listed, up to *limit*; all are counted.

    *connection* reads views that know every fact up to *after*.
    """
    if before.position > after.position or before.instant > after.instant:
        raise NoMoment("the first moment is after the second")
    types, touched, others = _between(ledger, before.position, after.position, learner_id, progress)
    catalogue = ledger.catalogue_at(after.position)
    moments = When(*before), When(*after)
    if learner_id is None:
        touched |= set(expiring_between(connection, *moments))
    else:
        touched = {learner_id}
    listed: list[LearnerChanges] = []
    awards: Counter[str] = Counter()
    milestones: Counter[str] = Counter()
    changed, more = 0, None
    for whose, facts in _facts(ledger, sorted(touched), after.position):
        found = learner_changes(whose, list(map(decode, facts)), *moments, catalogue)
        if found is None:
            continue
        changed += 1
        for award in found.awards:
            (milestones if award.kind == "milestone" else awards)[award.change] += 1
        if whose > beyond:
            if limit is None or len(listed) < limit:
                listed.append(found)
            elif more is None:
                more = listed[-1].learner_id
    said = [one for stored in others if (one := announced(decode(stored), catalogue)) is not None]
    counts = DiffCounts(
        facts=dict(sorted(types.items())), learners=changed, awards=dict(awards), milestones=dict(milestones)
    )
    return Diff(
        from_position=before.position,
        to_position=after.position,
        from_instant=before.instant,
        to_instant=after.instant,
        counts=counts,
        announcements=said,
        learners=listed,
        next=more,
        sentences=[_overall(counts, after.position - before.position), *[one.sentence for one in said]],
    )


def _between(
    ledger: Ledger, after: int, until: int, learner_id: str | None, progress: Progress
) -> tuple[Counter[str], set[str], list[Stored]]:
    """Go through the facts after a position: how many of each type, of which learners, and those of nobody's record."""
    types: Counter[str] = Counter()
    learners: set[str] = set()
    others: list[Stored] = []
    if learner_id is not None:
        for stored in ledger.store.read(f"learner-{learner_id}", until=until):
            if stored.position > after:
                types[stored.name] += 1
        return types, learners, others
    start = after
    while some := ledger.store.read_log(after, _AT_ONCE, until):
        for stored in some:
            types[stored.name] += 1
            if stored.stream.startswith("learner-"):
                learners.add(stored.stream[8:])
            else:
                others.append(stored)
        after = some[-1].position
        progress(after - start, until - start)
    return types, learners, others


def _facts(ledger: Ledger, learner_ids: list[str], until: int) -> Iterable[tuple[str, list[Stored]]]:
    for start in range(0, len(learner_ids), _FOLDED_AT_ONCE):
        some = learner_ids[start : start + _FOLDED_AT_ONCE]
        read = ledger.store.read_many(f"learner-{one}" for one in some)
        for one in some:
            facts = [stored for stored in read.get(f"learner-{one}", ()) if stored.position <= until]
            if facts:
                yield one, facts


def _overall(counts: DiffCounts, facts: int) -> str:
    if not facts and not counts.learners:
        return "Nothing changed."
    kinds = ("awards", counts.awards), ("milestones", counts.milestones)
    told = [f"{number} {kind} {change}" for kind, found in kinds for change, number in found.items()]
    many = sum(counts.facts.values())
    return f"{many} facts were recorded; {counts.learners} learners are concerned" + (
        f": {', '.join(told)}." if told else "."
    )
