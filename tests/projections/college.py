"""A ledger in a directory, with a welding programme, a clock that is moved, and learners who do all they may."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ledger import Ledger
from ledger.codec import encode
from ledger.definition import Policy
from ledger.errors import Refused
from ledger.event import Actor, Event
from ledger.learners import commands as c
from ledger.private import Private
from ledger.settings import Settings
from ledger.store import Append
from projections.schemas import Schemas
from projections.views import Views
from tests import examples as ex

OFFICE = Actor(id=ex.REGISTRAR, role="registrar", client="tests")
WHY = Private(plain="because")

PROGRAMME = (
    *ex.staff(),
    *ex.published(ex.MIG, ex.micro_credential("MIG welding", credits=Decimal(2))),
    *ex.published(ex.TIG, ex.micro_credential("TIG welding", valid_for="P60D", moderation_percent=50)),
    *ex.published(ex.SAFETY, ex.micro_credential("Safe working", assessors_required=2, blind=True)),
    *ex.published("arc", ex.micro_credential("Arc welding", awarding="confirm")),
    *ex.published(ex.WELDER, ex.milestone("Welder")),
    *ex.published("master", ex.milestone("Master welder")),
    *ex.activated(
        "welding",
        ex.stack(
            ex.WELDER,
            {"at_least": 2, "of": [ex.leaf(ex.MIG), ex.leaf(ex.TIG), ex.leaf(ex.SAFETY)]},
            on_loss=ex.losing("suspend", "P10D"),
        ),
    ),
    *ex.activated("mastery", ex.stack("master", ex.all_of(ex.WELDER, "arc"), on_loss=ex.losing("review", "P5D"))),
)
ACHIEVEMENTS = (ex.MIG, ex.TIG, ex.SAFETY, "arc")
JUDGES = (ex.ANA, ex.BEN, ex.CLEO)


@dataclass
class College:
    """The ledger and its clock; with a *database*, its views are kept there."""

    directory: Path
    database: str | None = None
    now: datetime = ex.START
    ledger: Ledger = field(init=False)
    _views: list[Views] = field(default_factory=list)
    _name: str = field(default_factory=lambda: f"c{secrets.token_hex(6)}")

    def __post_init__(self) -> None:
        settings = Settings(database=self.directory / "ledger.db")
        self.ledger = Ledger.open(settings, create=True, clock=lambda: self.now)
        self.say(*PROGRAMME)

    def views(self, name: str = "ledger-views") -> Views:
        """Return views over the ledger, apart from those of another name."""
        self._views.append(Views(self.directory / name if self.database is None else self.schemas(name)))
        return self._views[-1]

    def schemas(self, name: str = "ledger-views") -> Schemas:
        """Return where in the database the views of a name are."""
        assert self.database is not None
        return Schemas(self.database, self._name + name.replace("-", ""))

    def close(self) -> None:
        """Close the ledger, and all views that were given."""
        for views in self._views:
            views.close()
        self.ledger.close()

    def say(self, *said: tuple[str, Event]) -> None:
        """Record facts as they are, whatever the rules may think of them."""
        for stream, fact in said:
            version = len(self.ledger.store.read(stream))
            self.ledger.store.append([Append(stream, version, (encode(fact, OFFICE),))], now=self.now)

    def do(self, *commands: c.LearnerCommand) -> None:
        """Carry out commands; none may be refused."""
        for command in commands:
            self.ledger.execute(command, actor=OFFICE)

    def earn(self, learner_id: str, achievement_id: str, judge: str = ex.ANA) -> None:
        """Let a learner submit evidence and have it judged met."""
        self.do(
            c.RegisterLearner(learner_id=learner_id),
            submission(learner_id, achievement_id),
            assessment(learner_id, f"ev-{learner_id}-{achievement_id}", judge),
        )

    def pass_(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


def submission(learner_id: str, achievement_id: str, number: int = 0, batch_id: str | None = None) -> c.SubmitEvidence:
    """Return the learner's submission; the first of an achievement has the id `ev-<learner>-<achievement>`."""
    more = f"-{number}" if number else ""
    return c.SubmitEvidence(
        learner_id=learner_id,
        evidence_id=f"ev-{learner_id}-{achievement_id}{more}",
        achievement_id=achievement_id,
        submitted_by=learner_id,
        evidence_url=Private(plain="https://example.org/weld"),
        digest="sha256:0123",
        batch_id=batch_id,
    )


