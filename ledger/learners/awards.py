"""
What registrars do to awards: suspend, reinstate, extend, renew, substitute.

- What a person suspended, a person reinstates.
- An extension gives more time, never less.
- Renewal rests on newer evidence and ends the old award in the same append, breaking no stack;
  it lifts no suspension.
- An award can stand for a component of one stack, and then not for itself there.
"""

from __future__ import annotations

from datetime import datetime

from ledger import errors, stack_rule
from ledger.decider import Setting
from ledger.event import Event
from ledger.events import AwardExtended, AwardReinstated, AwardSuspended, ComponentSubstituted
from ledger.learners import commands as c
from ledger.learners.awarding import award_on, ground_of
from ledger.learners.evidence import led_to, require_evidence
from ledger.learners.outcome import standing
from ledger.learners.people import require_registrar
from ledger.learners.record import Award, Record


def suspend(record: Record, command: c.SuspendAward, setting: Setting) -> list[Event]:
    """Suspend an award by hand."""
    require_registrar(setting, record, command.by, command.award_id)
    award = require_standing(record, command.award_id, setting)
    if "hand" in award.suspensions:
        return []
    return [
        AwardSuspended(
            effective_at=setting.now,
            award_id=command.award_id,
            cause="hand",
            suspended_by=command.by,
            reason=command.reason,
        )
    ]


def reinstate(record: Record, command: c.ReinstateAward, setting: Setting) -> list[Event]:
    """Lift a suspension made by hand."""
    require_registrar(setting, record, command.by, command.award_id)
    award = require_standing(record, command.award_id, setting)
    if "hand" not in award.suspensions:
        return []
    return [
        AwardReinstated(
            effective_at=setting.now,
            award_id=command.award_id,
            lifts="hand",
            reinstated_by=command.by,
            reason=command.reason,
        )
    ]


def extend(record: Record, command: c.ExtendAward, setting: Setting) -> list[Event]:
    """Give more time; never less."""
    require_registrar(setting, record, command.by, command.award_id)
    award = require_standing(record, command.award_id, setting)
    if command.valid_until is None and command.due_at is None:
        msg = "Give a later valid_until, or a later due_at for the award's open break."
        raise errors.Invalid(msg, field="valid_until")
    facts: list[Event] = []
    if command.valid_until is not None and command.valid_until != award.valid_until:
        if award.valid_until is None or command.valid_until < award.valid_until:
            msg = "An extension gives more time; this award is valid longer already."
            raise errors.Invalid(msg, field="valid_until")
        facts.append(_extension(command, setting, valid_until=command.valid_until))
    if command.due_at is not None:
        facts.extend(_extend_breaks(record, command, setting))
    return facts


def renew(record: Record, command: c.RenewAward, setting: Setting) -> list[Event]:
    """Renew a live award, or one that time alone ended, on newer evidence judged met."""
    require_registrar(setting, record, command.by, command.award_id)
    renewal = next((a for a in record.awards.values() if a.renews == command.award_id and a.ended != "voided"), None)
    if renewal is not None and renewal.basis.evidence_id == command.evidence_id:
        return []
    award = _renewable(record, command.award_id, setting)
    if award.suspensions:
        msg = "The award is suspended; the suspension must be lifted before it can be renewed."
        raise errors.NotLive(msg, field="award_id")
    evidence = require_evidence(record, command.evidence_id)
    definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
    if evidence.achievement_id != award.achievement_id:
        msg = f"This evidence is for {evidence.achievement_id}, not for {award.achievement_id}."
        raise errors.Invalid(msg, field="evidence_id")
    used = command.evidence_id in record.withdrawn or led_to(record, command.evidence_id) is not None
    if used or standing(record, evidence, definition) != "met":
        msg = "Renewal takes further evidence that was judged met and has led to no award yet."
        raise errors.EvidenceClosed(msg, field="evidence_id")
    renewed = award_on(record, ground_of(record, evidence), setting, renews=command.award_id)
    over = renewed.valid_until is not None and renewed.valid_until <= setting.now
    if over or renewed.effective_at < award.effective_at:
        msg = "Renewal takes newer evidence; an award on this would be older than the one it renews, or over already."
        raise errors.EvidenceClosed(msg, field="evidence_id")
    return [renewed]


def _renewable(record: Record, award_id: str, setting: Setting) -> Award:
    award = record.awards.get(award_id)
    if award is None or award.ended not in (None, "expired") or award.stands(setting.now):
        return require_standing(record, award_id, setting)
    if record.held(award.achievement_id, setting.now) is not None:
        msg = "The award has expired, and the learner holds another by now."
        raise errors.AlreadyHeld(msg, field="award_id")
    return award


def substitute(record: Record, command: c.SubstituteComponent, setting: Setting) -> list[Event]:
    """Let an award stand for a component of one stack."""
    require_registrar(setting, record, command.by, command.award_id)
    if command.substitution_id in record.substitutions:
        return []
    award = record.awards.get(command.award_id)
    if award is None or not award.live(setting.now):
        msg = "Only a live award of this learner can stand for a component."
        raise errors.NotSubstitutable(msg, field="award_id")
    components = {
        component
        for version in setting.catalogue.stack(command.stack_id).versions.values()
        for component in stack_rule.achievements(version.rule)
    }
    if command.achievement_id not in components:
        msg = f"{command.achievement_id} is no component of {command.stack_id}."
        raise errors.NotSubstitutable(msg, field="achievement_id")
    return [
        ComponentSubstituted(
            effective_at=setting.now,
            substitution_id=command.substitution_id,
            stack_id=command.stack_id,
            achievement_id=command.achievement_id,
            award_id=command.award_id,
            substituted_by=command.by,
            reason=command.reason,
        )
    ]


def _extend_breaks(record: Record, command: c.ExtendAward, setting: Setting) -> list[Event]:
    completion = record.completion_of(command.award_id)
    waiting = [b for b in completion.breaks if b.threatens] if completion is not None else []
    if not waiting:
        msg = "This award has no open break whose due date could move."
        raise errors.Invalid(msg, field="due_at")
    if any(command.due_at is not None and command.due_at < b.due_at for b in waiting):
        msg = "An extension gives more time; this award is due later already."
        raise errors.Invalid(msg, field="due_at")
    return [
        _extension(command, setting, break_id=b.break_id, due_at=command.due_at)
        for b in waiting
        if b.due_at != command.due_at
    ]


def _extension(
    command: c.ExtendAward,
    setting: Setting,
    *,
    valid_until: datetime | None = None,
    break_id: str | None = None,
    due_at: datetime | None = None,
) -> AwardExtended:
    return AwardExtended(
        effective_at=setting.now,
        award_id=command.award_id,
        extended_by=command.by,
        reason=command.reason,
        valid_until=valid_until,
        break_id=break_id,
        due_at=due_at,
    )


def require_standing(record: Record, award_id: str, setting: Setting) -> Award:
    """Return the award if it has not ended, else refuse."""
    award = record.awards.get(award_id)
    if award is None:
        msg = f"The learner has no award {award_id}."
        raise errors.Unknown(msg, field="award_id")
    if not award.stands(setting.now):
        msg = f"The award is {award.ended or 'expired'}; nothing more can be done to it."
        raise errors.NotLive(msg, field="award_id")
    return award
