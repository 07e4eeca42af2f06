"""What happened to definitions, people and batches, in sentences that an auditor reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec

from ledger import events as e
from ledger.catalogue import Catalogue
from ledger.event import Recorded, name_of
from ledger.programme import AchievementRecord, StackRecord
from projections.wording import day, listed

Part = Literal["definitions", "people", "batches"]
_PARTS: dict[str, Part] = {"person": "people", "batch": "batches"}
_NOTHING_SAID = ("audit", "learner")


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, and where in the log it stands."""

    part: Part
    about: str
    type: str
    sentence: str
    recorded_at: datetime
    position: int


def announced(recorded: Recorded, catalogue: Catalogue) -> Announced | None:
    """Say what *recorded* means, if it is of a definition, a person or a batch; *catalogue* is at it or later."""
    category = recorded.stream.partition("-")[0]
    if category in _NOTHING_SAID:
        return None
    return Announced(
        part=_PARTS.get(category, "definitions"),
        about=recorded.subject,
        type=name_of(type(recorded.fact)),
        sentence=_sentence(recorded, catalogue),
        recorded_at=recorded.recorded_at,
        position=recorded.position,
    )


def _sentence(recorded: Recorded, catalogue: Catalogue) -> str:
    category, _, subject = recorded.stream.partition("-")
    match category:
        case "achievement":
            return _of_achievement(recorded, subject, catalogue)
        case "stack":
            return _of_stack(recorded, subject, catalogue)
        case "person":
            return _of_person(recorded, subject)
        case "batch":
            return _of_batch(recorded, subject)
    match recorded.fact:
        case e.FrameworkImported(title=title):
            return f"The framework {title} was imported."
        case e.IssuerDescribed(name=name):
            return f"The issuer was described as {name}."
    return _plainly(recorded)


def _named(subject: str, record: AchievementRecord | StackRecord | None) -> Callable[[int], str]:
    """Return what says a version by the name it had, or by *subject* where it is not known."""

    def named(version: int) -> str:
        known = None if record is None else record.versions.get(version)
        return f"Version {version} of {subject if known is None else known.definition.name}"

    return named


def _of_achievement(recorded: Recorded, subject: str, catalogue: Catalogue) -> str:
    fact = recorded.fact
    named = _named(subject, catalogue.achievements.get(subject))
    match fact:
        case e.AchievementDrafted():
            return f"{fact.definition.name} was drafted by {fact.drafted_by}."
        case e.AchievementRevised():
            return f"{named(fact.version)} was drafted by {fact.revised_by}."
        case e.AchievementApproved():
            return f"{named(fact.version)} was approved by {fact.approved_by}."
        case e.AchievementPublished():
            return f"{named(fact.version)} was published by {fact.published_by}; new submissions are held to it."
        case e.AchievementEndorsed():
            return f"{named(fact.version)} was endorsed by {fact.partner}."
        case e.EndorsementWithdrawn():
            return f"An endorsement of {subject} was withdrawn: {fact.reason}."
        case e.AchievementRetired():
            return f"{subject} was retired by {fact.retired_by}: {fact.reason}."
    return _plainly(recorded)


def _of_stack(recorded: Recorded, subject: str, catalogue: Catalogue) -> str:
    fact = recorded.fact
    named = _named(subject, catalogue.stacks.get(subject))
    match fact:
        case e.StackDrafted():
            return f"{fact.definition.name} was drafted by {fact.drafted_by}."
        case e.StackRevised():
            return f"{named(fact.version)} was drafted by {fact.revised_by}."
        case e.StackApproved():
            return f"{named(fact.version)} was approved by {fact.approved_by}."
        case e.StackActivated():
            whom = "holders too" if fact.applies_to == "holders" else "new completions"
            return f"{named(fact.version)} takes effect on {day(fact.effective_at)}, for {whom}."
        case e.StackRetired():
            return f"{subject} was retired by {fact.retired_by}: {fact.reason}."
    return _plainly(recorded)


def _of_person(recorded: Recorded, subject: str) -> str:
    fact = recorded.fact
    match fact:
        case e.PersonRegistered():
            return f"{subject} became known."
        case e.AccountLinked():
            return f"{fact.account} was found to be the same person as {subject}."
        case e.RoleGranted():
            only = "" if fact.achievements is None else f" for {listed(fact.achievements)}"
            until = "" if fact.until is None else f" until {day(fact.until)}"
            return f"{subject} may act as {_spoken(fact.role)}{only}{until}."
        case e.RoleWithdrawn():
            return f"{subject} may no longer act as {_spoken(fact.role)}."
        case e.ConflictDeclared():
            return f"{subject} declared a conflict of interest with {fact.learner}."
    return _plainly(recorded)


def _of_batch(recorded: Recorded, subject: str) -> str:
    fact = recorded.fact
    match fact:
        case e.BatchRecorded():
            return (
                f"Batch {subject} was imported: {fact.recorded} of {fact.rows} rows recorded, {fact.refused} refused."
            )
        case e.BatchUndone():
            return f"Batch {subject} was undone by {fact.undone_by}, for {fact.learners} learners."
    return _plainly(recorded)


def _plainly(recorded: Recorded) -> str:
    subject, _, verb = name_of(type(recorded.fact)).rpartition(".v")[0].partition(".")
    return f"{recorded.subject}: {_spoken(subject)} {_spoken(verb)}."


def _spoken(word: str) -> str:
    return word.replace("_", " ").replace("-", " ")
