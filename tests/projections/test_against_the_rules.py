"""What views and documents say of a learner is what the rules' own state says, through any history."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.decider import Setting
from ledger.learners.evidence import led_to
from ledger.learners.holdings import holdings as rules_holdings
from ledger.learners.outcome import standing
from projections.assessment_queue import waiting
from projections.award_queues import queued_awards
from projections.award_register import awards
from projections.due import due
from projections.holdings import holdings, told
from projections.totals import statistics
from tests.projections.college import College, live_through

LEARNERS = ("lrn_lee", "lrn_mo", "lrn_nia")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_views_agree_with_the_rules(tmp_path_factory: pytest.TempPathFactory, place: str | None, seed: int) -> None:
    with closing(College(tmp_path_factory.mktemp("college"), place)) as college:
        live_through(college, seed, steps=150 if place is None else 60)
        _assert_views_agree(college)


def _assert_views_agree(college: College) -> None:
    views = college.views()
    views.catch_up(college.ledger.store)
    records = {learner: college.ledger.record(learner) for learner in LEARNERS}
    catalogue = college.ledger.catalogue()
    now = college.now

    with views.reading() as connection:
        register = awards(connection, now, limit=10_000)
        queue = waiting(connection, limit=10_000)
        queued = [*queued_awards(connection, "confirm", limit=999), *queued_awards(connection, "review", limit=999)]
        counted = statistics(connection, now)
        overdue = due(connection, now)

    expected_awards = {
        award.award_id: (award.ended or ("expired" if not award.stands(now) else None))
        or ("suspended" if award.suspensions else "live")
        for record in records.values()
        for award in record.awards.values()
    }
    assert expected_awards == {award.award_id: award.status for award in register}

    expected_queue = {
        (evidence.evidence_id, now_standing)
        for record in records.values()
        for evidence in record.evidence.values()
        if evidence.evidence_id not in record.withdrawn and led_to(record, evidence.evidence_id) is None
        for definition in (catalogue.definition(evidence.achievement_id, evidence.achievement_version),)
        if (now_standing := standing(record, evidence, definition)) in ("marker", "moderator", "adjudicator")
    }
    assert expected_queue == {(one.evidence_id, one.waits_for) for one in queue if one.waits_for != "appeal"}
    appeals = {appeal for record in records.values() for appeal in record.appeals}
    assert appeals == {one.appeal_id for one in queue if one.waits_for == "appeal"}
    assert {queue_id for record in records.values() for queue_id in record.queued} == {one.queue_id for one in queued}

    assert {
        "learners": len(LEARNERS),
        "evidence": sum(len(record.evidence.keys() - record.withdrawn) for record in records.values()),
        "assessments": sum(len(record.assessments) for record in records.values()),
        "awards_live": sum(one.status == "live" and one.kind == "micro-credential" for one in register),
        "milestones_live": sum(one.status == "live" and one.kind == "milestone" for one in register),
        "awards_revoked": sum(one.status == "revoked" for one in register),
        "queue": len(queue),
        "confirm": sum(one.queue == "confirm" for one in queued),
        "review": sum(one.queue == "review" for one in queued),
    } == counted

    acting = {
        b.break_id
        for record in records.values()
        for completion in record.completions.values()
        if completion.award_id in record.awards and record.head(completion.award_id).stands(now)
        for b in completion.breaks
        if b.threatens and b.policy == "suspend" and b.due_at <= now
        if "stack" not in record.head(completion.award_id).suspensions
    }
    assert acting <= {one.subject for one in overdue}, "nothing that is due is missed"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_what_is_told_of_a_learner_is_what_the_rules_hold(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    college = College(tmp_path_factory.mktemp("college"))
    live_through(college, seed, steps=150)
    catalogue = college.ledger.catalogue()

    for learner in LEARNERS:
        record = college.ledger.record(learner)
        story = told(college.ledger.facts(f"learner-{learner}"))
        for now in (college.now, college.now + timedelta(days=50)):
            setting = Setting(now=now, catalogue=catalogue)
            for stack_id in (None, "welding", "mastery"):
                expected = sorted(rules_holdings(record, setting, stack_id))
                assert expected == sorted(holdings(story, catalogue, now, stack_id))
        assert record.queued.keys() == story.queued.keys()
        assert record.appeals.keys() == story.appeals.keys()
        assert {c.completion_id: (c.version, c.awards) for c in record.completions.values()} == {
            c.fact.completion_id: (c.version, c.awards) for c in story.completions.values()
        }
        standing = [c for c in record.completions.values() if c.award_id in record.awards]
        standing = [c for c in standing if record.awards[c.award_id].ended is None]
        told_of = [story.completions[c.completion_id] for c in standing]
        assert {b.break_id: b.due_at for c in standing for b in c.breaks if b.threatens} == {
            broken: story.due[broken] for c in told_of for broken in c.breaks if broken in story.due
        }
