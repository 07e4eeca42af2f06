"""What is searched for is found: just what a plain filter over all facts lets through, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.event import Recorded, name_of
from ledger.private import Private
from projections import fact_index
from projections.searching import Query, search
from projections.views import Views, position
from tests import examples as ex
from tests.projections.college import College, live_through

LEARNERS = ("lrn_lee", "lrn_mo", "lrn_nia")
BRINGS = {
    "EvidenceSubmitted": "evidence_id",
    "EvidenceAssessed": "assessment_id",
    "AchievementAwarded": "award_id",
    "AwardQueued": "queue_id",
    "AppealLodged": "appeal_id",
    "StackCompleted": "completion_id",
}
IDS = ("award_id", "evidence_id", "assessment_id", "queue_id", "appeal_id", "completion_id")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[College, Views, list[Recorded]]]:
    with closing(College(tmp_path_factory.mktemp("college"))) as college, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_index, "BLOCK", 64)  # so that there are several
        live_through(college, seed=7, steps=1200)
        views = college.views()
        views.catch_up(college.ledger.store)
        yield college, views, college.ledger.log(0, 100_000)


def _achievements(facts: list[Recorded]) -> dict[int, tuple[str | None, str | None]]:
    """Say of each fact which achievement and stack it is about, from what was said before in its stream."""
    known: dict[tuple[str, Any], tuple[str | None, str | None]] = {}
    about: dict[int, tuple[str | None, str | None]] = {}
    for one in facts:
        fact: Any = one.fact
        category, _, subject = one.stream.partition("-")
        names = [getattr(fact, name) for name in IDS if getattr(fact, name, None) is not None]
        if category != "learner":
            found = (subject if category == "achievement" else None, subject if category == "stack" else None)
        elif hasattr(fact, "achievement_id") or hasattr(fact, "stack_id"):
            basis = getattr(fact, "basis", None)
            stack = getattr(fact, "stack_id", None) if basis is None else basis.stack
            found = getattr(fact, "achievement_id", None), stack
        else:
            found = next((known[one.stream, name] for name in names if (one.stream, name) in known), (None, None))
        if type(fact).__name__ in BRINGS:
            known[one.stream, getattr(fact, BRINGS[type(fact).__name__])] = found
        about[one.position] = found
    return about


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Private) or value is None:
        return ""
    if isinstance(value, msgspec.Struct):
        return "\n".join(_text(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return "\n".join(f"{name}\n{_text(one)}" for name, one in value.items())
    return "\n".join(map(_text, value)) if isinstance(value, tuple) else ""


def _filter(query: Query, facts: list[Recorded]) -> list[int]:
    about = _achievements(facts)

    def actors(one: Recorded) -> set[Any]:
        named = [name for name in one.fact.__struct_fields__ if name.endswith("_by") or name == "assessor"]
        return {one.actor.id, *(getattr(one.fact, name) for name in named)}

    tests: list[Callable[[Recorded], bool]] = [
        lambda one: query.type is None or name_of(type(one.fact)).startswith(f"{query.type}.v"),
        lambda one: query.actor is None or query.actor in actors(one),
        lambda one: (
            query.learner is None
            or one.stream == f"learner-{query.learner}"
            or getattr(one.fact, "learner", None) == query.learner
        ),
        lambda one: query.achievement is None or about[one.position][0] == query.achievement,
        lambda one: query.stack is None or about[one.position][1] == query.stack,
        lambda one: query.batch is None or getattr(one.fact, "batch_id", None) == query.batch,
        lambda one: query.after is None or one.recorded_at >= query.after,
        lambda one: query.before is None or one.recorded_at < query.before,
        lambda one: query.first is None or one.position >= query.first,
        lambda one: query.last is None or one.position <= query.last,
        lambda one: all(
            word in f"{one.stream}\n{name_of(type(one.fact))}\n{_text(one.actor)}\n{_text(one.fact)}".casefold()
            for word in query.words
        ),
    ]
    return [one.position for one in facts if all(test(one) for test in tests)]


def _found(college: College, views: Views, query: Query, **how: Any) -> list[int]:
    found: list[int] = []
    cursor = None
    with views.reading() as connection:
        while True:
            page = search(college.ledger.store, connection, query, until=position(connection), cursor=cursor, **how)
            found += [one.position for one in page.facts]
            cursor = page.next
            if cursor is None:
                return found


maybe = st.none
DAYS = st.datetimes(datetime(2026, 1, 5), datetime(2029, 1, 5), timezones=st.just(UTC))  # noqa: DTZ001
QUERIES = st.builds(
    Query,
    type=maybe() | st.sampled_from(("evidence.assessed", "award.revoked", "achievement.awarded", "stack.broken")),
    actor=maybe() | st.sampled_from((ex.ANA, ex.REGISTRAR, ex.SECOND_REGISTRAR, "lrn_lee", "nobody")),
    learner=maybe() | st.sampled_from(LEARNERS),
    achievement=maybe() | st.sampled_from((ex.MIG, ex.TIG, ex.WELDER, "master", "none")),
    stack=maybe() | maybe() | st.sampled_from(("welding", "mastery")),
    batch=maybe() | maybe() | st.sampled_from(("bat_1", "bat_2")),
    after=maybe() | maybe() | DAYS,
    before=maybe() | maybe() | DAYS,
    first=maybe() | st.integers(1, 4000),
    last=maybe() | st.integers(1, 4000),
    words=st.just(())
    | st.lists(st.sampled_from(("mig", "ev-", "per_ana", "Welder".casefold())), max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES, limit=st.integers(1, 80), newest=st.booleans())
def test_a_search_finds_what_a_filter_over_all_facts_lets_through(
    lived: tuple[College, Views, list[Recorded]], query: Query, limit: int, newest: bool
) -> None:
    college, views, facts = lived

    expected = _filter(query, facts)

    assert (expected[::-1] if newest else expected) == _found(college, views, query, limit=limit, newest=newest)


def test_a_search_that_takes_long_stops_and_goes_on_with_its_cursor(
    lived: tuple[College, Views, list[Recorded]],
) -> None:
    college, views, facts = lived
    query = Query(words=("ev-lrn_lee",))

    assert _filter(query, facts) == _found(college, views, query, limit=50, newest=False, seconds=0)


def test_views_that_were_taken_in_fact_by_fact_find_the_same(
    lived: tuple[College, Views, list[Recorded]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    college, views, _ = lived
    one_by_one = Views(tmp_path_factory.mktemp("one by one"))
    while one_by_one.step(college.ledger.store, limit=1):
        pass

    assert views.hash() == one_by_one.hash()
    one_by_one.close()
