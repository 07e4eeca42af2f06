"""The page `docs/events.md`: every fact with its stored name, its sentence, its fields, and what they hold."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from ledger.event import Event, catalogue_of_events
from ledger.private import Private
from tests.house.slices import category_of, streams_of

_INTRODUCTION = """\
# The facts

Everything the ledger holds is one of these facts, in the stream named at the head of each part.
Stored names and fields are the storage format: a field is never removed or re-meant, a change is a new version.
Every fact also has `effective_at`, the instant at which it happened in the world.
Beside it the log keeps position, stream, version in the stream, `recorded_at`, who acted (`actor`: id, role, client),
and where known `correlation`, `causation` and `trace`.

*Sealed text* is personal: encrypted under the learner's own key, and unreadable once that key is destroyed.

This page is made from the code by `make docs`; edit `ledger/events.py` instead.
"""
_TITLES = {
    "achievement": "Achievements",
    "stack": "Stacks",
    "framework": "Frameworks",
    "issuer": "The issuer",
    "person": "People who act",
    "batch": "Batches",
    "audit": "What auditors read",
    "log": "The transparency log",
    "learner": "A learner's story",
}
_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    bool: "yes or no",
    datetime: "instant",
    date: "date",
    Decimal: "decimal number",
    Private: "sealed text",
    dict[str, Any]: "JSON object",
}


def event_page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_facts(), *_values()]).rstrip() + "\n"


def _facts() -> Iterator[str]:
    section = None
    for name, cls in catalogue_of_events().items():
        category = category_of(cls)
        if category != section:
            section = category
            yield f"## {_TITLES[category]}: `{streams_of(category)}`\n"
        yield f"### {cls.__name__}\n"
        yield f"`{name}`: {_sentence(cls)}\n"
        yield from _fields(cls)


def _values() -> Iterator[str]:
    yield "## Values inside facts\n"
    for cls in _structs():
        yield f"### {cls.__name__}\n"
        yield f"{_sentence(cls)}\n"
        yield from _fields(cls)


def _fields(cls: type[msgspec.Struct]) -> Iterator[str]:
    hints = get_type_hints(cls)
    fields = [field for field in msgspec.structs.fields(cls) if field.name != "effective_at"]
    if fields:
        yield "| field | holds | when left out |"
        yield "|---|---|---|"
        for field in fields:
            yield f"| `{field.name}` | {said(hints[field.name])} | {_default(field)} |"
        yield ""


def said(annotation: Any) -> str:
    """Say in words what values of a type are."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin in {types.UnionType, Union}:
            return " or ".join(said(one) for one in arguments if one is not type(None))
        case origin if origin is Literal:
            return " · ".join(f"`{value}`" for value in arguments)
        case origin if origin is tuple:
            return f"list of {said(arguments[0])}"
        case origin if origin is dict:
            return f"{said(arguments[1])} by name"
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    raise TypeError(annotation)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "never"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    match value:
        case None:
            return "nothing"
        case () | {}:
            return "empty"
        case bool():
            return "yes" if value else "no"
        case msgspec.Struct():
            return "; ".join(f"{name} {_default_policy(one)}" for name, one in msgspec.structs.asdict(value).items())
        case tuple():
            return " · ".join(f"`{one}`" for one in value)
    return f"`{value}`"


def _default_policy(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        return "/".join(str(one) for one in msgspec.structs.astuple(value))
    return str(value)


@cache
def _structs() -> list[type[msgspec.Struct]]:
    """Return the classes of values that facts hold, in the order in which they are met."""
    found: dict[type[msgspec.Struct], None] = {}

    def look(annotation: Any) -> None:
        for one in get_args(annotation):
            look(one)
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) and annotation is not Private:
            if not issubclass(annotation, Event):
                found.setdefault(annotation)
            for name, hint in get_type_hints(annotation).items():
                if name in annotation.__struct_fields__:
                    look(hint)

    for cls in catalogue_of_events().values():
        look(cls)
    return list(found)


def _sentence(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "").split())


def linked(cls: type[Event]) -> str:
    """Return a link to a fact's entry."""
    return f"[{cls.__name__}](events.md#{cls.__name__.lower()})"
