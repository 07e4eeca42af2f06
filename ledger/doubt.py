"""
What may be found wanting afterwards, and what rests on it: the blast radius, award by award.

An assessor may be discredited, or a piece of evidence, or a definition revised so that earlier evidence would not do.
None of it takes anything: whatever rests on it is queued for a person to review, one learner at a time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from ledger.definition import AchievementDefinition, Policy

Kind = Literal["assessor", "evidence", "achievement"]
Rests = Literal["rests on it", "stands without it", "differs", "waits for confirmation"]
Fate = Literal["broken", "suspended", "lapses", "revoked", "review"]

REASONS: dict[Kind, str] = {
    "assessor": "assessor discredited",
    "evidence": "evidence discredited",
    "achievement": "achievement revised",
}
"""What the entry in the review queue says."""


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is in doubt: `subject` names the person, the evidence or the achievement.

    Of evidence, `learner_id` says whose it is, where that is known.
    Of an achievement, awards of versions before `version` are held against its definition, or against `definition`.
    """

    kind: Kind
    subject: str
    learner_id: str | None = None
    version: int | None = None
    definition: AchievementDefinition | None = None


class Falling(msgspec.Struct, frozen=True, kw_only=True):
    """What would befall a milestone if the award in doubt were revoked, through chains and due dates."""

    award_id: str
    achievement_id: str
    stack_id: str | None
    fate: Fate
    policy: Policy | None = None
    at: datetime | None = None


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """
    An award that has to do with what is in doubt, and what would fall with it.

    `because` says what it would not meet, or how it would differ; `award_id` is nothing where it waits to be confirmed.
    """

    learner_id: str
    achievement_id: str
    version: int
    award_id: str | None
    rests: Rests
    judgements: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    falls: tuple[Falling, ...] = ()
