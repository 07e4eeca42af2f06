"""Who may act on a learner's record: never oneself, never two people who are one, never the recused."""

from __future__ import annotations

from ledger import errors
from ledger.decider import LOCAL_ADMINISTRATION, Setting
from ledger.events import Role
from ledger.learners.record import Record


def same(setting: Setting, one: str, other: str) -> bool:
    """Whether two accounts belong to one human being, as far as the ledger knows."""
    return one == other or setting.catalogue.root(one) == setting.catalogue.root(other)


def require_role(setting: Setting, person: str, roles: tuple[Role, ...], achievement_id: str | None = None) -> None:
    """Refuse unless *person* holds one of *roles* now, for the achievement if one is named."""
    if person == LOCAL_ADMINISTRATION:
        return
    if not any(setting.catalogue.may(person, role, achievement_id, setting.now) for role in roles):
        named = " or ".join(roles).replace("_", " ")
        msg = f"This takes the role {named}, which {person} does not hold."
        raise errors.NotAllowed(msg, field="by")


def require_judge(setting: Setting, record: Record, person: str, roles: tuple[Role, ...], achievement_id: str) -> None:
    """Refuse a judge who is the learner, has a declared conflict of interest, or lacks the role."""
    if same(setting, person, record.learner_id):
        msg = "The person judging is the learner, or an account linked with the learner's; somebody else must judge."
        raise errors.OwnEvidence(msg, field="assessor")
    if setting.catalogue.recused(person, record.learner_id):
        msg = f"{person} declared a conflict of interest with this learner; somebody else must judge."
        raise errors.Recused(msg, field="assessor")
    require_role(setting, person, roles, achievement_id)


def require_registrar(setting: Setting, record: Record, person: str, about: str | None = None) -> None:
    """
    Refuse unless *person* is a registrar, not the learner, and without a conflict of interest.

    *about* is what the decision is about, an achievement, award, request or entry of a queue: a role may be for some.
    """
    if same(setting, person, record.learner_id):
        msg = "Nobody decides on their own awards; another registrar must."
        raise errors.OwnEvidence(msg, field="by")
    if setting.catalogue.recused(person, record.learner_id):
        msg = f"{person} declared a conflict of interest with this learner; another registrar must."
        raise errors.Recused(msg, field="by")
    require_role(setting, person, ("registrar",), achievement_of(record, about))


def achievement_of(record: Record, about: str | None) -> str | None:
    """Return the achievement that an award, request or entry of a queue is about; else *about* itself."""
    request = record.requests.get(about or "")
    found = record.awards.get(request.award_id if request else about or "") or record.queued.get(about or "")
    return found.achievement_id if found else about


def compared(setting: Setting, *accounts: str) -> tuple[str, ...]:
    """Return the person ids that a decision compared, for the record."""
    return tuple(setting.catalogue.root(account) for account in accounts)
