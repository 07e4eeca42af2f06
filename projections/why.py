"""
Why a learner holds an award, or no longer does.

The chain from the award down: for a milestone the stack's version and rule, and the awards that matched, each explained
in turn; for a micro-credential the judgements and the evidence with its digest; and what befell the award since,
with causes. Everything names the position in the log where it can be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from ledger.catalogue import Catalogue
from ledger.errors import Unknown
from ledger.event import Recorded
from ledger.events import Capacity
from projections.award_register import Kind
from projections.befallen import Befallen, befallen, namer
from projections.holdings import Completed, HeldAward, Judged, Status, Story, told
from projections.wording import day, described, listed, number


class WhyCriterion(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on one criterion."""

    criterion: str
    text: str | None
    met: bool
    level: str | None


class WhyJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement that the award rests on, as it stands after amendments."""

    assessment_id: str
    assessor: str
    capacity: Capacity
    met: bool
    results: Mapping[str, Decimal]
    criteria: tuple[WhyCriterion, ...]
    effective_at: datetime
    amended_at: datetime | None
    voided: bool
    position: int


class WhyEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence that was judged: its digest, never its text."""

    evidence_id: str
    digest: str | None
    route: str
    submitted_by: str
    declared_by: str
    submitted_at: datetime
    prerequisites: Literal["none", "met", "waived"]
    batch_id: str | None
    position: int


class WhyRecognition(msgspec.Struct, frozen=True, kw_only=True):
    """Prior learning that was recognised."""

    recognition_id: str
    recognised_by: str
    results: Mapping[str, Decimal]
    effective_at: datetime
    position: int


