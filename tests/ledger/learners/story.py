"""
A learner's story told in commands.

Every step is decided twice, and the second time must record nothing; every personal text recorded can be read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

import pytest

from ledger import duration, events
from ledger.catalogue import EMPTY, Catalogue
from ledger.decider import Setting
from ledger.definition import (
    PRINCIPLES,
    AchievementDefinition,
    Criteria,
    FrameworkCheck,
    OnLoss,
    ResultDescription,
    StackDefinition,
)
from ledger.errors import Refused
from ledger.event import Actor, Event, Recorded
from ledger.keys import LearnerKeys, reveal_fact, seal_command
from ledger.learners import commands as c
from ledger.learners import learners
from ledger.learners.evolve import folded
from ledger.learners.record import Award, Record
from ledger.private import Private

START = datetime(2026, 1, 1, tzinfo=UTC)
WHY = Private(plain="why")
ANA = "lrn_ana"
E = TypeVar("E", bound=Event)


def micro(name: str, **more: Any) -> AchievementDefinition:
    """Return a micro-credential with a percentage result that passes at 50."""
    percent = ResultDescription(id="score", name="Score", type="Percent", pass_at=Decimal(50))
    return AchievementDefinition(
        **{
            "name": name,
            "description": name,
            "achievement_type": "MicroCredential",
            "criteria": Criteria(narrative=f"Show {name}."),
            "results": (percent,),
            **more,
        }
    )


def badge(name: str, **more: Any) -> AchievementDefinition:
    """Return the achievement that a milestone is awarded of."""
    return micro(name, achievement_type="Badge", results=(), **more)


def stack(milestone: str, rule: dict[str, Any], on_loss: OnLoss | None = None, **more: Any) -> StackDefinition:
    """Return a stack that completes *milestone*."""
    return StackDefinition(name=milestone, milestone=milestone, rule=rule, on_loss=on_loss or OnLoss(), **more)


def all_of(*names: str) -> dict[str, Any]:
    """Return the rule that takes all of them."""
    return {"all": [{"achievement": name} for name in names]}


def defined(
    catalogue: Catalogue,
    *,
    achievements: dict[str, AchievementDefinition] | None = None,
    stacks: dict[str, StackDefinition] | None = None,
    roles: Iterable[tuple[str, events.Role]] = (),
    at: datetime = START,
    applies_to: Any = "new",
) -> Catalogue:
    """Return *catalogue* with these drafted, approved, published and activated, or revised if known."""
    facts: list[tuple[str, Event]] = []
    check = FrameworkCheck(principles=PRINCIPLES, body="QA", reference="1", review_on=START.date())
    for name, achievement in (achievements or {}).items():
        record = catalogue.achievements.get(name)
        n = len(record.versions) + 1 if record else 1
        stream = f"achievement-{name}"
        draft: Event = (
            events.AchievementRevised(effective_at=at, version=n, definition=achievement, revised_by="d")
            if record
            else events.AchievementDrafted(effective_at=at, definition=achievement, drafted_by="d")
        )
        facts += [
            (stream, draft),
            (
                f"achievement-{name}",
                events.AchievementApproved(effective_at=at, version=n, approved_by="q", check=check),
            ),
            (stream, events.AchievementPublished(effective_at=at, version=n, published_by="q")),
        ]
    for name, definition in (stacks or {}).items():
        known = catalogue.stacks.get(name)
        n = len(known.versions) + 1 if known else 1
        drafted: Event = (
            events.StackRevised(effective_at=at, version=n, definition=definition, revised_by="d")
            if known
            else events.StackDrafted(effective_at=at, definition=definition, drafted_by="d")
        )
        activated = events.StackActivated(effective_at=at, version=n, activated_by="q", applies_to=applies_to)
        facts += [
            (f"stack-{name}", drafted),
            (f"stack-{name}", events.StackApproved(effective_at=at, version=n, approved_by="q")),
            (f"stack-{name}", activated),
        ]
    for person, role in roles:
        facts.append((f"person-{person}", events.RoleGranted(effective_at=at, role=role, granted_by="r")))
    actor = Actor(id="t", role="operator", client="test")
    return catalogue.advance(
        Recorded(position=n, stream=stream, version=1, recorded_at=at, fact=fact, actor=actor)
        for n, (stream, fact) in enumerate(facts, start=catalogue.position + 1)
    )


PEOPLE: tuple[tuple[str, events.Role], ...] = (
    ("tom", "assessor"),
    ("tea", "assessor"),
    ("tim", "assessor"),
    ("jo", "adjudicator"),
    ("quinn", "quality_reviewer"),
    ("rae", "registrar"),
    ("rob", "registrar"),
)


@cache
def _keys() -> LearnerKeys:
    keys = LearnerKeys.in_file(Path(mkdtemp()) / "keys.db", bytes(32))
    keys.ensure([ANA])
    return keys


@dataclass
class Story:
    """One learner, the definitions around them, and a clock that moves when told to."""

    catalogue: Catalogue = EMPTY
    now: datetime = START
    record: Record = field(default_factory=lambda: Record(learner_id=ANA))
    facts: list[Event] = field(default_factory=list)
    count: int = 0

    def define(self, **more: Any) -> Story:
        """Add definitions and people, as of now."""
        self.catalogue = defined(self.catalogue, at=self.now, **more)
        return self

    def happen(self, stream: str, fact: Event) -> None:
        """Let something be defined or said about people that no builder covers."""
        actor = Actor(id="t", role="operator", client="test")
        position = self.catalogue.position + 1
        self.catalogue = self.catalogue.apply(
            Recorded(position=position, stream=stream, version=1, recorded_at=self.now, fact=fact, actor=actor)
        )

    def do(self, command: c.LearnerCommand) -> list[Event]:
        """Decide and record; deciding again must record nothing, and settling must have an end."""
        setting = Setting(now=self.now, catalogue=self.catalogue)
        command = seal_command(_keys(), ANA, command)
        facts = learners.decide(self.record, command, setting)
        self.record = folded(self.record, facts)
        self.facts += facts

        assert [] == learners.decide(self.record, command, setting)
        for fact in facts:
            reveal_fact(_keys(), ANA, fact)
        return facts

    def refused(self, command: c.LearnerCommand, error: type[Refused]) -> Refused:
        """Expect a refusal that records nothing."""
        before = self.record
        with pytest.raises(error) as caught:
            learners.decide(
                self.record, seal_command(_keys(), ANA, command), Setting(now=self.now, catalogue=self.catalogue)
            )

        assert before is self.record
        assert caught.value.detail
        return caught.value

    def settle(self) -> list[Event]:
        """Settle, as the automation does after every change."""
        return self.do(c.Settle(learner_id=ANA))

    def later(self, text: str) -> Story:
        """Let time pass."""
        self.now = duration.after(self.now, text)
        return self

    def submit(self, achievement: str, **more: Any) -> str:
        """Submit evidence and return its id."""
        self.count += 1
        evidence_id = more.pop("evidence_id", f"evd_{self.count}")
        self.do(evidence(achievement, evidence_id, **more))
        return str(evidence_id)

    def assess(self, evidence_id: str, assessor: str = "tom", score: int = 80, **more: Any) -> list[Event]:
        """Judge evidence by its score."""
        return self.do(assessment(evidence_id, assessor, score, **more))

    def earn(self, *achievements: str, score: int = 80, **more: Any) -> str:
        """Submit, assess and settle; return the last award's id."""
        for achievement in achievements:
            self.assess(self.submit(achievement, **more), score=score)
            self.settle()
        return self.holds(achievements[-1]).award_id

    def holds(self, achievement: str) -> Award:
        """Return the award of *achievement* that stands; there must be one."""
        award = self.record.held(achievement, self.now)
        assert award is not None, f"{achievement} is not held"
        return award

    def lacks(self, achievement: str) -> bool:
        """Whether no award of *achievement* stands."""
        return self.record.held(achievement, self.now) is None

    def revoke(self, achievement: str) -> None:
        """Revoke by two people, and settle."""
        self.count += 1
        request = f"req_{self.count}"
        award_id = self.holds(achievement).award_id
        self.do(c.RequestRevocation(learner_id=ANA, request_id=request, award_id=award_id, by="rae", reason=WHY))
        self.do(c.RevokeAward(learner_id=ANA, request_id=request, by="rob"))
        self.settle()

    def last(self, kind: type[E]) -> E:
        """Return the last fact of a kind."""
        return next(fact for fact in reversed(self.facts) if isinstance(fact, kind))

    def count_of(self, kind: type[Event]) -> int:
        """Return how many facts of a kind there are."""
        return sum(isinstance(fact, kind) for fact in self.facts)


def evidence(achievement: str, evidence_id: str = "evd_x", **more: Any) -> c.SubmitEvidence:
    """Return a submission by the learner."""
    fields = {"submitted_by": ANA, "evidence_url": Private(plain="https://example.edu/1"), **more}
    return c.SubmitEvidence(learner_id=ANA, evidence_id=evidence_id, achievement_id=achievement, **fields)


def assessment(evidence_id: str, assessor: str = "tom", score: int = 80, **more: Any) -> c.AssessEvidence:
    """Return a judgement by score."""
    fields = {
        "assessment_id": f"asm_{evidence_id}_{assessor}",
        "results": {"score": Decimal(score)},
        **more,
    }
    return c.AssessEvidence(learner_id=ANA, evidence_id=evidence_id, assessor=assessor, **fields)


def story(achievements: dict[str, AchievementDefinition], **more: Any) -> Story:
    """Begin a story: definitions, the usual people, and a registered learner."""
    told = Story().define(achievements=achievements, roles=PEOPLE, **more)
    told.do(c.RegisterLearner(learner_id=ANA))
    return told
