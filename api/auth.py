"""
Who is asking, and what each role may do.

A request carries `Authorization: Bearer <key>`; the key names an account and one role.
`POLICY` is the only list of what a role may do: an endpoint that is not in it is denied to everybody.
A learner sees their own record alone; anybody else's is answered like one that does not exist.
Whether this person may judge this evidence is no question for this table: that is a rule, kept by the ledger.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, g, request

from api.problem_kinds import FORBIDDEN, UNAUTHENTICATED
from api.problems import Problem
from ledger.application import Ledger
from ledger.errors import Unknown
from ledger.event import Actor
from ledger.identities import Principal
from projections.wording import listed

CLIENT = "http"
LEARNER = "learner"
_EVERYBODY = frozenset(
    {"learner", "assessor", "adjudicator", "designer", "quality_reviewer", "partner", "registrar", "auditor",
     "privacy_officer", "operator", "service"}
)  # fmt: skip
_STAFF = _EVERYBODY - {"learner", "partner"}
_JUDGES = frozenset({"assessor", "adjudicator"})
_DESIGNERS = frozenset({"designer", "quality_reviewer"})
_RECORDS = frozenset({"registrar", "auditor"})
_ADMISSIONS = frozenset({"registrar", "operator", "service"})

PUBLIC = frozenset(
    {"health.livez", "health.readyz", "documentation.openapi", "documentation.page", "documentation.problem",
     "documentation.problem_list", "documentation.index", "static",
     "log.checkpoint", "log.tile", "log.inclusion", "log.consistency", "log.keys"}
)  # fmt: skip

POLICY: dict[str, frozenset[str]] = {
    "achievements.draft": _DESIGNERS,
    "achievements.listed": _EVERYBODY,
    "achievements.shown": _EVERYBODY,
    "achievements.version_shown": _EVERYBODY,
    "achievements.revise": _DESIGNERS,
    "achievements.approve": _DESIGNERS,
    "achievements.publish": _DESIGNERS,
    "achievements.endorse": frozenset({"partner"}),
    "achievements.withdraw_endorsement": frozenset({"partner"}),
    "achievements.retire": _DESIGNERS | {"registrar"},
    "stacks.draft": _DESIGNERS,
    "stacks.listed": _EVERYBODY,
    "stacks.shown": _EVERYBODY,
    "stacks.version_shown": _EVERYBODY,
    "stacks.revise": _DESIGNERS,
    "stacks.preview": _DESIGNERS,
    "stacks.approve": _DESIGNERS,
    "stacks.activate": _DESIGNERS,
    "stacks.retire": _DESIGNERS | {"registrar"},
    "frameworks.take_in": _DESIGNERS,
    "frameworks.listed": _EVERYBODY,
    "frameworks.shown": _EVERYBODY,
    "issuer.describe": _DESIGNERS | {"registrar"},
    "issuer.shown": _EVERYBODY,
    "people.register": frozenset({"registrar", "operator"}),
    "people.listed": _RECORDS | _DESIGNERS | {"operator"},
    "people.shown": _RECORDS | _DESIGNERS | {"operator"},
    "people.grant_role": frozenset({"registrar", "operator"}),
    "people.withdraw_role": frozenset({"registrar", "operator"}),
    "people.link_account": frozenset({"registrar", "operator"}),
    "people.declare_conflict": _JUDGES | {"registrar"},
    "learners.register": _ADMISSIONS,
    "learners.listed": _RECORDS | _JUDGES | _ADMISSIONS,
    "learners.listed:all": _RECORDS | _ADMISSIONS,
    "learners.shown": _RECORDS | _JUDGES | _ADMISSIONS | {LEARNER},
    "learners.transcript": _RECORDS | _JUDGES | {LEARNER, "service"},
    "learners.transcript:full": _RECORDS | {LEARNER},
    "learners.progress": _RECORDS | _JUDGES | {LEARNER, "service"},
    "learners.awards": _RECORDS | _JUDGES | {LEARNER, "service"},
    "learners.facts": _RECORDS,
    "evidence.listed": _RECORDS | _JUDGES | {LEARNER},
    "evidence.shown": _RECORDS | _JUDGES | {LEARNER},
    "evidence.submit": _JUDGES | {LEARNER, "registrar", "service"},
    "evidence.withdraw": _JUDGES | {LEARNER, "registrar"},
    "evidence.assess": _JUDGES,
    "evidence.amend": _JUDGES,
    "evidence.waive": frozenset({"registrar"}),
    "evidence.recognise": frozenset({"assessor", "registrar"}),
    "appeals.lodge": frozenset({LEARNER, "registrar"}),
    "appeals.decide": frozenset({"adjudicator", "assessor", "registrar"}),
    "awards.listed": _RECORDS | {"operator", "service"},
    "awards.shown": _RECORDS | _JUDGES | {LEARNER, "service"},
    "awards.why": _RECORDS | _JUDGES | {LEARNER},
    "awards.why_not": _RECORDS | _JUDGES | {LEARNER},
    "awards.consequences": _RECORDS,
    "awards.suspend": frozenset({"registrar"}),
    "awards.reinstate": frozenset({"registrar"}),
    "awards.request_revocation": frozenset({"registrar"}),
    "awards.revoke": frozenset({"registrar"}),
    "awards.extend": frozenset({"registrar"}),
    "awards.renew": frozenset({"registrar"}),
    "awards.substitute": frozenset({"registrar"}),
    "queues.assessment": _JUDGES | _RECORDS,
    "queues.confirm": _RECORDS,
    "queues.review": _RECORDS,
    "queues.revocation": _RECORDS,
    "queues.confer": frozenset({"registrar"}),
    "queues.decline": frozenset({"registrar"}),
    "queues.decide": frozenset({"registrar"}),
    "imports.results": _ADMISSIONS,
    "imports.catalogue": _DESIGNERS | {"operator"},
    "batches.listed": _RECORDS | _ADMISSIONS,
    "batches.shown": _RECORDS | _ADMISSIONS,
    "batches.undo": frozenset({"registrar"}),
    "log.entries": frozenset({"auditor"}),
    "blast.of_assessor": _RECORDS,
    "blast.discredit_assessor": frozenset({"registrar"}),
    "blast.of_evidence": _RECORDS,
    "blast.discredit_evidence": frozenset({"registrar"}),
    "blast.of_revision": _RECORDS | _DESIGNERS,
    "blast.review_revision": frozenset({"registrar"}),
    "audit.find": _RECORDS,
    "audit.difference": _RECORDS,
    "stats.shown": _STAFF,
    "metrics.shown": frozenset({"operator"}),
    "me.shown": _EVERYBODY,
}


def install(app: Flask) -> None:
    """Let no request of *app* reach its view before this module has said who asks and that they may."""
    app.before_request(_admit)


def principal() -> Principal:
    """Return who is asking."""
    who: Principal = g.principal
    return who


def actor() -> Actor:
    """Return who is asking, as facts name them."""
    return Actor(id=principal().account, role=principal().role, client=CLIENT)


def demand(permission: str) -> None:
    """Refuse with 403 unless the role of who asks has *permission*."""
    demand_of(principal(), permission)


def demand_of(who: Principal, permission: str) -> None:
    """Refuse with 403 unless the role of *who* has *permission*."""
    if who.role not in POLICY.get(permission, ()):
        who_may = listed(sorted(POLICY.get(permission, ())), "or") or "a role that there is not"
        raise Problem(FORBIDDEN, f"The role {who.role} may not do this; it takes {who_may}.")


def demand_own(learner_id: str) -> None:
    """Answer a learner who asks for another's record as if there were none."""
    if not owned(learner_id):
        raise Unknown("There is no such record.")