def assessment(
    learner_id: str, evidence_id: str, judge: str, met: bool = True, batch_id: str | None = None
) -> c.AssessEvidence:
    """Return a marker's judgement."""
    return c.AssessEvidence(
        learner_id=learner_id,
        assessment_id=f"as-{evidence_id}-{judge}",
        evidence_id=evidence_id,
        assessor=judge,
        met=met,
        batch_id=batch_id,
    )


def live_through(college: College, seed: int, steps: int) -> None:
    """Let three learners and the staff do *steps* things at random; what the rules refuse is not done."""
    chance = random.Random(seed)
    learners = ("lrn_lee", "lrn_mo", "lrn_nia")
    college.do(*(c.RegisterLearner(learner_id=learner) for learner in learners))
    doings = (
        *(_submit, _assess, _assess, _assess, _settle, _settle), _amend, _withdraw, _appeal, _appeal_decided, _suspend,
        _reinstate, _revoke, _review, _confer, _decline, _extend, _renew, _void, _recognise, _wait,
    )  # fmt: skip
    for number in range(1, steps + 1):
        doing = chance.choice(doings)
        with suppress(Refused, IndexError):
            doing(college, chance, chance.choice(learners), number)
        with suppress(Refused):
            college.do(c.Settle(learner_id=chance.choice(learners)))


Doing = Callable[[College, random.Random, str, int], None]


def _submit(college: College, chance: random.Random, learner: str, number: int) -> None:
    batch = chance.choice((None, "bat_1", "bat_2"))
    college.do(submission(learner, chance.choice(ACHIEVEMENTS), number, batch))


def _assess(college: College, chance: random.Random, learner: str, number: int) -> None:
    evidence = chance.choice(list(college.ledger.record(learner).evidence))
    judge, batch = chance.choice(JUDGES), chance.choice((None, "bat_1"))
    met = chance.random() < 0.8
    for capacity in ("marker", "moderator", "adjudicator"):
        with suppress(Refused):
            college.do(
                c.AssessEvidence(
                    learner_id=learner,
                    assessment_id=f"as-{number}",
                    evidence_id=evidence,
                    assessor=judge,
                    met=met,
                    capacity=capacity,
                    batch_id=batch,
                )
            )
            return


def _amend(college: College, chance: random.Random, learner: str, _: int) -> None:
    known = chance.choice(list(college.ledger.record(learner).assessments.values()))
    college.do(
        c.AmendAssessment(
            learner_id=learner, assessment_id=known.assessment_id, by=known.assessor, met=not known.met, reason=WHY
        )
    )


def _withdraw(college: College, chance: random.Random, learner: str, _: int) -> None:
    evidence = chance.choice(list(college.ledger.record(learner).evidence))
    college.do(c.WithdrawEvidence(learner_id=learner, evidence_id=evidence, by=learner))


def _appeal(college: College, chance: random.Random, learner: str, number: int) -> None:
    record = college.ledger.record(learner)
    about = chance.choice(
        [{"assessment_id": one} for one in record.assessments] + [{"award_id": one} for one in record.awards]
    )
    college.do(c.LodgeAppeal(learner_id=learner, appeal_id=f"ap-{number}", grounds=WHY, **about))


