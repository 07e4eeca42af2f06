"""
Stacks: the rules under which awards complete a milestone, one stream each.

Rules kept here:

- a rule is of the language, names only what was drafted, can be reached and runs in no circle, from its first draft;
- a draft may be replaced until it is approved; an approved version never changes, a change is the next version;
- a version is approved by a person other than its drafter;
- only an approved version is activated, when its milestone is published, and never one older than what is activated;
- a version takes effect at the instant asked for, else at its `starts_at`, else now;
- for holders it does so only as it was previewed, and only if nobody would lose by now whom the preview does not list;
- what is retired completes no more; completions keep the version they were made under;
- drafting, approving or activating the same again records nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ledger import errors, ids
from ledger.decider import Command, Decider, Setting
from ledger.definition import StackDefinition
from ledger.event import Event
from ledger.events import StackActivated, StackApproved, StackDrafted, StackRetired, StackRevised
from ledger.foresight import Question, Supposed
from ledger.programme import StackRecord, StackVersion, evolve_stack
from ledger.sound_definition import identical, sound_stack
from ledger.sound_rule import sound


class StackCommand(Command, frozen=True, kw_only=True):
    """A command about one stack."""

    stack_id: str


class DraftStack(StackCommand, frozen=True, kw_only=True):
    """Draft the first version."""

    definition: StackDefinition
    by: str


class ReviseStack(StackCommand, frozen=True, kw_only=True):
    """Draft the next version, or replace the draft that is not approved yet."""

    definition: StackDefinition
    by: str


class ApproveStack(StackCommand, frozen=True, kw_only=True):
    """Approve a drafted version, as a second person."""

    version: int
    by: str


class ActivateStack(StackCommand, frozen=True, kw_only=True):
    """Let an approved version take effect, for new completions only or for those who hold the milestone too."""

    version: int
    by: str
    applies_to: Literal["new", "holders"] = "new"
    effective_at: datetime | None = None
    preview: str | None = None


class RetireStack(StackCommand, frozen=True, kw_only=True):
    """Let the stack complete no more."""

    by: str
    reason: str


def decide(state: StackRecord, command: StackCommand, setting: Setting) -> list[Event]:
    match command:
        case DraftStack():
            return _draft(state, command, setting)
        case ReviseStack():
            return _revise(state, command, setting)
        case ApproveStack():
            return _approve(state, command, setting)
        case ActivateStack():
            return _activate(state, command, setting)
        case RetireStack():
            return _retire(state, command, setting)
    raise TypeError(command)


def _draft(state: StackRecord, command: DraftStack, setting: Setting) -> list[Event]:
    if state.versions:
        if any(identical(command.definition, state.versions[n].definition) for n in (1, state.newest)):
            return []
        raise errors.AlreadyRecorded(f"Stack {state.id} is drafted already; revise it.", field="stack_id")
    ids.checked(command.stack_id, "stack_id")
    _sound(command, setting)
    return [StackDrafted(effective_at=setting.now, definition=command.definition, drafted_by=command.by)]


def _revise(state: StackRecord, command: ReviseStack, setting: Setting) -> list[Event]:
    newest = _version(state, state.newest)
    if identical(command.definition, newest.definition):
        return []
    _not_retired(state)
    _sound(command, setting)
    version = state.newest if newest.approved_by is None else state.newest + 1
    return [
        StackRevised(effective_at=setting.now, version=version, definition=command.definition, revised_by=command.by)
    ]


def _approve(state: StackRecord, command: ApproveStack, setting: Setting) -> list[Event]:
    version = state.versions.get(command.version)
    if version is None:
        raise errors.NotDrafted(f"Stack {command.stack_id} has no version {command.version}.", field="version")
    if version.approved_by is not None:
        return []
    _not_retired(state)
    if setting.catalogue.root(command.by) == setting.catalogue.root(version.drafted_by):
        raise errors.SecondPersonNeeded("Who drafted a version does not approve it.", field="by")
    return [StackApproved(effective_at=setting.now, version=command.version, approved_by=command.by)]


def _activate(state: StackRecord, command: ActivateStack, setting: Setting) -> list[Event]:
    version = _version(state, command.version)
    if version.effective_at is not None:
        if command.applies_to != version.applies_to or command.effective_at not in {None, version.effective_at}:
            raise errors.AlreadyRecorded(f"Version {command.version} is activated already, otherwise.", field="version")
        return []
    _not_retired(state)
    if version.approved_by is None:
        raise errors.NotApproved(f"Version {command.version} of {state.id} is not approved yet.", field="version")
    if state.activated is not None and command.version < state.activated:
        raise errors.Invalid(f"Version {state.activated} of {state.id} is activated already.", field="version")
    if command.effective_at is not None and command.effective_at.tzinfo is None:
        raise errors.Invalid("effective_at needs an offset from UTC, such as Z.", field="effective_at")
    setting.catalogue.published(version.definition.milestone)
    return [
        StackActivated(
            effective_at=command.effective_at or version.definition.starts_at or setting.now,
            version=command.version,
            activated_by=command.by,
            applies_to=command.applies_to,
            preview=command.preview,
            rechecked_to=_rechecked_to(command, setting),
        )
    ]


def _rechecked_to(command: ActivateStack, setting: Setting) -> int | None:
    """Return up to which position the preview was checked against the log; refuse what it does not bear out."""
    if command.applies_to == "new":
        if command.preview is not None:
            raise errors.Invalid("A preview is named only where the version applies to holders.", field="preview")
        return None
    found = setting.rechecked
    if command.preview is None or found is None:
        raise errors.PreviewNeeded("Preview this version for holders, and name the preview here.", field="preview")
    if found.preview != command.preview:
        msg = "This is no preview of this version as it would take effect now; preview it again, for holders."
        raise errors.PreviewDiffers(msg, field="preview")
    if found.unlisted:
        more = f" and {found.others} more" if found.others else ""
        msg = f"By now {', '.join(found.unlisted)}{more} would lose by it, not in the preview; preview it again."
        raise errors.UnlistedLosers(msg, field="preview")
    return found.position


def _asks(state: StackRecord, command: StackCommand) -> Question | None:
    """Return what to look up in the log: whether a preview is true, and who would lose by now."""
    if not isinstance(command, ActivateStack) or command.applies_to == "new" or command.preview is None:
        return None
    version = state.versions.get(command.version)
    if version is None or version.approved_by is None or version.effective_at is not None or state.retired:
        return None
    supposed = Supposed(
        stack_id=state.id, definition=version.definition, applies_to="holders", begins=command.effective_at
    )
    return Question(supposed, command.preview)


def _retire(state: StackRecord, command: RetireStack, setting: Setting) -> list[Event]:
    _version(state, state.newest)
    if state.retired:
        return []
    return [StackRetired(effective_at=setting.now, retired_by=command.by, reason=command.reason)]


def _version(state: StackRecord, number: int) -> StackVersion:
    if not state.versions:
        raise errors.Unknown(f"There is no stack {state.id}.", field="stack_id")
    if number not in state.versions:
        raise errors.Unknown(f"Stack {state.id} has no version {number}.", field="version")
    return state.versions[number]


def _not_retired(state: StackRecord) -> None:
    if state.retired:
        raise errors.Retired(f"Stack {state.id} was retired; it takes nothing new.", field="stack_id")


def _sound(command: DraftStack | ReviseStack, setting: Setting) -> None:
    sound_stack(command.definition)
    milestone = setting.catalogue.achievements.get(command.definition.milestone)
    if milestone is None:
        raise errors.UnusableDefinition(f"There is no achievement {command.definition.milestone}.", field="milestone")
    if milestone.retired:
        raise errors.Retired(f"The milestone {milestone.id} was retired.", field="milestone")
    sound(command.definition.rule, setting.catalogue, earns=command.definition.milestone, field="rule")


stacks: Decider[StackRecord, StackCommand] = Decider(
    category="stack",
    initial=lambda subject: StackRecord(id=subject),
    evolve=evolve_stack,
    decide=decide,
    subject=lambda command: command.stack_id,
    asks=_asks,
)
