"""
People and partner organisations who act: roles, linked accounts, conflicts of interest; one stream each.

Rules kept here:

- a person is registered before anything is said of them; names live in the identity store;
- accounts linked to each other count as one human being wherever two people are needed;
- a role is granted for achievements that exist, until an instant to come or for good; withdrawing takes it whole;
- who declared a conflict of interest with a learner is recused for good;
- discrediting an assessor takes two other people, registrars both; it takes no role and no award;
- saying the same again records nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ledger import errors, ids
from ledger.decider import LOCAL_ADMINISTRATION, SYSTEM, Command, Decider, Setting
from ledger.event import Event
from ledger.events import (
    AccountLinked,
    AssessorDiscredited,
    ConflictDeclared,
    PersonRegistered,
    Role,
    RoleGranted,
    RoleWithdrawn,
)
from ledger.programme import Grant, PersonRecord, evolve_person


class PersonCommand(Command, frozen=True, kw_only=True):
    """A command about one person."""

    person_id: str


class RegisterPerson(PersonCommand, frozen=True, kw_only=True):
    """Make a person known, with *role* in the same breath: nobody finds them registered and not able to act yet."""

    origin: Literal["registered", "imported"] = "registered"
    role: Role | None = None
    by: str = SYSTEM


class LinkAccount(PersonCommand, frozen=True, kw_only=True):
    """State that another account, a person's or a learner's, is the same human being."""

    account: str
    by: str


class GrantRole(PersonCommand, frozen=True, kw_only=True):
    """Let the person act in a role."""

    role: Role
    by: str
    achievements: tuple[str, ...] | None = None
    until: datetime | None = None


class WithdrawRole(PersonCommand, frozen=True, kw_only=True):
    """Let the person act in the role no more."""

    role: Role
    by: str


class DeclareConflict(PersonCommand, frozen=True, kw_only=True):
    """Declare a conflict of interest with a learner."""

    learner: str


class DiscreditAssessor(PersonCommand, frozen=True, kw_only=True):
    """State that the person's judgements are found wanting; awards that rest on them are queued for review before."""

    by: str
    approved_by: str
    reason: str


def decide(state: PersonRecord, command: PersonCommand, setting: Setting) -> list[Event]:
    if isinstance(command, RegisterPerson):
        return _register(state, command, setting)
    if state.origin is None:
        raise errors.Unknown(f"There is no person {state.id}.", field="person_id")
    match command:
        case LinkAccount():
            return _link(state, command, setting)
        case GrantRole():
            return _grant(state, command, setting)
        case WithdrawRole():
            if command.role not in state.roles:
                return []
            return [RoleWithdrawn(effective_at=setting.now, role=command.role, withdrawn_by=command.by)]
        case DeclareConflict():
            if command.learner in state.conflicts:
                return []
            return [ConflictDeclared(effective_at=setting.now, learner=command.learner)]
        case DiscreditAssessor():
            return _discredit(state, command, setting)
    raise TypeError(command)


def _register(state: PersonRecord, command: RegisterPerson, setting: Setting) -> list[Event]:
    if state.origin is not None:
        return []
    ids.checked(command.person_id, "person_id")
    registered = PersonRegistered(effective_at=setting.now, origin=command.origin)
    if command.role is None:
        return [registered]
    return [registered, RoleGranted(effective_at=setting.now, role=command.role, granted_by=command.by)]


def _link(state: PersonRecord, command: LinkAccount, setting: Setting) -> list[Event]:
    if command.account in state.linked:
        return []
    if command.account == state.id:
        raise errors.Invalid("An account is itself already; name another one.", field="account")
    ids.checked(command.account, "account")
    if setting.catalogue.root(command.account) == setting.catalogue.root(state.id):
        return []
    return [AccountLinked(effective_at=setting.now, account=command.account, linked_by=command.by)]


def _grant(state: PersonRecord, command: GrantRole, setting: Setting) -> list[Event]:
    grant = Grant(achievements=command.achievements, until=command.until)
    if grant in state.roles.get(command.role, ()):
        return []
    if command.until is not None and (command.until.tzinfo is None or command.until <= setting.now):
        raise errors.Invalid("until is an instant to come, with its offset from UTC.", field="until")
    if command.achievements is not None and not command.achievements:
        raise errors.Invalid("Name achievements, or leave them out to grant the role for all.", field="achievements")
    for index, achievement_id in enumerate(command.achievements or ()):
        if achievement_id not in setting.catalogue.achievements:
            raise errors.Unknown(f"There is no achievement {achievement_id}.", field=f"achievements.{index}")
    return [
        RoleGranted(
            effective_at=setting.now,
            role=command.role,
            granted_by=command.by,
            achievements=command.achievements,
            until=command.until,
        )
    ]


def _discredit(state: PersonRecord, command: DiscreditAssessor, setting: Setting) -> list[Event]:
    catalogue = setting.catalogue
    people = {catalogue.root(one) for one in (command.by, command.approved_by, state.id)}
    if len(people) < 3:
        msg = "Two people discredit a third; one of them cannot be another."
        raise errors.SecondPersonNeeded(msg, field="approved_by")
    for account in (command.by, command.approved_by):
        if account != LOCAL_ADMINISTRATION and not catalogue.may(account, "registrar", None, setting.now):
            raise errors.NotAllowed(f"This takes the role registrar, which {account} does not hold.", field="by")
    if command.reason in state.discredited:
        return []
    return [
        AssessorDiscredited(
            effective_at=setting.now,
            discredited_by=command.by,
            approved_by=command.approved_by,
            reason=command.reason,
        )
    ]


people: Decider[PersonRecord, PersonCommand] = Decider(
    category="person",
    initial=lambda subject: PersonRecord(id=subject),
    evolve=evolve_person,
    decide=decide,
    subject=lambda command: command.person_id,
)
