"""State as it was: all views rebuilt from the facts up to a moment, in a scratch place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from time import perf_counter

import msgspec

from api.audit.moments import Moment, NoMoment
from api.audit.scratch import scratch_views
from ledger.application import Ledger
from projections.as_of import AsOf
from projections.totals import statistics
from projections.transcript import Transcript, transcript

Progress = Callable[[int, int], None]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What was known at `position`, of what was valid `on` a day; the same facts give the same `hash`."""

    position: int
    at: datetime
    on: datetime
    totals: Mapping[str, int]
    hash: str
    transcript: Transcript | None
    kept: str | None
    seconds: float
    facts_per_second: int


def replay(
    ledger: Ledger,
    at: Moment,
    progress: Progress,
    *,
    on: datetime | None = None,
    learner_id: str | None = None,
    keep: Path | None = None,
) -> Replayed:
    """Rebuild the views as of *at*; they stay in *keep* if named. NoMoment if a learner was not known then."""
    on = on or at.instant
    told = None if learner_id is None else transcript_as_of(ledger, at, learner_id, on)
    start = perf_counter()
    with scratch_views(keep) as views:
        views.rebuild(AsOf(ledger.store, at.position), progress)
        seconds = perf_counter() - start
        with views.reading() as connection:
            totals = statistics(connection, on)
        found = views.hash()
    return Replayed(
        position=at.position,
        at=at.instant,
        on=on,
        totals=totals,
        hash=found,
        transcript=told,
        kept=None if keep is None else str(keep),
        seconds=round(seconds, 3),
        facts_per_second=round(at.position / seconds),
    )


def transcript_as_of(ledger: Ledger, at: Moment, learner_id: str, on: datetime) -> Transcript:
    """Return a learner's transcript as it was known *at* a moment."""
    facts = ledger.facts(f"learner-{learner_id}", until=at.position)
    if not facts:
        raise NoMoment(f"nothing was known of {learner_id} at position {at.position}")
    return transcript(learner_id, facts, ledger.catalogue_at(at.position), on)
