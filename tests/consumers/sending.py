"""Messages as another system sends them, and a college that takes them in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from api.imports.catalogue import import_catalogue
from consumers.dead_letters import DeadLetters
from ledger.application import Ledger
from tests.imports import files
from tests.places import settings_in

LMS = "https://lms.example"
TOPIC = "ledger.commands.v1"


class Sent(NamedTuple):
    """A message as a consumer gets it."""

    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    offset: int = 0
    partition: int = 0
    topic: str = TOPIC
    key: bytes | None = None
    timestamp: int = 1_772_000_000_000


def message(name: str, data: Any, message_id: str, source: str = LMS, **place: Any) -> Sent:
    """Return the message of type *name* with *data*."""
    value = data if isinstance(data, bytes) else json.dumps(data).encode()
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", message_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", name.encode()),
        ("content-type", b"application/json"),
    ]
    return Sent(value, headers, **place)


def submission(**changes: Any) -> dict[str, Any]:
    """Return the data of lea's filing, with *changes*; None takes a field away."""
    return _changed(
        {
            "learner_ref": "lea",
            "achievement": "filing",
            "evidence_id": "e1",
            "evidence_url": "https://work.example/e1",
            "narrative": "I filed, and filed.",
            "submitted_at": "2026-03-01T09:00:00Z",
        },
        changes,
    )


def judgement(**changes: Any) -> dict[str, Any]:
    """Return the data of ana's judgement of it, with *changes*; None takes a field away."""
    return _changed(
        {
            "learner_ref": "lea",
            "evidence_id": "e1",
            "assessor_ref": "ana",
            "assessed_at": "2026-03-02T09:00:00+01:00",
            "results": {"score": 55},
        },
        changes,
    )


def submit(message_id: str = "m1", *, source: str = LMS, offset: int = 0, **changes: Any) -> Sent:
    return message("evidence.submit.v1", submission(**changes), message_id, source, offset=offset)


def assess(message_id: str = "m2", *, source: str = LMS, offset: int = 1, **changes: Any) -> Sent:
    return message("evidence.assess.v1", judgement(**changes), message_id, source, offset=offset)


def college(directory: Path) -> Ledger:
    """Return a ledger that holds the small catalogue."""
    ledger = Ledger.open(settings_in(directory), create=True)
    import_catalogue(ledger, files.catalogue(), name="catalogue.json", by="dora", approved_by="board")
    return ledger


def letters_in(directory: Path) -> DeadLetters:
    """Return the dead letters of the ledger in *directory*."""
    letters = DeadLetters.of_ledger(replace(settings_in(directory), kafka="127.0.0.1:1"))
    assert letters is not None
    return letters


def _changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**document, **changes}.items() if value is not None}
