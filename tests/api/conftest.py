"""The service over a ledger in a temporary directory, and people with keys who call it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api import reading
from api.app import create_app
from consumers.positions import Positions
from consumers.run import Followers
from consumers.sequencer import Sequencer
from consumers.turn import AlwaysMine
from ledger.application import Ledger
from ledger.event import Actor
from ledger.people import GrantRole, RegisterPerson
from ledger.transparency.log import Log
from projections.views import Views
from tests.places import ENGINE, POSTGRESQL, settings_in

ADMINISTRATION = Actor(id="local", role="operator", client="test")
CHECK = {
    "principles": [
        "skills_and_competency_based", "stackable", "shareable", "quality_assured", "industry_recognised",
        "personal_pathway",
    ],
    "body": "Programme Quality Committee",
    "reference": "PQC-2026-014",
    "review_on": "2028-01-31",
}  # fmt: skip


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


@dataclass(frozen=True)
class Caller:
    """Somebody with a key."""

    app: Flask
    account: str
    key: str

    def get(self, path: str, **query: Any) -> TestResponse:
        """Read."""
        return self.app.test_client().get(path, query_string=query, headers=self.headers())

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> TestResponse:
        """Send a command, under an idempotency key where one is given."""
        sent = self.headers(**headers) | ({"Idempotency-Key": key} if key else {})
        return self.app.test_client().post(path, json={} if body is None else body, headers=sent)

    def headers(self, **more: str) -> dict[str, str]:
        """Return the caller's headers."""
        return {"Authorization": f"Bearer {self.key}"} | {name.replace("_", "-"): value for name, value in more.items()}


class Service:
    """The service, its ledger, and a clock that the test moves."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        settings = settings_in(directory)
        self.ledger = Ledger.open(settings, create=True, clock=self.clock)
        self.views = Views.of_ledger(settings)
        self.log = Log.of_ledger(settings, self.ledger.store)
        sequencer = Sequencer(self.log, self.ledger.store, self.ledger.now, AlwaysMine())
        self.followers = Followers(self.ledger, self.views, Positions.of_ledger(settings), sequencer=sequencer)
        self.followers.catch_up()
        self.app = create_app(self.ledger, self.views, self.followers, transparency=self.log)

    def person(self, role: Any, ref: str | None = None) -> Caller:
        """Register somebody with *role*, in the record and with a key."""
        name = ref or role
        account = self.ledger.identities.register("person", [name])[name]
        self.ledger.execute(RegisterPerson(person_id=account), actor=ADMINISTRATION)
        self.ledger.execute(GrantRole(person_id=account, role=role, by="local"), actor=ADMINISTRATION)
        return Caller(self.app, account, self.ledger.identities.create_key(role, account))

    def learner(self, ref: str = "S-001") -> Caller:
        """Register a learner through the service, with a key of their own."""
        account = self.person("registrar", "admissions").post("/learners", {"ref": ref}).get_json()["id"]
        return Caller(self.app, account, self.ledger.identities.create_key("learner", account))

    def catch_up(self) -> None:
        """Let everything that follows happen."""
        self.followers.catch_up()

    def publish(self, achievement_id: str, **more: Any) -> None:
        """Draft, approve and publish an achievement by two people."""
        designer, reviewer = self.person("designer"), self.person("quality_reviewer")
        body = definition(achievement_id, **more)
        assert 201 == designer.post("/achievements", body).status_code
        at = f"/achievements/{achievement_id}/versions/1"
        assert 201 == reviewer.post(f"{at}/approval", {"check": CHECK}).status_code
        assert 201 == designer.post(f"{at}/publication").status_code

    def activate(self, stack_id: str, milestone: str, rule: dict[str, Any], **more: Any) -> None:
        """Publish the milestone, then draft, approve and activate the stack."""
        self.publish(milestone, achievement_type="Badge")
        designer, reviewer = self.person("designer"), self.person("quality_reviewer")
        body = {"id": stack_id, "name": stack_id, "milestone": milestone, "rule": rule, **more}
        assert 201 == designer.post("/stacks", body).status_code
        assert 201 == reviewer.post(f"/stacks/{stack_id}/versions/1/approval").status_code
        assert 201 == designer.post(f"/stacks/{stack_id}/versions/1/activation").status_code

    def award(self, learner: Caller, achievement_id: str) -> str:
        """Let the learner earn the achievement; return the evidence's id."""
        body = {"achievement_id": achievement_id, "declaration": True, "narrative": "I learnt to read the puddle."}
        evidence: str = learner.post(f"/learners/{learner.account}/evidence", body).get_json()["id"]
        path = f"/learners/{learner.account}/evidence/{evidence}/assessments"
        assert 201 == self.person("assessor").post(path, {"met": True}).status_code
        self.catch_up()
        return evidence

    def close(self) -> None:
        """Release the files."""
        self.followers.close()
        self.log.close()
        self.views.close()
        self.ledger.close()


def definition(achievement_id: str, **more: Any) -> dict[str, Any]:
    """Return an achievement as a designer sends it."""
    return {
        "id": achievement_id,
        "name": f"Achievement {achievement_id}",
        "description": "Shows one skill.",
        "achievement_type": "MicroCredential",
        "criteria": {"narrative": "Shows the skill."},
        "evidence_required": False,
    } | more


@pytest.fixture(scope="session")
def new_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a new ledger, made once: copying its files is quicker than making them durable."""
    directory = tmp_path_factory.mktemp("ledger")
    Service(directory).close()
    return directory


@pytest.fixture
def service(new_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return the service over a new ledger; few tests let followers run, and the others need not wait for them."""
    monkeypatch.setattr(reading, "PATIENCE_S", 0.2)
    if ENGINE != POSTGRESQL:
        shutil.copytree(new_ledger, tmp_path, dirs_exist_ok=True)
    made = Service(tmp_path)
    yield made
    made.close()
