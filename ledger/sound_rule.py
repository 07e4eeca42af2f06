"""
Whether the programme can ever satisfy a rule: asked once, when the rule is drafted.

Refused by the name of the node: an achievement that was never drafted, a circle through stacks and prerequisites,
a version, result, number of groups or sum of credits that no version defined so far can reach.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from ledger import errors
from ledger.definition import AchievementDefinition, ResultDescription
from ledger.rule_language import AtLeast, Credits, Leaf, Rule, RuleError, leaves, nodes_of, parse

if TYPE_CHECKING:
    from ledger.catalogue import Catalogue

_PERCENT = Decimal(100)


def sound(document: object, catalogue: Catalogue, *, earns: str, field: str) -> Rule:
    """Return the rule under which *earns* can be earned, or raise UnusableRule naming the node under *field*."""
    try:
        rule = parse(document)
        for path, leaf in leaves(rule):
            _known(path, leaf, catalogue)
        for path, leaf in leaves(rule):
            _not_circular(path, leaf, catalogue, earns)
        _reachable(rule, "", catalogue)
    except RuleError as error:
        at = f"{field}.{error.path}" if error.path else field
        raise errors.UnusableRule(f"{at}: {error.sentence}.", field=at) from None
    return rule


def best_result(description: ResultDescription) -> Decimal | None:
    """Return the highest value a result can state, None when it has no end."""
    if description.maximum is not None:
        return description.maximum
    if description.levels:
        return max(level.points for level in description.levels)
    return _PERCENT if description.type == "Percent" else None


def _known(path: str, leaf: Leaf, catalogue: Catalogue) -> None:
    record = catalogue.achievements.get(leaf.achievement)
    if record is None or not record.versions:
        raise RuleError(path, f"there is no achievement {leaf.achievement}")
    if leaf.min_version is not None and leaf.min_version > record.newest:
        at = f"{path}.min_version" if path else "min_version"
        raise RuleError(
            at, f"asks for version {leaf.min_version} of {leaf.achievement}, whose newest is {record.newest}"
        )
    if leaf.min_result is not None:
        at = f"{path}.min_result" if path else "min_result"
        reasons = [_result_out_of_reach(leaf, definition.results) for definition in _eligible(leaf, catalogue)]
        if None not in reasons:
            raise RuleError(at, f"{leaf.achievement} {reasons[-1]}")


def _result_out_of_reach(leaf: Leaf, results: tuple[ResultDescription, ...]) -> str | None:
    if leaf.result is None and len(results) > 1:
        return f"states several results; name one of {', '.join(one.id for one in results)}"
    described = [one for one in results if leaf.result in {None, one.id}]
    if not described:
        return "states no result" if leaf.result is None else f"states no result {leaf.result}"
    best = best_result(described[0])
    if best is not None and leaf.min_result is not None and leaf.min_result > best:
        return f"states {described[0].id} up to {best}, never {leaf.min_result}"
    return None


def _eligible(leaf: Leaf, catalogue: Catalogue) -> list[AchievementDefinition]:
    versions = catalogue.achievements[leaf.achievement].versions
    return [one.definition for number, one in versions.items() if number >= (leaf.min_version or 1)]


def _not_circular(path: str, leaf: Leaf, catalogue: Catalogue, earns: str) -> None:
    came_from: dict[str, str | None] = {leaf.achievement: None}
    waiting = [leaf.achievement]
    while waiting:
        name = waiting.pop()
        if name == earns:
            raise RuleError(path, f"runs in a circle: {_circle(came_from, earns)}")
        for required in sorted(_required_for(name, catalogue)):
            if required not in came_from:
                came_from[required] = name
                waiting.append(required)


def _circle(came_from: dict[str, str | None], earns: str) -> str:
    steps, step = [earns], came_from[earns]
    while step is not None:
        steps.append(step)
        step = came_from[step]
    return " needs ".join([earns, *reversed(steps)])


def _required_for(achievement: str, catalogue: Catalogue) -> set[str]:
    """Return what the versions in force and the newest drafts ask for, as prerequisites or components."""
    required: set[str] = set()
    record = catalogue.achievements.get(achievement)
    if record is not None and not record.retired:
        for number in {record.newest, record.published} - {None, 0}:
            prerequisites = record.versions[number or 0].prerequisites
            required |= prerequisites.names if prerequisites else set()
    for stack in catalogue.stacks.values():
        for number in set() if stack.retired else {stack.newest, stack.activated} - {None, 0}:
            version = stack.versions[number or 0]
            if version.definition.milestone == achievement:
                required |= version.rule.names
    return required


def _reachable(rule: Rule, path: str, catalogue: Catalogue) -> None:
    if isinstance(rule, Leaf):
        return
    for at, node in nodes_of(rule, path):
        _reachable(node, at, catalogue)
    if isinstance(rule, AtLeast) and rule.distinct_by is not None:
        groups = {group for leaf in _leaves_of(rule) for group, _ in _worths(leaf, rule.distinct_by, catalogue)}
        if len(groups) < rule.count:
            at = f"{path}.at_least" if path else "at_least"
            sentence = f"asks for {rule.count} different {rule.distinct_by}, but there are only {len(groups)}"
            raise RuleError(at, sentence)
    if isinstance(rule, Credits):
        most = _most_credits(rule, catalogue)
        if most < rule.amount:
            at = f"{path}.credits" if path else "credits"
            raise RuleError(at, f"asks for {rule.amount} credits, but all together are worth {most}")


def _most_credits(rule: Credits, catalogue: Catalogue) -> Decimal:
    best: dict[object, Decimal] = {}
    for leaf in _leaves_of(rule):
        for group, worth in _worths(leaf, rule.distinct_by, catalogue):
            best[group] = max(best.get(group, Decimal(0)), worth)
    return sum(best.values(), Decimal(0))


def _worths(leaf: Leaf, distinct_by: str | None, catalogue: Catalogue) -> Iterable[tuple[object, Decimal]]:
    for definition in _eligible(leaf, catalogue):
        group = definition.groups.get(distinct_by) if distinct_by else None
        yield group or (leaf.achievement,), definition.credits


def _leaves_of(rule: AtLeast | Credits) -> list[Leaf]:
    return [node for node in rule.of if isinstance(node, Leaf)]
