"""
Every view rebuilt in a scratch place and held against the live ones, which go on as they are.

Both are brought to one position: the rebuild goes as far as the live views were, and then, once one state of them is
being read, the rest of the way.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import msgspec

from api.audit.scratch import scratch_views
from projections.as_of import AsOf, Log
from projections.comparing import Difference, compared_tables, differences
from projections.views import Views, ViewsMissing, position

Progress = Callable[[int, int], None]
LISTED_MOST = 1000
_READING_SECONDS = 24 * 3600.0
_NEAR = 10_000


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: `differing` rows, of which the first are listed, with how quickly the facts were taken in."""

    position: int
    same: bool
    tables: int
    differing: int
    differences: list[Difference]
    seconds: float
    facts_per_second: int


def compare(log: Log, live: Views, progress: Progress, most: int = LISTED_MOST) -> Comparison:
    """Rebuild the views of *log* and compare; ViewsMissing where there are none to compare with."""
    start = perf_counter()
    at = live.position()
    if at == 0 and log.head() > 0:
        raise ViewsMissing
    with scratch_views() as rebuilt:
        rebuilt.rebuild(AsOf(log, at), progress)
        while live.position() - at > _NEAR:  # so that the state which is read is not held for long
            at = live.position()
            rebuilt.catch_up(AsOf(log, at))
        with live.reading(_READING_SECONDS) as known:
            at = position(known)
            rebuilt.catch_up(AsOf(log, at))
            building = perf_counter() - start
            with rebuilt.reading() as anew:
                listed: list[Difference] = []
                differing = 0
                for difference in differences(known, anew):
                    differing += 1
                    if len(listed) < most:
                        listed.append(difference)
    return Comparison(
        position=at,
        same=not differing,
        tables=len(compared_tables()),
        differing=differing,
        differences=listed,
        seconds=round(perf_counter() - start, 3),
        facts_per_second=round(at / building) if building else 0,
    )
