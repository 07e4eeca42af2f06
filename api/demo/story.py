"""
What has happened at the sample college so far: twelve learners, some months of work, told in days before today.

Everything is recorded through the same import and the same commands that anybody uses.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import NamedTuple

from api.imports.rows import COLUMNS

DESIGNER, BOARD, PARTNER, REGISTRAR = "dana.designer", "quality-board", "northern-fabricators", "rita.registrar"

PEOPLE = {
    DESIGNER: "Dana Whitfield, programme designer",
    BOARD: "Quality board",
    PARTNER: "Northern Fabricators",
    REGISTRAR: "Rita Campos, registrar",
    "mensah": "Kofi Mensah, data",
    "lindqvist": "Elin Lindqvist, data",
    "tremblay": "Luc Tremblay, welding",
    "ortiz": "Marisol Ortiz, care",
    "haddad": "Samir Haddad, care",
}

LEARNERS = {
    "s1001": "Amara Okafor",
    "s1002": "Benoît Lavoie",
    "s1003": "Chiara Rossi",
    "s1004": "Dmitri Volkov",
    "s1005": "Esi Boateng",
    "s1006": "Farah Nasser",
    "s1007": "Gil Fernández",
    "s1008": "Hana Kobayashi",
    "s1009": "Imran Qureshi",
    "s1010": "Jun Park",
    "s1011": "Kateri Whiteduck",
    "s1012": "Leila Haddad",
}


class Work(NamedTuple):
    """One piece of work: whose, towards what, how long ago, and what the assessor found."""

    learner: str
    achievement: str
    days_ago: int
    assessor: str = ""
    result: str = ""
    outcome: str = ""
    reflection: str = ""


WORK = (
    # Amara finished the whole data pathway: a chain of two milestones.
    Work("s1001", "preparing-data", 300, "mensah", "82"),
    Work("s1001", "querying-data", 270, "mensah", "74"),
    Work("s1001", "modelling-data", 120, "lindqvist", "88"),
    # Benoît has one foundation, failed and passed another.
    Work("s1002", "preparing-data", 250, "mensah", "91"),
    Work("s1002", "querying-data", 200, "mensah", "48"),
    Work("s1002", "querying-data", 150, "mensah", "67"),
    Work("s1002", "modelling-data", 60, "lindqvist", "66"),
    # Chiara shows data; her next piece waits for an assessor.
    Work("s1003", "showing-data", 90, "lindqvist", "exemplary", reflection="I cut half of what I first drew."),
    Work("s1003", "preparing-data", 2),
    # Welders: the milestone waits for the registrar's confirmation.
    Work("s1004", "working-safely", 400, "tremblay", outcome="met"),
    Work("s1004", "stick-welding", 380, "tremblay", "proficient"),
    Work("s1005", "working-safely", 395, "tremblay", outcome="met"),
    Work("s1005", "wire-welding", 30, "tremblay", "developing"),
    Work("s1006", "working-safely", 700, "tremblay", outcome="met"),
    Work("s1006", "stick-welding", 690, "tremblay", "exemplary"),
    # Care: two assessors for medication.
    Work("s1007", "preventing-infection", 200, "ortiz", outcome="met"),
    Work("s1007", "listening-in-care", 160, "haddad", "proficient", reflection="I learned to wait for the answer."),
    Work("s1007", "supporting-medication", 100, "ortiz", "90"),
    Work("s1007", "supporting-medication", 100, "haddad", "86"),
    Work("s1008", "preventing-infection", 350, "ortiz", outcome="met"),
    Work("s1008", "supporting-medication", 20, "haddad", "84"),
    Work("s1009", "preventing-infection", 500, "ortiz", outcome="met"),
    Work("s1009", "listening-in-care", 300, "ortiz", "developing", reflection="Silence was hard for me."),
    # Breadth: one of each area.
    Work("s1010", "querying-data", 220, "mensah", "79"),
    Work("s1010", "working-safely", 180, "tremblay", outcome="met"),
    Work("s1010", "listening-in-care", 140, "haddad", "exemplary", reflection="Each conversation changed my plan."),
    # Kateri begins; Leila's relative teaches here, so somebody else judges her.
    Work("s1011", "preparing-data", 5),
    Work("s1012", "listening-in-care", 45, "ortiz", "proficient", reflection="I ask fewer questions now."),
)


def results(today: datetime) -> bytes:
    """Return the story as a file of results, counted back from *today*."""
    noon = today.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for work in WORK:
        submitted = noon - timedelta(days=work.days_ago)
        evidence = f"{work.learner}-{work.achievement}-{work.days_ago}"
        writer.writerow(
            [
                work.learner,
                work.achievement,
                evidence,
                f"https://portfolio.college.example/{evidence}",
                work.reflection,
                submitted.isoformat(),
                work.assessor,
                (submitted + timedelta(hours=6)).isoformat() if work.assessor else "",
                work.result,
                work.outcome,
            ]
        )
    return out.getvalue().encode()
