"""The published schemas: every fact ever stored obeys them, and what is no fact does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from consumers.dead_letters import TYPE
from consumers.intake_messages import TYPES
from ledger.event import catalogue_of_events
from ledger.upcasters import upcasters
from tests.house.generated import DOCS
from tests.house.schema_files import TRANSCRIPT

SCHEMAS = {
    path.name.removesuffix(".json"): json.loads(path.read_text("utf-8")) for path in (DOCS / "schemas").iterdir()
}
VECTORS = sorted((Path(__file__).parents[1] / "vectors").glob("*.json"))


def _obeys(name: str, value: Any) -> bool:
    return jsonschema_rs.validator_for(SCHEMAS[name], validate_formats=True).is_valid(value)


def test_every_fact_that_is_or_was_written_has_its_schema_and_nothing_else_has() -> None:
    assert {*catalogue_of_events(), *upcasters.names(), TRANSCRIPT, *TYPES, TYPE} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    jsonschema_rs.meta.validate(SCHEMAS[name])

    assert name == SCHEMAS[name]["title"]
    assert SCHEMAS[name]["description"]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_stored_facts_obey(path: Path) -> None:
    vector = json.loads(path.read_text("utf-8"))
    validator = jsonschema_rs.validator_for(SCHEMAS[vector["name"]], validate_formats=True)

    assert [] == [error.message for error in validator.iter_errors(json.loads(vector["body"]))]


def _submitted(**changed: Any) -> dict[str, Any]:
    fact = {
        "effective_at": "2026-01-31T09:00:00Z",
        "evidence_id": "ev-1",
        "achievement_id": "mig",
        "achievement_version": 1,
        "route": "test",
        "submitted_by": "lrn_1",
        "declared_by": "learner",
        "attempt": 1,
    }
    return {"actor": {"id": "lrn_1", "role": "learner", "client": "web"}, "fact": fact | changed}


def test_a_fact_with_a_field_of_its_own_an_instant_without_zone_or_plain_text_does_not_obey() -> None:
    name = "evidence.submitted.v1"

    assert _obeys(name, _submitted(narrative={"sealed": "AAAA"}))
    assert not _obeys(name, _submitted(mood="good"))
    assert not _obeys(name, _submitted(effective_at="2026-01-31T09:00:00"))
    assert not _obeys(name, _submitted(narrative={"plain": "I welded."}))
