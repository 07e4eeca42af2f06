"""What is answered of learners, their awards, and what waits for a decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from ledger.event import Actor
from ledger.identities import Profile
from projections.award_register import Award, Kind
from projections.award_register import Status as AwardStatus
from projections.transcript import Transcript


class LearnerShown(msgspec.Struct, frozen=True, kw_only=True):
    """A learner as the college knows them."""

    id: str
    ref: str | None
    name: str | None
    email: str | None

    @classmethod
    def of(cls, learner_id: str, profile: Profile | None) -> LearnerShown:
        if profile is None:
            return cls(id=learner_id, ref=None, name=None, email=None)
        return cls(id=learner_id, ref=profile.ref, name=profile.name, email=profile.email)


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """The first checkpoint that covers a fact: its size, and when it was signed."""

    size: int
    at: datetime


class InLog(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fact stands on its way into the published log: recorded, sequenced into the tree, published."""

    index: int
    recorded_at: datetime
    sequenced: bool
    published: Covered | None


class AwardShown(msgspec.Struct, frozen=True, kw_only=True):
    """
    An award with its standing now; `stack` is the rule that a milestone was awarded under.

    `log` is where it stands in the transparency log; lists leave it out.
    """

    id: str
    learner_id: str
    learner_ref: str | None
    achievement: str
    version: int
    kind: Kind
    status: AwardStatus
    effective_at: datetime
    valid_until: datetime | None
    stack: str | None
    stack_version: int | None
    renews: str | None
    position: int
    last_position: int
    log: InLog | None = None

    @classmethod
    def of(cls, award: Award, profile: Profile | None, log: InLog | None = None) -> AwardShown:
        return cls(
            id=award.award_id, learner_id=award.learner_id, learner_ref=profile.ref if profile else None,
            achievement=award.achievement_id, version=award.version, kind=award.kind, status=award.status,
            effective_at=award.effective_at, valid_until=award.valid_until, stack=award.stack_id,
            stack_version=award.stack_version, renews=award.renews, position=award.position,
            last_position=award.last_position, log=log,
        )  # fmt: skip


class TranscriptShown(Transcript, frozen=True, kw_only=True):
    """A learner's transcript, with whose it is."""

    learner: LearnerShown

    @classmethod
    def of(cls, learner: LearnerShown, transcript: Transcript) -> TranscriptShown:
        return cls(learner=learner, **{name: getattr(transcript, name) for name in transcript.__struct_fields__})


class Consequences(msgspec.Struct, frozen=True, kw_only=True):
    """What falls with an award: the list that both people sign."""

    award_id: str
    consequences: list[str]


class FactShown(msgspec.Struct, frozen=True, kw_only=True):
    """A fact as it was recorded, its personal text revealed; `[erased]` where the learner's key is gone."""

    position: int
    version: int
    type: str
    recorded_at: datetime
    effective_at: datetime
    actor: Actor
    correlation: str | None
    causation: str | None
    fact: dict[str, Any]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key was shown."""

    account: str
    role: str
    ref: str | None
    name: str | None


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """How much the ledger holds; `awards_live` leaves milestones out."""

    position: int
    learners: int
    evidence: int
    assessments: int
    awards_live: int
    milestones_live: int
    awards_revoked: int
    queue: int
    confirm: int
    review: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the service runs, and can do its work."""

    status: Literal["live", "ready"]
    position: int | None = None
    views_position: int | None = None


class InclusionProof(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9162 §2.1.3: the hashes lead from the leaf's to the root. Hashes are in base64."""

    index: int
    size: int
    leaf_hash: str
    hashes: list[str]
    root: str


class ConsistencyProof(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9162 §2.1.4: the hashes lead to both roots. Hashes are in base64."""

    from_size: int
    to_size: int
    hashes: list[str]
    from_root: str
    to_root: str


class LogKey(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier key of the log (c2sp.org/signed-note): since when it signs, and until when, if that is known."""

    verifier: str
    made_at: datetime
    until: datetime | None


class LogKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The log's name, null until it is first signed, and its keys."""

    origin: str | None
    keys: list[LogKey]
