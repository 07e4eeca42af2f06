"""
What must be true of one learner, said once more in the plainest words and sharing nothing with the ledger.

Each rule is said in the words of the programme: who may judge, what an award rests on, what people may do to it.
A refusal is `No`. What follows by rule alone is in stacking.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation import stacking
from tests.simulation.stacking import Break, Completion, Stack
from tests.simulation.things import Appeal, Award, Evidence, Judgement, Micro, No, Waiting

APPEAL_WITHIN = timedelta(days=28)


@dataclass(eq=False)
class Learner:
    """One learner's record; `micros` and `stacks` are the programme's versions, newest last."""

    name: str
    micros: dict[str, list[Micro]]
    stacks: dict[str, list[Stack]]
    evidence: dict[str, Evidence] = field(default_factory=dict)
    awards: list[Award] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    queue: list[Waiting] = field(default_factory=list)
    appeals: dict[str, Appeal] = field(default_factory=dict)
    heard: dict[Award | tuple[str, str] | None, tuple[datetime, int]] = field(default_factory=dict)

    def settle(self, now: datetime) -> None:
        stacking.settle(self, now)

    # Evidence and judgements

    def submit(self, evidence: str, achievement: str, by: str, batch: str | None, _: datetime) -> None:
        known = self.evidence.get(evidence)
        if known is None:
            self.evidence[evidence] = Evidence(evidence, achievement, self.micros[achievement][-1], by, batch)
        elif known.achievement != achievement:
            raise No

    def withdraw(self, evidence: Evidence, _: datetime) -> None:
        if not evidence.withdrawn and self.led_somewhere(evidence):
            raise No
        evidence.withdrawn = True

    def assess(self, evidence: Evidence, who: str, met: bool, role: str, batch: str | None, now: datetime) -> None:
        given = evidence.judgements.get(who)
        if given is not None:  # the same judgement again is harmless; another one would be an amendment
            if (met, role) != (given.first[0], given.role):
                raise No
        elif evidence.withdrawn or who in (self.name, evidence.by) or evidence.standing() != role:
            raise No
        else:
            evidence.judgements[who] = Judgement(met, role, now, batch)
            self.conclude(evidence, now)

    def amend(self, evidence: Evidence, who: str, met: bool, now: datetime) -> None:
        judgement = evidence.judgements[who]
        if judgement.role == "appeal":
            raise No  # what an appeal decided stands
        if judgement.met != met:
            judgement.met, judgement.at = met, now
            self.conclude(evidence, now)

    def conclude(self, evidence: Evidence, now: datetime) -> None:
        """Award as soon as all conditions hold; what was awarded is not taken because a judgement changed."""
        award = next((a for a in self.awards if a.evidence is evidence and a.ended != "voided"), None)
        standing = evidence.standing()
        if award is not None:
            if standing != "met" and award.stands(now) and not any(w.award is award for w in self.queue):
                self.wait("review", award.achievement, award=award)
        elif standing == "adjudicator":
            evidence.disputed = True
        elif standing == "met" and not (evidence.withdrawn or self.led_somewhere(evidence)):
            if self.held(evidence.achievement, now) is not None:
                return  # a second "met" while one lives is recorded and awards nothing
            if evidence.micro.confirm:
                self.wait("confirm", evidence.achievement, evidence=evidence)
            else:
                self.award_on(evidence)

    def led_somewhere(self, evidence: Evidence) -> bool:
        awarded = any(a.evidence is evidence and a.ended != "voided" for a in self.awards)
        return awarded or any(w.evidence is evidence for w in self.queue)

    def award_on(self, evidence: Evidence) -> Award:
        at, lasts = evidence.effective_at(), evidence.micro.valid_for
        self.awards.append(Award(evidence.achievement, at, evidence, at + lasts if lasts else None))
        return self.awards[-1]

    def award_milestone(self, achievement: str, completion: Completion) -> None:
        completion.award = Award(achievement, completion.at)
        self.awards.append(completion.award)

    def held(self, achievement: str, now: datetime) -> Award | None:
        return next((a for a in self.awards if a.achievement == achievement and a.stands(now)), None)

    def wait(self, queue: str, achievement: str, **about: Evidence | Completion | Award | Break) -> None:
        self.queue.append(Waiting(queue, achievement, **about))  # type: ignore[arg-type]

    # What registrars do

    def confer(self, waiting: Waiting, now: datetime) -> None:
        if self.held(waiting.achievement, now):
            raise No
        if waiting.evidence:
            if waiting.evidence.standing() != "met":
                raise No
            self.award_on(waiting.evidence)
        elif waiting.completion:
            if any(a.newest().lost(now) for a in waiting.completion.basis):
                raise No
            self.award_milestone(waiting.achievement, waiting.completion)
        self.queue.remove(waiting)

    def decline(self, waiting: Waiting, _: datetime) -> None:
        if waiting.completion:
            waiting.completion.declined = "by hand"
        self.queue.remove(waiting)

    def review(self, waiting: Waiting, decision: str, now: datetime) -> None:
        self.queue.remove(waiting)
        award = waiting.award
        if award:
            if isinstance(waiting.broken, Break):
                waiting.broken.decided = True
            if award.stands(now) and decision == "suspend":
                award.suspend("hand", now)
            elif award.stands(now) and decision == "lapse":
                award.end("lapsed", now)
                award.by_hand = True

    def suspend(self, award: Award, now: datetime) -> None:
        self.must_stand(award, now)
        award.suspend("hand", now)

    def reinstate(self, award: Award, now: datetime) -> None:
        self.must_stand(award, now)
        if "hand" in award.suspended:
            self.lift(award, "hand", now)

    def revoke(self, award: Award, now: datetime) -> None:
        self.must_stand(award, now)
        award.end("revoked", now)
        award.by_hand = True

    def extend(self, award: Award, until: datetime, now: datetime) -> None:
        self.must_stand(award, now)
        if award.valid_until is None or until < award.valid_until:
            raise No
        award.valid_until = until

    def renew(self, award: Award, evidence: Evidence, now: datetime) -> None:
        if any(a.renews is award and a.evidence is evidence and a.ended != "voided" for a in self.awards):
            return
        if award.ended not in (None, "expired") or self.held(award.achievement, now) not in (None, award):
            raise No
        fits = evidence.achievement == award.achievement and evidence.standing() == "met" and not evidence.withdrawn
        if not fits or award.suspended or self.led_somewhere(evidence):
            raise No
        lasts = evidence.micro.valid_for
        if evidence.effective_at() < award.effective_at or (lasts and evidence.effective_at() + lasts <= now):
            raise No  # renewal rests on newer evidence
        award.renewed_by, award.ended = self.award_on(evidence), "renewed"
        award.renewed_by.renews = award

    def void(self, batch: str, now: datetime) -> None:
        """Forget what the batch brought; what rested on that falls, unless other judgements still hold it."""
        touched = [e for e in self.evidence.values() if batch in (e.batch, *(j.batch for j in e.judgements.values()))]
        for evidence in touched:
            evidence.judgements = {who: j for who, j in evidence.judgements.items() if j.batch != batch}
            evidence.disputed = False
        self.evidence = {e.id: e for e in self.evidence.values() if e.batch != batch}
        held = [e for e in self.evidence.values() if e.standing() == "met"]
        fallen = [a for a in self.awards if a.evidence in touched and a.evidence not in held]
        fallen = [a for a in fallen if a.ended not in ("revoked", "voided")]
        for award in fallen:
            award.end("voided", now)
        for award in fallen:  # what the last of a line had renewed stands again
            before = None if award.renewed_by else award.renews
            while before and before.ended == "voided":
                before = before.renews
            if before and before.ended == "renewed":
                before.ended, before.renewed_by = None, None
                self.lift(before, "", now)
        self.queue = [w for w in self.queue if w.evidence is None or w.evidence.id in self.evidence]
        for evidence in self.evidence.values():
            concerned = evidence in touched or any(a.achievement == evidence.achievement for a in fallen)
            if concerned and not evidence.withdrawn and not self.led_somewhere(evidence):
                self.conclude(evidence, now)
        if touched:
            self.settle(now)

    def lift(self, award: Award, what: str, now: datetime) -> None:
        """Let a suspension (or an end) be over: a component that counts again breaks nothing any more."""
        award.suspended.discard(what)
        award.changed = now
        if not award.suspended:
            for one in (b for c in self.completions for b in c.breaks):
                one.lost = {a for a in one.lost if a.newest() is not award}

    def refuse(self, _: datetime) -> None:
        raise No

    def must_stand(self, award: Award, now: datetime) -> None:
        if not award.stands(now):
            raise No

    # Appeals

    def appeal(self, appeal: Appeal, now: datetime) -> None:
        award, since = appeal.award, now
        if award and not self.at_risk(award, now):
            if award.lost(now) in (None, "renewed") or (award.lost(now) == "expired" and award.ended != "lapsed"):
                raise No  # it is not lost, or time alone ended it
            since = award.changed
        if appeal.about:
            if self.evidence[appeal.about[0]].standing() not in ("met", "not met"):
                raise No
            since = self.evidence[appeal.about[0]].judgements[appeal.about[1]].at
        same = any((a.award, a.about) == (award, appeal.about) for a in self.appeals.values())
        if same or now > since + APPEAL_WITHIN or not self.is_new(appeal, award.changed if award else since):
            raise No
        appeal.since = now
        self.appeals[appeal.name] = appeal

    def is_new(self, appeal: Appeal, changed: datetime) -> bool:
        """Whether none about it was decided, or something happened since."""
        heard_at, broken = self.heard.get(appeal.award or appeal.about, (changed, 0))
        return changed >= heard_at or self.times_broken(appeal.award) > broken

    def times_broken(self, milestone: Award | None) -> int:
        return sum(c.times_broken for c in self.completions if milestone and c.award is milestone)

    def hear(self, appeal: Appeal, by: str, upheld: bool, now: datetime) -> None:
        evidence = self.evidence.get(appeal.about[0]) if appeal.about else None
        if appeal.about and evidence and appeal.about[1] in evidence.judgements:
            if by in evidence.judgements:
                raise No
            if upheld:
                evidence.judgements[by] = Judgement(met=True, role="appeal", at=now)
                self.conclude(evidence, now)
        del self.appeals[appeal.name]
        award, since = appeal.award, appeal.since or now
        self.heard[award or appeal.about] = now, self.times_broken(award)
        if award and upheld:
            self.decide_breaks(award)
            if award.ended in ("revoked", "lapsed") and not self.held(award.achievement, now):
                award.ended, award.by_hand = None, False
                self.lift(award, "", now)
            elif award.ended is None:
                for what in sorted(award.suspended):
                    self.lift(award, what, now)
        elif award and award.stands(now):
            for one in self.breaks_of(award):  # the clock stood still meanwhile
                if one.due > since and not one.decided:
                    one.due += now - since

    def at_risk(self, award: Award, now: datetime) -> bool:
        return award.stands(now) and any(b.lost and not b.decided for b in self.breaks_of(award))

    def decide_breaks(self, award: Award) -> None:
        for one in self.breaks_of(award):
            one.decided = True

    def breaks_of(self, milestone: Award) -> list[Break]:
        return [b for c in self.completions if c.award is milestone for b in c.breaks]
