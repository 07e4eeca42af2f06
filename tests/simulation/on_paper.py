"""A college without a store: rules alone, so that thousands of decisions take a second; laws are looked at on each."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ledger.catalogue import Catalogue
from ledger.decider import Setting
from ledger.doubt import Doubt
from ledger.errors import Refused
from ledger.event import Event
from ledger.learners import commands as c
from ledger.learners import learners
from ledger.learners.record import Record
from tests import examples as ex
from tests.projections import college as chances

WAIVABLE = ex.micro_credential("Pipe welding", prerequisites=ex.all_of(ex.MIG), prerequisites_waivable=True)
CATALOGUE = ex.catalogue_of(chances.PROGRAMME, ex.published("pipe", WAIVABLE))


@dataclass
class OnPaper:
    """What `live_through` asks of a college; every decision is made twice, and the second must be `[]`."""

    catalogue: Catalogue = CATALOGUE
    now: datetime = ex.START
    facts: dict[str, list[Event]] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    decided: Counter[type] = field(default_factory=Counter)

    @property
    def ledger(self) -> OnPaper:
        return self

    def record(self, learner_id: str) -> Record:
        return self.records.get(learner_id) or learners.initial(learner_id)

    def do(self, *commands: c.LearnerCommand) -> None:
        for command in commands:
            setting = Setting(now=self.now, catalogue=self.catalogue)
            before = self.record(command.learner_id)
            facts = learners.decide(before, command, setting)
            after = before
            for fact in facts:
                after = learners.evolve(after, fact)

            assert [] == learners.decide(after, command, setting), f"decided twice: {command}"
            if facts:
                self.decided[type(command)] += 1
            self.facts.setdefault(command.learner_id, []).extend(facts)
            self.records[command.learner_id] = after

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


def lived(seed: int, steps: int) -> OnPaper:
    """Return a college after *steps* things were done at random, those that are rare included."""
    paper, chance = OnPaper(), random.Random(seed)
    for part in range(4):
        chances.live_through(paper, chance.randrange(10**9), steps // 4)  # type: ignore[arg-type]
        for learner in list(paper.records):
            _renew(paper, learner)
            with suppress(Refused):
                _rare(paper, chance, learner, f"{seed}-{part}")
            if part == 3:
                _in_doubt(paper, chance, learner)
    return paper


def _renew(paper: OnPaper, learner: str) -> None:
    for award_id in paper.record(learner).awards:
        for evidence_id in paper.record(learner).evidence:
            with suppress(Refused):
                paper.do(c.RenewAward(learner_id=learner, award_id=award_id, evidence_id=evidence_id, by=ex.REGISTRAR))


def _in_doubt(paper: OnPaper, chance: random.Random, learner: str) -> None:
    people: dict[str, Any] = {"by": ex.REGISTRAR, "approved_by": ex.SECOND_REGISTRAR}
    doubt = Doubt(kind="assessor", subject=ex.ANA)
    paper.do(c.DoubtAwards(learner_id=learner, doubt=doubt, **people))
    if evidence := list(paper.record(learner).evidence):
        of = chance.choice(evidence)
        with suppress(Refused):
            paper.do(c.DiscreditEvidence(learner_id=learner, evidence_id=of, reason=chances.WHY, **people))


def _rare(paper: OnPaper, chance: random.Random, learner: str, name: str) -> None:
    waive = c.WaivePrerequisites(learner_id=learner, achievement_id="pipe", by=ex.REGISTRAR, reason=chances.WHY)
    submit = chances.submission(learner, "pipe")
    paper.do(c.Together(learner_id=learner, commands=(waive, submit)) if chance.random() < 0.5 else waive)
    awards = list(paper.record(learner).awards)
    if awards:
        paper.do(
            c.SubstituteComponent(
                learner_id=learner, substitution_id=name, stack_id="welding", achievement_id=ex.SAFETY,
                award_id=chance.choice(awards), by=ex.REGISTRAR, reason=chances.WHY,
            )
        )  # fmt: skip
