"""
Appeals.

- An appeal is against one judgement, or against the loss of one award, with grounds and in time.
- A judgement is appealed against once the evidence waits for no other.
- It is heard by nobody who had a part in what it is about, nor by the learner, nor by the recused.
- A result never gets worse by an appeal.
- One decision is appealed against once.
- While it is heard, the due dates of the award stand still; afterwards they move by its length.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ledger import duration, errors
from ledger.decider import Setting
from ledger.event import Event
from ledger.events import AppealDecided, AppealLodged, AwardExtended, AwardReinstated, EvidenceAssessed
from ledger.ids import derived
from ledger.learners.awarding import conclude
from ledger.learners.commands import DecideAppeal, LodgeAppeal
from ledger.learners.evidence import require_evidence
from ledger.learners.evolve import evolve
from ledger.learners.outcome import check_results, standing
from ledger.learners.people import achievement_of, compared, require_role, same
from ledger.learners.record import Assessment, Award, Record


def lodge(record: Record, command: LodgeAppeal, setting: Setting) -> list[Event]:
    """Take an appeal, if it comes in time and none about the same is open."""
    if command.appeal_id in record.appeals or command.appeal_id in record.appeals_decided:
        return []
    if (command.assessment_id is None) == (command.award_id is None):
        msg = "Name either the assessment or the award that the appeal is about."
        raise errors.Invalid(msg, field="assessment_id")
    since, within = _against(record, command, setting)
    if setting.now > duration.after(since, within):
        msg = f"Appeals are lodged within {within}; that time ended on {duration.after(since, within):%Y-%m-%d}."
        raise errors.AppealLate(msg, field="assessment_id" if command.assessment_id else "award_id")
    for other in record.appeals.values():
        if (other.assessment_id, other.award_id) == (command.assessment_id, command.award_id):
            msg = f"Appeal {other.appeal_id} about this is being heard."
            raise errors.AppealOpen(msg, field="appeal_id")
    _refuse_heard(record, command)
    return [
        AppealLodged(
            effective_at=setting.now,
            appeal_id=command.appeal_id,
            grounds=command.grounds,
            assessment_id=command.assessment_id,
            award_id=command.award_id,
        )
    ]


def _refuse_heard(record: Record, command: LodgeAppeal) -> None:
    """One decision is appealed against once: again only when something new was decided, or lost, since."""
    heard = record.heard.get(command.assessment_id or command.award_id or "")
    if heard is None:
        return
    if command.assessment_id is not None:
        new = record.assessments[command.assessment_id].judged_at >= heard.at
    else:
        award_id = command.award_id or ""
        completion = record.completion_of(award_id)
        broken_since = completion is not None and completion.breaks_ever > heard.breaks
        new = broken_since or record.awards[award_id].changed_at >= heard.at
    if not new:
        msg = "An appeal about this was decided, and nothing has changed since."
        raise errors.AppealHeard(msg, field="assessment_id" if command.assessment_id else "award_id")


def decide_appeal(record: Record, command: DecideAppeal, setting: Setting) -> list[Event]:
    """Decide an appeal, and record what follows from it."""
    decided = record.appeals_decided.get(command.appeal_id)
    if decided is not None:
        return _same_again(decided, command)
    appeal = record.appeals.get(command.appeal_id)
    if appeal is None:
        msg = f"The learner has no appeal {command.appeal_id}."
        raise errors.Unknown(msg, field="appeal_id")
    judges = _judges(record, appeal)
    if any(same(setting, command.by, judge) for judge in (*judges, record.learner_id)):
        msg = "Somebody who had no part in what the appeal is about must hear it."
        raise errors.HeardByJudge(msg, field="by")
    if setting.catalogue.recused(command.by, record.learner_id):
        msg = f"{command.by} declared a conflict of interest with this learner; somebody else must hear the appeal."
        raise errors.Recused(msg, field="by")
    require_role(setting, command.by, ("adjudicator", "registrar"), _achievement(record, appeal))
    fact = AppealDecided(
        effective_at=setting.now,
        appeal_id=command.appeal_id,
        decided_by=command.by,
        compared=compared(setting, command.by, record.learner_id, *judges),
        upheld=command.upheld,
        reason=command.reason,
    )
    if appeal.award_id is None:
        return [fact, *(_better_judgement(record, appeal, command, setting) if command.upheld else [])]
    after = _restored(record, appeal, command, setting) if command.upheld else _clock_moved(record, appeal, setting)
    return [fact, *after]


def _against(record: Record, command: LodgeAppeal, setting: Setting) -> tuple[datetime, str]:
    """Return since when the time to appeal runs, and how long it is."""
    if command.assessment_id is not None:
        assessment = record.assessments.get(command.assessment_id)
        if assessment is None:
            msg = f"The learner has no assessment {command.assessment_id}."
            raise errors.Unknown(msg, field="assessment_id")
        evidence = require_evidence(record, assessment.evidence_id)
        definition = setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version)
        if standing(record, evidence, definition) not in ("met", "not met"):
            msg = "The evidence is still being judged; appeal when its outcome stands."
            raise errors.Invalid(msg, field="assessment_id")
        return assessment.judged_at, definition.appeal_within
    award = record.awards.get(command.award_id or "")
    if award is None:
        msg = f"The learner has no award {command.award_id}."
        raise errors.Unknown(msg, field="award_id")
    definition = setting.catalogue.definition(award.achievement_id, award.version)
    completion = record.completion_of(award.award_id)
    due = [b.due_at for b in completion.breaks if b.threatens] if completion and award.stands(setting.now) else []
    if due:
        return max(*due, setting.now), definition.appeal_within
    over = award.ended in ("expired", "renewed") or (award.ended is None and not award.stands(setting.now))
    if over or award.live(setting.now):
        msg = "This award is neither lost nor at risk; there is nothing to appeal against."
        raise errors.Invalid(msg, field="award_id")
    return award.changed_at, definition.appeal_within


def _achievement(record: Record, appeal: AppealLodged) -> str | None:
    about = record.assessments.get(appeal.assessment_id or "")
    evidence = record.evidence.get(about.evidence_id) if about else None
    return evidence.achievement_id if evidence else achievement_of(record, appeal.award_id)


def _judges(record: Record, appeal: AppealLodged) -> tuple[str, ...]:
    """Return everybody who had a part in what the appeal is about."""
    if appeal.assessment_id is not None:
        about = record.assessments.get(appeal.assessment_id)
        if about is None:
            return ()
        submitted_by = require_evidence(record, about.evidence_id).submitted_by
        return (*(a.assessor for a in record.assessments_of(about.evidence_id)), submitted_by)
    award = record.awards[appeal.award_id or ""]
    judged = [record.assessments[a].assessor for a in award.basis.assessments if a in record.assessments]
    return (*sorted(award.judges), *judged)


def _better_judgement(record: Record, appeal: AppealLodged, command: DecideAppeal, setting: Setting) -> list[Event]:
    about = record.assessments.get(appeal.assessment_id or "")
    if about is None:
        return []
    for name, value in about.results.items():
        if name in command.results and command.results[name] < value:
            msg = f"The result {name} was {value}; an appeal cannot lower it to {command.results[name]}."
            raise errors.WorsenedByAppeal(msg, field="results")
    evidence = require_evidence(record, about.evidence_id)
    check_results(command.results, setting.catalogue.definition(evidence.achievement_id, evidence.achievement_version))
    fact = EvidenceAssessed(
        effective_at=setting.now,
        assessment_id=derived("asm", record.learner_id, command.appeal_id),
        evidence_id=about.evidence_id,
        assessor=command.by,
        compared=compared(setting, command.by, record.learner_id, about.assessor),
        met=True,
        capacity="appeal",
        results=_raised(record, about, command.results),
    )
    return [fact, *conclude(evolve(record, fact), evidence, setting)]


def _raised(record: Record, about: Assessment, given: dict[str, Decimal]) -> dict[str, Decimal]:
    """Return the results after the appeal: of what was found met before, and of what is given now, the best."""
    raised = {**about.results, **given}
    for other in record.assessments_of(about.evidence_id):
        for name, value in other.results.items() if other.met else ():
            raised[name] = max(value, raised.get(name, value))
    return raised


def _restored(record: Record, appeal: AppealLodged, command: DecideAppeal, setting: Setting) -> list[Event]:
    award = record.awards[appeal.award_id or ""]
    if award.ended in ("revoked", "lapsed"):
        other = record.held(award.achievement_id, setting.now)
        if other is None:
            return [_reinstated(award, "revocation", command, setting)]
        return []
    return [_reinstated(award, cause, command, setting) for cause in sorted(award.suspensions)]


def _reinstated(award: Award, lifts: str, command: DecideAppeal, setting: Setting) -> AwardReinstated:
    return AwardReinstated(
        effective_at=setting.now,
        award_id=award.award_id,
        lifts="hand" if lifts == "hand" else "stack" if lifts == "stack" else "revocation",
        reinstated_by=command.by,
    )


def _clock_moved(record: Record, appeal: AppealLodged, setting: Setting) -> list[Event]:
    """Move the due dates by as long as the appeal took."""
    award_id = appeal.award_id or ""
    completion = record.completion_of(award_id)
    if completion is None or not record.awards[award_id].stands(setting.now):
        return []
    return [
        AwardExtended(
            effective_at=setting.now,
            award_id=award_id,
            extended_by="system",
            break_id=b.break_id,
            due_at=b.due_at + (setting.now - appeal.effective_at),
        )
        for b in completion.breaks
        if not b.decided and b.due_at > appeal.effective_at
    ]


def _same_again(decided: AppealDecided, command: DecideAppeal) -> list[Event]:
    if decided.upheld == command.upheld:
        return []
    msg = f"Appeal {command.appeal_id} was decided the other way already."
    raise errors.AlreadyRecorded(msg, field="appeal_id")