def owned(learner_id: str) -> bool:
    """Whether who asks may know of the learner's record at all: a learner knows of none but their own."""
    return principal().role != LEARNER or principal().account == learner_id


def second_person() -> Principal | None:
    """Return whose key stands in `Second-Authorization`: the other person where something takes two."""
    header = request.headers.get("Second-Authorization")
    return None if header is None else _holder(header)


def _admit() -> None:
    endpoint = request.endpoint
    if endpoint is None or endpoint in PUBLIC:
        return
    g.principal = _holder(request.headers.get("Authorization"))
    demand(endpoint)
    path: dict[str, Any] = request.view_args or {}
    if "learner_id" in path:
        demand_own(path["learner_id"])


def _holder(header: str | None) -> Principal:
    scheme, _, key = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Problem(UNAUTHENTICATED, "The request carries no key.")
    ledger: Ledger = current_app.extensions["ledger"]
    found = ledger.identities.check_key(key.strip())
    if found is None:
        raise Problem(UNAUTHENTICATED, "The key is unknown, expired or withdrawn.")
    if found.role != LEARNER and not ledger.catalogue().may(found.account, found.role, None, ledger.clock()):
        raise Problem(
            UNAUTHENTICATED, f"The role {found.role}, which this key was made for, was withdrawn or has ended."
        )
    return found
