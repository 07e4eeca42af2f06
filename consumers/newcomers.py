"""Whom others name who is not known yet: registered as imported, with just the role that is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.application import Ledger
from ledger.catalogue import Catalogue
from ledger.decider import Command
from ledger.events import Role
from ledger.people import LinkAccount, RegisterPerson


def unknown(catalogue: Catalogue, accounts: Mapping[str, Role], granted_by: str) -> Iterator[Command]:
    """Register those of *accounts* whom the ledger does not know, each in its role."""
    for account, role in accounts.items():
        if account not in catalogue.people:
            yield RegisterPerson(person_id=account, origin="imported", role=role, by=granted_by)


def same_ref(
    catalogue: Catalogue, people: Mapping[str, str], learners: Mapping[str, str], linked_by: str
) -> Iterator[Command]:
    """
    Link a person and a learner who are known by one ref: to the college they are one human being.

    Rules compare linked accounts, so that nobody judges their own evidence under two accounts.
    """
    for ref, person in people.items():
        learner = learners.get(ref)
        if learner is not None and catalogue.root(learner) != catalogue.root(person):
            yield LinkAccount(person_id=person, account=learner, by=linked_by)


def named(
    ledger: Ledger, catalogue: Catalogue, learners: Mapping[str, str], assessors: Mapping[str, str], by: str
) -> list[Command]:
    """Return what makes known whoever is named, accounts by ref, and who is one human being under two accounts."""
    of_learners = ledger.identities.find_all("person", learners)
    known = {ref: person for ref, person in of_learners.items() if person in catalogue.people}
    learners_too = ledger.identities.find_all("learner", assessors)
    return [
        *unknown(catalogue, dict.fromkeys(assessors.values(), "assessor"), by),
        *same_ref(catalogue, {**known, **assessors}, {**learners_too, **learners}, by),
    ]
