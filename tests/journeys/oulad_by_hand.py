"""What the Open University records must come to, counted from their CSV alone; no code of the ledger is used here."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.oulad import TWO_MODULES


class Expected(NamedTuple):
    """What there must be; milestones by learner."""

    learners: int
    evidence: int
    assessments: int
    awards: int
    waiting: int
    modules: dict[str, set[str]]
    two_modules: set[str]

    @property
    def milestones(self) -> int:
        """How many module milestones and two-module milestones there must be."""
        return sum(map(len, self.modules.values())) + len(self.two_modules)

    @property
    def stats(self) -> dict[str, int]:
        """What `ledger stats` must say."""
        return {
            "learners": self.learners,
            "evidence": self.evidence,
            "assessments": self.assessments,
            "awards_live": self.awards,
            "milestones_live": self.milestones,
            "awards_revoked": 0,
            "queue": self.waiting,
        }


def expected(records: Path) -> Expected:
    """Count: a score of 40 passes; a module is every assessment of one presentation."""
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    presentation_of = {}
    with (records / "assessments.csv").open(encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            presentation = (line["code_module"], line["code_presentation"])
            asked[presentation].add(line["id_assessment"])
            presentation_of[line["id_assessment"]] = presentation
    rows = scored = 0
    passed: dict[str, set[str]] = defaultdict(set)
    learners = set()
    with (records / "studentAssessment.csv").open(encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            rows += 1
            learners.add(line["id_student"])
            if line["score"] != "":
                scored += 1
                if float(line["score"]) >= 40:
                    passed[line["id_student"]].add(line["id_assessment"])
    modules = {
        student: {
            "-".join(presentation)
            for presentation in {presentation_of[assessment] for assessment in theirs}
            if asked[presentation] <= theirs
        }
        for student, theirs in passed.items()
    }
    held = {student: theirs for student, theirs in modules.items() if theirs}
    return Expected(
        learners=len(learners),
        evidence=rows,
        assessments=scored,
        awards=sum(map(len, passed.values())),
        waiting=rows - scored,
        modules=held,
        two_modules={student for student, theirs in held.items() if len({name.split("-")[0] for name in theirs}) >= 2},
    )


def milestones(page_after: Callable[[str], Any]) -> tuple[dict[str, set[str]], set[str]]:
    """Go through the pages of `ledger awards`: return the module milestones by learner, and who holds two modules'."""
    modules: dict[str, set[str]] = {}
    two: set[str] = set()
    cursor = 0
    while cursor is not None:
        page = page_after(str(cursor))
        cursor = page["next"]
        for award in page["items"]:
            student = award["learner_ref"].removeprefix("student-")
            if award["achievement"] == f"{TWO_MODULES}-milestone":
                two.add(student)
            elif award["achievement"].endswith("-module"):
                modules.setdefault(student, set()).add(award["achievement"].removesuffix("-module"))
    return modules, two
