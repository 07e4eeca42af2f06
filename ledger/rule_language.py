"""
The language of rules: expressions over awards, as designers write them in JSON.

    {"all": [rule, …]}                    every one
    {"any": [rule, …]}                    at least one
    {"at_least": 2, "of": [rule, …]}      that many; with "distinct_by": "module" of different groups
    {"credits": 30, "of": [leaf, …]}      that many credits; "distinct_by" as above
    {"achievement": "id"}                 a leaf, with optional "min_version", "earned_within" (ISO 8601)
                                          and "min_result" (a number, or {"result": "id", "at_least": 60})

Strict: a key that is not of the language is refused by its path, as is an achievement named twice.
Whether the achievements exist and the numbers can be reached is asked of the programme, in `sound_rule.py`.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from ledger import duration

_DEEPEST = 16
_MOST_LEAVES = 1000
_OPERATORS = ("achievement", "all", "any", "at_least", "credits")


class RuleError(ValueError):
    """A rule cannot be used; `path` leads to the node at fault, `sentence` says why."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path or 'the rule'}: {sentence}")
        self.path = path
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Leaf:
    """An award of `achievement`; `result` names which result must reach `min_result`, None means its only one."""

    achievement: str
    min_version: int | None = None
    min_result: Decimal | None = None
    result: str | None = None
    earned_within: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """The achievements that can count."""
        return frozenset((self.achievement,))

    @property
    def windowed(self) -> bool:
        """Whether the instant of completion decides which awards count."""
        return self.earned_within is not None


@dataclass(frozen=True, slots=True)
class Several:
    """A node over other nodes; what is asked of it again and again is worked out once."""

    of: tuple[Rule, ...]
    names: frozenset[str] = field(init=False, compare=False, repr=False)
    windowed: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset().union(*(node.names for node in self.of)))
        object.__setattr__(self, "windowed", any(node.windowed for node in self.of))


@dataclass(frozen=True, slots=True)
class All(Several):
    """Every one of its nodes."""


@dataclass(frozen=True, slots=True)
class Any(Several):
    """At least one of its nodes."""


@dataclass(frozen=True, slots=True)
class AtLeast(Several):
    """`count` of its nodes, or of their groups; grouped, they are all leaves."""

    count: int = 1
    distinct_by: str | None = None


@dataclass(frozen=True, slots=True)
class Credits(Several):
    """Leaves whose awards' credits reach `amount`."""

    amount: Decimal = Decimal(1)
    distinct_by: str | None = None


Rule: typing.TypeAlias = All | Any | AtLeast | Credits | Leaf


def parse(document: object) -> Rule:
    """Read a rule; RuleError names the first node that is not of the language, or stands twice."""
    rule = _node(document, "", _DEEPEST)
    seen: set[str] = set()
    for path, leaf in leaves(rule):
        if leaf.achievement in seen:
            raise RuleError(path, f"{leaf.achievement} stands in the rule twice; name it once")
        seen.add(leaf.achievement)
    if len(seen) > _MOST_LEAVES:
        raise RuleError("", f"names {len(seen)} achievements; {_MOST_LEAVES} at most")
    return rule


def achievements(rule: Rule) -> tuple[str, ...]:
    """Return the achievements named by *rule*, in its order."""
    return tuple(leaf.achievement for _, leaf in leaves(rule))


def leaves(rule: Rule, path: str = "") -> list[tuple[str, Leaf]]:
    """Return every leaf of *rule* with the path that leads to it."""
    if isinstance(rule, Leaf):
        return [(path, rule)]
    return [found for at, node in nodes_of(rule, path) for found in leaves(node, at)]


def nodes_of(rule: All | Any | AtLeast | Credits, path: str) -> list[tuple[str, Rule]]:
    """Return the nodes directly under *rule* with their paths: `all[0]`, `of[2].any[1]`."""
    under = {All: "all", Any: "any"}.get(type(rule), "of")
    return [(f"{_below(path, under)}[{index}]", node) for index, node in enumerate(rule.of)]


