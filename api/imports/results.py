"""
Results imported as one batch: rows read and checked, then recorded learner by learner.

A row is recorded whole or, with the name of the broken rule, not at all; the other rows are recorded all the same.
Identifiers follow from the file's own: a row sent again finds its evidence by an HMAC of `evidence_id` under the
learner's key, and records nothing twice. A crash in between heals by sending the file again: it goes on in the same
batch. What follows by settling is recorded by who follows the log, not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from api.imports.recording import Preview, Recording
from api.imports.rehearsal import COMMAND_LINE
from api.imports.rows import Reported, Row, read, readable
from api.problems import kebab
from api.schemas.imports import ALREADY_RECORDED
from ledger import ids
from ledger.application import Ledger
from ledger.batches import RecordBatch
from ledger.catalogue import Catalogue
from ledger.definition import AchievementDefinition
from ledger.errors import AlreadyRecorded, Refused
from ledger.event import Actor

__all__ = ["File", "Outcome", "import_results", "preview_results", "read_file", "readable"]

AT_ONCE = 1000
_ALREADY = (
    "Evidence {row.evidence_id} of {row.learner_ref}, or this judgement of it, is recorded already with other content; "
    "undo the batch that brought it and send the file again, or correct it by hand."
)
Progress = Callable[[int, int], None]


class File(NamedTuple):
    """A file of results as read against the catalogue."""

    digest: str
    rows: tuple[Row, ...]
    refused: tuple[Reported, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an import came to, in rows; `repeated` ones were recorded before. `reports` has one line per row."""

    batch_id: str | None
    dry_run: bool
    rows: int
    recorded: int
    repeated: int
    refused: int
    learners: int
    position: int
    reports: tuple[Reported, ...]


def read_file(raw: bytes, catalogue: Catalogue) -> File:
    """Read *raw* against *catalogue*; raises `UnusableFile`."""

    def definition_of(achievement_id: str) -> AchievementDefinition:
        return catalogue.published(achievement_id)[1]

    found = list(read(raw, definition_of))
    rows = tuple(each for each in found if isinstance(each, Row))
    refused = tuple(each for each in found if isinstance(each, Reported))
    return File(hashlib.sha256(raw).hexdigest(), rows, refused)


def import_results(
    ledger: Ledger, file: File, *, actor: Actor = COMMAND_LINE, progress: Progress | None = None
) -> Outcome:
    """Record every row of *file* that can be recorded, and the batch."""
    before = ledger.store.head()
    batch_id, earlier = _batch(ledger, file.digest)
    reports = _carry_out(Recording(ledger, file.rows, batch_id, actor), file, progress)
    outcome = _outcome(file, reports, ledger.store.head(), batch_id=batch_id)
    if not outcome.recorded:
        return msgspec.structs.replace(outcome, batch_id=earlier)
    command = RecordBatch(
        batch_id=batch_id,
        digest=file.digest,
        rows=outcome.rows,
        recorded=outcome.recorded,
        repeated=outcome.repeated,
        refused=outcome.refused,
        after_position=before,
    )
    receipt = ledger.execute(command, actor=actor, correlation=batch_id)
    return msgspec.structs.replace(outcome, position=receipt.position)


def preview_results(
    ledger: Ledger, file: File, *, actor: Actor = COMMAND_LINE, progress: Progress | None = None
) -> Outcome:
    """Say what `import_results` would do, by the same rules, recording nothing."""
    reports = _carry_out(Preview(ledger, file.rows, actor), file, progress)
    return _outcome(file, reports, ledger.store.head(), batch_id=None)


def _carry_out(door: Recording | Preview, file: File, progress: Progress | None) -> list[Reported]:
    reports: list[Reported] = []
    for rows in _by_learner(file.rows):
        answers = door.carry_out([door.commands.of(row) for row in rows])
        reports += map(_reported, rows, answers)
        if progress:
            progress(len(reports), len(file.rows))
    return reports


def _reported(row: Row, answer: bool | Refused) -> Reported:
    if isinstance(answer, AlreadyRecorded):
        return Reported(row.line, "already-recorded", _ALREADY.format(row=row))
    if isinstance(answer, Refused):
        return Reported(row.line, kebab(type(answer).__name__), answer.detail)
    if answer:
        return Reported(row.line, "recorded", "")
    return Reported(row.line, "repeated", ALREADY_RECORDED)


def _outcome(file: File, reports: list[Reported], position: int, *, batch_id: str | None) -> Outcome:
    recorded = sum(report.code == "recorded" for report in reports)
    repeated = sum(report.code == "repeated" for report in reports)
    lines = tuple(sorted([*reports, *file.refused]))
    return Outcome(
        batch_id=batch_id,
        dry_run=batch_id is None,
        rows=len(lines),
        recorded=recorded,
        repeated=repeated,
        refused=len(lines) - recorded - repeated,
        learners=len({row.learner_ref for row in file.rows}),
        position=position,
        reports=lines,
    )


def _batch(ledger: Ledger, digest: str) -> tuple[str, str | None]:
    """Return the batch that recording this file now makes, and the one that it made the last time."""
    earlier, number = None, 1
    while ledger.facts(f"batch-{(batch_id := ids.derived('bat', digest, number))}"):
        earlier, number = batch_id, number + 1
    return batch_id, earlier


def _by_learner(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows of whole learners together, about `AT_ONCE` at a time; each learner's keep the file's order."""
    of_learner: dict[str, list[Row]] = {}
    for row in rows:
        of_learner.setdefault(row.learner_ref, []).append(row)
    some: list[list[Row]] = []
    count = 0
    for theirs in of_learner.values():
        some.append(theirs)
        count += len(theirs)
        if count >= AT_ONCE:
            yield list(chain.from_iterable(some))
            some, count = [], 0
    if some:
        yield list(chain.from_iterable(some))
