"""
Real records for tests and benchmarks: a part of the Open University Learning Analytics Dataset as our two files.

Each assessment is a micro-credential, each module presentation a stack of all its assessments,
and any two different modules a stack of those. Run `python -m tests.oulad OUTDIR` to write
`catalogue.json` and `results.csv` there. The records themselves are not part of this repository:
they stand in `shared/` beside it, or where LEDGER_SHARED says.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SHARED = Path(os.environ.get("LEDGER_SHARED", Path(__file__).parents[2] / "shared"))
RECORDS = SHARED / "data" / "oulad"
COLUMNS = (
    "learner_ref", "achievement", "evidence_id", "evidence_url", "narrative",
    "submitted_at", "assessor_ref", "assessed_at", "result", "outcome",
)  # fmt: skip
PASS_AT = 40
JUDGED_AFTER = timedelta(days=7)
TWO_MODULES = "two-modules"

needs_records = pytest.mark.skipif(
    not RECORDS.is_dir(), reason=f"shared/ is not here: {RECORDS} holds no records of the Open University"
)


class Files(NamedTuple):
    """The two files that an import takes."""

    catalogue: Path
    results: Path


def convert(into: Path, *, rows: int | None = None) -> Files:
    """Write the catalogue and (the first *rows* of) the results into the directory *into*."""
    into.mkdir(parents=True, exist_ok=True)
    files = Files(into / "catalogue.json", into / "results.csv")
    files.catalogue.write_text(json.dumps(catalogue(), indent=1), encoding="utf-8")
    with files.results.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for number, row in enumerate(results()):
            if number == rows:
                break
            writer.writerow(row)
    return files


def catalogue() -> dict[str, Any]:
    """Return the 37 micro-credentials, a stack per module presentation, and the stack of two different modules."""
    presentations: dict[str, list[dict[str, str]]] = defaultdict(list)
    for assessment in _read("assessments.csv"):
        presentations[_presentation(assessment)].append(assessment)
    return {
        "issuer": {"id": "https://university.example", "name": "A university", "url": "https://university.example"},
        "achievements": [_achievement(each) for assessments in presentations.values() for each in assessments],
        "stacks": [
            *(_module(presentation, assessments) for presentation, assessments in presentations.items()),
            _two_modules([f"{presentation}-module" for presentation in presentations]),
        ],
    }


def results() -> Iterator[list[str]]:
    """Yield one row per real result; without a score there is evidence and no judgement."""
    known = {assessment["id_assessment"]: assessment for assessment in _read("assessments.csv")}
    for result in _read("studentAssessment.csv"):
        assessment = known[result["id_assessment"]]
        presentation = _presentation(assessment)
        begins = datetime(int(assessment["code_presentation"][:4]), 10, 1, tzinfo=UTC)
        submitted = begins + timedelta(days=int(result["date_submitted"]))
        learner, marked = result["id_student"], result["score"] != ""
        yield [
            f"student-{learner}",
            _name(assessment),
            f"{result['id_assessment']}-{learner}",
            f"https://university.example/evidence/{result['id_assessment']}/{learner}",
            "",
            submitted.isoformat(),
            f"tutor-{presentation}" if marked else "",
            (submitted + JUDGED_AFTER).isoformat() if marked else "",
            result["score"],
            "",
        ]


def _achievement(assessment: dict[str, str]) -> dict[str, Any]:
    kind = {"TMA": "tutor marked", "CMA": "computer marked"}[assessment["assessment_type"]]
    module = assessment["code_module"]
    return {
        "id": _name(assessment),
        "name": f"{module} {assessment['code_presentation']}: {kind} assessment {assessment['id_assessment']}",
        "description": f"A {kind} assessment of module {module}, weight {assessment['weight']}.",
        "achievement_type": "MicroCredential",
        "criteria": {"narrative": f"A score of at least {PASS_AT} of 100."},
        "groups": {"module": module},
        "results": [{"id": "score", "name": "Score", "type": "Percent", "pass_at": PASS_AT}],
    }


def _module(presentation: str, assessments: list[dict[str, str]]) -> dict[str, Any]:
    module = assessments[0]["code_module"]
    return {
        "id": presentation,
        "name": f"Module {presentation}",
        "milestone": {
            "id": f"{presentation}-module",
            "name": f"Module {presentation}",
            "description": f"All assessments of module {module}, presentation {presentation}.",
            "achievement_type": "Badge",
            "criteria": {"narrative": "Every assessment of the presentation is met."},
            "groups": {"module": module},
        },
        "rule": {"all": [{"achievement": _name(assessment)} for assessment in assessments]},
        "on_loss": {"policy": "revoke", "grace": "P0D"},
    }


def _two_modules(milestones: list[str]) -> dict[str, Any]:
    return {
        "id": TWO_MODULES,
        "name": "Two modules",
        "milestone": {
            "id": f"{TWO_MODULES}-milestone",
            "name": "Two different modules",
            "description": "Any two different modules, completed.",
            "achievement_type": "Badge",
            "criteria": {"narrative": "The milestones of two different modules are held."},
        },
        "rule": {"at_least": 2, "of": [{"achievement": each} for each in milestones], "distinct_by": "module"},
        "on_loss": {"policy": "lapse", "grace": "P30D"},
    }


def _name(assessment: dict[str, str]) -> str:
    return f"{_presentation(assessment)}-{assessment['id_assessment']}"


def _presentation(assessment: dict[str, str]) -> str:
    return f"{assessment['code_module']}-{assessment['code_presentation']}"


def _read(name: str) -> Iterator[dict[str, str]]:
    with (RECORDS / name).open(encoding="utf-8-sig", newline="") as records:
        yield from csv.DictReader(records)


if __name__ == "__main__":
    if not RECORDS.is_dir():
        sys.exit(f"{RECORDS} is not here; set LEDGER_SHARED to the directory that holds data/oulad.")
    written = convert(Path(sys.argv[1] if len(sys.argv) > 1 else "build/oulad"))
    sys.stdout.write(f"{written.catalogue}\n{written.results}\n")
