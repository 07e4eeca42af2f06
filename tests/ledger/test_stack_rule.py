from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.stack_rule import Completion, Holding, RuleError, achievements, complete, parse, progress
from tests.examples import all_of, leaf

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def held(
    achievement: str,
    day: float = 0,
    *,
    award: str | None = None,
    version: int = 1,
    credits_: str = "1",
    module: str | None = None,
    **results: int,
) -> Holding:
    return Holding(
        award_id=award or f"awd_{achievement}",
        achievement_id=achievement,
        version=version,
        effective_at=DAY + timedelta(days=day),
        credits=Decimal(credits_),
        groups={"module": module} if module else {},
        results={name: Decimal(value) for name, value in results.items()},
    )


def completion(day: float, *awards: str) -> Completion:
    return Completion(tuple(f"awd_{award}" for award in awards), DAY + timedelta(days=day))


def of(*names: str) -> list[dict[str, Any]]:
    return [leaf(name) for name in names]


# The expressions


def test_all_takes_every_one_and_completes_with_the_latest() -> None:
    rule = parse(all_of("a", "b"))

    assert complete(rule, [held("a", 3)]) is None
    assert completion(3, "b", "a") == complete(rule, [held("a", 3), held("b", 1)])


def test_any_takes_what_was_complete_first() -> None:
    rule = parse({"any": [all_of("a", "b"), leaf("c")]})

    assert completion(2, "c") == complete(rule, [held("a", 1), held("b", 3), held("c", 2)])
    assert completion(3, "a", "b") == complete(rule, [held("a", 1), held("b", 3), held("c", 4)])


def test_of_alternatives_complete_at_the_same_instant_the_lower_award_id_is_taken() -> None:
    rule = parse({"any": of("a", "b")})

    assert completion(1, "1") == complete(rule, [held("a", 1, award="awd_2"), held("b", 1, award="awd_1")])


def test_at_least_takes_the_first_that_many() -> None:
    rule = parse({"at_least": 2, "of": of("a", "b", "c")})

    assert complete(rule, [held("a")]) is None
    assert completion(2, "c", "a") == complete(rule, [held("a", 2), held("b", 3), held("c", 1)])


def test_at_least_counts_nested_nodes_as_one_each() -> None:
    rule = parse({"at_least": 2, "of": [all_of("a", "b"), leaf("c"), leaf("d")]})

    assert complete(rule, [held("a"), held("b")]) is None
    assert completion(5, "a", "b", "c") == complete(rule, [held("a", 1), held("b", 2), held("c", 5)])


def test_at_least_takes_no_more_than_it_needs_and_the_earliest() -> None:
    rule = parse({"all": [{"at_least": 1, "of": of("a", "b")}, leaf("c")]})

    assert completion(9, "b", "c") == complete(rule, [held("a", 2), held("b", 1), held("c", 9)])


def test_credits_are_summed_as_decimals() -> None:
    rule = parse({"credits": 0.3, "of": of("a", "b", "c")})
    tenths = [held(name, day, credits_="0.1") for day, name in enumerate("abc")]

    assert complete(rule, tenths[:2]) is None
    assert completion(2, "a", "b", "c") == complete(rule, tenths)


def test_credits_take_awards_by_age_until_the_sum_is_reached_and_leave_out_what_is_worth_nothing() -> None:
    rule = parse({"credits": "3", "of": of("a", "b", "c", "d")})
    holdings = [held("a", 4, credits_="5"), held("b", 2, credits_="2"), held("c", 3), held("d", 1, credits_="0")]

    assert completion(3, "b", "c") == complete(rule, holdings)


# distinct_by


def test_awards_of_one_group_count_once_and_as_the_earliest() -> None:
    rule = parse({"at_least": 2, "of": of("a", "b", "c"), "distinct_by": "module"})
    same = [held("a", 2, module="X"), held("b", 1, module="X")]

    assert complete(rule, same) is None
    assert completion(3, "b", "c") == complete(rule, [*same, held("c", 3, module="Y")])


def test_an_award_without_the_key_is_its_own_group() -> None:
    rule = parse({"at_least": 2, "of": of("a", "b"), "distinct_by": "module"})

    assert completion(1, "a", "b") == complete(rule, [held("a"), held("b", 1)])


