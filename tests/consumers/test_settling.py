"""Facts about definitions concern very many learners, and come again: they are settled when something changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from consumers.when_holdings_or_stacks_change_then_settle import Settler
from ledger.event import Recorded
from ledger.events import EndorsementWithdrawn, StackActivated
from tests import examples as ex
from tests.projections.college import College


class Counting(Settler):
    """Counts whom it settles."""

    def __init__(self, college: College) -> None:
        super().__init__(college.ledger, college.views())
        self.settled = 0

    def _settle(self, learner_ids: list[str]) -> int:
        self.settled += len(learner_ids)
        return super()._settle(learner_ids)

    def settles(self, *facts: Recorded) -> int:
        """Return how many learners were settled for *facts*."""
        before = self.settled
        self.handle(list(facts))
        return self.settled - before


@pytest.fixture
def college(tmp_path: Path) -> Iterator[College]:
    college = College(tmp_path)
    for number in range(5):
        college.earn(f"lrn_{number}", ex.MIG)
    yield college
    college.close()


def _activations(college: College) -> list[Recorded]:
    return [at for at in college.ledger.log(0, 10_000) if isinstance(at.fact, StackActivated)]


def test_a_stack_is_settled_for_all_holders_once_however_often_it_is_heard_of(college: College) -> None:
    settler = Counting(college)
    activated = _activations(college)

    assert 5 <= settler.settles(*activated)
    assert 0 == settler.settles(*activated, *activated)
    assert 5 <= Counting(college).settles(*activated), "another process knows nothing of that"


def test_a_stack_that_changed_is_settled_again(college: College) -> None:
    settler = Counting(college)
    settler.handle(_activations(college))
    college.say(
        *ex.published("starter", ex.milestone("Starter")),
        *ex.activated("starting", ex.stack("starter", ex.leaf(ex.MIG))),
    )

    assert 5 == settler.settles(_activations(college)[-1])


def test_what_failed_is_settled_the_next_time(college: College, monkeypatch: pytest.MonkeyPatch) -> None:
    settler = Counting(college)
    with monkeypatch.context() as broken:
        broken.setattr(Settler, "_settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            settler.handle(_activations(college))

    assert 5 <= settler.settles(*_activations(college))


def test_definitions_that_never_were_hold_nothing_up(college: College) -> None:
    settler = Counting(college)
    forged = replace(_activations(college)[0], stream="stack-never-was", version=900_000, position=9 * 10**9)
    fact = EndorsementWithdrawn(effective_at=college.now, endorsement_id="e", reason="?")
    withdrawn = replace(forged, stream="achievement-never-was", fact=fact)

    assert 0 == settler.settles(forged, withdrawn)
