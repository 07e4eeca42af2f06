"""A learner's facts as they are recorded day by day, for the documents that are folded from them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ledger import events as e
from ledger.definition import Cause, Policy
from ledger.event import Event, Recorded
from ledger.private import Private
from tests import examples as ex

SEALED = Private(sealed=b"sealed")


def story(*days: tuple[float, Event], first: int = 100) -> list[Recorded]:
    """Return facts of one learner, each recorded on a day after the programme's start."""
    return [
        ex.recorded(((f"learner-{ex.LEE}", fact),), first=first + number, at=ex.after(day))[0]
        for number, (day, fact) in enumerate(days)
    ]


def submitted(achievement_id: str, day: float = 0, **more: Any) -> e.EvidenceSubmitted:
    return e.EvidenceSubmitted(
        effective_at=ex.after(day),
        evidence_id=f"ev-{achievement_id}",
        achievement_id=achievement_id,
        achievement_version=1,
        route="work_product",
        submitted_by=ex.LEE,
        declared_by="learner",
        attempt=1,
        digest="sha256:0123",
        **more,
    )


def assessed(achievement_id: str, day: float = 0, *, met: bool = True, assessor: str = ex.ANA) -> e.EvidenceAssessed:
    return e.EvidenceAssessed(
        effective_at=ex.after(day),
        assessment_id=f"as-{achievement_id}-{assessor}",
        evidence_id=f"ev-{achievement_id}",
        assessor=assessor,
        compared=(assessor, ex.LEE),
        met=met,
        results={"score": Decimal(72)},
    )


def awarded(achievement_id: str, day: float = 0, **more: Any) -> e.AchievementAwarded:
    return e.AchievementAwarded(
        effective_at=ex.after(day),
        award_id=f"aw-{achievement_id}",
        achievement_id=achievement_id,
        achievement_version=1,
        basis=e.Basis(evidence_id=f"ev-{achievement_id}", assessments=(f"as-{achievement_id}-{ex.ANA}",)),
        results={"score": Decimal(72)},
        **more,
    )


def earned(achievement_id: str, day: float = 0, **more: Any) -> tuple[tuple[float, Event], ...]:
    """Return submission, judgement and award, all on one day."""
    facts = (submitted(achievement_id, day), assessed(achievement_id, day), awarded(achievement_id, day, **more))
    return tuple((day, fact) for fact in facts)


def completed(milestone: str, stack: str, *achievements: str, day: float = 0) -> tuple[tuple[float, Event], ...]:
    """Return the completion of a stack by awards of *achievements*, and its milestone."""
    awards = tuple(f"aw-{one}" for one in achievements)
    completion = e.StackCompleted(
        effective_at=ex.after(day),
        completion_id=f"cmp-{stack}",
        stack_id=stack,
        stack_version=1,
        ordinal=1,
        awards=awards,
        definitions_position=7,
        award_id=f"aw-{milestone}",
    )
    award = e.AchievementAwarded(
        effective_at=ex.after(day),
        award_id=f"aw-{milestone}",
        achievement_id=milestone,
        achievement_version=1,
        basis=e.Basis(stack=stack, stack_version=1, awards=awards),
    )
    return (day, completion), (day, award)


def revoked(achievement_id: str, day: float) -> e.AwardRevoked:
    return e.AwardRevoked(
        effective_at=ex.after(day), award_id=f"aw-{achievement_id}", cause="hand", revoked_by=ex.SECOND_REGISTRAR
    )


def broken(
    milestone: str, stack: str, lost: str, day: float, *, grace: float, policy: Policy, cause: Cause = "revoked"
) -> e.StackBroken:
    return e.StackBroken(
        effective_at=ex.after(day),
        break_id=f"br-{stack}",
        completion_id=f"cmp-{stack}",
        award_id=f"aw-{milestone}",
        lost=(f"aw-{lost}",),
        cause=cause,
        policy=policy,
        due_at=ex.after(day + grace),
    )
