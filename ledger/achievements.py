"""
Achievements: definitions from draft to retirement, one stream each.

Rules kept here:

- a definition is complete, consistent, and its prerequisites can be met, from its first draft;
- a draft may be replaced until it is approved; an approved version never changes, a change is the next version;
- a version is approved by a person other than its drafter, with every principle of the programme's framework checked;
- only an approved version is published, and never one older than what is published;
- a partner endorses one approved version, once; withdrawing takes nothing from earners;
- what is retired takes nothing new;
- drafting, approving or publishing the same again records nothing.
"""

from __future__ import annotations

from ledger import errors, ids
from ledger.decider import Command, Decider, Setting
from ledger.definition import PRINCIPLES, AchievementDefinition, FrameworkCheck
from ledger.event import Event
from ledger.events import (
    AchievementApproved,
    AchievementDrafted,
    AchievementEndorsed,
    AchievementPublished,
    AchievementRetired,
    AchievementRevised,
    EndorsementWithdrawn,
)
from ledger.programme import AchievementRecord, AchievementVersion, evolve_achievement
from ledger.sound_definition import identical, sound_achievement
from ledger.sound_rule import sound


class AchievementCommand(Command, frozen=True, kw_only=True):
    """A command about one achievement."""

    achievement_id: str


class DraftAchievement(AchievementCommand, frozen=True, kw_only=True):
    """Draft the first version."""

    definition: AchievementDefinition
    by: str


class ReviseAchievement(AchievementCommand, frozen=True, kw_only=True):
    """Draft the next version, or replace the draft that is not approved yet."""

    definition: AchievementDefinition
    by: str


class ApproveAchievement(AchievementCommand, frozen=True, kw_only=True):
    """Approve a drafted version, as a second person."""

    version: int
    by: str
    check: FrameworkCheck


class PublishAchievement(AchievementCommand, frozen=True, kw_only=True):
    """Hold new submissions to an approved version."""

    version: int
    by: str


class EndorseAchievement(AchievementCommand, frozen=True, kw_only=True):
    """Endorse one version, as a partner."""

    endorsement_id: str
    version: int
    partner: str
    statement: str


class WithdrawEndorsement(AchievementCommand, frozen=True, kw_only=True):
    """Take an endorsement back."""

    endorsement_id: str
    reason: str


class RetireAchievement(AchievementCommand, frozen=True, kw_only=True):
    """Take no new submissions."""

    by: str
    reason: str


def decide(state: AchievementRecord, command: AchievementCommand, setting: Setting) -> list[Event]:
    match command:
        case DraftAchievement():
            return _draft(state, command, setting)
        case ReviseAchievement():
            return _revise(state, command, setting)
        case ApproveAchievement():
            return _approve(state, command, setting)
        case PublishAchievement():
            return _publish(state, command, setting)
        case EndorseAchievement():
            return _endorse(state, command, setting)
        case WithdrawEndorsement():
            return _withdraw(state, command, setting)
        case RetireAchievement():
            return _retire(state, command, setting)
    raise TypeError(command)


def _draft(state: AchievementRecord, command: DraftAchievement, setting: Setting) -> list[Event]:
    if state.versions:
        if any(identical(command.definition, state.versions[n].definition) for n in (1, state.newest)):
            return []
        raise errors.AlreadyRecorded(f"{state.id} is drafted already; revise it.", field="achievement_id")
    ids.checked(command.achievement_id, "achievement_id")
    _sound(command, setting)
    return [AchievementDrafted(effective_at=setting.now, definition=command.definition, drafted_by=command.by)]


def _revise(state: AchievementRecord, command: ReviseAchievement, setting: Setting) -> list[Event]:
    newest = _version(state, state.newest)
    if identical(command.definition, newest.definition):
        return []
    _not_retired(state)
    _sound(command, setting)
    version = state.newest if newest.approved_by is None else state.newest + 1
    return [
        AchievementRevised(
            effective_at=setting.now, version=version, definition=command.definition, revised_by=command.by
        )
    ]


def _approve(state: AchievementRecord, command: ApproveAchievement, setting: Setting) -> list[Event]:
    version = state.versions.get(command.version)
    if version is None:
        raise errors.NotDrafted(f"{command.achievement_id} has no version {command.version}.", field="version")
    if version.approved_by is not None:
        return []
    _not_retired(state)
    if setting.catalogue.root(command.by) == setting.catalogue.root(version.drafted_by):
        raise errors.SecondPersonNeeded("Who drafted a version does not approve it.", field="by")
    _checked(command.check)
    return [
        AchievementApproved(
            effective_at=setting.now, version=command.version, approved_by=command.by, check=command.check
        )
    ]


