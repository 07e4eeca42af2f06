"""Where ledger and model must agree, and what must be true of any log whatever happened."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger.events import AchievementAwarded, AwardDeclined, AwardQueued, StackCompleted
from ledger.learners import learners as rules
from ledger.learners.commands import Settle
from ledger.learners.outcome import standing
from ledger.learners.record import Record
from projections.award_queues import queued_awards
from projections.award_register import awards
from projections.progress import progress
from projections.transcript import transcript
from tests.simulation.college import ACTOR, College
from tests.simulation.model import Learner
from tests.simulation.stacking import basis_of, in_effect
from tests.simulation.things import Award


def agree(college: College, learners: dict[str, Learner], now: datetime) -> None:
    """All is settled: record and views say what the model says, and settling again records nothing."""
    for name, learner in learners.items():
        record = college.ledger.record(name)
        at_most_one_live(record, now)
        for chapter, expected in wanted(learner).items():
            actual = found(college, record)[chapter]
            assert expected == actual, f"{name}: {chapter} should be\n{expected}\nnot\n{actual}"
        assert record == rules.fold(name, (one.fact for one in college.ledger.facts(f"learner-{name}")))
        registered(college, learner, now)
        told(college, learner, now)
    receipts = college.ledger.execute_many([Settle(learner_id=name) for name in learners], actor=ACTOR)
    assert all(() == receipt.recorded for receipt in receipts), "settling again records nothing"  # type: ignore[union-attr]


def wanted(learner: Learner) -> dict[str, Any]:
    return {
        "evidence": {e.id: "withdrawn" if e.withdrawn else e.standing() for e in learner.evidence.values()},
        "awards": [(a.id, a.achievement, a.effective_at, a.valid_until, a.ended, a.suspended) for a in learner.awards],
        "completions": [
            (
                c.stack, c.version + 1, {a.id for a in c.basis}, c.at, c.award.id if c.award else c.declined,
                [(b.cause, b.policy, b.due, b.decided, {a.id for a in b.lost}) for b in c.breaks],
            )
            for c in learner.completions
        ],
        "queue": Counter(w.what() for w in learner.queue),
        "appeals": set(learner.appeals),
    }  # fmt: skip


def found(college: College, record: Record) -> dict[str, Any]:
    catalogue = college.ledger.catalogue()
    return {
        "evidence": {
            e.evidence_id: "withdrawn"
            if e.evidence_id in record.withdrawn
            else standing(record, e, catalogue.definition(e.achievement_id, e.achievement_version))
            for e in record.evidence.values()
        },
        "awards": [
            (a.award_id, a.achievement_id, a.effective_at, a.valid_until, a.ended, a.suspensions)
            for a in record.awards.values()
        ],
        "completions": [
            (
                c.stack_id, c.version, set(c.awards), c.effective_at,
                c.award_id if c.award_id in record.awards else c.declined and c.declined.replace("person", "hand"),
                [(b.cause, b.policy, b.due_at, b.decided, set(b.lost)) for b in c.breaks],
            )
            for c in record.completions.values()
        ],
        "queue": Counter(what_waits(q) for q in record.queued.values()),
        "appeals": set(record.appeals),
    }  # fmt: skip


def what_waits(queued: Any) -> tuple[str | None, ...]:
    """Return an entry of a queue as the model tells them apart: from the record or from the views."""
    evidence_id = queued.evidence_id if hasattr(queued, "evidence_id") else queued.basis.evidence_id
    review = queued.queue == "review"
    return queued.queue, queued.achievement_id, None if review else evidence_id, queued.award_id if review else None


def registered(college: College, learner: Learner, now: datetime) -> None:
    """The views say what the model says: the register, and the queues of registrars."""
    with college.views.reading() as connection:
        lines = awards(connection, now, learner_id=learner.name, limit=1000)
        queues = [*queued_awards(connection, "confirm", limit=1000), *queued_awards(connection, "review", limit=1000)]
    assert [(a.id, status(a)) for a in learner.awards] == [(line.award_id, line.status) for line in lines]
    mine = Counter(what_waits(q) for q in queues if q.learner_id == learner.name)
    assert Counter(w.what() for w in learner.queue) == mine


def told(college: College, learner: Learner, now: datetime) -> None:
    """Transcript and progress say what the model says."""
    facts, catalogue = college.ledger.facts(f"learner-{learner.name}"), college.ledger.catalogue()
    full = transcript(learner.name, facts, catalogue, now, "full")
    assert {a.id: status(a) for a in learner.awards} == {line.award_id: line.status for line in full.awards}
    official = transcript(learner.name, facts, catalogue, now, "official")
    assert {a.id for a in learner.awards if a.lost(now) is None} == {line.award_id for line in official.awards}
    stages = {one.stack_id: one.stage for one in progress(learner.name, facts, catalogue, now).stacks}
    mine = {name: stage(learner, name, now) for name in learner.stacks}
    assert {name: one for name, one in mine.items() if one} == stages


def stage(learner: Learner, name: str, now: datetime) -> str | None:
    for completion in learner.completions:
        if completion.stack == name and completion.is_open(now):
            if completion.award is None:
                return "awaits confirmation"
            threatens = [b for b in completion.breaks if b.lost and not b.decided and b.policy != "keep"]
            return "suspended" if completion.award.suspended else "at risk" if threatens else "held"
    version = in_effect(learner, name, now)
    if version is None:
        return None
    stack = learner.stacks[name][version]
    has_some = any(a.achievement in stack.of and a.lost(now) is None for a in learner.awards)
    return "complete" if basis_of(learner, stack, now) else "under way" if has_some else "not begun"


def status(award: Award) -> str:
    return award.ended or ("suspended" if award.suspended else "live")


def at_most_one_live(record: Record, now: datetime) -> None:
    held = Counter(a.achievement_id for a in record.awards.values() if a.stands(now))
    assert not [achievement for achievement, times in held.items() if times > 1]


def sound(college: College, directory: Path) -> None:
    """The log is in order, every completion has exactly one milestone, and views built anew are the same."""
    log = college.ledger.log(0, 10**6)
    assert sorted({one.position for one in log}) == [one.position for one in log]
    assert sorted(one.recorded_at for one in log) == [one.recorded_at for one in log]
    versions: Counter[str] = Counter()
    for one in log:
        versions[one.stream] += 1
        assert versions[one.stream] == one.version, "versions of a stream are 1..n"
    facts = [one.fact for one in log]
    times = Counter(fact.award_id for fact in facts if isinstance(fact, AchievementAwarded))
    assert {1} >= set(times.values()), "no award twice"
    queued = {fact.queue_id: fact.award_id for fact in facts if isinstance(fact, AwardQueued)}
    declined = {queued[fact.queue_id] for fact in facts if isinstance(fact, AwardDeclined)}
    for fact in facts:
        if isinstance(fact, StackCompleted):
            waits = fact.queue_id in queued
            assert 1 == times[fact.award_id] or (waits and times[fact.award_id] == 0)
            assert not (fact.award_id in declined and times[fact.award_id])
    with college.rebuilt(directory) as again:
        assert again.hash() == college.views.hash(), "views built anew are the same"