class WhyStack(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that was completed: which version, with which definitions, by which awards, and by which it is now."""

    stack_id: str
    version: int
    name: str
    rule: Mapping[str, Any]
    asks_for: str
    completion_id: str
    ordinal: int
    completed_by: tuple[str, ...]
    rests_on: tuple[str, ...]
    definitions_position: int
    position: int
    components: tuple[Why, ...]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """
    One award explained: on what it rests, and what befell it.

    `positions` are those of all facts that this rests on; the proof that one is in the log is asked for by its index,
    which is one less.
    """

    award_id: str
    achievement_id: str
    version: int
    name: str
    kind: Kind
    status: Status | None
    effective_at: datetime
    recorded_at: datetime
    valid_until: datetime | None
    position: int
    confirmed_by: str | None
    renews: str | None
    results: Mapping[str, Decimal]
    evidence: WhyEvidence | None
    judgements: tuple[WhyJudgement, ...]
    recognition: WhyRecognition | None
    stack: WhyStack | None
    history: tuple[Befallen, ...]
    positions: tuple[int, ...]
    sentences: tuple[str, ...]


def why(award_id: str, facts: Iterable[Recorded], catalogue: Catalogue, on: datetime) -> Why:
    """Explain an award of the learner whose *facts* these are, with its standing *on* a day; Unknown if none."""
    story = told(facts)
    if award_id not in story.awards:
        raise Unknown(f"There is no award {award_id}.", field="award_id")
    return explained(story, story.awards[award_id], catalogue, on)


def explained(story: Story, award: HeldAward, catalogue: Catalogue, on: datetime) -> Why:
    """Explain an award of a story that is told already."""
    fact = award.fact
    definition = catalogue.definition(fact.achievement_id, fact.achievement_version)
    completion = story.completion_of(fact.award_id)
    told_so = Why(
        award_id=fact.award_id,
        achievement_id=fact.achievement_id,
        version=fact.achievement_version,
        name=definition.name,
        kind="micro-credential" if fact.basis.stack is None else "milestone",
        status=award.status(on),
        effective_at=fact.effective_at,
        recorded_at=award.at.recorded_at,
        valid_until=award.valid_until,
        position=award.at.position,
        confirmed_by=fact.confirmed_by,
        renews=fact.renews,
        results=award.results,
        evidence=_evidence(story, fact.basis.evidence_id),
        judgements=_judgements(story, award, catalogue),
        recognition=_recognition(story, fact.basis.recognition),
        stack=None if completion is None else _stack(story, completion, catalogue, on),
        history=befallen(award, namer(story, catalogue)),
        positions=(),
        sentences=(),
    )
    return msgspec.structs.replace(
        told_so, positions=tuple(sorted(set(_positions(told_so)))), sentences=tuple(_sentences(told_so, on))
    )


def _positions(told_so: Why) -> Iterator[int]:
    """Yield where the facts stand that the explanation rests on, down to the evidence of every component."""
    yield told_so.position
    if told_so.evidence is not None:
        yield told_so.evidence.position
    if told_so.recognition is not None:
        yield told_so.recognition.position
    for judgement in told_so.judgements:
        yield judgement.position
    for befell in told_so.history:
        yield befell.position
    if told_so.stack is not None:
        yield told_so.stack.position
        for component in told_so.stack.components:
            yield from component.positions


def _evidence(story: Story, evidence_id: str | None) -> WhyEvidence | None:
    found = None if evidence_id is None else story.evidence.get(evidence_id)
    if found is None:
        return None
    fact, at = found
    return WhyEvidence(
        evidence_id=fact.evidence_id,
        digest=fact.digest,
        route=fact.route,
        submitted_by=fact.submitted_by,
        declared_by=fact.declared_by,
        submitted_at=fact.effective_at,
        prerequisites=fact.prerequisites,
        batch_id=fact.batch_id,
        position=at.position,
    )


def _judgements(story: Story, award: HeldAward, catalogue: Catalogue) -> tuple[WhyJudgement, ...]:
    fact = award.fact
    definition = catalogue.definition(fact.achievement_id, fact.achievement_version)
    texts = {criterion.id: criterion.text for criterion in definition.criteria.items}
    return tuple(
        _judgement(story.judged[assessment], texts)
        for assessment in fact.basis.assessments
        if assessment in story.judged
    )


def _judgement(judged: Judged, texts: Mapping[str, str]) -> WhyJudgement:
    return WhyJudgement(
        assessment_id=judged.fact.assessment_id,
        assessor=judged.fact.assessor,
        capacity=judged.fact.capacity,
        met=judged.met,
        results=judged.results,
        criteria=tuple(
            WhyCriterion(criterion=one.criterion, text=texts.get(one.criterion), met=one.met, level=one.level)
            for one in judged.judgements
        ),
        effective_at=judged.fact.effective_at,
        amended_at=judged.amended_at,
        voided=judged.voided,
        position=judged.at.position,
    )


def _recognition(story: Story, recognition_id: str | None) -> WhyRecognition | None:
    found = None if recognition_id is None else story.recognitions.get(recognition_id)
    if found is None:
        return None
    fact, at = found
    return WhyRecognition(
        recognition_id=fact.recognition_id,
        recognised_by=fact.recognised_by,
        results=fact.results,
        effective_at=fact.effective_at,
        position=at.position,
    )


def _stack(story: Story, completion: Completed, catalogue: Catalogue, on: datetime) -> WhyStack:
    fact = completion.fact
    pinned = catalogue.stack_version(fact.stack_id, completion.version)

    def named(achievement: str) -> str:
        record = catalogue.achievements.get(achievement)
        return achievement if record is None else record.versions[record.published or record.newest].definition.name

    return WhyStack(
        stack_id=fact.stack_id,
        version=completion.version,
        name=pinned.definition.name,
        rule=pinned.definition.rule,
        asks_for=described(pinned.rule, named),
        completion_id=fact.completion_id,
        ordinal=fact.ordinal,
        completed_by=fact.awards,
        rests_on=completion.awards,
        definitions_position=fact.definitions_position,
        position=completion.at.position,
        components=tuple(
            explained(story, story.awards[one], catalogue, on) for one in completion.ever if one in story.awards
        ),
    )


_STANDS = {
    "live": "It counts.",
    "suspended": "It is suspended and does not count until that is lifted.",
    "revoked": "It is revoked.",
    "voided": "It is void.",
    "expired": "It has expired.",
    "lapsed": "It has lapsed.",
    "renewed": "It lives on in the award that renewed it.",
}


def _sentences(explained: Why, on: datetime) -> Iterator[str]:
    awarded = f"{explained.name} (version {explained.version}) was awarded on {day(explained.effective_at)}"
    if explained.stack is not None:
        yield from _of_milestone(explained.stack, awarded)
    elif explained.recognition is not None:
        yield f"{awarded}, because prior learning was recognised on {day(explained.recognition.effective_at)}."
    elif explained.evidence is not None:
        yield from _of_evidence(explained, explained.evidence, awarded)
    else:
        yield f"{awarded}."
    if explained.confirmed_by is not None:
        yield f"A registrar ({explained.confirmed_by}) confirmed it."
    for one in explained.history:
        yield one.sentence
        yield from _of_lost(explained.stack, one)
    if explained.status is None:
        yield f"On {day(on)} it was not yet awarded."
    else:
        until = "" if explained.valid_until is None else f" It is valid until {day(explained.valid_until)}."
        yield _STANDS[explained.status] + (until if explained.status == "live" else "")


def _of_milestone(stack: WhyStack, awarded: str) -> Iterator[str]:
    names = {component.award_id: component.name for component in stack.components}
    by = listed([names.get(award_id, award_id) for award_id in stack.completed_by])
    yield f"{awarded}, because {by} complete version {stack.version} of {stack.name}, which asks for {stack.asks_for}."
    yield from _chain(stack)


def _chain(stack: WhyStack) -> Iterator[str]:
    """Say of each award that completed the stack what it rests on, down to the digests of evidence."""
    for component in stack.components:
        if component.award_id in stack.completed_by:
            yield component.sentences[0]
            if component.stack is not None:
                yield from _chain(component.stack)
            elif component.evidence is not None and component.evidence.digest is not None:
                yield f"Its evidence is {component.evidence.evidence_id}, digest {component.evidence.digest}."


def _of_evidence(explained: Why, evidence: WhyEvidence, awarded: str) -> Iterator[str]:
    met = [judgement for judgement in explained.judgements if judgement.met]
    people = listed([f"{judgement.assessor} ({judgement.capacity})" for judgement in met])
    yield f"{awarded}, because the evidence submitted on {day(evidence.submitted_at)} was judged met by {people}."
    if explained.results:
        stated = listed([f"{name} {number(value)}" for name, value in explained.results.items()])
        yield f"Stated results: {stated}."
    digest = "" if evidence.digest is None else f", digest {evidence.digest}"
    yield f"The evidence is {evidence.evidence_id}{digest}."


def _of_lost(stack: WhyStack | None, befell: Befallen) -> Iterator[str]:
    """Say of each lost component what had become of it by then, and of what that one had lost, down to the first."""
    for component in () if stack is None else stack.components:
        by_then = [one for one in component.history if one.position <= befell.position]
        if component.award_id in befell.lost and by_then:
            yield f"{component.name}: {by_then[-1].sentence}"
            broke = next((one for one in reversed(by_then) if one.lost), None)
            if broke is not None:
                yield from _of_lost(component.stack, broke)
