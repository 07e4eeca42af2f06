"""
Whether awards satisfy a rule, since when, and by which of them.

The words that settle arguments:

- a completion is at the first instant at which the awards effective by then satisfy the rule;
  `earned_within` is measured back from that instant, so that passing time breaks nothing;
- the basis is chosen deterministically: whatever is complete first (by its latest `effective_at`, then by
  award ids) is taken first, of `any` one, of `at_least` n that many, of `credits` as many as reach the sum;
- grouped by `distinct_by`, awards of one group count once: as the earliest, or for credits as the one worth most;
  an award without the key is a group of its own;
- one award counts once, and one award for each leaf. Two awards offer themselves for one leaf only where
  a registrar substituted one; then the choice that completes first is taken.

Laws: the order of holdings is irrelevant; more holdings never undo a completion; a basis satisfies its rule by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice, product
from typing import NamedTuple

from ledger import duration
from ledger.rule_language import All, Any, AtLeast, Credits, Leaf, Rule, RuleError, achievements, leaves, parse

__all__ = [
    "All", "Any", "AtLeast", "Completion", "Credits", "Holding", "Leaf", "Progress", "Rule", "RuleError",
    "achievements", "complete", "parse", "progress",
]  # fmt: skip

_MOST_SELECTIONS = 4096


class Holding(NamedTuple):
    """A live award as rules see it: credits and groups are those of its pinned version."""

    award_id: str
    achievement_id: str
    version: int
    effective_at: datetime
    credits: Decimal
    groups: Mapping[str, str]
    results: Mapping[str, Decimal]


class Completion(NamedTuple):
    """The chosen basis, by `effective_at` then award id, and the latest instant in it."""

    awards: tuple[str, ...]
    effective_at: datetime


class Progress(NamedTuple):
    """
    How far a node is: `have` of `need`. Of a leaf, `short` says what is wanting: award, version, result or window.

    `closes` stands on the root only: the achievements any one of which would complete the rule.
    """

    kind: str
    have: Decimal
    need: Decimal
    satisfied: bool
    achievement: str | None = None
    award_id: str | None = None
    short: str | None = None
    distinct_by: str | None = None
    of: tuple[Progress, ...] = ()
    closes: tuple[str, ...] = ()


_Held = Mapping[str, Holding]


def complete(rule: Rule, holdings: Iterable[Holding]) -> Completion | None:
    """Return the first completion of *rule* by *holdings*, or None. Refusing costs about a microsecond a leaf."""
    names = rule.names
    relevant = [holding for holding in holdings if holding.achievement_id in names]
    held = {holding.achievement_id: holding for holding in relevant}
    if len(held) == len(relevant) == len({holding.award_id for holding in relevant}):
        return _complete(rule, held)
    found = (_complete(rule, selected) for selected in _selections(relevant))
    return min((one for one in found if one), key=lambda one: (one.effective_at, one.awards), default=None)


def progress(
    rule: Rule, holdings: Iterable[Holding], offers: Mapping[str, Holding], at: datetime | None = None
) -> Progress:
    """
    Return how far *holdings* are at the instant *at* (by default the latest known).

    *offers* says by achievement what an award earned at *at* would be; its results are taken to be good enough.
    """
    holdings = tuple(holdings)
    done = complete(rule, holdings)
    if done:
        chosen = [holding for holding in holdings if holding.award_id in done.awards]
        return _progress(rule, _by_achievement(holdings) | _by_achievement(chosen), done.effective_at)
    held = _by_achievement(holdings)
    instant = at or max((one.effective_at for one in (*holdings, *offers.values())), default=None)
    closes = tuple(
        leaf.achievement
        for _, leaf in leaves(rule)
        if leaf.achievement in offers and _closes(rule, leaf, holdings, offers[leaf.achievement], instant)
    )
    return _progress(rule, held, instant)._replace(closes=closes)


def _complete(rule: Rule, held: _Held) -> Completion | None:
    if _basis(rule, held, None) is None:
        return None
    instants = sorted({holding.effective_at for holding in held.values()})
    if not rule.windowed:
        low, high = 0, len(instants) - 1
        while low < high:
            middle = (low + high) // 2
            if _basis(rule, held, instants[middle]) is None:
                low = middle + 1
            else:
                high = middle
        instants = instants[low:]
    for instant in instants:
        basis = _basis(rule, held, instant)
        # A month before the 31st is as early as a month before the 28th: a basis all older than the instant
        # could enter by that alone. It would not stand by itself, so the instant does not count.
        if basis is not None and max(holding.effective_at for holding in basis) == instant:
            return Completion(tuple(holding.award_id for holding in sorted(basis, key=_age)), instant)
    return None


def _basis(node: Rule, held: _Held, instant: datetime | None) -> list[Holding] | None:
    """Return the awards that satisfy *node* at *instant*; None for the instant disregards time altogether."""
    if isinstance(node, Leaf):
        holding = held.get(node.achievement)
        return None if holding is None or _short(node, holding, instant) else [holding]
    if isinstance(node, All):
        together: list[Holding] = []
        for child in node.of:
            basis = _basis(child, held, instant)
            if basis is None:
                return None
            together += basis
        return together
    found = [basis for child in node.of if (basis := _basis(child, held, instant)) is not None]
    if isinstance(node, Any):
        return min(found, key=_order, default=None)
    if isinstance(node, AtLeast):
        found.sort(key=_order)
        if node.distinct_by is not None:
            found = _distinct(found, node.distinct_by, lambda _: 0)
        return [holding for basis in found[: node.count] for holding in basis] if len(found) >= node.count else None
    return _reach(node, found)


def _reach(node: Credits, found: list[list[Holding]]) -> list[Holding] | None:
    if node.distinct_by is not None:
        found = _distinct(found, node.distinct_by, lambda holding: -holding.credits)
    basis: list[Holding] = []
    total = Decimal(0)
    for (holding,) in sorted(found, key=_order):
        if holding.credits > 0:
            basis.append(holding)
            total += holding.credits
        if total >= node.amount:
            return basis
    return None


def _distinct(found: list[list[Holding]], key: str, worth: Callable[[Holding], Decimal | int]) -> list[list[Holding]]:
    """Return of each group the basis that comes first by *worth*, then age."""
    first: dict[object, list[Holding]] = {}
    for basis in sorted(found, key=lambda basis: (worth(basis[0]), _age(basis[0]))):
        first.setdefault(_group(basis[0], key), basis)
    return list(first.values())


def _group(holding: Holding, key: str) -> object:
    return holding.groups.get(key) or (holding.award_id,)


def _short(leaf: Leaf, holding: Holding, instant: datetime | None) -> str | None:
    if leaf.min_version is not None and holding.version < leaf.min_version:
        return "version"
    if leaf.min_result is not None and not _reaches(leaf, holding.results):
        return "result"
    if instant is not None:
        if holding.effective_at > instant:
            return "award"
        if leaf.earned_within is not None and holding.effective_at < duration.before(instant, leaf.earned_within):
            return "window"
    return None


def _reaches(leaf: Leaf, results: Mapping[str, Decimal]) -> bool:
    """Without a result's name every stated result must reach the number; rules are drafted so that there is one."""
    wanted = leaf.min_result or Decimal(0)
    if leaf.result is not None:
        return leaf.result in results and results[leaf.result] >= wanted
    return bool(results) and all(value >= wanted for value in results.values())