def _node(document: object, path: str, depth: int) -> Rule:
    if depth == 0:
        raise RuleError(path, f"is nested more than {_DEEPEST} deep")
    if not isinstance(document, Mapping):
        raise RuleError(path, 'is not a rule such as {"all": […]} or {"achievement": "id"}')
    operators = [key for key in _OPERATORS if key in document]
    if len(operators) != 1:
        raise RuleError(path, f"needs exactly one of {', '.join(_OPERATORS)}")
    match operators[0]:
        case "achievement":
            return _leaf(document, path)
        case "all" | "any" as operator:
            _only(document, path, operator)
            nodes = _nodes(document[operator], _below(path, operator), depth)
            return All(nodes) if operator == "all" else Any(nodes)
        case "at_least":
            return _at_least(document, path, depth)
        case _:
            return _credits(document, path, depth)


def _leaf(document: Mapping[str, object], path: str) -> Leaf:
    _only(document, path, "achievement", "min_version", "min_result", "earned_within")
    achievement = document["achievement"]
    if not isinstance(achievement, str) or not achievement:
        raise RuleError(_below(path, "achievement"), "is the id of an achievement")
    result, wanted = None, document.get("min_result")
    at = _below(path, "min_result")
    if isinstance(wanted, Mapping):
        if set(wanted) != {"result", "at_least"} or not isinstance(wanted["result"], str):
            raise RuleError(at, 'is a number or {"result": "id", "at_least": number}')
        result, wanted = wanted["result"], wanted["at_least"]
    return Leaf(
        achievement=achievement,
        min_version=_whole(document["min_version"], _below(path, "min_version")) if "min_version" in document else None,
        min_result=_number(wanted, at) if "min_result" in document else None,
        result=result,
        earned_within=_duration(document["earned_within"], _below(path, "earned_within"))
        if "earned_within" in document
        else None,
    )


def _at_least(document: Mapping[str, object], path: str, depth: int) -> AtLeast:
    _only(document, path, "at_least", "of", "distinct_by")
    count = _whole(document["at_least"], _below(path, "at_least"))
    nodes = _nodes(document.get("of"), _below(path, "of"), depth)
    distinct_by = _distinct_by(document, path)
    if distinct_by is not None:
        _leaves_only(nodes, path, "distinct_by counts awards, so every node under it")
    if count > len(nodes):
        raise RuleError(_below(path, "at_least"), f"asks for {count} of {len(nodes)}, which nobody can reach")
    return AtLeast(nodes, count, distinct_by)


def _credits(document: Mapping[str, object], path: str, depth: int) -> Credits:
    _only(document, path, "credits", "of", "distinct_by")
    amount = _number(document["credits"], _below(path, "credits"))
    if amount <= 0:
        raise RuleError(_below(path, "credits"), "is more than 0")
    nodes = _nodes(document.get("of"), _below(path, "of"), depth)
    _leaves_only(nodes, path, "credits are summed over awards, so every node under them")
    return Credits(nodes, amount, _distinct_by(document, path))


def _nodes(documents: object, path: str, depth: int) -> tuple[Rule, ...]:
    if not isinstance(documents, Sequence) or isinstance(documents, str) or not documents:
        raise RuleError(path, "is a list of at least one rule")
    return tuple(_node(document, f"{path}[{index}]", depth - 1) for index, document in enumerate(documents))


def _leaves_only(nodes: tuple[Rule, ...], path: str, why: str) -> None:
    for index, node in enumerate(nodes):
        if not isinstance(node, Leaf):
            raise RuleError(f"{_below(path, 'of')}[{index}]", f'{why} is an {{"achievement": "id"}}')


def _distinct_by(document: Mapping[str, object], path: str) -> str | None:
    key = document.get("distinct_by")
    if "distinct_by" in document and (not isinstance(key, str) or not key):
        raise RuleError(_below(path, "distinct_by"), "is the name of a group, such as module")
    return key if isinstance(key, str) else None


def _only(document: Mapping[str, object], path: str, *known: str) -> None:
    for key in document:
        if key not in known:
            hint = "; distinct_by stands on at_least and credits" if key == "distinct_by" else ""
            raise RuleError(_below(path, str(key)), f"is not understood beside {known[0]}{hint}")


def _whole(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RuleError(path, "is a whole number from 1")
    return value


def _number(value: object, path: str) -> Decimal:
    try:
        number = (
            None
            if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal)
            else Decimal(str(value))
        )
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number) > 10**9:
        raise RuleError(path, "is a number")
    return number


def _duration(value: object, path: str) -> str:
    try:
        duration.parse(value if isinstance(value, str) else "")
    except ValueError:
        raise RuleError(path, "is an ISO 8601 duration such as P1Y or P6M") from None
    return str(value)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
