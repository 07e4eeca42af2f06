"""
Reads: how new they must be (`at_least`), what was known (`at`), what was valid (`on`).

A learner's record is folded from the learner's own facts, which are as new as the log itself.
Lists across learners come from views that follow the log; `at_least` waits for them a bounded time, then answers 503.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from flask import current_app

from api.acting import ledger
from api.paths import FieldError
from api.problem_kinds import UNAVAILABLE, UNUSABLE
from api.problems import Problem
from ledger.catalogue import Catalogue
from ledger.errors import Unknown
from ledger.event import Recorded
from projections.connection import Connection
from projections.views import Views

PATIENCE_S = 2.0
BRIEFLY_S = 0.5
_POLL_S = 0.002


class Known(NamedTuple):
    """What was known of a learner at a moment: facts, definitions, and the day asked about."""

    facts: list[Recorded]
    catalogue: Catalogue
    on: datetime
    position: int


def views() -> Views:
    """Return the views that this service reads."""
    found: Views = current_app.extensions["views"]
    return found


@contextmanager
def viewed(at_least: int | None = None) -> Iterator[Connection]:
    """Yield a connection to the views, at *at_least* that position."""
    if at_least is not None:
        _within_log(at_least, "at_least")
        if not views().wait(at_least, PATIENCE_S):
            raise Problem(UNAVAILABLE, f"The views have not come to position {at_least} yet; ask again.")
    with views().reading() as connection:
        yield connection


@contextmanager
def viewed_now() -> Iterator[Connection]:
    """Yield a connection to the views once they know everything recorded before, or what they know when time is up."""
    views().wait(ledger().store.head(), PATIENCE_S)
    with views().reading() as connection:
        yield connection


def known(learner_id: str, query: dict[str, Any]) -> Known:
    """Return what *query* selects of a learner's record; Unknown when there was none then."""
    at = query.get("at")
    if "at_least" in query:
        _within_log(query["at_least"], "at_least")
    log = ledger()
    until, on = None, query.get("on")
    if isinstance(at, int):
        _within_log(at, "at")
        until = at
        on = on or instant_of(at)
    elif at is not None:
        until, on = log.store.position_at(at), on or at
    stream = f"learner-{learner_id}"
    facts = log.facts(stream, until=until)
    if facts and until is None and _awaited(facts[-1].position):
        facts = log.facts(stream)
    if not facts:
        when = "" if until is None else f" at position {until}"
        raise Unknown(f"There is no learner {learner_id}{when}.", field="learner_id")
    catalogue = log.catalogue() if until is None else log.catalogue_at(until)
    return Known(facts, catalogue, on or log.now(), facts[-1].position)


def _awaited(position: int) -> bool:
    """
    Wait, briefly, until what follows from the fact at *position* is drawn; say whether there was anything to wait for.

    Who reads a record just after adding to it expects the milestone that this completes; it comes milliseconds later.
    """
    settled_to: Callable[[], int | None] = current_app.extensions["settled_to"]
    deadline = time.monotonic() + BRIEFLY_S
    waited = False
    while (settled := settled_to()) is not None and settled < position and time.monotonic() < deadline:
        waited = True
        time.sleep(_POLL_S)
    return waited


def instant_of(position: int) -> datetime:
    """Return when the ledger learned of the last fact up to *position*."""
    newest = ledger().store.read_log(max(position - 1, 0), 1)
    return newest[0].recorded_at if newest else ledger().now()


def last_position(stream: str, until: int | None = None) -> int:
    """Return the position of the last fact of *stream*, up to *until*: what an ETag names."""
    facts = ledger().facts(stream, until=until)
    return facts[-1].position if facts else 0


def _within_log(position: int, field: str) -> None:
    """Refuse a position that the log does not have: whoever was told one was told it after it was recorded."""
    head = ledger().store.head()
    if position > head:
        error = FieldError(field, f"must be a position of the log, which ends at {head}")
        raise Problem(UNUSABLE, error.sentence, error)
