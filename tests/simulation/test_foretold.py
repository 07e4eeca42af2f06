"""What is foretold is what happens: whatever was lived through, a change carried out at once does just what it said."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.blasting import carry_out
from consumers.when_holdings_or_stacks_change_then_settle import Settler
from ledger.blast import blast_radius
from ledger.doubt import Affected, Doubt
from ledger.event import Recorded
from ledger.events import AchievementAwarded, AwardQueued, EvidenceDiscredited
from ledger.learners import commands as c
from ledger.learners.milestones import is_open
from tests import examples as ex
from tests.ledger.test_previewing import LEARNERS, activate, previewed, revise
from tests.projections.college import ACHIEVEMENTS, JUDGES, OFFICE, College, live_through
from tests.simulation.college import quick_disk

LEAVES = st.sets(st.sampled_from(ACHIEVEMENTS), min_size=1).map(lambda some: [ex.leaf(one) for one in sorted(some)])
RULES = st.one_of(
    LEAVES.map(lambda some: {"all": some}),
    LEAVES.map(lambda some: {"any": some}),
    LEAVES.flatmap(lambda some: st.integers(1, len(some)).map(lambda n: {"at_least": n, "of": some})),
)
REVISIONS = st.sampled_from(
    [
        {"assessors_required": 2},
        {"assessors_required": 2, "blind": True},
        {"routes": ("test",)},
        {"valid_for": "P30D"},
        {"moderation_percent": 100},
        {"evidence_max_age": "P1D"},
    ]
)
SEEDS, STEPS = st.integers(0, 2**32), st.sampled_from([160, 120, 60])
LAW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def lived(seed: int, steps: int) -> Iterator[College]:
    """Yield a college with a past, in which nothing is left to follow from what is in force."""
    with tempfile.TemporaryDirectory(dir=quick_disk()) as directory, closing(College(Path(directory))) as college:
        live_through(college, seed, steps)
        college.do(*(c.Settle(learner_id=learner) for learner in LEARNERS))
        yield college


def about_learners(college: College, after: int) -> list[Recorded]:
    return [one for one in college.ledger.log(after, 10**6) if one.stream.startswith("learner-")]


def held(college: College) -> set[tuple[str, str]]:
    """Return the milestones of the welding stack that stand, or wait for confirmation."""
    records = [college.ledger.record(learner) for learner in LEARNERS]
    return {
        (record.learner_id, one.award_id)
        for record in records
        for one in record.completions.values()
        if one.stack_id == "welding" and is_open(record, one, college.ledger.now())
    }


@LAW
@given(seed=SEEDS, steps=STEPS, rule=RULES, holders=st.booleans(), confirm=st.booleans())
def test_a_stack_version_gives_takes_and_keeps_what_its_preview_lists(
    seed: int, steps: int, rule: dict[str, Any], holders: bool, confirm: bool
) -> None:
    with lived(seed, steps) as college:
        definition = ex.stack(ex.WELDER, rule, awarding="confirm" if confirm else "automatic")
        version = revise(college, definition)
        found, lines = previewed(college, definition, "holders" if holders else "new")
        listed = {
            outcome: {(line.learner_id, line.award_id) for line in lines if line.outcome == outcome}
            for outcome in ("gains", "loses", "keeps")
        }
        before, head = held(college), college.ledger.store.head()

        activate(college, version, found.name if holders else None, "holders" if holders else "new")
        with closing(college.views()) as views:
            Settler(college.ledger, views).handle(college.ledger.log(head, 10**6))

        facts = about_learners(college, head)
        gained = {(one.subject, one.fact.award_id) for one in facts if isinstance(one.fact, AchievementAwarded)}
        queued = [(one.subject, one.fact) for one in facts if isinstance(one.fact, AwardQueued)]
        gained |= {(learner, fact.award_id or "") for learner, fact in queued if fact.queue == "confirm"}
        assert listed["gains"] == gained
        of_reviews = {(learner, fact.award_id or "") for learner, fact in queued if fact.queue == "review"}
        assert {(learner, head_of(college, learner, award)) for learner, award in listed["loses"]} == of_reviews
        assert before - listed["loses"] == listed["keeps"]
        assert before <= held(college), "nothing is taken"
        for line in lines:
            if line.outcome == "keeps":
                completion = college.ledger.record(line.learner_id).completion_of(line.award_id)
                assert completion is not None
                assert (line.version, line.awards) == (completion.version, completion.awards)


def head_of(college: College, learner: str, award: str) -> str:
    """Return the award that a milestone lives on in, where it was renewed."""
    return str(college.ledger.record(learner).head(award).award_id)


def radius(college: College, doubt: Doubt) -> list[Affected]:
    ledger = college.ledger
    return list(blast_radius(ledger.store, ledger.catalogue(), doubt, position=ledger.store.head(), at=ledger.now()))


def carried_out_as_foretold(college: College, foretold: list[Affected], doubt: Doubt) -> None:
    """Carrying a doubt out queues what rests on it, and does nothing else; carried out again, nothing at all."""
    head = college.ledger.store.head()
    awards = {learner: college.ledger.record(learner).awards for learner in LEARNERS}
    carrying_out = partial(
        carry_out, college.ledger, doubt, by=ex.REGISTRAR, approved_by=ex.SECOND_REGISTRAR, reason="Sold.", actor=OFFICE
    )

    done = carrying_out()

    facts = about_learners(college, head)
    queued = [(one.subject, one.fact.award_id) for one in facts if isinstance(one.fact, AwardQueued)]
    assert sorted((one.learner_id, one.award_id) for one in foretold if one.rests == "rests on it") == sorted(queued)
    assert ([], len(queued)) == (done.refused, done.queued)
    assert all(isinstance(one.fact, AwardQueued | EvidenceDiscredited) for one in facts)
    assert awards == {learner: college.ledger.record(learner).awards for learner in LEARNERS}, "nothing is taken"
    assert 0 == carrying_out().queued


@LAW
@given(seed=SEEDS, steps=STEPS, judge=st.sampled_from(JUDGES))
def test_discrediting_an_assessor_queues_what_its_blast_radius_says(seed: int, steps: int, judge: str) -> None:
    with lived(seed, steps) as college:
        doubt = Doubt(kind="assessor", subject=judge)
        carried_out_as_foretold(college, radius(college, doubt), doubt)


@LAW
@given(seed=SEEDS, steps=STEPS, data=st.data())
def test_discrediting_evidence_queues_what_its_blast_radius_says(seed: int, steps: int, data: st.DataObject) -> None:
    with lived(seed, steps) as college:
        known = [(learner, one) for learner in LEARNERS for one in college.ledger.record(learner).evidence] or [
            (LEARNERS[0], "")
        ]
        learner, evidence_id = data.draw(st.sampled_from(known))
        if evidence_id:
            doubt = Doubt(kind="evidence", subject=evidence_id, learner_id=learner)
            carried_out_as_foretold(college, radius(college, doubt), doubt)


@LAW
@given(seed=SEEDS, steps=STEPS, achievement=st.sampled_from(ACHIEVEMENTS), revision=REVISIONS)
def test_a_revised_achievement_queues_what_its_preview_says(
    seed: int, steps: int, achievement: str, revision: dict[str, Any]
) -> None:
    with lived(seed, steps) as college:
        definition = ex.micro_credential("Revised", **revision)
        foretold = radius(college, Doubt(kind="achievement", subject=achievement, definition=definition))
        college.say(*ex.published(achievement, definition, version=2))
        carried_out_as_foretold(college, foretold, Doubt(kind="achievement", subject=achievement, version=2))
