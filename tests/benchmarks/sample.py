"""A ledger of any size: learners who earn micro-credentials that stack, all through commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ledger import Ledger
from ledger.achievements import ApproveAchievement, DraftAchievement, PublishAchievement
from ledger.decider import Command
from ledger.definition import (
    PRINCIPLES,
    AchievementDefinition,
    Criteria,
    FrameworkCheck,
    ResultDescription,
    StackDefinition,
)
from ledger.errors import Refused
from ledger.event import Actor
from ledger.learners import commands as c
from ledger.people import GrantRole, RegisterPerson
from ledger.private import Private
from ledger.settings import Settings
from ledger.stacks import ActivateStack, ApproveStack, DraftStack

CLIENT = Actor(id="local", role="operator", client="bench")
LEARNED = datetime(2026, 1, 1, tzinfo=UTC)
MICROS = tuple(f"micro-{n}" for n in range(6))
FACTS_A_LEARNER = 21
_PER_LEARNER = 1 + 3 * len(MICROS) + 2


def make(place: Path | Settings) -> Ledger:
    """Make a ledger with six micro-credentials, a milestone of all six, and one assessor."""
    settings = place if isinstance(place, Settings) else Settings(database=place)
    ledger = Ledger.open(settings, create=True)
    check = FrameworkCheck(principles=PRINCIPLES, body="QA", reference="bench", review_on=date(2027, 1, 1))
    commands: list[Command] = [
        RegisterPerson(person_id="per_tutor"),
        GrantRole(person_id="per_tutor", role="assessor", by="local"),
    ]
    for name in (*MICROS, "milestone"):
        percent = ResultDescription(id="score", name="Score", type="Percent", pass_at=Decimal(40))
        definition = AchievementDefinition(
            name=name,
            description=name,
            achievement_type="Badge" if name == "milestone" else "MicroCredential",
            criteria=Criteria(narrative=name),
            results=(percent,),
            evidence_required=False,
            credits=Decimal("0.5"),
        )
        commands += [
            DraftAchievement(achievement_id=name, definition=definition, by="per_d"),
            ApproveAchievement(achievement_id=name, version=1, by="per_q", check=check),
            PublishAchievement(achievement_id=name, version=1, by="per_q"),
        ]
    rule = {"all": [{"achievement": name} for name in MICROS]}
    commands += [
        DraftStack(
            stack_id="stack", definition=StackDefinition(name="S", milestone="milestone", rule=rule), by="per_d"
        ),
        ApproveStack(stack_id="stack", version=1, by="per_q"),
        ActivateStack(stack_id="stack", version=1, by="per_q"),
    ]
    _all_done(ledger.execute_many(commands, actor=CLIENT))
    return ledger


def learn(number: int) -> list[Command]:
    """Return the commands of one learner's whole story: 21 facts."""
    learner = f"lrn_{number:012d}"
    commands: list[Command] = [c.RegisterLearner(learner_id=learner)]
    for n, name in enumerate(MICROS):
        commands += earn(learner, name, n)
    return [*commands, c.Settle(learner_id=learner)]


def earn(learner: str, achievement: str, n: int) -> list[Command]:
    """Return the commands that earn one micro-credential."""
    submitted_at = LEARNED + timedelta(days=n)
    evidence_id = f"evd_{learner}_{n}"
    return [
        c.SubmitEvidence(
            learner_id=learner,
            evidence_id=evidence_id,
            achievement_id=achievement,
            submitted_by=learner,
            submitted_at=submitted_at,
            narrative=Private(plain=f"What I learnt in {achievement}, in a sentence of ordinary length."),
        ),
        c.AssessEvidence(
            learner_id=learner,
            assessment_id=f"asm_{learner}_{n}",
            evidence_id=evidence_id,
            assessor="per_tutor",
            results={"score": Decimal(70 + n)},
            assessed_at=submitted_at + timedelta(days=1),
        ),
    ]


def grow(ledger: Ledger, to_facts: int, first: int = 0) -> int:
    """Let further learners learn until the log holds *to_facts*; return how many there are."""
    number = first
    for chunk in _chunks(first, max(0, to_facts - ledger.store.head()) // _PER_LEARNER + 1):
        _all_done(ledger.execute_many([command for n in chunk for command in learn(n)], actor=CLIENT))
        number = chunk[-1] + 1
    return number


def _chunks(first: int, many: int, size: int = 200) -> Iterator[range]:
    for start in range(first, first + many, size):
        yield range(start, min(start + size, first + many))


def _all_done(answers: Iterable[object]) -> None:
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    if refused:
        raise refused[0]
