"""Which rules decide which commands: one decider for each kind of stream, found by the commands' common class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.achievements import AchievementCommand, achievements
from ledger.batches import BatchCommand, batches
from ledger.decider import Command, Decider
from ledger.frameworks import FrameworkCommand, frameworks
from ledger.heads import HeadCommand, heads
from ledger.issuer import IssuerCommand, issuer
from ledger.learners import learners
from ledger.learners.commands import LearnerCommand
from ledger.people import PersonCommand, people
from ledger.reads import ReadCommand, reads
from ledger.stacks import StackCommand, stacks

Rules = Decider[Any, Any]

RULES: Mapping[type[Command], Rules] = {
    AchievementCommand: achievements,
    StackCommand: stacks,
    FrameworkCommand: frameworks,
    IssuerCommand: issuer,
    PersonCommand: people,
    BatchCommand: batches,
    ReadCommand: reads,
    HeadCommand: heads,
    LearnerCommand: learners,
}


def rules_for(cls: type[Command], rules: Mapping[type[Command], Rules] = RULES) -> Rules:
    """Return the rules that decide commands of *cls*."""
    for parent in cls.__mro__:
        if parent in rules:
            return rules[parent]
    msg = f"there are no rules for {cls.__name__}"
    raise TypeError(msg)
