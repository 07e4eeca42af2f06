"""People who act: registered, given roles, linked where two accounts are one human being, recused."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.acting import carry_out, ledger
from api.answers import Page, answer, described
from api.auth import principal
from api.door import Door
from api.pages import page_of_names
from api.profiles import registered
from api.reading import last_position
from api.schemas.catalogue import PersonShown
from api.schemas.people import (
    DeclareConflictSchema,
    GrantRoleSchema,
    LinkAccountSchema,
    ProfileSchema,
    WithdrawRoleSchema,
)
from api.schemas.reading import PeopleSchema
from ledger.errors import NotAllowed, Unknown
from ledger.people import DeclareConflict, GrantRole, LinkAccount, RegisterPerson, WithdrawRole

blueprint = Door("people", __name__, description="People and partner organisations who act, and in which roles.")


def _at(person_id: str) -> str:
    return f"/people/{person_id}"


@blueprint.post("/people")
@blueprint.arguments(ProfileSchema)
@blueprint.records()
def register(profile: dict[str, Any]) -> Response:
    """Register a person; the same `ref` again is the same person."""
    account = registered("person", profile)
    return carry_out(RegisterPerson(person_id=account), account, _at(account))


@blueprint.get("/people")
@blueprint.arguments(PeopleSchema, location="query")
@blueprint.response(200, described(Page[PersonShown]))
def listed(query: dict[str, Any]) -> Response:
    """List people, or find one by `ref`."""
    known = ledger().catalogue().people
    names: list[str] = list(known)
    if "ref" in query:
        account = ledger().identities.find("person", query["ref"])
        names = [account] if account is not None and account in known else []
    wanted, following = page_of_names(names, query["limit"], query.get("cursor"))
    profiles = ledger().identities.profiles(wanted)
    return answer(Page([PersonShown.of(known[name], profiles.get(name)) for name in wanted], following))


@blueprint.get("/people/<id:person_id>")
@blueprint.response(200, described(PersonShown))
def shown(person_id: str) -> Response:
    """Show a person with their roles."""
    record = ledger().catalogue().people.get(person_id)
    if record is None:
        raise Unknown(f"There is no person {person_id}.", field="person_id")
    person = PersonShown.of(record, ledger().identities.profile(person_id))
    return answer(person, position=last_position(f"person-{person_id}"))


@blueprint.post("/people/<id:person_id>/roles")
@blueprint.arguments(GrantRoleSchema)
@blueprint.records()
def grant_role(command: GrantRole, person_id: str) -> Response:
    """Grant a role, for all achievements or some, for good or until an instant."""
    return carry_out(command, person_id, _at(person_id))


@blueprint.post("/people/<id:person_id>/role-withdrawals")
@blueprint.arguments(WithdrawRoleSchema)
@blueprint.records()
def withdraw_role(command: WithdrawRole, person_id: str) -> Response:
    """Withdraw a role."""
    return carry_out(command, person_id, _at(person_id))


@blueprint.post("/people/<id:person_id>/accounts")
@blueprint.arguments(LinkAccountSchema)
@blueprint.records()
def link_account(command: LinkAccount, person_id: str) -> Response:
    """Link another account of the same human being: both count as one wherever two people are needed."""
    _must_exist(command.account, "account")
    return carry_out(command, person_id, _at(person_id))


@blueprint.post("/people/<id:person_id>/conflicts")
@blueprint.arguments(DeclareConflictSchema)
@blueprint.records()
def declare_conflict(command: DeclareConflict, person_id: str) -> Response:
    """Declare one's conflict of interest with a learner; a registrar may record it for somebody."""
    if principal().role != "registrar" and principal().account != person_id:
        raise NotAllowed(
            "People declare their own conflicts of interest; a registrar may record another's.", field="person_id"
        )
    _must_exist(command.learner, "learner")
    return carry_out(command, person_id, _at(person_id))


def _must_exist(account: str, field: str) -> None:
    """Refuse an account that nobody has: a slip of the pen would leave two accounts of one person unlinked."""
    if ledger().identities.profile(account) is None:
        raise Unknown(f"There is no account {account}.", field=field)