def test_of_one_group_the_award_worth_most_is_credited() -> None:
    rule = parse({"credits": 5, "of": of("a", "b", "c"), "distinct_by": "module"})
    holdings = [held("a", 1, credits_="2", module="X"), held("b", 2, credits_="4", module="X"), held("c", 0)]

    assert completion(2, "c", "b") == complete(rule, holdings)
    assert complete(rule, holdings[:2]) is None


# What a leaf asks


def test_a_leaf_may_ask_for_a_version() -> None:
    rule = parse(leaf("a", min_version=2))

    assert complete(rule, [held("a", version=1)]) is None
    assert completion(0, "a") == complete(rule, [held("a", version=2)])


@pytest.mark.parametrize("wanted", [60, {"result": "score", "at_least": 60}])
def test_a_leaf_may_ask_for_a_result(wanted: object) -> None:
    rule = parse(leaf("a", min_result=wanted))

    assert complete(rule, [held("a")]) is None
    assert complete(rule, [held("a", score=59)]) is None
    assert completion(0, "a") == complete(rule, [held("a", score=60)])


def test_without_a_name_every_stated_result_must_reach_the_number() -> None:
    rule = parse(leaf("a", min_result=60))

    assert complete(rule, [held("a", theory=90, practice=50)]) is None


def test_earned_within_is_measured_back_from_the_completion_and_includes_its_first_instant() -> None:
    rule = parse({"all": [leaf("a", earned_within="P10D"), leaf("b")]})

    assert completion(10, "a", "b") == complete(rule, [held("a", 0), held("b", 10)])
    assert complete(rule, [held("a", 0), held("b", 10.01)]) is None


def test_what_was_complete_once_stays_so_when_time_passes() -> None:
    rule = parse({"any": [{"all": [leaf("a", earned_within="P10D"), leaf("b")]}, leaf("c", min_version=2)]})
    complete_then = [held("a", 0), held("b", 5)]

    assert completion(5, "a", "b") == complete(rule, [*complete_then, held("c", 900, version=2)])


def test_an_unrelated_award_on_the_31st_lets_nothing_older_in() -> None:
    """A month before 31 March is 28 February at that hour, earlier than a month before 30 March at noon."""
    rule = parse({"any": [{"all": [leaf("a", earned_within="P1M"), leaf("b")]}, all_of("c", "d")]})
    a, b, c = held("a", 58.25), held("b", 88.5), held("c", 89)

    assert (2, 30, 31) == (a.effective_at.month, b.effective_at.day, c.effective_at.day)
    assert complete(rule, [a, b, c]) is None


# Several awards that offer themselves for one leaf: substitutions


def test_an_award_counts_once_even_where_it_may_stand_for_another() -> None:
    rule = parse(all_of("a", "b"))
    substitute = held("a", award="awd_b")

    assert complete(rule, [substitute, held("b")]) is None
    assert completion(4, "a", "b") == complete(rule, [substitute, held("b", 4), held("a", 1)])


def test_of_two_awards_for_one_leaf_the_one_that_completes_first_is_taken() -> None:
    rule = parse({"at_least": 2, "of": of("a", "b"), "distinct_by": "module"})
    holdings = [held("a", 1, module="X"), held("a", 3, award="awd_other", module="Y"), held("b", 2, module="X")]

    assert completion(3, "b", "other") == complete(rule, holdings)


# The language refuses, by the path to the node


