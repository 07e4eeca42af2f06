"""
What waits for a person: awards to confirm or decline, and reviews to decide.

What a registrar confirms must still hold when it is confirmed.
"""

from __future__ import annotations

from ledger import errors
from ledger.decider import Setting
from ledger.event import Event
from ledger.events import (
    AchievementAwarded,
    AwardDeclined,
    AwardLapsed,
    AwardQueued,
    AwardReviewed,
    AwardSuspended,
    RevocationRequested,
)
from ledger.ids import derived
from ledger.learners import commands as c
from ledger.learners.awarding import Ground, award_on, ground_of
from ledger.learners.consequences import consequences
from ledger.learners.evidence import require_evidence
from ledger.learners.loss import lost_of
from ledger.learners.milestones import milestone
from ledger.learners.outcome import standing
from ledger.learners.people import require_registrar
from ledger.learners.record import Record

_GROUND_GONE = "What this award would rest on has changed since; decline it."


def confer(record: Record, command: c.ConferAward, setting: Setting) -> list[Event]:
    """Make the award that waited for confirmation, if its ground still holds."""
    require_registrar(setting, record, command.by, command.queue_id)
    if record.decided.get(command.queue_id) == "awarded":
        return []
    queued = _waiting(record, command.queue_id, "confirm")
    if record.held(queued.achievement_id, setting.now) is not None:
        msg = f"The learner holds {queued.achievement_id} already; decline this one."
        raise errors.AlreadyHeld(msg, field="queue_id")
    if queued.basis.stack is not None:
        return [_confer_milestone(record, queued, command, setting)]
    return [
        award_on(record, _ground(record, queued, setting), setting, queue_id=queued.queue_id, confirmed_by=command.by)
    ]


def decline(record: Record, command: c.DeclineAward, setting: Setting) -> list[Event]:
    """Decline an award that waited for confirmation."""
    require_registrar(setting, record, command.by, command.queue_id)
    if record.decided.get(command.queue_id) == "declined":
        return []
    _waiting(record, command.queue_id, "confirm")
    return [
        AwardDeclined(
            effective_at=setting.now, queue_id=command.queue_id, declined_by=command.by, reason=command.reason
        )
    ]


def review(record: Record, command: c.ReviewAward, setting: Setting) -> list[Event]:
    """Decide a review; a decision to revoke is the first of the two signatures that revocation takes."""
    require_registrar(setting, record, command.by, command.queue_id)
    if record.decided.get(command.queue_id) == command.decision:
        return []
    if command.decision == "review":
        msg = "Decide to keep, suspend, lapse or revoke."
        raise errors.Invalid(msg, field="decision")
    queued = _waiting(record, command.queue_id, "review")
    award_id = queued.award_id or ""
    decided = AwardReviewed(
        effective_at=setting.now,
        queue_id=command.queue_id,
        reviewed_by=command.by,
        decision=command.decision,
        reason=command.reason,
    )
    award = record.awards[award_id]
    if not award.stands(setting.now) or command.decision == "keep":
        return [decided]
    match command.decision:
        case "suspend":
            suspended = AwardSuspended(
                effective_at=setting.now, award_id=award_id, cause="hand", suspended_by=command.by
            )
            return [decided] if "hand" in award.suspensions else [decided, suspended]
        case "lapse":
            return [decided, AwardLapsed(effective_at=setting.now, award_id=award_id, queue_id=command.queue_id)]
        case _:
            request = RevocationRequested(
                effective_at=setting.now,
                request_id=derived("req", command.queue_id),
                award_id=award_id,
                requested_by=command.by,
                consequences=consequences(record, award_id, setting),
                queue_id=command.queue_id,
            )
            return [decided, request]


def _ground(record: Record, queued: AwardQueued, setting: Setting) -> Ground:
    if queued.basis.recognition is not None:
        results = record.recognitions[queued.basis.recognition].results
        return Ground(queued.achievement_id, queued.achievement_version, queued.basis, results)
    evidence = require_evidence(record, queued.basis.evidence_id or "")
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    if standing(record, evidence, definition) != "met":
        raise errors.NothingToConfirm(_GROUND_GONE, field="queue_id")
    return ground_of(record, evidence)


def _confer_milestone(
    record: Record, queued: AwardQueued, command: c.ConferAward, setting: Setting
) -> AchievementAwarded:
    completion = record.completion_of(queued.award_id or "")
    if completion is None:
        raise errors.NothingToConfirm(_GROUND_GONE, field="queue_id")
    if lost_of(record, completion, setting.now):
        raise errors.NothingToConfirm(_GROUND_GONE, field="queue_id")
    return milestone(
        completion,
        queued.achievement_id,
        queued.achievement_version,
        setting,
        queue_id=queued.queue_id,
        confirmed_by=command.by,
    )


def _waiting(record: Record, queue_id: str, queue: str) -> AwardQueued:
    queued = record.queued.get(queue_id)
    if queued is not None and queued.queue == queue:
        return queued
    decided = record.decided.get(queue_id)
    if decided is not None:
        msg = f"This was decided already: {decided}."
        raise errors.NothingToConfirm(msg, field="queue_id")
    msg = f"Nothing {queue_id} waits in the {queue} queue."
    raise errors.Unknown(msg, field="queue_id")
