from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.errors import Invalid, Unknown
from ledger.events import AccountLinked, ConflictDeclared, PersonRegistered, RoleGranted, RoleWithdrawn
from ledger.people import (
    DeclareConflict,
    GrantRole,
    LinkAccount,
    PersonCommand,
    RegisterPerson,
    WithdrawRole,
    people,
)
from tests.examples import ANA, BEN, LEE, MIG, REGISTRAR, TIG, WELDING, catalogue_of, person
from tests.specification import NOW, given

KNOWN = PersonRegistered(effective_at=NOW)
GRANTED = RoleGranted(effective_at=NOW, role="assessor", granted_by=REGISTRAR)
GRANT = GrantRole(person_id=ANA, role="assessor", by=REGISTRAR)
LATER = NOW + timedelta(days=30)


def test_a_person_is_registered_once() -> None:
    given(people).when(RegisterPerson(person_id=ANA)).then(KNOWN)
    given(people, KNOWN).when(RegisterPerson(person_id=ANA, origin="imported")).then()


def test_who_is_registered_for_a_role_is_never_found_without_it() -> None:
    register = RegisterPerson(person_id=ANA, origin="imported", role="assessor", by=BEN)
    granted = RoleGranted(effective_at=NOW, role="assessor", granted_by=BEN)

    given(people).when(register).then(PersonRegistered(effective_at=NOW, origin="imported"), granted)
    given(people, KNOWN).when(register).then()


@pytest.mark.parametrize(
    "command",
    [
        GRANT,
        LinkAccount(person_id=ANA, account=BEN, by=REGISTRAR),
        WithdrawRole(person_id=ANA, role="assessor", by=REGISTRAR),
        DeclareConflict(person_id=ANA, learner=LEE),
    ],
)
def test_nothing_is_said_of_a_stranger(command: PersonCommand) -> None:
    given(people).when(command).then_refused(Unknown, field="person_id")


# Roles


def test_a_role_is_granted_once() -> None:
    given(people, KNOWN).when(GRANT).then(GRANTED)
    given(people, KNOWN, GRANTED).when(GRANT).then()


def test_a_role_may_be_for_some_achievements_until_an_instant() -> None:
    some = GrantRole(person_id=ANA, role="assessor", by=REGISTRAR, achievements=(MIG,), until=LATER)
    granted = RoleGranted(effective_at=NOW, role="assessor", granted_by=REGISTRAR, achievements=(MIG,), until=LATER)

    given(people, KNOWN, GRANTED).when(some, catalogue=catalogue_of(WELDING)).then(granted)


def test_a_role_may_be_for_several_achievements() -> None:
    both = GrantRole(person_id=ANA, role="partner", by=REGISTRAR, achievements=(MIG, TIG))

    given(people, KNOWN).when(both, catalogue=catalogue_of(WELDING)).then(
        RoleGranted(effective_at=NOW, role="partner", granted_by=REGISTRAR, achievements=(MIG, TIG))
    )


def test_a_role_is_for_achievements_that_exist() -> None:
    unheard_of = GrantRole(person_id=ANA, role="assessor", by=REGISTRAR, achievements=(MIG, "unheard-of"))
    none = GrantRole(person_id=ANA, role="assessor", by=REGISTRAR, achievements=())

    given(people, KNOWN).when(unheard_of, catalogue=catalogue_of(WELDING)).then_refused(Unknown, field="achievements.1")
    given(people, KNOWN).when(none).then_refused(Invalid, field="achievements")


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(days=1), LATER.replace(tzinfo=None)])
def test_a_role_ends_at_an_instant_to_come(until: object) -> None:
    past = GrantRole(person_id=ANA, role="assessor", by=REGISTRAR, until=until)  # type: ignore[arg-type]

    given(people, KNOWN).when(past).then_refused(Invalid, field="until")


def test_withdrawing_takes_the_role_whole() -> None:
    withdraw = WithdrawRole(person_id=ANA, role="assessor", by=REGISTRAR)
    withdrawn = RoleWithdrawn(effective_at=NOW, role="assessor", withdrawn_by=REGISTRAR)

    given(people, KNOWN, GRANTED).when(withdraw).then(withdrawn)
    given(people, KNOWN, GRANTED, withdrawn).when(withdraw).then()
    given(people, KNOWN, GRANTED, withdrawn).when(GRANT).then(GRANTED)


# Linked accounts


def test_an_account_is_linked_once() -> None:
    link = LinkAccount(person_id=ANA, account=LEE, by=REGISTRAR)
    linked = AccountLinked(effective_at=NOW, account=LEE, linked_by=REGISTRAR)

    given(people, KNOWN).when(link).then(linked)
    given(people, KNOWN, linked).when(link).then()


def test_linking_what_is_linked_the_other_way_round_records_nothing() -> None:
    link = LinkAccount(person_id=ANA, account=BEN, by=REGISTRAR)

    given(people, KNOWN).when(link, catalogue=catalogue_of(person(BEN, linked=(ANA,)))).then()


def test_an_account_is_not_linked_to_itself() -> None:
    link = LinkAccount(person_id=ANA, account=ANA, by=REGISTRAR)

    given(people, KNOWN).when(link).then_refused(Invalid, field="account")


# Conflicts of interest


def test_a_conflict_is_declared_once() -> None:
    declare = DeclareConflict(person_id=ANA, learner=LEE)
    declared = ConflictDeclared(effective_at=NOW, learner=LEE)

    given(people, KNOWN).when(declare).then(declared)
    given(people, KNOWN, declared).when(declare).then()
