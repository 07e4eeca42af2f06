"""
The catalogue as it would be if a stack's version took effect: what a preview settles learners under.

Drafts are decided by the rules that decide real ones, so what could not be drafted cannot be previewed; approval and
activation are only folded, for nobody has signed anything.
"""

from __future__ import annotations

from datetime import datetime

from ledger import errors
from ledger.achievements import AchievementCommand, DraftAchievement, ReviseAchievement, achievements
from ledger.catalogue import Catalogue
from ledger.decider import SYSTEM, Setting
from ledger.definition import AchievementDefinition
from ledger.event import Actor, Event, Recorded
from ledger.events import AchievementPublished, StackActivated
from ledger.foresight import Supposed
from ledger.programme import AchievementRecord, StackRecord
from ledger.sound_definition import identical
from ledger.stacks import DraftStack, ReviseStack, StackCommand, stacks

_NOBODY = Actor(id=SYSTEM, role="service", client="preview")


def supposing(catalogue: Catalogue, supposed: Supposed, at: datetime) -> tuple[Catalogue, int]:
    """
    Return *catalogue* with the version in effect, and the number it would have; Refused where it could not be.

    The version takes effect as if it were activated *at* that instant.
    """
    if supposed.milestone is not None:
        catalogue = _published(catalogue, supposed.definition.milestone, supposed.milestone, at)
    stack_id, definition = supposed.stack_id, supposed.definition
    state = catalogue.stacks.get(stack_id) or stacks.initial(stack_id)
    draft: StackCommand = (
        ReviseStack(stack_id=stack_id, definition=definition, by=SYSTEM)
        if state.versions
        else DraftStack(stack_id=stack_id, definition=definition, by=SYSTEM)
    )
    catalogue = _told(catalogue, f"stack-{stack_id}", stacks.decide(state, draft, Setting(now=at, catalogue=catalogue)))
    record = catalogue.stack(stack_id)
    _may_take_effect(catalogue, record, supposed)
    activated = StackActivated(
        effective_at=supposed.effective(at),
        version=record.newest,
        activated_by=SYSTEM,
        applies_to=supposed.applies_to,
    )
    return _told(catalogue, f"stack-{stack_id}", [activated]), record.newest


def _may_take_effect(catalogue: Catalogue, record: StackRecord, supposed: Supposed) -> None:
    if record.retired:
        raise errors.Retired(f"Stack {record.id} was retired; it takes nothing new.", field="stack_id")
    if record.versions[record.newest].effective_at is not None:
        msg = (
            f"This is version {record.newest} of {record.id}, which was activated already; there is nothing to preview."
        )
        raise errors.AlreadyRecorded(msg, field="stack_id")
    catalogue.published(supposed.definition.milestone)


def _published(catalogue: Catalogue, milestone_id: str, definition: AchievementDefinition, at: datetime) -> Catalogue:
    """Return *catalogue* with the milestone published as it is supposed to be defined."""
    record = catalogue.achievements.get(milestone_id) or AchievementRecord(id=milestone_id)
    if record.published is not None and identical(record.versions[record.published].definition, definition):
        return catalogue
    draft: AchievementCommand = (
        ReviseAchievement(achievement_id=milestone_id, definition=definition, by=SYSTEM)
        if record.versions
        else DraftAchievement(achievement_id=milestone_id, definition=definition, by=SYSTEM)
    )
    facts = achievements.decide(record, draft, Setting(now=at, catalogue=catalogue))
    catalogue = _told(catalogue, f"achievement-{milestone_id}", facts)
    newest = catalogue.achievement(milestone_id).newest
    published = AchievementPublished(effective_at=at, version=newest, published_by=SYSTEM)
    return _told(catalogue, f"achievement-{milestone_id}", [published])


def _told(catalogue: Catalogue, stream: str, facts: list[Event]) -> Catalogue:
    for fact in facts:
        position = catalogue.position + 1
        catalogue = catalogue.apply(
            Recorded(
                position=position, stream=stream, version=position, recorded_at=fact.effective_at, fact=fact,
                actor=_NOBODY,
            )
        )  # fmt: skip
    return catalogue
