"""
The committed description, and a fuzzer's requests made from it: no fault, and no answer that is not described.

`python -m tests.api.test_openapi` writes the description and the list of problems anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.problems import page_of_problems
from tests.api.conftest import Service

DOCS = Path(__file__).parents[2] / "docs"
COMMITTED = DOCS / "openapi.json"
OPERATIONS = sorted(
    (path, method)
    for path, item in (json.loads(COMMITTED.read_text(encoding="utf-8")) if COMMITTED.exists() else {"paths": {}})[
        "paths"
    ].items()
    for method in ("get", "post")
    if method in item
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def written(service: Service) -> str:
    """Return the description as it is committed."""
    return json.dumps(service.app.extensions["openapi"], indent=1, ensure_ascii=False) + "\n"


class Fuzzed:
    """A service with something of everything in it, and names of things that exist."""

    def __init__(self, directory: Path) -> None:
        self.service = service = Service(directory)
        service.publish("mig", results=[{"id": "score", "type": "Percent", "pass_at": 40}])
        service.publish("tig", awarding="confirm")
        service.activate("welder", "badge", {"all": [{"achievement": "mig"}]})
        learner = service.learner()
        evidence = service.award(learner, "mig")
        service.award(learner, "tig")
        registrar = service.person("registrar")
        award = registrar.get("/awards").get_json()["items"][0]["id"]
        registrar.post(f"/awards/{award}/suspension", {"reason": "Looked at."})
        endorsed = service.person("partner").post(
            "/achievements/mig/versions/1/endorsements", {"statement": "We hire for this."}
        )
        service.catch_up()
        self.learner = learner.account
        self.names = {
            "achievement_id": "mig",
            "stack_id": "welder",
            "framework_id": "fw-1",
            "person_id": registrar.account,
            "learner_id": learner.account,
            "evidence_id": evidence,
            "assessment_id": next(iter(service.ledger.record(learner.account).assessments)),
            "appeal_id": "apl_x",
            "award_id": award,
            "queue_id": registrar.get("/queues/confirm").get_json()["items"][0]["queue_id"],
            "batch_id": "bat_x",
            "endorsement_id": endorsed.get_json()["id"],
            "version": 1,
        }
        service.followers.start()
        self.schema = schemathesis.openapi.from_wsgi("/openapi.json", service.app)
        self._keys: dict[str, str] = {}

    def key(self, roles: list[str]) -> str:
        """Return a key of the last of *roles*, which for most endpoints is the one that may do most."""
        role = "registrar" if "registrar" in roles else roles[-1]
        if role not in self._keys:
            self._keys[role] = self.service.person(role, f"fuzzing {role}").key
        return self._keys[role]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    load_all_checks()
    with tempfile.TemporaryDirectory() as directory:
        made = Fuzzed(Path(directory))
        yield made
        made.service.close()


def test_the_committed_description_is_that_of_the_service(service: Service) -> None:
    assert COMMITTED.read_text(encoding="utf-8") == written(service)


def test_every_field_of_a_body_says_what_it_means(service: Service) -> None:
    shapes = service.app.extensions["openapi"]["components"]["schemas"]
    ours = {name: one for name, one in shapes.items() if name.endswith("Body") and not name.startswith("_")}
    silent = [
        f"{name}.{field}"
        for name, one in ours.items()
        for field, described in one.get("properties", {}).items()
        if not described.get("description")
    ]

    assert [] == silent


def test_every_operation_says_what_it_does_and_who_may_ask(service: Service) -> None:
    for path, item in service.app.extensions["openapi"]["paths"].items():
        for operation in (item[method] for method in ("get", "post") if method in item):
            assert operation["summary"].endswith("."), path
            assert operation.get("x-roles") or operation["security"] == [], path


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_is_answered_by_a_fault_or_undescribed(fuzzed: Fuzzed, path: str, method: str) -> None:
    _fuzz(fuzzed, path, method, examples=14)


@pytest.mark.soak
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_of_very_many_is_answered_by_a_fault_or_undescribed(fuzzed: Fuzzed, path: str, method: str) -> None:
    _fuzz(fuzzed, path, method, examples=140)


def _fuzz(fuzzed: Fuzzed, path: str, method: str, examples: int) -> None:
    operation = fuzzed.schema[path][method.upper()]
    roles: list[str] = operation.definition.raw.get("x-roles", [])
    headers = {"Authorization": f"Bearer {fuzzed.key(roles)}"} if roles else {}
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def request(data: Any) -> None:
        case = data.draw(data.draw(st.sampled_from(strategies)))
        if case.path_parameters and data.draw(st.integers(0, 3)):
            case.path_parameters |= {name: fuzzed.names[name] for name in case.path_parameters if name in fuzzed.names}
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)

    request()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        DOCS.mkdir(exist_ok=True)
        (DOCS / "problems.md").write_text(page_of_problems(), encoding="utf-8")
        COMMITTED.write_text(written(Service(Path(scratch))), encoding="utf-8")
        sys.stdout.write(f"{COMMITTED}\n")
