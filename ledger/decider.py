"""The one shape that every module of rules has: what was, what is asked, what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from ledger.event import Event

if TYPE_CHECKING:
    from ledger.catalogue import Catalogue
    from ledger.foresight import Question, Rechecked

LOCAL_ADMINISTRATION = "local"
"""The account of the command line: trusted in every role until people sign in, and recorded as such."""

SYSTEM = "system"
"""The account of what follows by rule alone."""

S = TypeVar("S")
C = TypeVar("C", bound="Command")


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A wish to record something. Commands are values; the ledger decides what follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    What a decision may know beside its own stream: the instant, and the definitions and people at one position.

    Nothing else: no clock, no randomness, no I/O. The store appends only if the catalogue is still the newest.
    `rechecked` is the log's own answer where the rules ask what a decision means for learners.
    """

    now: datetime
    catalogue: Catalogue
    by: str = SYSTEM
    rechecked: Rechecked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider(Generic[S, C]):
    """
    Pure rules of one kind of stream.

    `decide` returns the facts that follow, `[]` when there is nothing new to record, or raises `Refused`.
    Law: deciding the same command again on the state it led to gives `[]`.
    `asks`, where the rules need to know what a command means for learners, returns what to look up in the log for it.
    """

    category: str
    initial: Callable[[str], S]
    evolve: Callable[[S, Event], S]
    decide: Callable[[S, C, Setting], list[Event]]
    subject: Callable[[C], str]
    asks: Callable[[S, C], Question | None] | None = None

    def fold(self, subject: str, facts: Iterable[Event]) -> S:
        """Fold *facts* of one stream, from its beginning, into the state they led to."""
        return reduce(self.evolve, facts, self.initial(subject))
