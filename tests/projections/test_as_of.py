"""State rebuilt as of any position is what a fold of the exported facts says, by code that shares nothing with it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import gettempdir

import pytest

from api.audit.moments import moment_of
from api.audit.replaying import replay, transcript_as_of
from projections.as_of import AsOf
from projections.transcript import transcript
from tests.projections import as_of_model
from tests.projections.college import College, live_through

LEARNERS = ("lrn_lee", "lrn_mo", "lrn_nia")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[College, list[str]]]:
    with closing(College(tmp_path_factory.mktemp("college"))) as college:
        live_through(college, seed=11, steps=600)
        yield college, list(as_of_model.lines(college.ledger.store.read_log(0, 100_000)))


def _agree(college: College, exported: list[str], position: int) -> None:
    at = moment_of(college.ledger.store, position)
    model = as_of_model.folded(exported, position)
    for learner in LEARNERS:
        facts = college.ledger.facts(f"learner-{learner}", until=position)
        if facts:
            told = transcript(learner, facts, college.ledger.catalogue_at(position), at.instant, "full")
            assert model.statuses(learner, at.instant) == {one.award_id: one.status for one in told.awards}
            official = transcript_as_of(college.ledger, at, learner, at.instant)
            live = {award for award, status in model.statuses(learner, at.instant).items() if status == "live"}
            assert live == {one.award_id for one in official.awards}

    replayed = replay(college.ledger, at, lambda _, __: None)
    statuses = [
        (award.milestone, award.status(at.instant) or "live")  # one of a later day is there, and has no other standing
        for learner in LEARNERS
        for award in model.awards[learner].values()
    ]
    expected = model.totals() | {
        "awards_live": statuses.count((False, "live")),
        "milestones_live": statuses.count((True, "live")),
        "awards_revoked": sum(status == "revoked" for _, status in statuses),
    }
    assert expected == {name: replayed.totals[name] for name in expected}


def test_any_position_is_as_the_exported_facts_say(lived: tuple[College, list[str]]) -> None:
    college, exported = lived
    chance = random.Random(3)

    for position in (1, len(exported), *(chance.randint(1, len(exported)) for _ in range(12))):
        _agree(college, exported, position)


@pytest.mark.soak
def test_a_thousand_positions_are_as_the_exported_facts_say(lived: tuple[College, list[str]]) -> None:
    college, exported = lived
    chance = random.Random(4)

    for _ in range(1000):
        _agree(college, exported, chance.randint(1, len(exported)))


def test_the_same_position_has_the_same_hash_whatever_came_later(lived: tuple[College, list[str]]) -> None:
    college, exported = lived
    half = moment_of(college.ledger.store, len(exported) // 2)
    views = college.views("to half")
    for position in (3, half.position // 2, half.position):
        views.catch_up(AsOf(college.ledger.store, position))

    assert views.hash() == replay(college.ledger, half, lambda _, __: None).hash


def test_kept_views_stay_and_others_go(lived: tuple[College, list[str]], tmp_path: Path) -> None:
    college, _ = lived

    replay(college.ledger, moment_of(college.ledger.store, 9), lambda _, __: None, keep=tmp_path / "kept")

    assert (tmp_path / "kept" / "current").exists()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_scratch_directory_goes_with_whoever_made_it(end: signal.Signals, tmp_path: Path) -> None:
    waits = (
        "import time; from pathlib import Path; from api.audit.scratch import scratch_views as s\n"
        "with s() as views: print(views._shelf.directory, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", waits], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        directory = Path(process.stdout.readline().decode().strip())
        was_there = directory.is_dir()
        process.send_signal(end)
        process.wait(20)

    deadline = time.monotonic() + 20
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert was_there
    assert not directory.exists()
    assert gettempdir()
