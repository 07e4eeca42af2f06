"""
Batches: files imported as units, that can be undone as units; one stream each.

Rules kept here:

- a batch is recorded once, with its counts; an undone file comes back as a batch of its own;
- undoing a batch older than a day is a revocation: it takes a second person;
- undoing again records nothing.

What a batch brought is voided in each learner's stream, by the batch's id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ledger import errors, ids
from ledger.decider import Command, Decider, Setting
from ledger.event import Event
from ledger.events import BatchRecorded, BatchUndone

ALONE_WITHIN = timedelta(days=1)


class BatchCommand(Command, frozen=True, kw_only=True):
    """A command about one batch."""

    batch_id: str


class RecordBatch(BatchCommand, frozen=True, kw_only=True):
    """Record that a file was imported: `digest` is the file's, counts are of its rows."""

    digest: str
    rows: int
    recorded: int
    repeated: int
    refused: int
    after_position: int


class UndoBatch(BatchCommand, frozen=True, kw_only=True):
    """Record that everything the batch brought is void, for that many learners."""

    by: str
    approved_by: str | None = None
    learners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One imported file."""

    id: str
    recorded: BatchRecorded | None = None
    undone: bool = False


def undoing_takes_two(batch: Batch, now: datetime) -> bool:
    """Whether the batch has stood so long that undoing it is a revocation."""
    return batch.recorded is not None and now - batch.recorded.effective_at > ALONE_WITHIN


def evolve(state: Batch, fact: Event) -> Batch:
    match fact:
        case BatchRecorded():
            return replace(state, recorded=fact)
        case BatchUndone():
            return replace(state, undone=True)
    return state


def decide(state: Batch, command: BatchCommand, setting: Setting) -> list[Event]:
    match command:
        case RecordBatch():
            return _record(state, command, setting)
        case UndoBatch():
            return _undo(state, command, setting)
    raise TypeError(command)


def _record(state: Batch, command: RecordBatch, setting: Setting) -> list[Event]:
    fact = BatchRecorded(
        effective_at=setting.now if state.recorded is None else state.recorded.effective_at,
        digest=command.digest,
        rows=command.rows,
        recorded=command.recorded,
        repeated=command.repeated,
        refused=command.refused,
        after_position=command.after_position,
    )
    if fact == state.recorded:
        return []
    if state.recorded is not None:
        raise errors.AlreadyRecorded(f"Batch {state.id} is recorded with other counts.", field="batch_id")
    ids.checked(command.batch_id, "batch_id")
    return [fact]


def _undo(state: Batch, command: UndoBatch, setting: Setting) -> list[Event]:
    if state.recorded is None:
        raise errors.Unknown(f"There is no batch {state.id}.", field="batch_id")
    if state.undone:
        return []
    root = setting.catalogue.root
    if undoing_takes_two(state, setting.now) and command.approved_by is None:
        raise errors.SecondPersonNeeded("The batch is older than a day; a second person approves.", field="approved_by")
    if command.approved_by is not None and root(command.approved_by) == root(command.by):
        raise errors.SecondPersonNeeded("Who undoes a batch does not approve it as well.", field="approved_by")
    return [
        BatchUndone(
            effective_at=setting.now,
            undone_by=command.by,
            approved_by=command.approved_by,
            learners=command.learners,
        )
    ]


batches: Decider[Batch, BatchCommand] = Decider(
    category="batch",
    initial=lambda subject: Batch(id=subject),
    evolve=evolve,
    decide=decide,
    subject=lambda command: command.batch_id,
)
