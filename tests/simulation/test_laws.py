"""Laws that hold of any history, whoever decided and in whatever order it was told."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consumers.positions import Positions
from consumers.run import Followers
from consumers.when_holdings_or_stacks_change_then_settle import SETTLER, Settler
from ledger.application import Ledger
from ledger.events import AchievementAwarded, StackCompleted
from ledger.learners import commands as c
from ledger.learners import learners
from ledger.learners.evolve import folded
from ledger.sqlite_store import SQLiteStore
from ledger.store import Append, NewFact, is_reference
from projections.assessment_queue import waiting
from projections.award_queues import queued_awards
from projections.award_register import awards
from projections.due import due
from projections.progress import progress
from projections.totals import statistics
from projections.transcript import transcript
from projections.views import Views
from tests.places import environment
from tests.projections.college import College as Chances
from tests.projections.college import live_through
from tests.simulation.college import ACTOR, LEARNERS, Clock, College, days
from tests.simulation.on_paper import lived
from tests.simulation.writing import write

SEED = st.integers(0, 10**6)


@settings(max_examples=100, deadline=None)
@given(seed=SEED)
def test_deciding_a_command_again_on_what_it_led_to_records_nothing(seed: int) -> None:
    lived(seed, 120)  # looks after each command


def test_every_command_about_a_learner_is_decided_in_those_histories() -> None:
    decided: Counter[type] = Counter()
    for seed in range(40):
        decided += lived(seed, 120).decided

    assert set() == {one for one in c.LearnerCommand.__subclasses__() if not decided[one]}


@settings(max_examples=100, deadline=None)
@given(seed=SEED, where=st.floats(0, 1))
def test_a_fold_goes_on_from_where_it_was_left(seed: int, where: float) -> None:
    for learner, facts in lived(seed, 80).facts.items():
        cut = int(where * len(facts))

        assert learners.fold(learner, facts) == folded(learners.fold(learner, facts[:cut]), facts[cut:])


@settings(max_examples=4, deadline=None)
@given(seed=SEED)
def test_the_order_of_facts_across_learners_changes_nothing_but_positions(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    college = Chances(tmp_path_factory.mktemp("told"))
    live_through(college, seed, steps=120)
    other = SQLiteStore.open(tmp_path_factory.mktemp("retold") / "ledger.db", create=True)
    retell(college.ledger, other, random.Random(seed))
    views, others = college.views(), Views(tmp_path_factory.mktemp("others"))
    views.catch_up(college.ledger.store)
    others.catch_up(other)

    assert documents(views, college) == documents(others, college)
    for one in (views, others, other, college.ledger):
        one.close()


@settings(max_examples=4, deadline=None)
@given(seed=SEED)
def test_facts_handed_to_the_settler_again_in_any_order_record_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    college = Chances(tmp_path_factory.mktemp("college"))
    live_through(college, seed, steps=100)
    with ExitStack() as stack:
        views = college.views()
        followers = Followers(college.ledger, views, Positions.in_file(college.directory / "ledger-followers.db"))
        for one in (college.ledger, views, followers):
            stack.callback(one.close)
        head = followers.catch_up()
        log = [replace(one, actor=ACTOR) for one in college.ledger.log(0, 10**6)] * 2
        random.Random(seed).shuffle(log)

        Settler(college.ledger, views).handle(log)

        assert head == college.ledger.store.head()


@pytest.fixture
def college(tmp_path: Path) -> Iterator[College]:
    made = College(tmp_path, Clock(), create=True)
    made.found()
    yield made
    made.close()


def test_settlers_in_threads_complete_a_stack_once(college: College) -> None:
    settle = [c.Settle(learner_id=learner) for learner in LEARNERS]
    with ThreadPoolExecutor(6) as threads:
        for number in range(15):
            for learner in LEARNERS:
                write(college.ledger, learner, f"{number}", "abe"[number % 3])
            list(threads.map(lambda _: college.ledger.execute_many(settle, actor=SETTLER), range(6)))

    for learner in LEARNERS:
        nothing_doubled(college.ledger, learner)


def test_writers_and_settlers_in_threads_neither_lose_nor_double_anything(college: College) -> None:
    learner = LEARNERS[0]

    def work(writer: int) -> list[str]:
        """Two writers of each pair send the same."""
        return [write(college.ledger, learner, f"{writer // 2}-{n}", "abcde"[n % 5]) for n in range(12)]

    with ThreadPoolExecutor(8) as threads:
        settling = [threads.submit(settle_often, college.ledger, learner) for _ in range(2)]
        written = list(threads.map(work, range(6)))
    for one in settling:
        one.result()

    everything_there(college, learner, written)


def test_writers_in_processes_neither_lose_nor_double_anything(college: College) -> None:
    learner = LEARNERS[0]
    command = [sys.executable, "-m", "tests.simulation.writing", learner]
    env = os.environ | environment(college.settings)
    writers = [
        subprocess.Popen([*command, f"{number // 2}"], stdout=subprocess.PIPE, text=True, env=env)
        for number in range(4)
    ]
    written = [json.loads(one.communicate(timeout=60)[0]) for one in writers]

    assert [0] * 4 == [one.returncode for one in writers]
    everything_there(college, learner, written)


def test_the_clock_of_the_ledger_does_not_go_back_with_the_walls(college: College) -> None:
    learner = LEARNERS[0]
    for name in "ab":
        write(college.ledger, learner, name, name)
    college.followers.catch_up()
    college.clock.move(days(20))
    college.do(c.RegisterLearner(learner_id="lrn_new"))
    college.clock.move(-days(15))

    college.followers.catch_up()

    assert college.clock.latest == college.ledger.now()
    ended = [award.ended for award in college.ledger.record(learner).awards.values()]
    assert [None, "expired", None] == ended, "what was due is recorded; the stack's grace has only begun"


def retell(ledger: Ledger, other: SQLiteStore, chance: random.Random) -> None:
    """Append the same facts in another order: definitions first, each learner's own facts in their order."""
    log = ledger.store.read_log(0, 10**6)
    for stored in log:
        if is_reference(stored.stream):
            fact = NewFact(stored.name, stored.body)
            other.append([Append(stored.stream, stored.version - 1, (fact,))], now=stored.recorded_at)
    left = {stream: ledger.store.read(stream) for stream in {s.stream for s in log if not is_reference(s.stream)}}
    while left:
        stream = chance.choice(sorted(left))
        stored = left[stream].pop(0)
        fact = NewFact(stored.name, stored.body)
        other.append([Append(stream, stored.version - 1, (fact,))], now=log[-1].recorded_at)
        if not left[stream]:
            del left[stream]


