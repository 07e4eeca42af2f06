"""
Killed at any instant, the ledger loses nothing that it acknowledged and doubles nothing.

Seen from outside: clients keep a journal of what was acknowledged to them, send again what was not, and go on when the
service is back. `kill -9` comes at random instants, while starting and rebuilding too. The lives of the first test are
cheap, so there are many; those of the second are `ledger serve`.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from threading import Thread, Timer
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.commands.examination import examine
from api.keys import create_key
from ledger.event import Event
from ledger.events import AchievementAwarded, AwardQueued, EvidenceAssessed, EvidenceSubmitted, StackCompleted
from ledger.learners import commands as c
from ledger.private import Private
from tests.journeys.killed_worker import begin
from tests.simulation.college import ACTOR, ASSESSORS, Clock, College, founded

CLIENTS = 3
MICROS = "abced"
MILESTONES = {"pair", "any", "top"}
"""What follows by rule from a, b, c, d and e; a fourth waits for confirmation, as d does."""


@pytest.mark.parametrize(
    "kills", [pytest.param(150, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.soak)]
)
def test_nothing_acknowledged_is_lost_and_nothing_doubled(tmp_path: Path, kills: int) -> None:
    shutil.copytree(founded(), tmp_path, dirs_exist_ok=True)
    chance = Random(kills)
    clients = [Client(number) for number in range(CLIENTS)]
    for _ in range(kills):
        if chance.random() < 0.1:
            shutil.rmtree(tmp_path / "ledger-views", ignore_errors=True)
        life, pipes = begin(tmp_path / "ledger.db", CLIENTS)
        talks = [Thread(target=client.talk, args=(pipe,)) for client, pipe in zip(clients, pipes, strict=True)]
        for talk in talks:
            talk.start()
        sleep(chance.choice((0.03, 0.2, 0.4)) * chance.random())
        life.kill()
        for talk in talks:
            talk.join()
        life.join()

    college = College(tmp_path, Clock())
    college.clock.wall = college.ledger.now()
    assert not [client.wrong for client in clients if client.wrong]
    assert kills / 4 < sum(len(client.journal) for client in clients), "clients got something done"
    for client in clients:
        the_journal_still_stands(college, client)
    all_is_well(college, [learner for client in clients for learner in client.done()])
    college.close()


class Client:
    """Sends one command after another, and keeps what was acknowledged; after a crash sends again what was not."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.journal: dict[str, tuple[c.LearnerCommand, tuple[Any, ...]]] = {}
        self.wishes = self.wish()
        self.waiting: tuple[str, c.LearnerCommand] | None = None
        self.wrong = ""

    def wish(self) -> Iterator[tuple[str, c.LearnerCommand]]:
        """Let one learner after another earn everything; a learner whom all clients share earns with them."""
        for number in count():
            for learner, own in ((f"lrn_{self.number}x{number}", ""), (f"lrn_shared{number}", f"-{self.number}")):
                yield f"{learner}{own} register", c.RegisterLearner(learner_id=learner)
                for micro in MICROS:
                    evidence = f"{learner}{own}-{micro}"
                    yield f"{evidence} submit", submission(learner, evidence, micro)
                    for assessor in ASSESSORS[: 2 if micro == "c" else 1]:
                        yield f"{evidence} {assessor}", judgement(learner, evidence, assessor)

    def talk(self, pipe: Any) -> None:
        """Go on until the other side is gone."""
        try:
            for key, (command, answer) in list(self.journal.items())[-2:]:
                pipe.send((key, command))
                again = pipe.recv()
                if again != (*answer[:-1], True):
                    self.wrong = f"{key} was answered {answer}, and after a crash {again}"
            while True:
                self.waiting = self.waiting or next(self.wishes)
                pipe.send(self.waiting)
                self.journal[self.waiting[0]] = self.waiting[1], pipe.recv()
                self.waiting = None
        except (EOFError, ConnectionError):
            pipe.close()

    def done(self) -> list[str]:
        """Return the learners who earned everything, as far as this client knows."""
        return [key.removesuffix("-d tom") for key in self.journal if key.endswith("-d tom") and "shared" not in key]


def submission(learner: str, evidence: str, micro: str) -> c.SubmitEvidence:
    return c.SubmitEvidence(
        learner_id=learner,
        evidence_id=evidence,
        achievement_id=micro,
        submitted_by=learner,
        evidence_url=Private(plain=f"https://example.org/{evidence}"),
    )


def judgement(learner: str, evidence: str, assessor: str) -> c.AssessEvidence:
    return c.AssessEvidence(
        learner_id=learner, assessment_id=f"{evidence}-{assessor}", evidence_id=evidence, assessor=assessor, met=True
    )


def the_journal_still_stands(college: College, client: Client) -> None:
    """Everything acknowledged is in the record once, where it was said to be, and is answered as the first time."""
    head = college.ledger.store.head()
    for key, (command, answer) in client.journal.items():
        receipt = college.ledger.execute(command, actor=ACTOR, key=key)
        assert (*answer[:-1], True) == (
            receipt.stream, receipt.version, receipt.position, receipt.recorded, receipt.repeated,
        )  # fmt: skip
    assert head == college.ledger.store.head()
    log = {one.position: one.fact for one in college.ledger.log(0, 10**6)}
    for command, (_, _, _, recorded, _) in client.journal.values():
        assert names(command) in {names(log[position]) for position in recorded} or not recorded


