"""Progress: have and need, what closes a stack, what expires soon, what is at risk."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger import events as e
from ledger.catalogue import Catalogue
from ledger.event import Recorded
from projections.progress import StackProgress, progress
from projections.wording import lasting
from tests import examples as ex
from tests.projections.story import SEALED, broken, completed, earned, revoked, story

CATALOGUE = ex.catalogue_of(ex.WELDING)
TWO = {"at_least": 2, "of": [ex.leaf(one) for one in (ex.MIG, ex.TIG, ex.SAFETY)]}
ANY_TWO = ex.catalogue_of(ex.WELDING[:12], ex.activated("two", ex.stack(ex.WELDER, TWO)))
DONE = (
    *earned(ex.MIG, 1), *earned(ex.TIG, 2), *earned(ex.SAFETY, 3),
    *completed(ex.WELDER, "welding", ex.MIG, ex.TIG, ex.SAFETY, day=3),
)  # fmt: skip


def _only(facts: list[Recorded], catalogue: Catalogue = CATALOGUE, day: float = 10) -> StackProgress:
    (row,) = progress(ex.LEE, facts, catalogue, ex.after(day)).stacks
    return row


def test_a_stack_nothing_is_held_of_has_not_begun() -> None:
    row = _only(story())

    assert ("not begun", Decimal(0), Decimal(3)) == (row.stage, row.have, row.need)
    assert "0 of 3 towards Welder, which asks for MIG welding, TIG welding and Safe working." == row.sentences[0]


def test_progress_says_have_and_need_and_what_is_missing() -> None:
    row = _only(story(*earned(ex.MIG, 1), *earned(ex.TIG, 2)))

    assert ("under way", Decimal(2), Decimal(3)) == (row.stage, row.have, row.need)
    assert [ex.SAFETY] == [wanted.achievement for wanted in row.closes]
    assert [ex.SAFETY] == [wanted.achievement for wanted in row.missing]
    assert "This closes it: Safe working." in row.sentences


def test_any_one_of_several_may_close_a_stack() -> None:
    row = _only(story(*earned(ex.MIG, 1)), ANY_TWO)

    assert "1 of 2 towards Welder" in row.sentences[0]
    assert "Any of these closes it: TIG welding or Safe working." in row.sentences


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (ex.all_of(ex.MIG, ex.TIG), "MIG welding and TIG welding."),
        (
            {"all": [ex.leaf(ex.SAFETY), {"any": [ex.leaf(ex.MIG), ex.leaf(ex.TIG)]}]},
            "Safe working and (MIG welding or TIG welding).",
        ),
        (TWO, "2 more of MIG welding, TIG welding and Safe working."),
        (TWO | {"distinct_by": "area"}, "2 more of MIG welding, TIG welding and Safe working, each of another area."),
        (
            {"credits": 9, "of": [ex.leaf(ex.MIG), ex.leaf(ex.TIG) | {"earned_within": "P1Y6M"}]},
            "9 more credits from MIG welding and TIG welding.",
        ),
    ],
)
def test_what_is_missing_is_said_as_the_rule_has_it(rule: dict[str, Any], missing: str) -> None:
    catalogue = ex.catalogue_of(ex.WELDING[:12], ex.activated("rule", ex.stack(ex.WELDER, rule)))

    assert f"Still missing: {missing}" == _only(story(), catalogue).sentences[-1]


def test_durations_are_said_in_words() -> None:
    assert "2 years" == lasting("P2Y")
    assert "1 year, 6 months and 10 days" == lasting("P1Y6M10D")
    assert "14 days and 12 hours" == lasting("P2WT12H")


def test_a_held_milestone_is_shown_under_the_version_it_was_completed_under() -> None:
    later = ex.catalogue_of(ex.WELDING, ex.activated("welding", ex.stack(ex.WELDER, ex.all_of(ex.MIG)), version=2))

    row = _only(story(*DONE), later)

    assert ("held", 1, "aw-welder") == (row.stage, row.version, row.award_id)


def test_awards_that_run_out_soon_are_named() -> None:
    row = _only(story(*earned(ex.MIG, 1, valid_until=ex.after(40))))

    assert ["aw-mig"] == [expiring.award_id for expiring in row.expires_soon]
    assert "MIG welding expires on 14 February 2026." in row.sentences


def test_a_broken_stack_says_by_when_and_what_would_keep_it() -> None:
    fell = broken(ex.WELDER, "welding", ex.MIG, 20, grace=30, policy="suspend")
    notice = e.NoticeGiven(
        effective_at=ex.after(20), notice_id="n1", award_id="aw-welder", break_id="br-welding", policy="suspend",
        cause="revoked", lost=("aw-mig",), would_keep=("mig",), due_at=ex.after(50), appeal_until=ex.after(78),
    )  # fmt: skip
    row = _only(story(*DONE, (20, revoked(ex.MIG, 20)), (20, fell), (20, notice)), day=25)

    assert "at risk" == row.stage
    assert [(ex.after(50), ("mig",), ex.after(78))] == [(r.due_at, r.would_keep, r.appeal_until) for r in row.at_risk]
    assert (
        "This keeps it: MIG welding.",
        "MIG welding no longer counts (revoked).",
        "Unless it is completed again by 24 February 2026, it is suspended until that is put right.",
    ) == row.sentences[1:]


def test_an_appeal_about_a_break_is_shown_to_stop_the_clock() -> None:
    fell = broken(ex.WELDER, "welding", ex.MIG, 20, grace=30, policy="suspend")
    appeal = e.AppealLodged(effective_at=ex.after(21), appeal_id="ap", grounds=SEALED, award_id="aw-welder")

    row = _only(story(*DONE, (20, revoked(ex.MIG, 20)), (20, fell), (21, appeal)), day=25)

    assert [True] == [risk.appealed for risk in row.at_risk]


def test_a_milestone_that_waits_for_confirmation_is_shown_as_such() -> None:
    completion, _ = completed(ex.WELDER, "welding", ex.MIG, day=3)
    queued = e.AwardQueued(
        effective_at=ex.after(3), queue_id="q1", queue="confirm", reason="awaits confirmation",
        achievement_id=ex.WELDER, achievement_version=1, award_id="aw-welder",
        basis=e.Basis(stack="welding", stack_version=1, awards=("aw-mig",)),
    )  # fmt: skip

    row = _only(story(*earned(ex.MIG, 1), completion, (3, queued)))

    assert "awaits confirmation" == row.stage


def test_an_award_substituted_for_a_component_counts_as_it() -> None:
    substitution = e.ComponentSubstituted(
        effective_at=ex.after(4), substitution_id="s1", stack_id="welding", achievement_id=ex.SAFETY, award_id="aw-tig",
        substituted_by=ex.REGISTRAR, reason=SEALED,
    )  # fmt: skip

    row = _only(story(*earned(ex.MIG, 1), *earned(ex.TIG, 2), (4, substitution)))

    assert [ex.TIG] == [wanted.achievement for wanted in row.missing]


def test_progress_on_a_day_knows_nothing_of_later_awards() -> None:
    row = _only(story(*earned(ex.MIG, 1), *earned(ex.TIG, 12)), day=10)

    assert Decimal(1) == row.have