@pytest.mark.parametrize(
    ("document", "path", "saying"),
    [
        ([], "", "is not a rule"),
        ({}, "", "exactly one of"),
        ({"all": of("a"), "any": of("b")}, "", "exactly one of"),
        ({"all": []}, "all", "at least one"),
        ({"all": "ab"}, "all", "list"),
        ({"all": of("a", "b", "a")}, "all[2]", "a stands in the rule twice"),
        ({"any": [leaf("a"), {"all": of("b", "a")}]}, "any[1].all[1]", "twice"),
        ({"at_least": 3, "of": of("a", "b")}, "at_least", "3 of 2"),
        ({"at_least": 0, "of": of("a")}, "at_least", "whole number from 1"),
        ({"at_least": True, "of": of("a")}, "at_least", "whole number"),
        ({"at_least": 1}, "of", "list"),
        ({"credits": 0, "of": of("a")}, "credits", "more than 0"),
        ({"credits": "NaN", "of": of("a")}, "credits", "a number"),
        ({"credits": 1, "of": [all_of("a")]}, "of[0]", "credits are summed over awards"),
        ({"at_least": 1, "of": [all_of("a")], "distinct_by": "m"}, "of[0]", "distinct_by counts awards"),
        ({"all": of("a"), "distinct_by": "m"}, "distinct_by", "stands on at_least and credits"),
        ({"at_least": 1, "of": of("a"), "distinct_by": ""}, "distinct_by", "name of a group"),
        ({"any": [leaf("a", min_version=0)]}, "any[0].min_version", "whole number"),
        ({"any": [leaf("a", min_result="high")]}, "any[0].min_result", "a number"),
        ({"any": [leaf("a", min_result={"result": "r"})]}, "any[0].min_result", "at_least"),
        ({"any": [leaf("a", earned_within="1 year")]}, "any[0].earned_within", "ISO 8601"),
        ({"any": [leaf("a", earned_within=None)]}, "any[0].earned_within", "ISO 8601"),
        (leaf("a", colour="red"), "colour", "not understood"),
        ({"achievement": 7}, "achievement", "id of an achievement"),
    ],
)
def test_what_is_not_of_the_language_is_refused_by_its_node(document: object, path: str, saying: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse(document)

    assert path == refusal.value.path
    assert saying in refusal.value.sentence


def test_a_rule_nested_without_end_is_refused() -> None:
    document: dict[str, Any] = leaf("a")
    for _ in range(2000):
        document = {"all": [document]}

    with pytest.raises(RuleError, match="nested"):
        parse(document)


def test_a_rule_tells_which_achievements_it_names_in_its_order() -> None:
    assert ("c", "a", "b") == achievements(parse({"any": [leaf("c"), {"credits": 1, "of": of("a", "b")}]}))


# Progress


def offers(*names: str, day: float = 9) -> dict[str, Holding]:
    return {name: held(name, day, award="") for name in names}


def test_progress_counts_and_names_what_would_close_it() -> None:
    rule = parse({"at_least": 3, "of": of("a", "b", "c", "d")})

    shown = progress(rule, [held("a"), held("b")], offers("a", "b", "c", "d"))

    assert (Decimal(2), Decimal(3), False) == (shown.have, shown.need, shown.satisfied)
    assert ("c", "d") == shown.closes
    assert [None, None, "award", "award"] == [node.short for node in shown.of]


def test_nothing_closes_what_needs_two_more() -> None:
    assert progress(parse(all_of("a", "b", "c")), [held("a")], offers("b", "c")).closes == ()


def test_only_what_can_be_earned_closes() -> None:
    assert ("b",) == progress(parse({"any": of("a", "b")}), [], offers("b")).closes


def test_an_award_of_a_group_that_counts_already_closes_nothing() -> None:
    rule = parse({"at_least": 2, "of": of("a", "b", "c"), "distinct_by": "module"})
    may = {name: held(name, 9, award="", module=module) for name, module in (("b", "X"), ("c", "Y"))}

    assert ("c",) == progress(rule, [held("a", module="X")], may).closes


def test_progress_says_what_an_award_that_does_not_count_is_short_of() -> None:
    asked = leaf("a", min_version=2), leaf("b", min_result=60), leaf("c", earned_within="P2D"), leaf("d")
    holdings = [held("a"), held("b", score=50), held("c", 0)]

    shown = progress(parse({"all": list(asked)}), holdings, {}, DAY + timedelta(days=5))

    assert ["version", "result", "window", "award"] == [node.short for node in shown.of]


def test_credits_show_their_sum_and_a_closing_award_brings_enough() -> None:
    rule = parse({"credits": 4, "of": of("a", "b", "c")})
    may = {"b": held("b", credits_="1"), "c": held("c", credits_="2")}

    shown = progress(rule, [held("a", credits_="2")], may)

    assert (Decimal(2), Decimal(4), ("c",)) == (shown.have, shown.need, shown.closes)


def test_what_was_complete_shows_as_complete_whatever_the_date() -> None:
    rule = parse({"all": [leaf("a", earned_within="P2D"), leaf("b")]})

    shown = progress(rule, [held("a", 0), held("b", 1)], offers("a", "b"), DAY + timedelta(days=300))

    assert shown.satisfied
    assert shown.closes == ()
