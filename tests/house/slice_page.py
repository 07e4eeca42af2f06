"""The page `docs/slices.md`: for each command the facts it can lead to, and the views that show them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from consumers.when_holdings_or_stacks_change_then_settle import ABOUT_A_LEARNER, ABOUT_A_STACK
from ledger.decider import Command
from ledger.event import catalogue_of_events
from ledger.learners.commands import Settle
from ledger.rules import rules_for
from tests.house.event_page import linked
from tests.house.handling import documents_of, tables_of
from tests.house.slices import commands, facts_of, streams_of

_INTRODUCTION = """\
# Slices: command → facts → views

What can be asked of the ledger, which facts can follow, and where they show.
Facts are everything the command's rules can record, under one condition or another; a refused command records none.
*Tables* are kept up as facts come in; *documents* are folded from one learner's own facts when they are read,
with the catalogue that all definitions and people fold into.

This page is made from the code by `make docs`: the facts by following every call from the decide functions,
the views from their tables of handlers.
"""
_SETTLING = """
## What follows by itself

These facts make the ledger settle the learner, or everybody whom a stack concerns: it issues `Settle`.
So does the clock, for what is due by then: validity, grace, stacks that start later.
Automations decide on the record as it is, never on the fact that woke them, so the same fact twice changes nothing.
"""


def slice_page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_commands(), _SETTLING, *_automation(), *_facts()]).rstrip() + "\n"


def _commands() -> Iterator[str]:
    category = None
    for command in commands():
        if rules_for(command).category != category:
            category = rules_for(command).category
            yield f"\n## `{streams_of(category)}`\n"
            yield "| command | facts | tables |"
            yield "|---|---|---|"
        facts = facts_of(command)
        shown = dict.fromkeys(view for fact in facts for view in tables_of(fact))
        yield f"| **{command.__name__}**<br>{_sentence(command)} | {_list(map(linked, facts))} | {_list(shown)} |"


def _automation() -> Iterator[str]:
    yield "| when | whom | then it can record |"
    yield "|---|---|---|"
    then = _list(map(linked, facts_of(Settle)))
    yield f"| {_list(map(linked, ABOUT_A_LEARNER))} | the learner | {then} |"
    yield f"| {_list(map(linked, ABOUT_A_STACK))} | who holds anything the stack names | the same |"


def _facts() -> Iterator[str]:
    yield "\n## Where each fact shows\n"
    yield "| fact | tables | documents |"
    yield "|---|---|---|"
    for fact in catalogue_of_events().values():
        yield f"| {linked(fact)} | {_list(tables_of(fact))} | {_list(documents_of(fact))} |"


def _list(items: Iterable[str]) -> str:
    return ", ".join(items) or "–"


def _sentence(command: type[Command]) -> str:
    return " ".join((inspect.getdoc(command) or "").split())
