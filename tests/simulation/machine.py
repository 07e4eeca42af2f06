"""Commands of every kind, lost clocks and lost processes, in any order; after each step ledger and model must agree."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ledger.ids import derived
from ledger.learners import commands as c
from ledger.private import Private
from tests import places
from tests.simulation import college as col
from tests.simulation.asking import NOW, SECOND, Asking, judgement_of, pick
from tests.simulation.college import LEARNERS, REGISTRAR, College, days
from tests.simulation.model import Learner
from tests.simulation.stacking import Stack
from tests.simulation.things import Appeal, Micro

WHY = Private(plain="why")
MICROS = st.sampled_from("abcde")
BEFORE = st.sampled_from(["", "ab", "abe", "abce", "cda"])
BATCH = st.sampled_from([None, None, "b1", "b2"])
LEARNER = st.sampled_from(LEARNERS)
N = st.integers(0, 11)


class WholeLedger(Asking):
    """The ledger on a file, its views and followers; and the model beside it."""

    @initialize(one=BEFORE, two=BEFORE)
    def a_college_with_learners_who_hold_something(self, one: str, two: str) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=col.quick_disk()))
        places.copy(col.founded(), self.directory)
        self.clock = col.Clock()
        self.college = College(self.directory, self.clock)
        self.micros, self.stacks = col.programme()
        self.learners = {name: Learner(name, self.micros, self.stacks) for name in LEARNERS}
        self.numbers = count(1)
        self.behind, self.agreed = False, True
        for learner, micros in zip(LEARNERS, (one, two), strict=True):
            for micro in micros:
                self.try_for(learner, micro, None)

    # Learners and assessors

    @rule(learner=LEARNER, micro=MICROS, batch=BATCH, met=st.sampled_from([(True, True), (True, False), (False,)]))
    def try_for(self, learner: str, micro: str, batch: str | None, met: tuple[bool, ...] = (True, True)) -> None:
        evidence = self.submit(learner, f"{learner}-{next(self.numbers) + 100}", micro, learner, batch)
        for assessor, found in zip(col.ASSESSORS[: evidence.micro.assessors], met, strict=False):
            self.assess(learner, evidence, assessor, batch, met=found)

    @rule(learner=LEARNER, stack=N, batch=BATCH)
    def earn_what_a_stack_still_asks_for(self, learner: str, stack: int, batch: str | None) -> None:
        known, now = self.learners[learner], self.clock.latest
        asked = pick([versions[-1].of for versions in self.stacks.values() if versions], stack) or ()
        for micro in asked:
            if micro in self.micros and not known.held(micro, now):
                self.try_for(learner, micro, batch)

    @rule(learner=LEARNER, n=N, micro=MICROS, by=st.sampled_from(["the learner", "tom"]), batch=BATCH)
    def submit_evidence(self, learner: str, n: int, micro: str, by: str, batch: str | None) -> None:
        self.submit(learner, f"{learner}-{n}", micro, learner if by == "the learner" else by, batch)

    @rule(learner=LEARNER, n=N, who=st.sampled_from([*col.ASSESSORS, "the learner"]), met=st.booleans(), batch=BATCH)
    def assess_evidence(self, learner: str, n: int, who: str, met: bool, batch: str | None) -> None:
        known = self.learners[learner].evidence.values()
        waiting = [e for e in known if e.standing() in ("marker", "adjudicator")]
        if evidence := (pick(waiting, n) if n < 8 else None) or pick(known, n):
            self.assess(learner, evidence, learner if who == "the learner" else who, batch, met=met)

    @rule(learner=LEARNER, n=N, other=st.sampled_from([True, True, False]))
    def amend_a_judgement(self, learner: str, n: int, other: bool) -> None:
        known = self.learners[learner]
        free = [(e, who) for e, who in self.judged(learner) if not known.led_somewhere(e)]
        if judged := (pick(free, n) if n < 8 else None) or pick(self.judged(learner), n):
            evidence, who = judged
            met = evidence.judgements[who].met != other
            command = c.AmendAssessment(
                learner_id=learner, assessment_id=judgement_of(evidence, who), by=who, met=met, reason=WHY
            )
            self.ask(command, Learner.amend, evidence, who, met)

    @rule(learner=LEARNER, n=N)
    def withdraw_evidence(self, learner: str, n: int) -> None:
        known = self.learners[learner]
        free = [e for e in known.evidence.values() if e.judgements and not known.led_somewhere(e)]
        if evidence := (pick(free, n) if n < 8 else None) or pick(known.evidence.values(), n):
            command = c.WithdrawEvidence(learner_id=learner, evidence_id=evidence.id, by=evidence.by)
            self.ask(command, Learner.withdraw, evidence)

    # Registrars

    @rule(learner=LEARNER, n=N, component=st.booleans())
    def suspend_an_award(self, learner: str, n: int, component: bool) -> None:
        if award := pick(self.components(learner) if component else self.learners[learner].awards, n):
            command = c.SuspendAward(learner_id=learner, award_id=award.id, by=REGISTRAR, reason=WHY)
            self.ask(command, Learner.suspend, award)

    @rule(learner=LEARNER, n=N)
    def reinstate_an_award(self, learner: str, n: int) -> None:
        suspended = [a for a in self.learners[learner].awards if "hand" in a.suspended]
        if award := pick(suspended, n) or pick(self.learners[learner].awards, n):
            command = c.ReinstateAward(learner_id=learner, award_id=award.id, by=REGISTRAR, reason=WHY)
            self.ask(command, Learner.reinstate, award)

    @rule(learner=LEARNER, n=N, component=st.booleans())
    def revoke_by_two_people(self, learner: str, n: int, component: bool) -> None:
        if award := pick(self.components(learner) if component else self.learners[learner].awards, n):
            name = f"req{next(self.numbers)}"
            request = c.RequestRevocation(
                learner_id=learner, request_id=name, award_id=award.id, by=REGISTRAR, reason=WHY
            )
            if self.ask(request, Learner.must_stand, award):
                alone = c.RevokeAward(learner_id=learner, request_id=name, by=REGISTRAR)
                self.ask(alone, Learner.refuse, tick=NOW)
                self.revoke(learner, name, award)

    @rule(learner=LEARNER, n=N, by=st.integers(-2, 10))
    def extend_an_award(self, learner: str, n: int, by: int) -> None:
        if award := pick([a for a in self.learners[learner].awards if a.valid_until], n):
            assert award.valid_until
            until = award.valid_until + days(by)
            command = c.ExtendAward(learner_id=learner, award_id=award.id, by=REGISTRAR, reason=WHY, valid_until=until)
            self.ask(command, Learner.extend, award, until)

    @rule(learner=LEARNER, n=N, m=N)
    def renew_an_award(self, learner: str, n: int, m: int) -> None:
        known = self.learners[learner]
        pairs = [(a, e) for a in known.awards for e in known.evidence.values() if a.achievement == e.achievement]
        if pair := pick(pairs, 12 * m + n):
            self.renew(learner, *pair)

    @rule(learner=LEARNER, n=N, batches=st.lists(BATCH, min_size=1, max_size=3))
    def earn_an_award_anew(self, learner: str, n: int, batches: list[str | None]) -> None:
        known = self.learners[learner]
        award = pick([a for a in known.awards if a.evidence and a.stands(self.clock.latest)], n)
        for batch in batches if award else []:
            assert award
            self.try_for(learner, award.achievement, batch)
            self.renew(learner, award, list(known.evidence.values())[-1])
            award = award.newest()

    @rule(learner=LEARNER, n=N, confirm=st.booleans())
    def confirm_or_decline(self, learner: str, n: int, confirm: bool) -> None:
        if waiting := pick([w for w in self.learners[learner].queue if w.queue == "confirm"], n):
            name = self.queue_id(learner, waiting)
            if confirm:
                self.ask(c.ConferAward(learner_id=learner, queue_id=name, by=REGISTRAR), Learner.confer, waiting)
            else:
                decline = c.DeclineAward(learner_id=learner, queue_id=name, by=REGISTRAR, reason=WHY)
                self.ask(decline, Learner.decline, waiting)

    @rule(learner=LEARNER, n=N, decision=st.sampled_from(["keep", "suspend", "lapse", "revoke"]))
    def decide_a_review(self, learner: str, n: int, decision: Any) -> None:
        self.catch_up()
        if waiting := pick([w for w in self.learners[learner].queue if w.queue == "review"], n):
            name, award = self.queue_id(learner, waiting), waiting.award
            review = c.ReviewAward(learner_id=learner, queue_id=name, by=REGISTRAR, decision=decision, reason=WHY)
            standing = award is not None and award.stands(self.clock.latest)
            self.ask(review, Learner.review, waiting, decision, tick=NOW)
            if decision == "revoke" and standing and award:
                self.revoke(learner, derived("req", name), award)

    @rule(batch=st.sampled_from(["b1", "b2"]))
    def void_a_batch(self, batch: str) -> None:
        for learner in LEARNERS:
            self.ask(c.VoidBatch(learner_id=learner, batch_id=batch, by=REGISTRAR), Learner.void, batch)

    # Appeals

    @rule(learner=LEARNER, n=N)
    def appeal_against_a_loss(self, learner: str, n: int) -> None:
        known, now = self.learners[learner], self.clock.latest
        worthwhile = [a for a in known.awards if a.ended in ("revoked", "lapsed") or known.at_risk(a, now)]
        if award := pick(worthwhile, n) or pick(known.awards, n):
            name = f"app{next(self.numbers)}"
            command = c.LodgeAppeal(learner_id=learner, appeal_id=name, grounds=WHY, award_id=award.id)
            self.ask(command, Learner.appeal, Appeal(name, award=award))

    @rule(learner=LEARNER, n=N)
    def appeal_against_a_judgement(self, learner: str, n: int) -> None:
        if judged := pick(self.judged(learner), n):
            name, about = f"app{next(self.numbers)}", (judged[0].id, judged[1])
            command = c.LodgeAppeal(
                learner_id=learner, appeal_id=name, grounds=WHY, assessment_id=judgement_of(*judged)
            )
            self.ask(command, Learner.appeal, Appeal(name, about=about))

    @rule(learner=LEARNER, n=N, upheld=st.booleans())
    def hear_an_appeal(self, learner: str, n: int, upheld: bool) -> None:
        if not self.learners[learner].appeals:
            self.appeal_against_a_loss(learner, n)
            self.clock.move(days(n / 4))
        if appeal := pick(self.learners[learner].appeals.values(), n):
            by = col.HEARS_LOSSES if appeal.award else col.HEARS_JUDGEMENTS
            command = c.DecideAppeal(learner_id=learner, appeal_id=appeal.name, by=by, upheld=upheld, reason=WHY)
            self.ask(command, Learner.hear, appeal, by, upheld)

    # Designers

    @rule(micro=st.sampled_from("abe"), assessors=st.integers(1, 2), lasts=st.sampled_from([None, 10, 20]))
    def revise_an_achievement(self, micro: str, assessors: int, lasts: int | None) -> None:
        new = Micro(assessors, days(lasts) if lasts else None)
        if (new.assessors, new.valid_for) != (self.micros[micro][-1].assessors, self.micros[micro][-1].valid_for):
            self.clock.move(SECOND)
            self.micros[micro].append(new)
            self.college.publish(micro, len(self.micros[micro]), new)
            self.unless_behind()

    @rule(
        which=st.sampled_from(["s1-pair", "s2-any", "s3-signed"]),
        of=st.sets(MICROS, min_size=2, max_size=4),
        need=st.integers(1, 3),
        for_holders=st.booleans(),
        in_days=st.sampled_from([0, 0, 2]),
    )
    def revise_a_stack(self, which: str, of: set[str], need: int, for_holders: bool, in_days: int) -> None:
        old = self.stacks[which][-1]
        new = Stack(old.milestone, min(need, len(of)), tuple(sorted(of)), old.loss, old.confirm, for_holders)
        if (new.need, new.of) != (old.need, old.of):
            self.activate(which, new, in_days)

    @precondition(lambda self: not self.stacks[col.LATE])
    @rule(policy=st.sampled_from(["keep", "suspend", "review", "lapse", "revoke"]), grace=st.integers(0, 3))
    def define_a_stack_later(self, policy: str, grace: int) -> None:
        same = (policy, days(grace))
        self.activate(col.LATE, Stack("any", 2, ("a", "e"), col.loss(same, same, same)), 0)

    # Clocks and crashes

    @rule(by=st.sampled_from([0.3, 1, 2, 4]))
    def days_pass(self, by: float) -> None:
        self.clock.move(days(by))
        self.unless_behind()

    @rule(by=st.sampled_from([9, 30]))
    def weeks_pass(self, by: float) -> None:
        self.clock.move(days(by))
        self.unless_behind()

    @rule(by=st.sampled_from([days(0.01), days(1), days(5)]))
    def the_clock_is_set_back(self, by: timedelta) -> None:
        self.college.do(c.RegisterLearner(learner_id=f"lrn_new{next(self.numbers)}"))
        self.clock.move(-by)

    @rule()
    def the_followers_fall_behind(self) -> None:
        self.behind = True

    @rule()
    def the_followers_catch_up(self) -> None:
        self.catch_up()

    @rule(losing_positions=st.booleans(), losing_views=st.booleans())
    def everything_crashes(self, losing_positions: bool, losing_views: bool) -> None:
        self.college.crash(losing_positions=losing_positions, losing_views=losing_views)

    @rule(learner=LEARNER)
    def a_second_settler_comes_first(self, learner: str) -> None:
        self.ask(c.Settle(learner_id=learner), Learner.settle)
