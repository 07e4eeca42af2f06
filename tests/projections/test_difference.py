"""What changed between two moments: applied to what was, it gives what is, and says so in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.audit.differing import Diff, diff
from api.audit.moments import Moment, NoMoment, moment_of
from ledger.learners import commands as c
from projections.views import Views
from tests import examples as ex
from tests.projections import as_of_model
from tests.projections.college import WHY, College, live_through

LEARNERS = ("lrn_lee", "lrn_mo", "lrn_nia")
Lived = tuple[College, Views, list[str]]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with closing(College(tmp_path_factory.mktemp("college"))) as college:
        live_through(college, seed=23, steps=500)
        views = college.views()
        views.catch_up(college.ledger.store)
        yield college, views, list(as_of_model.lines(college.ledger.store.read_log(0, 100_000)))


def _diff(college: College, views: Views, before: Moment, after: Moment) -> Diff:
    with views.reading() as connection:
        return diff(college.ledger, connection, before, after)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_difference_applied_to_what_was_gives_what_is(lived: Lived, data: st.DataObject) -> None:
    college, views, exported = lived
    first, second = sorted(data.draw(st.tuples(*[st.integers(1, len(exported))] * 2), label="positions"))
    before, after = (moment_of(college.ledger.store, one) for one in (first, second))

    found = _diff(college, views, before, after)

    was, is_ = (as_of_model.folded(exported, one) for one in (first, second))
    for learner in LEARNERS:
        state = was.statuses(learner, before.instant)
        for changes in found.learners:
            if changes.learner_id == learner:
                for award in changes.awards:
                    assert award.before == state.get(award.award_id)
                    state |= {award.award_id: award.after} if award.after else {}
        assert is_.statuses(learner, after.instant) == state


def test_nothing_changed_between_a_moment_and_itself(lived: Lived) -> None:
    college, views, exported = lived
    half = moment_of(college.ledger.store, len(exported) // 2)

    found = _diff(college, views, half, half)

    assert ([], [], ["Nothing changed."]) == (found.learners, found.announcements, found.sentences)


def test_facts_are_counted_once(lived: Lived) -> None:
    college, views, exported = lived
    first, last = (moment_of(college.ledger.store, one) for one in (10, len(exported)))

    assert len(exported) - 10 == sum(_diff(college, views, first, last).counts.facts.values())


def test_a_moment_after_the_other_is_refused(lived: Lived) -> None:
    college, views, _ = lived
    first, second = (moment_of(college.ledger.store, one) for one in (20, 10))

    with pytest.raises(NoMoment):
        _diff(college, views, first, second)


def test_changes_are_said_in_sentences(college: College) -> None:
    college.earn(ex.LEE, ex.MIG)
    start = moment_of(college.ledger.store, college.ledger.store.head())
    college.pass_(days=1)
    award = next(iter(college.ledger.record(ex.LEE).awards))
    college.do(c.SuspendAward(learner_id=ex.LEE, award_id=award, by=ex.REGISTRAR, reason=WHY))
    college.earn(ex.LEE, ex.TIG, ex.BEN)
    college.say(*ex.published("fillet", ex.micro_credential("Fillet welds")))
    views = college.views()
    views.catch_up(college.ledger.store)

    found = _diff(college, views, start, moment_of(college.ledger.store, college.ledger.store.head()))

    (lee,) = found.learners
    assert "MIG welding: A registrar suspended it on 6 January 2026." in lee.sentences
    assert any(one.startswith("Version 1 of Fillet welds was published") for one in found.sentences)


def test_time_alone_lets_awards_expire(college: College) -> None:
    college.earn(ex.LEE, ex.TIG)
    views = college.views()
    views.catch_up(college.ledger.store)
    head = college.ledger.store.head()
    now = Moment(head, college.now)

    found = _diff(college, views, now, Moment(head, college.now + timedelta(days=61)))

    assert ["expired"] == [one.after for changes in found.learners for one in changes.awards]


def test_what_would_have_expired_within_is_told_though_it_was_extended_later(college: College) -> None:
    college.earn(ex.LEE, ex.TIG)
    head = college.ledger.store.head()
    before, after = Moment(head, college.now), Moment(head, college.now + timedelta(days=61))
    award = next(iter(college.ledger.record(ex.LEE).awards))
    until = college.now + timedelta(days=90)
    extend = c.ExtendAward(learner_id=ex.LEE, award_id=award, by=ex.REGISTRAR, reason=WHY, valid_until=until)
    college.pass_(days=30)
    college.do(extend)
    views = college.views()
    views.catch_up(college.ledger.store)

    found = _diff(college, views, before, after)

    assert ["expired"] == [one.after for changes in found.learners for one in changes.awards]
