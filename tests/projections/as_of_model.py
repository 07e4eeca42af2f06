"""
What the record said at a position, folded from exported facts by code that shares nothing with the ledger.

It reads nothing but lines of JSON: stored names, streams, positions and bodies.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STANDS = ("live", "suspended")


@dataclass
class Award:
    """One award, and what befell it by the instant that matters."""

    achievement: str
    milestone: bool
    since: datetime
    until: datetime | None
    befell: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def status(self, on: datetime) -> str | None:
        """Say how it stands on a day."""
        if self.since > on:
            return None
        if any(name == "award.revoked" and fact["cause"] == "voided" for name, fact in self.befell):
            return "voided"
        ended, held = None, set()
        for name, fact in self.befell:
            if when(fact["effective_at"]) > on:
                continue
            if name == "award.suspended":
                held.add(fact["cause"])
            elif name == "award.reinstated" and fact["lifts"] in ("hand", "stack"):
                held.discard(fact["lifts"])
            elif name == "award.reinstated":
                ended = None
            elif name in ("award.revoked", "award.expired", "award.lapsed"):
                ended = name.partition(".")[2]
            elif name == "renewed":
                ended = "renewed"
        if ended is None and self.until is not None and self.until <= on:
            return "expired"
        return ended or ("suspended" if held else "live")


@dataclass
class Record:
    """What a college knew of its learners."""

    awards: dict[str, dict[str, Award]] = field(default_factory=lambda: defaultdict(dict))
    evidence: dict[tuple[str, str], bool] = field(default_factory=dict)
    judged: dict[tuple[str, str], str] = field(default_factory=dict)
    queue: dict[tuple[str, str], str] = field(default_factory=dict)
    learners: set[str] = field(default_factory=set)

    def statuses(self, learner: str, on: datetime) -> dict[str, str]:
        """Return how each award of a learner stands on a day; those of a later day are left out."""
        found = {award: one.status(on) for award, one in self.awards[learner].items()}
        return {award: status for award, status in found.items() if status is not None}

    def totals(self) -> dict[str, int]:
        """Count what does not depend on a day."""
        waiting = list(self.queue.values())
        return {
            "learners": len(self.learners),
            "evidence": sum(self.evidence.values()),
            "assessments": len(self.judged),
            "confirm": waiting.count("confirm"),
            "review": waiting.count("review"),
        }


def lines(facts: Iterable[Any]) -> Iterator[str]:
    """Export stored facts, a line each."""
    for one in facts:
        yield json.dumps([one.position, one.stream, one.name, one.recorded_us, json.loads(one.body)["fact"]])


def folded(exported: Iterable[str], until: int) -> Record:
    """Return what was known at position *until*."""
    record = Record()
    for line in exported:
        position, stream, stored_name, _, fact = json.loads(line)
        if position <= until and stream.startswith("learner-"):
            _take(record, stream[len("learner-") :], stored_name.rpartition(".v")[0], fact)
    return record


def _take(record: Record, learner: str, name: str, fact: dict[str, Any]) -> None:  # noqa: C901 -- a table in effect
    awards = record.awards[learner]
    match name:
        case "learner.registered":
            record.learners.add(learner)
        case "evidence.submitted":
            record.evidence[learner, fact["evidence_id"]] = True
        case "evidence.withdrawn":
            record.evidence[learner, fact["evidence_id"]] = False
            if fact.get("cause") == "voided":
                gone = [
                    key for key, about in record.judged.items() if (key[0], about) == (learner, fact["evidence_id"])
                ]
                for key in gone:
                    del record.judged[key]
        case "evidence.assessed":
            record.judged[learner, fact["assessment_id"]] = fact["evidence_id"]
        case "assessment.voided":
            record.judged.pop((learner, fact["assessment_id"]), None)
        case "achievement.awarded":
            until = fact.get("valid_until")
            awards[fact["award_id"]] = Award(
                fact["achievement_id"], "stack" in fact["basis"], when(fact["effective_at"]), until and when(until)
            )
            if fact.get("renews") in awards:
                awards[fact["renews"]].befell.append(("renewed", fact))
            record.queue.pop((learner, fact.get("queue_id", "")), None)
        case "award.queued":
            record.queue[learner, fact["queue_id"]] = fact["queue"]
        case "award.declined" | "award.reviewed":
            record.queue.pop((learner, fact["queue_id"]), None)
        case "award.extended" if "valid_until" in fact:
            awards[fact["award_id"]].until = when(fact["valid_until"])
        case "award.suspended" | "award.reinstated" | "award.revoked" | "award.expired" | "award.lapsed":
            one = awards[fact["award_id"]]
            if name == "award.reinstated" and fact["lifts"] not in ("hand", "stack"):
                one.befell = [each for each in one.befell if each[0] != "renewed"]
            one.befell.append((name, fact))


def when(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text)
