"""A writer in a process of its own: submits, judges, and prints what was acknowledged."""

from __future__ import annotations

import json
import sys

from ledger.application import Ledger
from ledger.learners import commands as c
from ledger.private import Private
from ledger.settings import Settings
from tests.simulation.college import ACTOR, ASSESSORS


def write(ledger: Ledger, learner: str, name: str, micro: str) -> str:
    """Submit evidence and have it judged met by as many as it takes, under keys; return the first judgement's id."""
    evidence = f"evd-{name}"
    submit = c.SubmitEvidence(
        learner_id=learner,
        evidence_id=evidence,
        achievement_id=micro,
        submitted_by=learner,
        evidence_url=Private(plain=f"https://example.org/{name}"),
    )
    ledger.execute(submit, actor=ACTOR, key=f"submit {learner} {name}")
    for assessor in ASSESSORS[: 2 if micro == "c" else 1]:
        judgement = c.AssessEvidence(
            learner_id=learner,
            assessment_id=f"{evidence}-{assessor}",
            evidence_id=evidence,
            assessor=assessor,
            met=True,
        )
        ledger.execute(judgement, actor=ACTOR, key=f"assess {learner} {name} {assessor}")
    return f"{evidence}-{ASSESSORS[0]}"


if __name__ == "__main__":
    _, learner, mine = sys.argv
    ledger = Ledger.open(Settings.from_environment())
    print(json.dumps([write(ledger, learner, f"{mine}-{number}", "abcde"[number % 5]) for number in range(10)]))
    ledger.close()