def _publish(state: AchievementRecord, command: PublishAchievement, setting: Setting) -> list[Event]:
    version = _version(state, command.version)
    if version.published_at is not None:
        return []
    _not_retired(state)
    if version.approved_by is None:
        raise errors.NotApproved(f"Version {command.version} of {state.id} is not approved yet.", field="version")
    if state.published is not None and command.version < state.published:
        raise errors.Invalid(f"Version {state.published} of {state.id} is published already.", field="version")
    return [AchievementPublished(effective_at=setting.now, version=command.version, published_by=command.by)]


def _endorse(state: AchievementRecord, command: EndorseAchievement, setting: Setting) -> list[Event]:
    version = _version(state, command.version)
    for number, known in state.versions.items():
        for one in known.endorsements:
            same = (number, one.partner, one.statement) == (command.version, command.partner, command.statement)
            if one.id == command.endorsement_id and not same:
                raise errors.AlreadyRecorded(f"Endorsement {one.id} says something else.", field="endorsement_id")
            if same and (one.id == command.endorsement_id or one.withdrawn is None):
                return []
    ids.checked(command.endorsement_id, "endorsement_id")
    _not_retired(state)
    if version.approved_by is None:
        raise errors.NotApproved("A draft may still change; endorse it once it is approved.", field="version")
    if not command.statement.strip():
        raise errors.Invalid("An endorsement says what the partner stands for.", field="statement")
    if any(one.partner == command.partner and one.withdrawn is None for one in version.endorsements):
        raise errors.AlreadyRecorded(f"{command.partner} endorses version {command.version} already.", field="partner")
    return [
        AchievementEndorsed(
            effective_at=setting.now,
            endorsement_id=command.endorsement_id,
            version=command.version,
            partner=command.partner,
            statement=command.statement,
        )
    ]


def _withdraw(state: AchievementRecord, command: WithdrawEndorsement, setting: Setting) -> list[Event]:
    for version in state.versions.values():
        for one in version.endorsements:
            if one.id == command.endorsement_id:
                fact = EndorsementWithdrawn(effective_at=setting.now, endorsement_id=one.id, reason=command.reason)
                return [fact] if one.withdrawn is None else []
    raise errors.Unknown(f"There is no endorsement {command.endorsement_id}.", field="endorsement_id")


def _retire(state: AchievementRecord, command: RetireAchievement, setting: Setting) -> list[Event]:
    _version(state, state.newest)
    if state.retired:
        return []
    return [AchievementRetired(effective_at=setting.now, retired_by=command.by, reason=command.reason)]


def _version(state: AchievementRecord, number: int) -> AchievementVersion:
    if not state.versions:
        raise errors.Unknown(f"There is no achievement {state.id}.", field="achievement_id")
    if number not in state.versions:
        raise errors.Unknown(f"{state.id} has no version {number}.", field="version")
    return state.versions[number]


def _not_retired(state: AchievementRecord) -> None:
    if state.retired:
        raise errors.Retired(f"{state.id} was retired; it takes nothing new.", field="achievement_id")


def _sound(command: DraftAchievement | ReviseAchievement, setting: Setting) -> None:
    sound_achievement(command.definition)
    if command.definition.prerequisites is not None:
        rule = command.definition.prerequisites
        sound(rule, setting.catalogue, earns=command.achievement_id, field="prerequisites")


def _checked(check: FrameworkCheck) -> None:
    unchecked = [principle for principle in PRINCIPLES if principle not in check.principles]
    if unchecked:
        raise errors.FrameworkNotMet(f"Not checked: {', '.join(unchecked)}.", field="check.principles")
    for name in ("body", "reference"):
        if not getattr(check, name).strip():
            raise errors.FrameworkNotMet(f"The check names its {name}.", field=f"check.{name}")


achievements: Decider[AchievementRecord, AchievementCommand] = Decider(
    category="achievement",
    initial=lambda subject: AchievementRecord(id=subject),
    evolve=evolve_achievement,
    decide=decide,
    subject=lambda command: command.achievement_id,
)