def _appeal_decided(college: College, chance: random.Random, learner: str, _: int) -> None:
    appeal = chance.choice(list(college.ledger.record(learner).appeals))
    by = chance.choice((ex.CLEO, ex.SECOND_REGISTRAR))
    upheld = chance.random() < 0.5
    college.do(c.DecideAppeal(learner_id=learner, appeal_id=appeal, by=by, upheld=upheld, reason=WHY))


def _suspend(college: College, chance: random.Random, learner: str, _: int) -> None:
    award = chance.choice(list(college.ledger.record(learner).awards))
    college.do(c.SuspendAward(learner_id=learner, award_id=award, by=ex.REGISTRAR, reason=WHY))


def _reinstate(college: College, chance: random.Random, learner: str, _: int) -> None:
    award = chance.choice(list(college.ledger.record(learner).awards))
    college.do(c.ReinstateAward(learner_id=learner, award_id=award, by=ex.REGISTRAR, reason=WHY))


def _revoke(college: College, chance: random.Random, learner: str, number: int) -> None:
    award = chance.choice(list(college.ledger.record(learner).awards))
    college.do(
        c.RequestRevocation(learner_id=learner, request_id=f"rq-{number}", award_id=award, by=ex.REGISTRAR, reason=WHY),
        c.RevokeAward(learner_id=learner, request_id=f"rq-{number}", by=ex.SECOND_REGISTRAR),
    )


def _review(college: College, chance: random.Random, learner: str, _: int) -> None:
    queue_id = chance.choice(
        [q.queue_id for q in college.ledger.record(learner).queued.values() if q.queue == "review"]
    )
    policies: tuple[Policy, ...] = ("keep", "suspend", "lapse", "revoke")
    decision = chance.choice(policies)
    college.do(c.ReviewAward(learner_id=learner, queue_id=queue_id, by=ex.REGISTRAR, decision=decision, reason=WHY))


def _confer(college: College, chance: random.Random, learner: str, _: int) -> None:
    queue_id = chance.choice(list(college.ledger.record(learner).queued))
    college.do(c.ConferAward(learner_id=learner, queue_id=queue_id, by=ex.REGISTRAR))


def _decline(college: College, chance: random.Random, learner: str, _: int) -> None:
    queue_id = chance.choice(list(college.ledger.record(learner).queued))
    college.do(c.DeclineAward(learner_id=learner, queue_id=queue_id, by=ex.REGISTRAR, reason=WHY))


def _extend(college: College, chance: random.Random, learner: str, _: int) -> None:
    award = chance.choice(list(college.ledger.record(learner).awards))
    later = college.now + timedelta(days=chance.randrange(5, 100))
    asked = chance.choice(({"valid_until": later}, {"due_at": later}))
    college.do(c.ExtendAward(learner_id=learner, award_id=award, by=ex.REGISTRAR, reason=WHY, **asked))


def _renew(college: College, chance: random.Random, learner: str, _: int) -> None:
    record = college.ledger.record(learner)
    award, evidence = chance.choice(list(record.awards)), chance.choice(list(record.evidence))
    college.do(c.RenewAward(learner_id=learner, award_id=award, evidence_id=evidence, by=ex.REGISTRAR))


def _void(college: College, chance: random.Random, learner: str, _: int) -> None:
    if chance.random() < 0.3:
        college.do(c.VoidBatch(learner_id=learner, batch_id=chance.choice(("bat_1", "bat_2")), by=ex.REGISTRAR))


def _recognise(college: College, chance: random.Random, learner: str, number: int) -> None:
    achievement = chance.choice(ACHIEVEMENTS)
    college.do(
        c.RecogniseLearning(
            learner_id=learner, recognition_id=f"rec-{number}", achievement_id=achievement, by=ex.BEN, source=WHY
        )
    )


def _settle(college: College, _: random.Random, learner: str, __: int) -> None:
    college.do(c.Settle(learner_id=learner))


def _wait(college: College, chance: random.Random, _: str, __: int) -> None:
    college.pass_(days=chance.randrange(1, 12))
