"""Between the last look at learners and the activation of a version for holders, nobody changes unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ledger import errors
from ledger.events import StackActivated
from ledger.learners import commands as c
from ledger.stacks import ActivateStack
from tests import examples as ex
from tests.ledger.test_previewing import BOTH, NIA, activate, become_welders, earn_safety, previewed, revise
from tests.projections.college import OFFICE, WHY, College


@pytest.fixture
def welders(tmp_path: Path) -> Iterator[College]:
    with closing(College(tmp_path)) as college:
        become_welders(college)
        yield college


class Interloper:
    """Does something once, when the activation is on its way into the store, after all that was looked at."""

    def __init__(self, college: College, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
        self.acts = [act]
        for name in ("append", "append_at_head"):
            patched = self._after_acting(getattr(college.ledger.store, name))
            monkeypatch.setattr(college.ledger.store, name, patched)

    def _after_acting(self, append: Callable[..., Any]) -> Callable[..., Any]:
        def acting(what: Any, **more: Any) -> Any:
            activates = callable(what) or any(f.name == "stack.activated.v2" for one in what for f in one.facts)
            if activates and self.acts:
                self.acts.pop()()
            return append(what, **more)

        return acting


def omar_becomes_a_welder(college: College) -> None:
    college.earn("lrn_omar", ex.MIG)
    earn_safety(college, "lrn_omar")
    college.do(c.Settle(learner_id="lrn_omar"))


def test_who_becomes_a_loser_at_the_last_moment_is_seen(welders: College, monkeypatch: pytest.MonkeyPatch) -> None:
    version = revise(welders, BOTH)
    found, _ = previewed(welders, BOTH)
    interloper = Interloper(welders, monkeypatch, lambda: omar_becomes_a_welder(welders))

    with pytest.raises(errors.UnlistedLosers, match="lrn_omar would lose"):
        activate(welders, version, found.name)

    assert not interloper.acts
    assert welders.ledger.catalogue().stack_version("welding", version).effective_at is None


def test_who_becomes_a_loser_at_the_last_moment_is_seen_among_many_commands(
    welders: College, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = revise(welders, BOTH)
    found, _ = previewed(welders, BOTH)
    Interloper(welders, monkeypatch, lambda: omar_becomes_a_welder(welders))
    nia = c.Settle(learner_id=NIA)
    command = ActivateStack(
        stack_id="welding", version=version, by=ex.DESIGNER, applies_to="holders", preview=found.name
    )

    answers = welders.ledger.execute_many([nia, command, nia], actor=OFFICE)

    assert [False, True, False] == [isinstance(one, errors.UnlistedLosers) for one in answers]


def test_who_is_no_loser_any_more_at_the_last_moment_is_none(welders: College, monkeypatch: pytest.MonkeyPatch) -> None:
    version = revise(welders, BOTH)
    found, _ = previewed(welders, BOTH)
    omar_becomes_a_welder(welders)

    def omar_loses_it_before() -> None:
        learner, (award,) = (
            "lrn_omar",
            [one for one in welders.ledger.record("lrn_omar").awards.values() if one.achievement_id == ex.WELDER],
        )
        request = c.RequestRevocation(
            learner_id=learner, request_id="req", award_id=award.award_id, by=ex.REGISTRAR, reason=WHY
        )
        welders.do(request, c.RevokeAward(learner_id=learner, request_id="req", by=ex.SECOND_REGISTRAR))

    Interloper(welders, monkeypatch, omar_loses_it_before)

    receipt = activate(welders, version, found.name)

    (fact,) = [one.fact for one in welders.ledger.facts("stack-welding") if one.position == receipt.position]
    assert isinstance(fact, StackActivated)
    assert receipt.position - 1 == fact.rechecked_to


def test_a_version_takes_effect_while_the_ledger_is_busy(welders: College) -> None:
    """Others append all the while, so that between any look and any append something is recorded."""
    version = revise(welders, BOTH)
    found, _ = previewed(welders, BOTH)
    done = Event()

    def be_busy(name: str) -> int:
        number = 0
        while not done.is_set():
            welders.ledger.execute(c.RegisterLearner(learner_id=f"lrn_{name}{number}"), actor=OFFICE)
            number += 1
        return number

    with ThreadPoolExecutor(4) as threads:
        busy = [threads.submit(be_busy, name) for name in "abcd"]
        try:
            receipt = activate(welders, version, found.name)
        finally:
            done.set()
        assert all(one.result() for one in busy)

    (fact,) = [one.fact for one in welders.ledger.facts("stack-welding") if one.position == receipt.position]
    assert isinstance(fact, StackActivated)
    assert receipt.position - 1 == fact.rechecked_to
