"""How a fact is declared, and the name under which it is stored for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from ledger.private import Private

E = TypeVar("E", bound="Event")

_CLASS_OF: dict[str, type[Event]] = {}
_NAME_OF: dict[type[Event], str] = {}


# Facts hold values alone, so there are no cycles for the collector to look for among a million of them: gc=False.
class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """
    A fact that has happened. Facts carry values only, never behaviour.

    `effective_at` is when it happened in the world;
    when the ledger learned of it is `Recorded.recorded_at`.
    """

    effective_at: datetime


class Actor(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Who acted, in which role, and through which client."""

    id: str
    role: str
    client: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact with its place in the record: `position` in the log, `version` in its `stream`."""

    position: int
    stream: str
    version: int
    recorded_at: datetime
    fact: Event
    actor: Actor
    correlation: str | None = None
    causation: str | None = None
    trace: str | None = None

    @property
    def subject(self) -> str:
        """Whom or what the stream is about: `lrn_…` of `learner-lrn_…`."""
        return self.stream.partition("-")[2]


def event(name: str) -> Callable[[type[E]], type[E]]:
    """
    Declare a fact stored as *name*, `subject.verb.vN`.

    Names are chosen by hand rather than taken from the class, so that a class may be renamed or moved
    without orphaning the facts already recorded.
    """

    def declare(cls: type[E]) -> type[E]:
        if name in _CLASS_OF:
            msg = f"event name {name!r} is already taken by {_CLASS_OF[name]}"
            raise ValueError(msg)
        _CLASS_OF[name] = cls
        _NAME_OF[cls] = name
        return cls

    return declare


def name_of(cls: type[Event]) -> str:
    """Return the stored name of facts of class *cls*."""
    return _NAME_OF[cls]


def class_of(name: str) -> type[Event]:
    """Return the class that reads facts stored as *name*; KeyError when there is none."""
    return _CLASS_OF[name]


def catalogue_of_events() -> dict[str, type[Event]]:
    """Every declared fact by its stored name, in order of declaration."""
    return dict(_CLASS_OF)


def private_fields(cls: type[msgspec.Struct]) -> tuple[str, ...]:
    """Names of the fields of *cls* whose value is `Private`, directly."""
    return tuple(field.name for field in msgspec.structs.fields(cls) if _holds_private(field.type))


def _holds_private(annotation: object) -> bool:
    return annotation is Private or Private in getattr(annotation, "__args__", ())
