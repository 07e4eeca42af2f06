"""Undoing a batch as a unit: what it brought is voided, learner by learner, and then the batch is marked undone."""

from __future__ import annotations

from collections.abc import Callable

from api.imports.rehearsal import COMMAND_LINE
from ledger.application import Ledger, Receipt, refuse_stale
from ledger.batches import UndoBatch, batches
from ledger.decider import Setting
from ledger.errors import Refused
from ledger.event import Actor
from ledger.learners.commands import VoidBatch
from projections.batches import batch_learners
from projections.views import Views

AT_ONCE = 500
Progress = Callable[[int, int], None]


def undo_batch(
    ledger: Ledger,
    views: Views,
    batch_id: str,
    *,
    by: str,
    approved_by: str | None = None,
    actor: Actor = COMMAND_LINE,
    key: str | None = None,
    expect: int | None = None,
    progress: Progress | None = None,
) -> Receipt:
    """
    Undo the batch; raises `Refused` before anything is voided where the rules, *key* or *expect* forbid it.

    Views must have caught up: they say whom the batch concerns. A crash in between heals by undoing again.
    """
    learners = _learners(views, batch_id)
    command = UndoBatch(batch_id=batch_id, by=by, approved_by=approved_by, learners=len(learners))
    if (first := ledger.repeated(command, actor=actor, key=key)) is not None:
        return first
    facts = ledger.facts(f"batch-{batch_id}")
    refuse_stale(facts[-1].position if facts else 0, expect)
    state = batches.fold(batch_id, (recorded.fact for recorded in facts))
    batches.decide(state, command, Setting(now=ledger.now(), catalogue=ledger.catalogue(), by=actor.id))
    for start in range(0, len(learners), AT_ONCE):
        some = learners[start : start + AT_ONCE]
        voids = [VoidBatch(learner_id=learner, batch_id=batch_id, by=by) for learner in some]
        for answer in ledger.execute_many(voids, actor=actor, correlation=batch_id):
            if isinstance(answer, Refused):
                raise answer
        if progress:
            progress(start + len(some), len(learners))
    return ledger.execute(command, actor=actor, correlation=batch_id, key=key, expect=expect)


def _learners(views: Views, batch_id: str) -> list[str]:
    found: list[str] = []
    with views.reading() as connection:
        while more := batch_learners(connection, batch_id, after=found[-1] if found else ""):
            found += more
    return found
