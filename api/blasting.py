"""
The blast radius through the doors, and carrying it out: reviews are queued, one learner at a time, by two people.

Carrying out is a command for each learner, and for an assessor one that records the discrediting after them: a crash
in between heals by doing it again, for each award is queued once. What is awarded later is queued by the rules.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

from api.pages import after_name, unusable, written
from api.previews import Moment, now
from api.schemas.blast import AffectedShown, BlastShown, CarriedOut, NotQueued
from ledger.application import Ledger
from ledger.blast import blast_radius, who
from ledger.decider import Setting
from ledger.doubt import Affected, Doubt
from ledger.errors import RecordConflict, Refused, Unknown
from ledger.event import Actor
from ledger.events import AwardQueued
from ledger.learners.commands import DiscreditEvidence, DoubtAwards, LearnerCommand
from ledger.people import DiscreditAssessor, people
from ledger.previewing import Progress, changed
from ledger.private import Private
from ledger.receipt import Receipt
from projections.foretold import names

AT_ONCE = 500
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def blast(
    ledger: Ledger, doubt: Doubt, moment: Moment, *, after: int, limit: int, progress: Progress | None = None
) -> BlastShown:
    """Return how far *doubt* reaches, with *limit* of the awards concerned that follow the first *after*."""
    catalogue = ledger.catalogue_at(moment.position)
    require_known(ledger, doubt)
    counts: Counter[str] = Counter()
    learners, milestones, kept, seen = 0, set[str](), list[Affected](), 0
    before = None
    for one in blast_radius(ledger.store, catalogue, doubt, position=moment.position, at=moment.at, progress=progress):
        counts[one.rests] += 1
        learners += one.learner_id != before
        before = one.learner_id
        milestones.update(fall.award_id for fall in one.falls)
        if after <= seen < after + limit:
            kept.append(one)
        seen += 1
    named = names(catalogue)
    following = None
    if seen > after + limit:
        following = written(f"{after + limit}:{moment.position}:{(moment.at - _EPOCH) // timedelta(microseconds=1)}")
    return BlastShown(
        kind=doubt.kind, subject=doubt.subject, position=moment.position, at=moment.at, learners=learners,
        rest=counts["rests on it"], stand=counts["stands without it"], differ=counts["differs"],
        wait=counts["waits for confirmation"], milestones=len(milestones),
        items=[AffectedShown.of(one, named) for one in kept], next=following,
    )  # fmt: skip


def resumed(ledger: Ledger, cursor: str | None) -> tuple[int, Moment]:
    """Return how many lines a cursor has passed, and at which moment; without one, none and now."""
    if cursor is None:
        return 0, now(ledger)
    found = re.fullmatch(r"([0-9]{1,15}):([0-9]{1,15}):([0-9]{1,17})", after_name(cursor))
    if found is None or int(found[2]) > ledger.store.head():
        raise unusable()
    return int(found[1]), Moment(int(found[2]), _EPOCH + int(found[3]) * timedelta(microseconds=1))


def carry_out(
    ledger: Ledger,
    doubt: Doubt,
    *,
    by: str,
    approved_by: str,
    reason: str,
    actor: Actor,
    key: str | None = None,
    progress: Progress | None = None,
) -> CarriedOut:
    """
    Queue for review whatever rests on what is in doubt; raises `Refused` where the two people may not.

    *reason* is recorded of an assessor and of evidence; of an achievement the revision itself is the reason.
    """
    require_known(ledger, doubt)
    moment = now(ledger)
    record = DiscreditAssessor(person_id=doubt.subject, by=by, approved_by=approved_by, reason=reason)
    if doubt.kind == "assessor":
        setting = Setting(now=moment.at, catalogue=ledger.catalogue(), by=actor.id)
        people.decide(setting.catalogue.people[doubt.subject], record, setting)
    concerned = who(ledger.store, doubt, ledger.catalogue(), moment.position)
    commands = [_command(doubt, learner, by, approved_by, reason) for learner in concerned]
    queued, refused = _execute(ledger, commands, actor, progress)
    position = ledger.store.head()
    if doubt.kind == "assessor":
        position = ledger.execute(record, actor=actor, key=key).position
        # From here on the rules queue what is awarded; what was awarded since we looked may not have been.
        since = changed(ledger.store, moment.position, position)
        again = [one for one in who(ledger.store, doubt, ledger.catalogue(), position) if one in since]
        commands = [_command(doubt, learner, by, approved_by, reason) for learner in again]
        more, refused_since = _execute(ledger, commands, actor, None)
        queued += more
        refused += [one for one in refused_since if one.learner_id not in {known.learner_id for known in refused}]
        concerned = [*dict.fromkeys([*concerned, *again])]
        position = max(position, ledger.store.head()) if more else position
    return CarriedOut(
        kind=doubt.kind, subject=doubt.subject, learners=len(concerned), queued=queued, refused=refused,
        position=position,
    )  # fmt: skip


def _command(doubt: Doubt, learner_id: str, by: str, approved_by: str, reason: str) -> LearnerCommand:
    if doubt.kind == "evidence":
        return DiscreditEvidence(
            learner_id=learner_id,
            evidence_id=doubt.subject,
            by=by,
            approved_by=approved_by,
            reason=Private(plain=reason),
        )
    return DoubtAwards(learner_id=learner_id, doubt=doubt, by=by, approved_by=approved_by)


def _execute(
    ledger: Ledger, commands: list[LearnerCommand], actor: Actor, progress: Progress | None
) -> tuple[int, list[NotQueued]]:
    """Carry out the commands, some hundred in a transaction; return how many reviews they queued, and refusals."""
    queued, refused = 0, []
    for start in range(0, len(commands), AT_ONCE):
        some = commands[start : start + AT_ONCE]
        for command, answer in zip(some, ledger.execute_many(some, actor=actor), strict=True):
            if isinstance(answer, RecordConflict):
                raise answer
            if isinstance(answer, Refused):
                refused.append(NotQueued(learner_id=command.learner_id, sentence=answer.detail))
            else:
                queued += _reviews(ledger, answer)
        if progress is not None:
            progress(start + len(some), len(commands))
    return queued, refused


def _reviews(ledger: Ledger, receipt: Receipt) -> int:
    """Count the entries in the review queue among what was recorded."""
    if not receipt.recorded:
        return 0
    facts = ledger.log(receipt.recorded[0] - 1, len(receipt.recorded), receipt.recorded[-1])
    return sum(isinstance(recorded.fact, AwardQueued) for recorded in facts)


def require_known(ledger: Ledger, doubt: Doubt) -> None:
    """Refuse what the ledger does not know; that nobody rests on it is an answer, that it is unknown is not."""
    catalogue = ledger.catalogue()
    match doubt.kind:
        case "assessor" if doubt.subject not in catalogue.people:
            raise Unknown(f"There is no person {doubt.subject}.", field="person_id")
        case "achievement":
            catalogue.achievement(doubt.subject)
            if doubt.definition is None:
                catalogue.achievement_version(doubt.subject, doubt.version or 1)
        case "evidence":
            if not any(
                doubt.subject in ledger.record(learner).evidence
                for learner in who(ledger.store, doubt, catalogue, ledger.store.head())
            ):
                raise Unknown(f"There is no evidence {doubt.subject}.", field="evidence_id")
