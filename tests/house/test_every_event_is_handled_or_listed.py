"""No fact is declared and then forgotten: a command leads to it, rules take it in, and it shows somewhere."""

from __future__ import annotations

from ledger.event import catalogue_of_events
from ledger.events import (
    AccountLinked,
    AssessorDiscredited,
    ConflictDeclared,
    EvidenceDiscredited,
    FrameworkImported,
    HeadAccepted,
    IssuerDescribed,
    PersonRegistered,
    PrerequisitesWaived,
    RecordRead,
    RoleGranted,
    RoleWithdrawn,
)
from tests.house.handling import documents_of, states_of, tables_of
from tests.house.slices import category_of, commands, facts_of

FACTS = set(catalogue_of_events().values())
SHOWN_FROM_THE_CATALOGUE = {
    # Folded into `ledger.catalogue.Catalogue`, which is what frameworks, people and the issuer are read from.
    FrameworkImported, IssuerDescribed, PersonRegistered, AccountLinked, RoleGranted, RoleWithdrawn, ConflictDeclared,
}  # fmt: skip

READ_AS_FACTS = {
    # The rules ask for it, and people read it in the list of a learner's facts; nothing is computed from it.
    PrerequisitesWaived,
    AssessorDiscredited,
    EvidenceDiscredited,
    # Found by searching the facts.
    RecordRead,
    HeadAccepted,
}


def test_every_fact_follows_from_some_command() -> None:
    recorded = {fact for command in commands() for fact in facts_of(command)}

    assert set() == FACTS - recorded


def test_every_command_leads_to_some_fact() -> None:
    assert [] == [command.__name__ for command in commands() if not facts_of(command)]


def test_every_fact_is_taken_in_by_the_rules_of_its_own_stream() -> None:
    wrong = {fact.__name__: states_of(fact) for fact in FACTS if [category_of(fact)] != states_of(fact)}

    assert {} == wrong


def test_every_fact_shows_in_a_table_or_a_document() -> None:
    shown = {fact for fact in FACTS if tables_of(fact) or documents_of(fact)}

    assert SHOWN_FROM_THE_CATALOGUE | READ_AS_FACTS == FACTS - shown