def _age(holding: Holding) -> tuple[datetime, str]:
    return holding.effective_at, holding.award_id


def _order(basis: list[Holding]) -> tuple[datetime, list[str]]:
    return max(holding.effective_at for holding in basis), sorted(holding.award_id for holding in basis)


def _selections(relevant: list[Holding]) -> Iterator[_Held]:
    options: dict[str, list[Holding | None]] = {}
    uses: dict[str, int] = {}
    for holding in sorted(relevant, key=_age):
        options.setdefault(holding.achievement_id, []).append(holding)
        uses[holding.award_id] = uses.get(holding.award_id, 0) + 1
    for choices in options.values():
        if any(holding is not None and uses[holding.award_id] > 1 for holding in choices):
            choices.append(None)
    for selection in islice(product(*options.values()), _MOST_SELECTIONS):
        chosen = [holding for holding in selection if holding is not None]
        if len({holding.award_id for holding in chosen}) == len(chosen):
            yield {holding.achievement_id: holding for holding in chosen}


def _by_achievement(holdings: Iterable[Holding]) -> dict[str, Holding]:
    """Return of each achievement the earliest award."""
    return {holding.achievement_id: holding for holding in sorted(holdings, key=_age, reverse=True)}


def _closes(rule: Rule, leaf: Leaf, holdings: tuple[Holding, ...], offer: Holding, instant: datetime | None) -> bool:
    results = {} if leaf.min_result is None else {leaf.result or "": leaf.min_result}
    earned = offer._replace(achievement_id=leaf.achievement, award_id="", results=results)
    if instant is not None:
        earned = earned._replace(effective_at=instant)
    others = (holding for holding in holdings if holding.achievement_id != leaf.achievement)
    return complete(rule, (*others, earned)) is not None


def _progress(node: Rule, held: _Held, instant: datetime | None) -> Progress:
    if isinstance(node, Leaf):
        holding = held.get(node.achievement)
        short = "award" if holding is None else _short(node, holding, instant)
        return Progress(
            kind="achievement", have=Decimal(short is None), need=Decimal(1), satisfied=short is None,
            achievement=node.achievement, award_id=holding.award_id if holding else None, short=short,
        )  # fmt: skip
    of = tuple(_progress(child, held, instant) for child in node.of)
    done = sum(child.satisfied for child in of)
    if isinstance(node, All | Any):
        have, need, kind = Decimal(done), Decimal(len(of) if isinstance(node, All) else 1), type(node).__name__.lower()
        return Progress(kind=kind, have=have, need=need, satisfied=have >= need, of=of)
    found = [basis for child in node.of if (basis := _basis(child, held, instant)) is not None]
    if isinstance(node, AtLeast):
        groups = done if node.distinct_by is None else len(_distinct(found, node.distinct_by, lambda _: 0))
        have, need, kind = Decimal(groups), Decimal(node.count), "at_least"
    else:
        if node.distinct_by is not None:
            found = _distinct(found, node.distinct_by, lambda holding: -holding.credits)
        have, need, kind = sum((basis[0].credits for basis in found), Decimal(0)), node.amount, "credits"
    return Progress(kind=kind, have=have, need=need, satisfied=have >= need, distinct_by=node.distinct_by, of=of)
