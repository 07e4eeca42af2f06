"""
What each learner holds, as the compacted topic `ledger.transcripts.v1`: the newest message of a key is all of it.

The key is the learner id, the value canonical JSON of ids and instants, nothing personal:

    {"awards":[{"achievement":"mig","award":"awd_1","effective_at":"2026-01-31T09:00:00Z","status":"live","version":1}],
     "learner":"lrn_1","position":42}

`position` is that of the learner's last fact. Statuses are as of that fact: what runs out by itself has `valid_until`.
The value is null, a tombstone, once the learner is erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from consumers.cloud_events import Outgoing
from ledger.codec import decode
from ledger.store import Store, Stored
from projections.holdings import HeldAward, Status, told

NAME = "transcripts"

_LEARNER = "learner-"
_ERASED = "learner.erased.v"
_CONTENT_TYPE = ("content-type", b"application/json")


class PublishedAward(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One award; a milestone has the stack that it was awarded for."""

    award: str
    achievement: str
    version: int
    effective_at: datetime
    status: Status
    valid_until: datetime | None = None
    renews: str | None = None
    stack: str | None = None
    stack_version: int | None = None


class PublishedTranscript(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner holds, and ever held, as of the fact at *position*."""

    learner: str
    position: int
    awards: tuple[PublishedAward, ...]


_encode = msgspec.json.Encoder(order="sorted").encode


def transcript(facts: Sequence[Stored]) -> bytes | None:
    """Return what is published of a learner, whose facts those are; None, a tombstone, of one who was erased."""
    if any(stored.name.startswith(_ERASED) for stored in facts):
        return None
    story = told(decode(stored) for stored in facts)
    last = facts[-1]
    awards = tuple(_award(held, last.recorded_at) for held in story.awards.values())
    learner = last.stream.removeprefix(_LEARNER)
    return _encode(PublishedTranscript(learner=learner, position=last.position, awards=awards))


def transcripts(store: Store, topic: str) -> Callable[[Iterable[Stored]], list[Outgoing]]:
    """Return what a relay publishes of a batch: the learners whom it concerns, each once, as they are now."""

    def outgoing(batch: Iterable[Stored]) -> list[Outgoing]:
        streams = dict.fromkeys(stored.stream for stored in batch if stored.stream.startswith(_LEARNER))
        return [
            Outgoing(
                topic,
                stream.removeprefix(_LEARNER).encode(),
                transcript(facts),
                [_CONTENT_TYPE],
                facts[-1].recorded_us // 1000,
            )
            for stream, facts in store.read_many(streams).items()
        ]

    return outgoing


def _award(held: HeldAward, recorded_at: datetime) -> PublishedAward:
    fact = held.fact
    status = held.status(max(recorded_at, fact.effective_at))
    assert status is not None, "it was awarded by then"
    return PublishedAward(
        award=fact.award_id,
        achievement=fact.achievement_id,
        version=fact.achievement_version,
        effective_at=fact.effective_at,
        status=status,
        valid_until=held.valid_until,
        renews=fact.renews,
        stack=fact.basis.stack,
        stack_version=fact.basis.stack_version,
    )
