"""Shapes of the blast radius: what is in doubt, whose awards have to do with it, and what would fall with them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.schemas.fields import Prose, Shape, Text
from api.schemas.reading import PAGE_DEFAULT, PAGE_MOST, Number
from ledger.doubt import Affected, Falling, Kind, Rests
from projections.foretold import Named, doubted


class BlastSchema(Shape):
    """Which page of a blast radius."""

    limit = Number(1, PAGE_MOST, load_default=PAGE_DEFAULT)
    cursor = Text(longest=200, metadata={"description": "The `next` of the page before, which is of the same moment."})


class DiscreditingSchema(Shape):
    """Why somebody or something is discredited."""

    reason = Prose(required=True)


class AffectedShown(msgspec.Struct, frozen=True, kw_only=True):
    """An award that has to do with what is in doubt; `sentence` says how, and what would fall with it."""

    learner_id: str
    achievement_id: str
    version: int
    award_id: str | None
    rests: Rests
    sentence: str
    judgements: tuple[str, ...]
    because: tuple[str, ...]
    falls: tuple[Falling, ...]

    @classmethod
    def of(cls, one: Affected, named: Named) -> AffectedShown:
        return cls(
            learner_id=one.learner_id, achievement_id=one.achievement_id, version=one.version, award_id=one.award_id,
            rests=one.rests, sentence=doubted(one, named), judgements=one.judgements, because=one.because,
            falls=one.falls,
        )  # fmt: skip


class BlastShown(msgspec.Struct, frozen=True, kw_only=True):
    """
    How far a doubt reaches, as of a position: awards that rest on it, and those that stand, differ or wait.

    `milestones` counts those that would be touched if the awards that rest on it were revoked. Nothing is recorded.
    """

    kind: Kind
    subject: str
    position: int
    at: datetime
    learners: int
    rest: int
    stand: int
    differ: int
    wait: int
    milestones: int
    items: list[AffectedShown]
    next: str | None = None


class NotQueued(msgspec.Struct, frozen=True, kw_only=True):
    """A learner whose awards were not queued, and the rule that forbade it."""

    learner_id: str
    sentence: str


class CarriedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What came of carrying a doubt out: entries in the review queue, new ones only."""

    kind: Kind
    subject: str
    learners: int
    queued: int
    refused: list[NotQueued]
    position: int
