"""What auditors ask of the whole log: which facts there are, and what changed between two moments."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import ledger
from api.answers import answer, described
from api.audit.differing import Diff, diff
from api.audit.moments import NoMoment, moment_of
from api.audit.query import UnusableQuery, parsed
from api.audit.shown import FactsFound, fact_found
from api.door import Door
from api.pages import after_name, after_position, written
from api.paths import FieldError
from api.problem_kinds import UNUSABLE
from api.problems import Problem
from api.reading import viewed, viewed_now
from api.schemas.auditing import DiffSchema, SearchSchema
from projections.searching import search
from projections.views import position

blueprint = Door("audit", __name__, description="Facts searched, and what changed between two moments.")

_DIFF_MOST = 50_000


@blueprint.get("/facts")
@blueprint.arguments(SearchSchema, location="query")
@blueprint.response(200, described(FactsFound))
def find(query: dict[str, Any]) -> Response:
    """Find facts by type, actor, learner, achievement, stack, batch and time, and by words that are not sealed."""
    log = ledger()
    try:
        asked = parsed(query["q"], log.identities)
    except UnusableQuery as wrong:
        error = FieldError("q", str(wrong))
        raise Problem(UNUSABLE, str(wrong), error) from None
    start = after_position(query["cursor"]) if "cursor" in query else None
    with viewed(query["at_least"]) if "at_least" in query else viewed_now() as connection:
        until = position(connection)
        found = search(
            log.store, connection, asked, until=until, cursor=start, limit=query["limit"],
            newest=query["order"] == "newest",
        )  # fmt: skip
    items = [fact_found(log, one) for one in found.facts]
    following = None if found.next is None else written(found.next)
    return answer(FactsFound(items=items, next=following, position=until))


@blueprint.get("/audit/diff")
@blueprint.arguments(DiffSchema, location="query")
@blueprint.response(200, described(Diff))
def difference(query: dict[str, Any]) -> Response:
    """Say what changed after one moment, up to another: awards and milestones by learner, definitions, people."""
    log = ledger()
    moments = []
    for name, field in (("since", "from"), ("until", "to")):
        try:
            moments.append(moment_of(log.store, query[name]))
        except NoMoment as wrong:
            raise _unusable(field, str(wrong)) from None
    before, after = moments
    if "learner" not in query and after.position - before.position > _DIFF_MOST:
        raise _unusable("to", f"must be at most {_DIFF_MOST} facts after `from`; `ledger audit diff` has no bound")
    try:
        with viewed_now() as connection:
            found = diff(
                log, connection, before, after, learner_id=query.get("learner"),
                beyond=after_name(query.get("cursor")), limit=query["limit"],
            )  # fmt: skip
    except NoMoment as wrong:
        raise _unusable("from", str(wrong)) from None
    return answer(found if found.next is None else _with_cursor(found))


def _with_cursor(found: Diff) -> Diff:
    return Diff(**{name: getattr(found, name) for name in found.__struct_fields__} | {"next": written(found.next)})


def _unusable(field: str, message: str) -> Problem:
    error = FieldError(field, message)
    return Problem(UNUSABLE, error.sentence, error)
