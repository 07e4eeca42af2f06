"""
Evidence on its way in.

- Evidence goes to the newest published version at the position where it is recorded, whatever its dates say.
- A milestone takes none: only a completed stack leads to it.
- It comes by a route the definition takes, with evidence and reflection where asked, and young enough.
- Prerequisites are held by then, or were waived where the definition lets them be.
- Only so many attempts lead to one award, where the definition limits them.
- The same evidence sent again records nothing; other content under its id is refused.
- Evidence can be withdrawn until it has led to an award.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from ledger import duration, errors, stack_rule
from ledger.decider import Setting
from ledger.definition import AchievementDefinition
from ledger.event import Event
from ledger.events import (
    AwardQueued,
    EvidenceSubmitted,
    EvidenceWithdrawn,
    LearnerRegistered,
    PrerequisitesWaived,
)
from ledger.learners.commands import RegisterLearner, SubmitEvidence, WaivePrerequisites, WithdrawEvidence
from ledger.learners.holdings import holdings
from ledger.learners.people import require_registrar, same
from ledger.learners.record import Award, Record

CLOCKS_DIFFER_BY = timedelta(minutes=5)


def register(record: Record, command: RegisterLearner, setting: Setting) -> list[Event]:
    """Open the record; once."""
    if record.registered:
        return []
    return [LearnerRegistered(effective_at=setting.now, origin=command.origin)]


def waive(record: Record, command: WaivePrerequisites, setting: Setting) -> list[Event]:
    """Waive the prerequisites of an achievement that lets them be waived."""
    require_known(record)
    require_registrar(setting, record, command.by, command.achievement_id)
    _, definition = setting.catalogue.published(command.achievement_id)
    if not definition.prerequisites_waivable:
        msg = f"The prerequisites of {command.achievement_id} cannot be waived."
        raise errors.PrerequisitesMissing(msg, field="achievement_id")
    if command.achievement_id in record.waivers:
        return []
    return [
        PrerequisitesWaived(
            effective_at=setting.now,
            achievement_id=command.achievement_id,
            waived_by=command.by,
            reason=command.reason,
        )
    ]


def submit(record: Record, command: SubmitEvidence, setting: Setting) -> list[Event]:
    """Record evidence, or nothing when it stands already."""
    require_known(record)
    known = record.evidence.get(command.evidence_id)
    if known is not None:
        return _same_again(known, command)
    version, definition = setting.catalogue.published(command.achievement_id)
    require_no_milestone(command.achievement_id, setting)
    submitted_at = command.submitted_at or setting.now
    check_content(command, definition)
    check_dates(command, definition, setting)
    prerequisites = check_prerequisites(record, command.achievement_id, version, definition, setting)
    return [
        EvidenceSubmitted(
            effective_at=submitted_at,
            evidence_id=command.evidence_id,
            achievement_id=command.achievement_id,
            achievement_version=version,
            route=command.route,
            submitted_by=command.submitted_by,
            declared_by=command.declared_by,
            attempt=_attempt(record, command.achievement_id, definition),
            prerequisites=prerequisites,
            produced_at=command.produced_at,
            evidence_url=command.evidence_url,
            narrative=command.narrative,
            external_id=command.external_id,
            digest=command.digest,
            batch_id=command.batch_id,
        )
    ]


def withdraw(record: Record, command: WithdrawEvidence, setting: Setting) -> list[Event]:
    """Take evidence back; only who submitted it or the learner may, and only before it leads to an award."""
    evidence = require_evidence(record, command.evidence_id)
    if not (same(setting, command.by, record.learner_id) or same(setting, command.by, evidence.submitted_by)):
        msg = "Only the learner, or who recorded the evidence, can withdraw it."
        raise errors.NotAllowed(msg, field="by")
    if command.evidence_id in record.withdrawn:
        return []
    if led_to(record, command.evidence_id) is not None:
        msg = "This evidence has led to an award already; a registrar can revoke the award."
        raise errors.EvidenceClosed(msg, field="evidence_id")
    return [
        EvidenceWithdrawn(
            effective_at=setting.now,
            evidence_id=command.evidence_id,
            withdrawn_by=command.by,
            reason=command.reason,
        )
    ]


def require_known(record: Record) -> None:
    """Refuse when the learner was never registered."""
    if not record.registered:
        msg = f"No learner {record.learner_id} is registered."
        raise errors.Unknown(msg, field="learner_id")


def require_no_milestone(achievement_id: str, setting: Setting) -> None:
    """Refuse what would earn a milestone by itself; its stack could then never complete."""
    if setting.catalogue.is_milestone(achievement_id):
        msg = f"{achievement_id} is a milestone: completing its stack leads to it, and nothing else does."
        raise errors.RouteClosed(msg, field="achievement_id")


def require_evidence(record: Record, evidence_id: str) -> EvidenceSubmitted:
    """Return the evidence, or refuse when there is none of that id."""
    evidence = record.evidence.get(evidence_id)
    if evidence is None:
        msg = f"The learner has no evidence {evidence_id}."
        raise errors.Unknown(msg, field="evidence_id")
    return evidence


def led_to(record: Record, evidence_id: str) -> Award | AwardQueued | None:
    """Return the award that rests on the evidence and was not voided, or what waits for confirmation."""
    for award in record.awards.values():
        if award.basis.evidence_id == evidence_id and award.ended != "voided":
            return award
    for queued in record.queued.values():
        if queued.queue == "confirm" and queued.basis.evidence_id == evidence_id:
            return queued
    return None


def _same_again(known: EvidenceSubmitted, command: SubmitEvidence) -> list[Event]:
    """Content is compared sealed: the same text under the same key seals to the same bytes."""
    same_content = (
        known.achievement_id == command.achievement_id
        and known.evidence_url == command.evidence_url
        and known.narrative == command.narrative
        and known.digest == command.digest
        and known.produced_at == command.produced_at
        and command.submitted_at in (None, known.effective_at)
    )
    if same_content:
        return []
    msg = f"Evidence {command.evidence_id} is recorded already with other content; give new evidence a new id."
    raise errors.AlreadyRecorded(msg, field="evidence_id")


def check_content(command: SubmitEvidence, definition: AchievementDefinition) -> None:
    """Refuse a route that the definition does not take, and what lacks the evidence or reflection it asks for."""
    if command.route not in definition.routes:
        taken = ", ".join(definition.routes)
        msg = f"This achievement takes evidence by {taken}, not by {command.route}."
        raise errors.RouteClosed(msg, field="route")
    if definition.evidence_required and command.evidence_url is None and command.digest is None:
        msg = "Give the address of the evidence."
        raise errors.EvidenceMissing(msg, field="evidence_url")
    if definition.reflection_required and command.narrative is None:
        msg = "Add a reflection on the evidence."
        raise errors.ReflectionMissing(msg, field="narrative")


def check_dates(command: SubmitEvidence, definition: AchievementDefinition, setting: Setting) -> None:
    """Refuse what comes from the future, and what was older than the definition allows."""
    submitted_at = command.submitted_at or setting.now
    produced_at = command.produced_at or submitted_at
    if submitted_at > setting.now + CLOCKS_DIFFER_BY:
        msg = "Evidence cannot be submitted in the future."
        raise errors.Invalid(msg, field="submitted_at")
    if produced_at > submitted_at:
        msg = "Evidence cannot be produced after it was submitted."
        raise errors.Invalid(msg, field="produced_at")
    if definition.evidence_max_age and produced_at < duration.before(submitted_at, definition.evidence_max_age):
        msg = f"Evidence may be at most {definition.evidence_max_age} old; this was produced on {produced_at:%Y-%m-%d}."
        raise errors.EvidenceTooOld(msg, field="produced_at")


def check_prerequisites(
    record: Record, achievement_id: str, version: int, definition: AchievementDefinition, setting: Setting
) -> Literal["none", "met", "waived"]:
    """Refuse unless the prerequisites are held or were waived; say which."""
    rule = setting.catalogue.achievement_version(achievement_id, version).prerequisites
    if rule is None:
        return "none"
    if stack_rule.complete(rule, holdings(record, setting)) is not None:
        return "met"
    if achievement_id in record.waivers:
        return "waived"
    needed = ", ".join(stack_rule.achievements(rule))
    waivable = " A registrar can waive them." if definition.prerequisites_waivable else ""
    msg = f"The prerequisites of {achievement_id} (from {needed}) are not held.{waivable}"
    raise errors.PrerequisitesMissing(msg, field="achievement_id")


def _attempt(record: Record, achievement_id: str, definition: AchievementDefinition) -> int:
    """Return the number of this attempt; what led to an award, or was withdrawn unjudged, does not count."""
    attempt = 1 + sum(
        1
        for known in record.evidence.values()
        if known.achievement_id == achievement_id
        and not (known.evidence_id in record.withdrawn and not record.assessments_of(known.evidence_id))
        and led_to(record, known.evidence_id) is None
    )
    if definition.attempts_allowed is not None and attempt > definition.attempts_allowed:
        msg = f"{achievement_id} allows {definition.attempts_allowed} attempts, and all were made."
        raise errors.AttemptsExhausted(msg, field="achievement_id")
    return attempt