def documents(views: Views, college: Chances) -> dict[str, Any]:
    """Return what people read, without positions and without order between learners."""
    now = college.now
    with views.reading() as connection:
        lists: dict[str, list[Any]] = {
            "register": awards(connection, now, limit=10_000),
            "waiting": waiting(connection, limit=10_000),
            "confirm": queued_awards(connection, "confirm", limit=10_000),
            "review": queued_awards(connection, "review", limit=10_000),
            "due": due(connection, now, limit=10_000),
        }
        counts = statistics(connection, now)
    told = {
        name: Counter(
            str({k: getattr(line, k) for k in line.__struct_fields__ if "position" not in k and k != "queued_at"})
            for line in lines
        )
        for name, lines in lists.items()
    }
    return {**told, "counts": counts}


def settle_often(ledger: Ledger, learner: str) -> None:
    for _ in range(40):
        ledger.execute(c.Settle(learner_id=learner), actor=SETTLER)


def everything_there(college: College, learner: str, written: list[list[str]]) -> None:
    """What was acknowledged is there once, and what follows from it too."""
    college.followers.catch_up()
    record, now = college.ledger.record(learner), college.ledger.now()

    assert {one for some in written for one in some} <= set(record.assessments)
    facts = nothing_doubled(college.ledger, learner)
    assert facts == [one.fact for one in college.ledger.log(0, 10**6) if one.stream == f"learner-{learner}"]
    assert () == college.ledger.execute(c.Settle(learner_id=learner), actor=SETTLER).recorded
    told = college.ledger.facts(f"learner-{learner}")
    official = transcript(learner, told, college.ledger.catalogue(), now, "official")
    assert {a.award_id for a in record.awards.values() if a.live(now)} == {award.award_id for award in official.awards}
    held = progress(learner, told, college.ledger.catalogue(), now)
    assert {"pair", "any", "top"} <= {one.milestone for one in held.stacks if one.stage == "held"}


def nothing_doubled(ledger: Ledger, learner: str) -> list[Any]:
    facts = [one.fact for one in ledger.facts(f"learner-{learner}")]
    for kind, name in (
        (AchievementAwarded, "award_id"),
        (AchievementAwarded, "achievement_id"),
        (StackCompleted, "stack_id"),
    ):
        times = Counter(getattr(fact, name) for fact in facts if isinstance(fact, kind))
        assert {1} == set(times.values()), times
    for number, one in enumerate(ledger.facts(f"learner-{learner}"), start=1):
        assert number == one.version
    assert learners.fold(learner, facts) == ledger.record(learner)
    return facts
