"""
Which command leads to which facts, read off the rules: every path from a decide function to a fact it makes.

The walk follows calls by name, so it says what a command *can* record, not under which condition.
What only rehearses a decision makes facts that nobody records; it is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import FunctionType
from typing import Any

from ledger.decider import Command
from ledger.event import Event, catalogue_of_events
from ledger.issuer import SELF, issuer
from ledger.learners.commands import Together
from ledger.learners.consequences import consequences
from ledger.rules import RULES, rules_for
from tests.house.syntax import body, named

_REHEARSES: tuple[Callable[..., Any], ...] = (consequences,)
_WRAPS = (Together,)
"""Commands that hold others; what they lead to is what those do."""


def commands() -> list[type[Command]]:
    """Return every command, in the order of the kinds of stream and of declaration."""
    return [cls for parent in RULES for cls in parent.__subclasses__() if cls not in _WRAPS]


@cache
def facts_of(command: type[Command]) -> list[type[Event]]:
    """Return the classes of the facts that *command* can lead to, in the order of the catalogue of events."""
    found: set[type[Event]] = set()
    _walk(rules_for(command).decide, command, found, set())
    return [cls for cls in catalogue_of_events().values() if cls in found]


def streams_of(category: str) -> str:
    """Return how the streams of a kind are named: after what they are about, or as the only one there is."""
    return f"{category}-{SELF}" if category == issuer.category else f"{category}-<id>"


def category_of(fact: type[Event]) -> str:
    """Return the kind of stream that facts of a class stand in: that of the commands which lead to them."""
    return next(rules_for(command).category for command in commands() if fact in facts_of(command))


def _walk(
    function: Callable[..., Any], command: type[Command], found: set[type[Event]], seen: set[Callable[..., Any]]
) -> None:
    if function in seen or function in _REHEARSES:
        return
    seen.add(function)
    names = function.__globals__
    for call in _calls(body(function), command, names):
        made = _called(call, command, names)
        if isinstance(made, type) and issubclass(made, Event):
            found.add(made)
        elif isinstance(made, FunctionType) and made.__module__.startswith("ledger."):
            _walk(made, command, found, seen)


def _calls(node: ast.AST, command: type[Command], names: Mapping[str, Any]) -> Iterator[ast.expr]:
    """Yield what is called below *node*, passing over branches that are for other commands."""
    match node:
        case ast.If(test=ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id="command"), kind])):
            mine = issubclass(command, named(kind, names))
            below: list[ast.AST] = [*(node.body if mine else node.orelse)]
        case ast.Match(subject=ast.Name(id="command")):
            below = [part for case in node.cases if _is_for(case.pattern, command, names) for part in case.body]
        case ast.Call():
            yield node.func
            below = list(ast.iter_child_nodes(node))
        case _:
            below = list(ast.iter_child_nodes(node))
    for part in below:
        yield from _calls(part, command, names)


def _is_for(pattern: ast.pattern, command: type[Command], names: Mapping[str, Any]) -> bool:
    match pattern:
        case ast.MatchClass():
            return issubclass(command, named(pattern.cls, names))
        case ast.MatchOr():
            return any(_is_for(one, command, names) for one in pattern.patterns)
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _is_for(inner, command, names)
    return True


def _called(node: ast.expr, command: type[Command], names: Mapping[str, Any]) -> Any:
    """Return what is called, looked up in a table of commands where it is one."""
    match node:
        case ast.Subscript(value=table, slice=ast.Call(func=ast.Name(id="type"), args=[ast.Name(id="command")])):
            return named(table, names)[command]
    return named(node, names)
