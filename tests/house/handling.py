"""Which facts a fold tells apart: those it matches on, tests for, or finds a handler for in a table."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

from ledger.event import Event
from ledger.rules import RULES
from projections.fact_index import FactIndex
from projections.tables import all_views
from tests.house.syntax import body, named

_DOCUMENTS = {
    "transcript": "projections.transcript:transcript",
    "progress": "projections.progress:progress",
    "why": "projections.why:why",
}


def states_of(fact: type[Event]) -> list[str]:
    """Return the kinds of stream whose rules take in a fact."""
    return [rules.category for rules in RULES.values() if fact in told_apart(rules.evolve)]


def tables_of(fact: type[Event]) -> list[str]:
    """Return the names of the views whose tables take in a fact; the index, which takes in all, shows none."""
    return [view.name for view in all_views() if not isinstance(view, FactIndex) and fact in view.handlers()]


def documents_of(fact: type[Event]) -> list[str]:
    """Return the documents of one learner that a fact can change."""
    return [name for name, place in _DOCUMENTS.items() if fact in told_apart(_loaded(place))]


@cache
def told_apart(function: Callable[..., Any]) -> set[type[Event]]:
    """Return the classes of facts that *function*, or what it calls in its package, tells apart."""
    found: set[type[Event]] = set()
    _look(function, function.__module__.partition(".")[0], found, set())
    return found


def _look(thing: Any, package: str, found: set[type[Event]], seen: set[int]) -> None:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, FunctionType) and thing.__module__.startswith(package):
        if thing.__code__.co_filename != sys.modules[thing.__module__].__file__:  # made by dataclasses
            return
        for other in _mentioned(body(thing), thing.__globals__, found):
            _look(other, package, found, seen)
    elif isinstance(thing, dict) and thing and all(_is_fact(key) for key in thing):
        found.update(thing)
        for value in thing.values():
            _look(value, package, found, seen)
    elif isinstance(thing, type) and thing.__module__.startswith(package) and not _is_fact(thing):
        for method in vars(thing).values():
            _look(method, package, found, seen)


def _mentioned(syntax: ast.AST, names: Mapping[str, Any], found: set[type[Event]]) -> Iterator[Any]:
    """Yield what the names in *syntax* stand for, noting facts that are told apart on the way."""
    for node in ast.walk(syntax):
        match node:
            case ast.MatchClass(cls=cls):
                found.update(_facts(named(cls, names)))
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                for kind in ast.walk(kinds):
                    found.update(_facts(named(kind, names)))
            case ast.Name() | ast.Attribute():
                yield named(node, names)


def _facts(thing: Any) -> Iterator[type[Event]]:
    for one in thing if isinstance(thing, tuple) else (thing,):
        if _is_fact(one):
            yield one


def _is_fact(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Event) and thing is not Event


def _loaded(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found
