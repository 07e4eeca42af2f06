"""
A file with one stack or one achievement, as a catalogue file has it: `{"id": …, "milestone": {…}, "rule": {…}, …}`.

The milestone may be the identifier of an achievement too, as in the body of a request that drafts a stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from marshmallow import ValidationError

from api.imports.unusable import UnusableFile
from api.paths import field_errors
from api.schemas.definitions import (
    AchievementEntry,
    AchievementEntrySchema,
    StackEntry,
    StackEntrySchema,
    StackInFileSchema,
)
from api.strict_json import Malformed, loads
from ledger.application import Ledger
from ledger.decider import Setting
from ledger.errors import AlreadyRecorded, Refused
from ledger.foresight import AppliesTo, Question, Rechecked, Supposed
from ledger.rechecking import Recheck


def read_stack(raw: bytes) -> StackEntry:
    """Read and validate the file by itself; raises `UnusableFile` naming the path of the first faults."""
    try:
        document = loads(raw)
        if not isinstance(document, dict):
            raise UnusableFile('The file must hold one stack: {"id": …, "milestone": …, "rule": …}.')
        milestone = document.get("milestone")
        if isinstance(milestone, dict):
            milestone.setdefault("evidence_required", False)
        schema = StackInFileSchema() if isinstance(milestone, dict) else StackEntrySchema()
        entry: StackEntry = schema.load(document)
    except Malformed as error:
        raise UnusableFile(str(error)) from None
    except ValidationError as error:
        raise UnusableFile(" ".join(found.sentence for found in field_errors(error.messages)[:5])) from None
    return entry


def read_achievement(raw: bytes) -> AchievementEntry:
    """Read and validate a file with one achievement, as a catalogue file has it."""
    try:
        document = loads(raw)
        if not isinstance(document, dict):
            raise UnusableFile('The file must hold one achievement: {"id": …, "name": …, "criteria": …}.')
        document.setdefault("evidence_required", False)
        entry: AchievementEntry = AchievementEntrySchema().load(document)
    except Malformed as error:
        raise UnusableFile(str(error)) from None
    except ValidationError as error:
        raise UnusableFile(" ".join(found.sentence for found in field_errors(error.messages)[:5])) from None
    return entry


def supposed_of(entry: StackEntry, applies_to: AppliesTo) -> Supposed:
    """Return what a preview supposes of a stack in a file."""
    return Supposed(
        stack_id=entry.id,
        definition=entry.definition,
        applies_to=applies_to,
        milestone=entry.milestone.definition if entry.milestone else None,
    )


class CheckedPreview(NamedTuple):
    """The preview that somebody named for a stack of a file, and what the log says of it."""

    name: str
    rechecked: Rechecked


def checked_previews(
    ledger: Ledger, stacks: Iterable[StackEntry], holders: Mapping[str, str]
) -> dict[str, CheckedPreview]:
    """Look up each preview named for a stack; what is wrong with it is refused where the stack is activated."""
    entries = {entry.id: (f"stacks[{index}]", entry) for index, entry in enumerate(stacks)}
    found: dict[str, CheckedPreview] = {}
    for stack_id, name in holders.items():
        if stack_id not in entries:
            raise UnusableFile(f"A preview is named for {stack_id}, which is no stack of this file.")
        path, entry = entries[stack_id]
        question = Question(supposed_of(entry, "holders"), name)
        try:
            setting = Setting(now=ledger.now(), catalogue=ledger.catalogue())
            found[stack_id] = CheckedPreview(
                name, Recheck(ledger.store, ledger.catalogue_at, question, setting).found()
            )
        except AlreadyRecorded:  # a file that is sent again activates nothing again
            continue
        except Refused as refused:
            raise UnusableFile(f"{path}: {refused.detail}") from None
    return found
