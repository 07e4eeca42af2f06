"""The evaluator against brute force: every subset of awards, judged from the JSON, sharing no code with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from ledger.stack_rule import Completion, Holding, complete, parse

NAMES = "abcdef"
FIRST = datetime(2026, 1, 20, tzinfo=UTC)


# The oracle


def earliest_by_force(document: dict[str, Any], holdings: list[Holding]) -> datetime | None:
    """Return the least latest instant of any set of awards that satisfies the rule, one award for each leaf."""
    sets = (list(chosen) for size in range(1, len(holdings) + 1) for chosen in combinations(holdings, size))
    return min((latest(chosen) for chosen in sets if fair(chosen) and satisfied(document, chosen)), default=None)


def latest(chosen: list[Holding]) -> datetime:
    return max(holding.effective_at for holding in chosen)


def fair(chosen: list[Holding]) -> bool:
    names, awards = {one.achievement_id for one in chosen}, {one.award_id for one in chosen}
    return len(names) == len(awards) == len(chosen)


def satisfied(document: dict[str, Any], chosen: list[Holding]) -> bool:
    match document:
        case {"all": nodes}:
            return all(satisfied(node, chosen) for node in nodes)
        case {"any": nodes}:
            return any(satisfied(node, chosen) for node in nodes)
        case {"at_least": count, "of": nodes, "distinct_by": key}:
            return len(worth_by_group(nodes, key, chosen)) >= int(count)
        case {"at_least": count, "of": nodes}:
            return sum(satisfied(node, chosen) for node in nodes) >= int(count)
        case {"credits": amount, "of": nodes}:
            return sum(worth_by_group(nodes, document.get("distinct_by"), chosen).values()) >= Decimal(str(amount))
    return bool(counting(document, chosen))


def counting(document: dict[str, Any], chosen: list[Holding]) -> list[Holding]:
    months = {"P1M": 1, "P2M": 2}
    counted = []
    for one in chosen:
        window = document.get("earned_within")
        wanted = document.get("min_result", {"result": None})
        if one.achievement_id != document["achievement"] or one.version < document.get("min_version", 0):
            continue
        if wanted["result"] and one.results.get(wanted["result"], -1) < wanted["at_least"]:
            continue
        if window in months and one.effective_at < back(latest(chosen), months[window]):
            continue
        if window == "P7D" and one.effective_at < latest(chosen) - timedelta(days=7):
            continue
        counted.append(one)
    return counted


def back(instant: datetime, months: int) -> datetime:
    """Return the same day that many months before, or the last day of that month."""
    month = instant.replace(day=1)
    for _ in range(months):
        month = (month - timedelta(days=1)).replace(day=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    return month.replace(day=min(instant.day, (next_month - timedelta(days=1)).day))


def worth_by_group(nodes: list[dict[str, Any]], key: str | None, chosen: list[Holding]) -> dict[str, Decimal]:
    worth: dict[str, Decimal] = {}
    for one in (one for node in nodes for one in counting(node, chosen)):
        group = f"group {one.groups[key]}" if key and key in one.groups else f"award {one.award_id}"
        worth[group] = max(worth.get(group, Decimal(0)), one.credits)
    return worth


# Rules and awards


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.permutations(NAMES))
    return draw(over(names[: draw(st.integers(1, len(names)))], 2))


@st.composite
def over(draw: st.DrawFn, names: list[str], depth: int) -> dict[str, Any]:
    operator = draw(st.sampled_from(["all", "any", "at_least", "distinct", "credits", "credits distinct"]))
    if len(names) == 1 and draw(st.booleans()):
        return draw(leaves(names[0]))
    if operator in {"all", "any", "at_least"} and depth > 0:
        cut = draw(st.integers(1, len(names)))
        parts = [part for part in (names[:cut], names[cut:]) if part]
        nodes = [draw(over(part, depth - 1)) for part in parts]
    else:
        nodes = [draw(leaves(name)) for name in names]
    if operator in {"all", "any"}:
        return {operator: nodes}
    distinct = {"distinct_by": "module"} if "distinct" in operator else {}
    if operator.startswith("credits"):
        return {"credits": draw(st.sampled_from([0.5, 1, "2.5", 4])), "of": nodes, **distinct}
    return {"at_least": draw(st.integers(1, len(nodes))), "of": nodes, **distinct}


@st.composite
def leaves(draw: st.DrawFn, name: str) -> dict[str, Any]:
    asked: dict[str, Any] = {"achievement": name}
    if draw(st.integers(0, 4)) == 0:
        asked["min_version"] = 2
    if draw(st.integers(0, 4)) == 0:
        asked["min_result"] = {"result": "score", "at_least": 50}
    if draw(st.integers(0, 2)) == 0:
        asked["earned_within"] = draw(st.sampled_from(["P7D", "P1M", "P2M"]))
    return asked


@st.composite
def awards(draw: st.DrawFn, name: str, award_id: str) -> Holding:
    return Holding(
        award_id=award_id,
        achievement_id=name,
        version=draw(st.sampled_from([1, 2, 2])),
        effective_at=FIRST + timedelta(days=draw(st.integers(0, 75))),
        credits=draw(st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2)])),
        groups=draw(st.sampled_from([{}, {"module": "X"}, {"module": "Y"}])),
        results=draw(st.sampled_from([{}, {"score": Decimal(40)}, {"score": Decimal(80)}])),
    )


def some_awards() -> st.SearchStrategy[list[Holding]]:
    """Return at most one award of each achievement, as learners hold them; ids are in no order of time."""
    return st.lists(st.sampled_from(NAMES), unique=True).flatmap(
        lambda names: st.tuples(*(awards(name, f"awd_{name}") for name in names)).map(list)
    )


def substituted_awards() -> st.SearchStrategy[list[Holding]]:
    """Return awards some of which offer themselves for one leaf together, or for two leaves."""
    pairs = st.tuples(st.sampled_from(NAMES[:4]), st.sampled_from(["awd_1", "awd_2", "awd_3", "awd_4", "awd_5"]))
    return st.lists(pairs, unique=True, max_size=6).flatmap(
        lambda chosen: st.tuples(*(awards(name, award_id) for name, award_id in chosen)).map(list)
    )


# The laws


@settings(max_examples=400)
@for_all(document=rules(), holdings=some_awards())
def test_a_completion_is_the_earliest_there_is(document: dict[str, Any], holdings: list[Holding]) -> None:
    found = complete(parse(document), holdings)

    assert earliest_by_force(document, holdings) == (found.effective_at if found else None)
    assert_basis_holds(document, holdings, found)


@settings(max_examples=200)
@for_all(document=rules(), holdings=substituted_awards())
def test_it_is_the_earliest_also_where_awards_stand_for_others(
    document: dict[str, Any], holdings: list[Holding]
) -> None:
    found = complete(parse(document), holdings)

    assert earliest_by_force(document, holdings) == (found.effective_at if found else None)


@for_all(document=rules(), holdings=some_awards(), data=st.data())
def test_the_order_of_holdings_is_irrelevant(
    document: dict[str, Any], holdings: list[Holding], data: st.DataObject
) -> None:
    rule = parse(document)

    assert complete(rule, holdings) == complete(rule, data.draw(st.permutations(holdings)))


@for_all(document=rules(), holdings=some_awards(), data=st.data())
def test_more_holdings_never_undo_or_delay_a_completion(
    document: dict[str, Any], holdings: list[Holding], data: st.DataObject
) -> None:
    rule = parse(document)
    fewer = [one for one in holdings if data.draw(st.booleans())]
    before, with_more = complete(rule, fewer), complete(rule, holdings)

    assert before is None or (with_more is not None and with_more.effective_at <= before.effective_at)


def assert_basis_holds(document: dict[str, Any], holdings: list[Holding], found: Completion | None) -> None:
    """A basis satisfies its rule by itself, at the same instant, by all of it, and stands in order of age."""
    if found is None:
        return
    basis = [one for one in holdings if one.award_id in found.awards]

    assert satisfied(document, basis)
    assert latest(basis) == found.effective_at
    assert complete(parse(document), basis) == found
    assert found.awards == tuple(
        one.award_id for one in sorted(basis, key=lambda one: (one.effective_at, one.award_id))
    )
