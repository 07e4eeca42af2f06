"""Small files to import: a catalogue of three micro-credentials and two stacks, and rows of results."""

from __future__ import annotations

import csv
import json
from copy import deepcopy
from io import StringIO
from typing import Any

from api.imports.rows import COLUMNS

CATALOGUE: dict[str, Any] = {
    "issuer": {"id": "https://college.example", "name": "A college", "url": "https://college.example"},
    "stacks": [
        {
            "id": "twice",
            "name": "Twice a fitter",
            "milestone": {
                "id": "twice-badge",
                "name": "Twice a fitter",
                "description": "Fitter, and filing at 80 or more.",
                "achievement_type": "Badge",
                "criteria": {"narrative": "Both are held."},
            },
            "rule": {"all": [{"achievement": "fitter-badge"}, {"achievement": "filing", "min_result": 80}]},
        },
        {
            "id": "fitter",
            "name": "Fitter",
            "milestone": {
                "id": "fitter-badge",
                "name": "Fitter",
                "description": "Two of three.",
                "achievement_type": "Badge",
                "criteria": {"narrative": "Two of three are held."},
            },
            "rule": {
                "at_least": 2,
                "of": [{"achievement": "filing"}, {"achievement": "drilling"}, {"achievement": "tapping"}],
            },
            "on_loss": {"policy": "revoke"},
        },
    ],
    "achievements": [
        {
            "id": "tapping",
            "name": "Tapping",
            "description": "Cut threads.",
            "achievement_type": "MicroCredential",
            "criteria": {"narrative": "Three sound threads."},
            "prerequisites": {"all": [{"achievement": "drilling"}]},
        },
        {
            "id": "drilling",
            "name": "Drilling",
            "description": "Drill holes.",
            "achievement_type": "MicroCredential",
            "criteria": {"narrative": "Three sound holes."},
            "results": [
                {"id": "score", "type": "Percent", "pass_at": 50},
                {"id": "finish", "type": "RubricScore", "levels": [{"id": "rough"}, {"id": "fine"}]},
            ],
        },
        {
            "id": "filing",
            "name": "Filing",
            "description": "File flat.",
            "achievement_type": "MicroCredential",
            "criteria": {"narrative": "A flat face."},
            "results": [{"id": "score", "type": "Percent", "pass_at": 40}],
        },
    ],
}


def catalogue(**changes: Any) -> bytes:
    """Return the catalogue as a file, with top-level members replaced."""
    return json.dumps({**deepcopy(CATALOGUE), **changes}).encode()


def row(**cells: str) -> dict[str, str]:
    """Return a row: `ana` judged the filing of `lea` and gave 55."""
    return {
        "learner_ref": "lea",
        "achievement": "filing",
        "evidence_id": "e1",
        "evidence_url": "https://work.example/e1",
        "narrative": "I filed, and filed.",
        "submitted_at": "2026-03-01T09:00:00Z",
        "assessor_ref": "ana",
        "assessed_at": "2026-03-02T09:00:00+01:00",
        "result": "55",
        "outcome": "",
    } | cells


def results(*rows: dict[str, str], further: tuple[str, ...] = ()) -> bytes:
    """Return *rows* as a file."""
    out = StringIO(newline="")
    writer = csv.DictWriter(out, [*COLUMNS, *further], restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
