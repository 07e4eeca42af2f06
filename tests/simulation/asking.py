"""
How ledger and model are asked the same, and followers caught up; the rules of the machine are in machine.py.

`ask` puts one question to both: both refuse, or both go on. Whatever is accepted is sent again, with its idempotency
key and without. Followers run after every step unless they have fallen behind; then all may crash before they catch up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from msgspec.structs import replace

from ledger import errors
from ledger.events import AwardQueued
from ledger.learners import commands as c
from ledger.private import Private
from ledger.receipt import Receipt
from tests import places
from tests.simulation import college as col
from tests.simulation.agreement import agree, sound, what_waits
from tests.simulation.college import ACTOR, REGISTRAR, Clock, College, days
from tests.simulation.model import Learner
from tests.simulation.stacking import Stack
from tests.simulation.things import Award, Evidence, Micro, No, Waiting

T = TypeVar("T")
NOW, SECOND = timedelta(0), timedelta(seconds=1)


class Asking(RuleBasedStateMachine):
    """A ledger on a file with its views and followers, and the model beside it."""

    directory: Path
    clock: Clock
    college: College
    micros: dict[str, list[Micro]]
    stacks: dict[str, list[Stack]]
    learners: dict[str, Learner]
    numbers: Iterator[int]
    behind: bool
    agreed: bool

    def teardown(self) -> None:
        if hasattr(self, "college"):
            try:
                if self.agreed:  # else it was said already
                    self.catch_up()
                    sound(self.college, self.directory / "again")
            finally:
                self.college.close()
                places.drop(self.directory)

    def ask(self, command: c.LearnerCommand, deed: Callable[..., None], *about: Any, tick: timedelta = SECOND) -> bool:
        """Ask the model, then the ledger; whatever they say must be the same. Return whether it was allowed."""
        self.agreed = False
        self.clock.move(tick)
        allowed = True
        try:
            deed(self.learners[command.learner_id], *about, self.clock.latest)
        except No:
            allowed = False
        key = f"key{next(self.numbers)}"
        try:
            receipt = self.college.ledger.execute(command, actor=ACTOR, key=key)
        except errors.Refused as refusal:
            why = repr(refusal)
        else:
            why = ""
            self.send_again(command, key, receipt)
        assert allowed == (not why), f"{why or 'should be refused'}: {command}"
        self.tell_ids(command.learner_id)
        self.agreed = True
        self.unless_behind()
        return allowed

    def send_again(self, command: c.LearnerCommand, key: str, receipt: Receipt) -> None:
        """Nothing comes of a second delivery, and the key answers as the first time."""
        ledger, head = self.college.ledger, self.college.ledger.store.head()
        again = ledger.execute(command, actor=ACTOR, key=key)
        assert dataclasses.replace(receipt, repeated=True) == again
        assert () == ledger.execute(command, actor=ACTOR).recorded
        try:
            ledger.execute(replace(command, learner_id="lrn_other"), actor=ACTOR, key=key)
        except errors.KeyReused:
            pass
        else:
            msg = "one key was taken for two requests"
            raise AssertionError(msg)
        assert head == ledger.store.head()

    def submit(self, learner: str, evidence: str, micro: str, by: str, batch: str | None) -> Evidence:
        command = c.SubmitEvidence(
            learner_id=learner,
            evidence_id=evidence,
            achievement_id=micro,
            submitted_by=by,
            batch_id=batch,
            evidence_url=Private(plain=f"https://example.org/{evidence}"),
        )
        self.ask(command, Learner.submit, evidence, micro, by, batch)
        return self.learners[learner].evidence[evidence]

    def assess(self, learner: str, evidence: Evidence, who: str, batch: str | None, *, met: bool) -> None:
        role: Any = "adjudicator" if evidence.standing() == "adjudicator" else "marker"
        who = col.ADJUDICATOR if role == "adjudicator" else who
        command = c.AssessEvidence(
            learner_id=learner,
            assessment_id=judgement_of(evidence, who),
            evidence_id=evidence.id,
            assessor=who,
            met=met,
            capacity=role,
            batch_id=batch,
        )
        self.ask(command, Learner.assess, evidence, who, met, role, batch)

    def renew(self, learner: str, award: Award, evidence: Evidence) -> None:
        command = c.RenewAward(learner_id=learner, award_id=award.id, evidence_id=evidence.id, by=REGISTRAR)
        self.ask(command, Learner.renew, award, evidence)

    def revoke(self, learner: str, request: str, award: Award) -> None:
        command = c.RevokeAward(learner_id=learner, request_id=request, by=col.SECOND_REGISTRAR)
        self.ask(command, Learner.revoke, award, tick=NOW)

    def activate(self, name: str, stack: Stack, in_days: int) -> None:
        self.clock.move(SECOND)
        stack.begins = self.clock.latest + days(in_days)
        self.stacks[name].append(stack)
        self.college.activate(name, len(self.stacks[name]), stack, stack.begins)
        self.unless_behind()

    def components(self, learner: str) -> list[Award]:
        """Return what open completions rest on, as it lives on."""
        known, now = self.learners[learner], self.clock.latest
        return [a.newest() for done in known.completions if done.is_open(now) for a in done.basis]

    def judged(self, learner: str) -> list[tuple[Evidence, str]]:
        """Return what assessors found, evidence and who."""
        evidence = self.learners[learner].evidence.values()
        return [(e, who) for e in evidence for who, judgement in e.judgements.items() if judgement.role != "appeal"]

    def queue_id(self, learner: str, waiting: Waiting) -> str:
        """Return the ledger's name for what waits; of those alike, the k-th is the k-th."""
        alike = [w for w in self.learners[learner].queue if w.what() == waiting.what()]
        known: list[AwardQueued] = list(self.college.ledger.record(learner).queued.values())
        return [q.queue_id for q in known if what_waits(q) == waiting.what()][alike.index(waiting)]

    def unless_behind(self) -> None:
        if not self.behind:
            self.catch_up()

    def catch_up(self) -> None:
        """Let the followers do everything there is to do, and look whether all agree."""
        self.behind = self.agreed = False
        self.college.followers.catch_up()
        for name, learner in self.learners.items():
            learner.settle(self.clock.latest)
            self.tell_ids(name)
        agree(self.college, self.learners, self.clock.latest)
        self.agreed = True

    def tell_ids(self, learner: str) -> None:
        """Tell the model how the ledger names its awards: the k-th of an achievement is the k-th."""
        known = self.college.ledger.record(learner).awards.values()
        mine = self.learners[learner].awards
        for achievement in {a.achievement for a in mine} | {a.achievement_id for a in known}:
            ids = [a.award_id for a in known if a.achievement_id == achievement]
            awards = [a for a in mine if a.achievement == achievement]
            assert len(awards) == len(ids), f"{learner} should have {len(awards)} awards of {achievement}: {ids}"
            for award, award_id in zip(awards, ids, strict=True):
                award.id = award_id


def pick(items: Iterable[T], n: int) -> T | None:
    """Return one of *items* by number, None where there are none."""
    some = list(items)
    return some[n % len(some)] if some else None


def judgement_of(evidence: Evidence, who: str) -> str:
    return f"asm-{evidence.id}-{who}"