def names(about: c.LearnerCommand | Event) -> tuple[str | None, ...]:
    """Return what a command, and the fact that records it, are about."""
    if isinstance(about, c.AssessEvidence | EvidenceAssessed):
        return about.assessment_id, about.evidence_id, about.assessor
    if isinstance(about, c.SubmitEvidence | EvidenceSubmitted):
        return about.evidence_id, about.achievement_id
    return (type(about).__name__.replace("RegisterLearner", "LearnerRegistered"),)


def all_is_well(college: College, done: list[str]) -> None:
    """Every completed stack has one milestone, who earned all has all, and the views are what a rebuild gives."""
    head = college.followers.catch_up()
    for learner in done:
        held = [a.achievement_id for a in college.ledger.record(learner).awards.values()]
        assert sorted({*MICROS, *MILESTONES} - {"d"}) == sorted(held), learner
    facts = [one.fact for one in college.ledger.log(0, 10**6)]
    once(fact.evidence_id for fact in facts if isinstance(fact, EvidenceSubmitted))
    once(fact.assessment_id for fact in facts if isinstance(fact, EvidenceAssessed))
    awarded = once(fact.award_id for fact in facts if isinstance(fact, AchievementAwarded))
    waiting = once(fact.award_id for fact in facts if isinstance(fact, AwardQueued) and fact.award_id)
    completed = once(fact.award_id for fact in facts if isinstance(fact, StackCompleted))
    assert completed <= awarded | waiting
    assert not awarded & waiting
    findings = examine(college.ledger, college.views, college.followers, lambda *_: None)
    assert not [finding.sentence for finding in findings if not finding.well]
    assert head == college.ledger.store.head(), "nothing was left to be done"


def once(found: Iterator[str]) -> set[str]:
    times = Counter(found)
    assert not {name for name, number in times.items() if number > 1}
    return set(times)


class Served:
    """`ledger serve` on a port that the system chooses, until it is killed."""

    def __init__(self, database: Path) -> None:
        command = [sys.executable, "-m", "api.commands", "serve", "--port", "0", "--database", str(database)]
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = urlsplit(self.process.stdout.readline().split()[-1])

    def post(self, path: str, body: dict[str, Any], who: str, key: str) -> tuple[int, dict[str, Any]]:
        """Send a command; OSError or HTTPException where the service goes away before it has answered."""
        connection = http.client.HTTPConnection(str(self.address.hostname), self.address.port, timeout=30)
        headers = {"Authorization": f"Bearer {who}", "Idempotency-Key": key, "Content-Type": "application/json"}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
def test_the_service_killed_between_requests_answers_as_the_first_time(tmp_path: Path) -> None:
    shutil.copytree(founded(), tmp_path, dirs_exist_ok=True)
    database = tmp_path / "ledger.db"
    office, assessors = keys_of(tmp_path)
    chance = Random(7)
    journal: dict[str, tuple[tuple[str, dict[str, Any], str, str], tuple[int, dict[str, Any]]]] = {}
    wishes = requests(office, assessors)
    waiting = None
    ids: dict[str, str] = {}
    for _ in range(6):
        service = Served(database)
        killer = Timer(0.1 + chance.random() * 0.6, service.kill)
        killer.start()
        try:
            for sent, answer in list(journal.values())[-2:]:
                assert answer == service.post(*sent)
            while True:
                waiting = waiting or next(wishes)
                path, body, who, key = waiting
                sent = path.format_map(ids), body, who, key
                status, said = service.post(*sent)
                assert 201 == status, said
                journal[key] = sent, (status, said)
                ids[key] = said["id"]
                waiting = None
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            killer.join()

    service = Served(database)
    for sent, answer in journal.values():
        assert answer == service.post(*sent)
    service.kill()
    assert 60 < len(journal)
    doctor = [sys.executable, "-m", "api.commands", "doctor", "--database", str(database)]
    assert 0 == subprocess.run(doctor, cwd=Path(__file__).parents[2], check=False).returncode
    college = College(tmp_path, Clock())
    college.clock.wall = college.ledger.now()
    all_is_well(college, [ids[key.split("_")[0]] for key in journal if key.endswith("_d_0")])
    college.close()


def keys_of(directory: Path) -> tuple[str, list[str]]:
    """Make keys for a registrar and two assessors."""
    college = College(directory, Clock())
    expires = college.ledger.now() + timedelta(days=10**4)
    office = create_key(college.ledger, "registrar", "office", expires=expires).key
    assessors = [create_key(college.ledger, "assessor", ref, expires=expires).key for ref in ("tom", "tea")]
    college.close()
    return office, assessors


def requests(office: str, assessors: list[str]) -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """Let one learner after another earn everything; `{…}` stands for the id that an earlier request was given."""
    for number in count():
        learner = f"l{number}"
        yield "/learners", {"ref": learner}, office, learner
        for micro in MICROS:
            body = {"achievement_id": micro, "declaration": True, "evidence_url": "https://example.org/weld"}
            yield f"/learners/{{{learner}}}/evidence", body, office, f"{learner}_{micro}"
            for which, assessor in enumerate(assessors[: 2 if micro == "c" else 1]):
                path = f"/learners/{{{learner}}}/evidence/{{{learner}_{micro}}}/assessments"
                yield path, {"met": True}, assessor, f"{learner}_{micro}_{which}"
