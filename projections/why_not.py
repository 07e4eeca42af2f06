"""
Why a learner does not hold an achievement: what is there of it, what became of it, and who or what it waits for.

Each reason names its kind, says one sentence, and where there is one the position of the fact that it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from ledger import events as e
from ledger.catalogue import AchievementRecord, Catalogue, StackVersion
from ledger.definition import AchievementDefinition
from ledger.event import Recorded
from projections.holdings import HeldAward, Story, told
from projections.progress import StackProgress, progress
from projections.standing import Standing, sampled, standings, waits_for
from projections.why import Why, explained
from projections.wording import day, listed

Kind = Literal[
    "held", "suspended", "revoked", "voided", "expired", "lapsed", "renewed", "not published", "retired",
    "nothing submitted", "waits for a judge", "not yet met", "met", "withdrawn", "waits for confirmation",
    "under review", "declined", "components missing", "complete", "rule not in effect", "no rule", "at risk",
]  # fmt: skip


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason; `by` are the people it rests with, `wanting` what would help: criteria, achievements, a role."""

    kind: Kind
    sentence: str
    position: int | None = None
    by: tuple[str, ...] = ()
    wanting: tuple[str, ...] = ()
    since: datetime | None = None


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a learner holds an achievement, and the reasons; ended awards are explained, and progress shown."""

    learner_id: str
    achievement_id: str
    name: str
    holds: bool
    award_id: str | None
    on: datetime
    position: int
    reasons: tuple[Reason, ...]
    awards: tuple[Why, ...]
    stacks: tuple[StackProgress, ...]
    sentences: tuple[str, ...]


def why_not(
    learner_id: str, achievement_id: str, facts: Sequence[Recorded], catalogue: Catalogue, on: datetime
) -> WhyNot:
    """Explain why the learner whose *facts* these are does not hold an achievement; Unknown if it is not defined."""
    record = catalogue.achievement(achievement_id)
    name = record.versions[record.published or record.newest].definition.name
    story = told(facts)
    awards = [one for one in story.awards.values() if one.fact.achievement_id == achievement_id]
    live = next((one for one in awards if one.status(on) == "live"), None)
    stacks = _stacks(learner_id, achievement_id, facts, catalogue, on)
    if live is not None:
        fact = live.fact
        held = f"{name} is held, by the award of {day(fact.effective_at)}."
        reasons = [Reason(kind="held", sentence=held, position=live.at.position, since=fact.effective_at)]
    else:
        reasons = [
            *_of_awards(awards, catalogue, story, on),
            *_of_queues(story, achievement_id, facts),
            *(
                _of_rules(achievement_id, catalogue, stacks, on)
                if _is_milestone(achievement_id, record, catalogue)
                else _of_evidence(achievement_id, record, facts, catalogue, on, awards)
            ),
        ]
    opening = [] if live is not None else [f"{name} is not held on {day(on)}."]
    return WhyNot(
        learner_id=learner_id,
        achievement_id=achievement_id,
        name=name,
        holds=live is not None,
        award_id=None if live is None else live.fact.award_id,
        on=on,
        position=story.position,
        reasons=tuple(reasons),
        awards=tuple(explained(story, one, catalogue, on) for one in awards),
        stacks=stacks,
        sentences=(*opening, *[one.sentence for one in reasons]),
    )


def _is_milestone(achievement_id: str, record: AchievementRecord, catalogue: Catalogue) -> bool:
    newest = record.versions[record.newest].definition
    return newest.achievement_type != "MicroCredential" or bool(_rules(achievement_id, catalogue))


def _rules(achievement_id: str, catalogue: Catalogue) -> list[tuple[str, int, StackVersion]]:
    """Return every version of a stack that leads to the milestone, newest last."""
    return [
        (stack_id, number, version)
        for stack_id, stack in sorted(catalogue.stacks.items())
        for number, version in sorted(stack.versions.items())
        if version.definition.milestone == achievement_id
    ]


def _stacks(
    learner_id: str, achievement_id: str, facts: Sequence[Recorded], catalogue: Catalogue, on: datetime
) -> tuple[StackProgress, ...]:
    found = progress(learner_id, facts, catalogue, on).stacks
    return tuple(one for one in found if one.milestone == achievement_id)


_ENDED: dict[str, Kind] = {
    "suspended": "suspended", "revoked": "revoked", "voided": "voided", "expired": "expired", "lapsed": "lapsed",
    "renewed": "renewed",
}  # fmt: skip


def _of_awards(awards: list[HeldAward], catalogue: Catalogue, story: Story, on: datetime) -> Iterator[Reason]:
    """Say of each award that was made how it came not to count."""
    for award in awards:
        status = award.status(on)
        if status is None:
            yield Reason(
                kind="renewed" if award.renewed_by else "held",
                sentence=f"It is awarded with effect from {day(award.fact.effective_at)}, which is later.",
                position=award.at.position,
            )
            continue
        if status == "renewed":
            continue
        last = explained(story, award, catalogue, on)
        ended = [one for one in last.history if one.effective_at <= on] or list(last.history)
        since = day(award.fact.effective_at)
        if ended:
            how, position, by = ended[-1].sentence, ended[-1].position, ended[-1].by
        else:
            until = on if award.valid_until is None else award.valid_until
            how, position, by = f"It expired on {day(until)}.", award.at.position, None
        yield Reason(
            kind=_ENDED.get(status, "lapsed"),
            sentence=f"It was awarded on {since}. {how}",
            position=position,
            by=() if by is None else (by,),
        )


def _of_queues(story: Story, achievement_id: str, facts: Iterable[Recorded]) -> Iterator[Reason]:
    """Say what waits for a registrar, and what one declined."""
    queued: dict[str, e.AwardQueued] = {}
    for recorded in facts:
        match recorded.fact:
            case e.AwardQueued() as fact if fact.achievement_id == achievement_id:
                queued[fact.queue_id] = fact
                if fact.queue_id in story.queued:
                    waits = "to confirm it" if fact.queue == "confirm" else "to review it"
                    yield Reason(
                        kind="waits for confirmation" if fact.queue == "confirm" else "under review",
                        sentence=f"Since {day(fact.effective_at)} it waits for a registrar {waits} ({fact.reason}).",
                        position=recorded.position,
                        wanting=("registrar",),
                        since=fact.effective_at,
                    )
            case e.AwardDeclined() as fact if fact.queue_id in queued:
                yield Reason(
                    kind="declined",
                    sentence=f"It waited for confirmation, and was declined on {day(fact.effective_at)}"
                    f"{'' if fact.declined_by == 'system' else ' by ' + fact.declined_by}.",
                    position=recorded.position,
                    by=(fact.declined_by,),
                    since=fact.effective_at,
                )


def _of_evidence(
    achievement_id: str,
    record: AchievementRecord,
    facts: Sequence[Recorded],
    catalogue: Catalogue,
    on: datetime,
    awards: list[HeldAward],
) -> Iterator[Reason]:
    """Say where each piece of evidence stands that was submitted towards a micro-credential."""
    if record.published is None:
        yield Reason(kind="not published", sentence="No version of it is published, so nothing can be submitted yet.")
        return
    found = [
        one
        for one in standings(facts).values()
        if one.submitted.achievement_id == achievement_id and one.submitted.effective_at <= on
    ]
    led_to_awards = {award.fact.basis.evidence_id for award in awards}
    for standing in found:
        if standing.submitted.evidence_id in led_to_awards:
            continue
        definition = catalogue.definition(achievement_id, standing.submitted.achievement_version)
        reason = _of_piece(standing, definition, facts)
        if reason is not None:
            yield reason
    if not found and not awards:
        yield Reason(kind="nothing submitted", sentence="No evidence was submitted towards it.")
    if record.retired:
        yield Reason(kind="retired", sentence="It was retired, and takes nothing new.")


def _of_piece(standing: Standing, definition: AchievementDefinition, facts: Iterable[Recorded]) -> Reason | None:
    submitted = standing.submitted
    since = f"Evidence was submitted on {day(submitted.effective_at)}"
    if standing.withdrawn:
        return Reason(kind="withdrawn", sentence=f"{since} and taken back.", position=standing.position)
    if standing.led_to:
        return None  # to an award, or to a queue: told of there
    waiting = waits_for(
        standing.marks,
        disputed=standing.disputed,
        markers=max(definition.assessors_required, 2 if definition.blind else 1),
        blind=definition.blind,
        sampled=sampled(submitted.evidence_id, definition.moderation_percent),
    )
    if waiting is not None:
        given = f", judged by {len(standing.judged)}," if standing.judged else ""
        return Reason(
            kind="waits for a judge",
            sentence=f"{since}{given} and waits for {'an' if waiting[0] == 'a' else 'a'} {waiting}.",
            position=standing.position,
            by=tuple(_judges(standing, facts)),
            wanting=(waiting,),
            since=submitted.effective_at,
        )
    if "-" in standing.marks:
        return _not_met(standing, definition, facts, since)
    return Reason(
        kind="met",
        sentence=f"{since} and judged met, while another award of it stood; it led to none of its own.",
        position=standing.position,
    )


def _judges(standing: Standing, facts: Iterable[Recorded]) -> Iterator[str]:
    for recorded in facts:
        if isinstance(recorded.fact, e.EvidenceAssessed) and recorded.fact.assessment_id in standing.judged:
            yield recorded.fact.assessor


def _not_met(standing: Standing, definition: AchievementDefinition, facts: Iterable[Recorded], since: str) -> Reason:
    """Say who judged it not yet met, and on which criteria."""
    texts = {one.id: one.text for one in definition.criteria.items}
    judged: dict[str, tuple[str, e.EvidenceAssessed | e.AssessmentAmended, int]] = {}
    for recorded in facts:
        match recorded.fact:
            case e.EvidenceAssessed() as fact if fact.assessment_id in standing.judged:
                judged[fact.assessment_id] = fact.assessor, fact, recorded.position
            case e.AssessmentAmended() as fact if fact.assessment_id in judged:
                judged[fact.assessment_id] = judged[fact.assessment_id][0], fact, recorded.position
    against = [one for one in judged.values() if not one[1].met]
    short = list(dict.fromkeys(one.criterion for _, fact, _ in against for one in fact.judgements if not one.met))
    people = tuple(dict.fromkeys(assessor for assessor, _, _ in against))
    on = f" on {listed([texts.get(one, one) for one in short])}" if short else ""
    return Reason(
        kind="not yet met",
        sentence=f"{since} and judged not yet met by {listed(people)}{on}.",
        position=max((position for _, _, position in against), default=standing.position),
        by=people,
        wanting=tuple(short),
    )


def _of_rules(
    achievement_id: str, catalogue: Catalogue, stacks: tuple[StackProgress, ...], on: datetime
) -> Iterator[Reason]:
    """Say of each stack that leads to a milestone what it still asks for, or why it is not in effect."""
    rules = _rules(achievement_id, catalogue)
    if not rules:
        yield Reason(kind="no rule", sentence="No stack leads to it.")
    for stack_id in dict.fromkeys(stack_id for stack_id, _, _ in rules):
        versions = [(number, version) for one, number, version in rules if one == stack_id]
        if catalogue.stacks[stack_id].retired:
            yield Reason(
                kind="retired", sentence=f"{versions[-1][1].definition.name} was retired; it completes no more."
            )
        yield from _not_in_effect(versions, on, taken=any(one.stack_id == stack_id for one in stacks))
    for row in stacks:
        yield from _of_progress(row, catalogue)


def _not_in_effect(versions: list[tuple[int, StackVersion]], on: datetime, *, taken: bool) -> Iterator[Reason]:
    for number, version in versions:
        name = f"Version {number} of {version.definition.name}"
        if version.effective_at is not None and version.effective_at > on:
            yield Reason(
                kind="rule not in effect",
                sentence=f"{name} takes effect on {day(version.effective_at)}.",
                position=version.activated_position,
                since=version.effective_at,
            )
        elif version.effective_at is None and not taken:
            yield Reason(kind="rule not in effect", sentence=f"{name} is not activated.")


def _of_progress(row: StackProgress, catalogue: Catalogue) -> Iterator[Reason]:
    sentences = " ".join(row.sentences)
    if row.stage in ("under way", "not begun"):
        kind: Kind = "components missing"
    elif row.stage == "awaits confirmation":
        return  # told of among what waits for a registrar
    elif row.satisfied:
        kind, sentences = "complete", f"{sentences} It is drawn up as soon as the ledger settles the learner's record."
    else:
        kind = "at risk"
    rule = catalogue.stack_version(row.stack_id, row.version)
    yield Reason(
        kind=kind,
        sentence=sentences,
        position=rule.activated_position,
        wanting=tuple(one.achievement for one in row.missing),
    )
