"""Rules, days and lists in words that a learner understands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from ledger import duration
from ledger.stack_rule import All, Any, AtLeast, Credits, Leaf, Rule

Named = Callable[[str], str]

ACTS = {
    "keep": "nothing happens by itself",
    "suspend": "it is suspended until that is put right",
    "review": "a registrar decides what becomes of it",
    "lapse": "it lapses, without fault",
    "revoke": "it is revoked",
}
"""What each policy does to a milestone once its grace is over."""


def day(instant: datetime) -> str:
    """`3 May 2026`."""
    return f"{instant.day} {instant:%B %Y}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """`A, B and C`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def number(value: Decimal) -> str:
    """`3`, `1.5`: without an exponent or trailing zeros."""
    return f"{value.normalize():f}"


def lasting(text: str) -> str:
    """`2 years and 6 months` for the ISO 8601 duration P2Y6M."""
    months, rest = duration.parse(text)
    hours, seconds = divmod(rest.seconds, 3600)
    amounts = {
        "year": months // 12,
        "month": months % 12,
        "day": rest.days,
        "hour": hours,
        "minute": seconds // 60,
        "second": seconds % 60,
    }
    said = [f"{amount} {unit}{'s' if amount > 1 else ''}" for unit, amount in amounts.items() if amount]
    return listed(said) or "no time"


def described(rule: Rule, named: Named) -> str:
    """Say what *rule* asks for; *named* gives the name of an achievement."""
    match rule:
        case Leaf():
            return _leaf(rule, named)
        case All(of=nodes):
            return listed([_inner(node, named) for node in nodes])
        case Any(of=nodes):
            return listed([_inner(node, named) for node in nodes], "or")
        case AtLeast(of=nodes):
            return f"{rule.count} of {listed([_inner(node, named) for node in nodes])}{_distinct(rule.distinct_by)}"
        case Credits(of=nodes):
            among = listed([_inner(node, named) for node in nodes])
            return f"{number(rule.amount)} credits from {among}{_distinct(rule.distinct_by)}"


def _inner(node: Rule, named: Named) -> str:
    text = described(node, named)
    return text if isinstance(node, Leaf) else f"({text})"


def _leaf(leaf: Leaf, named: Named) -> str:
    more = []
    if leaf.min_version is not None:
        more.append(f"version {leaf.min_version} or later")
    if leaf.min_result is not None:
        of = "" if leaf.result is None else f"{leaf.result} "
        more.append(f"{of}at least {number(leaf.min_result)}")
    if leaf.earned_within is not None:
        more.append(f"earned within {lasting(leaf.earned_within)}")
    return named(leaf.achievement) + (f" ({', '.join(more)})" if more else "")


def _distinct(by: str | None) -> str:
    return "" if by is None else f", each of a different {by}"
