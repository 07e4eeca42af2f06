"""What can be earned: drafted, approved by a second person, published, endorsed, revised, retired."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from flask import Response

from api.acting import carry_out, ledger
from api.answers import Page, answer, described
from api.auth import POLICY, principal
from api.door import Door
from api.pages import page_of_names
from api.reading import last_position
from api.schemas.achievements import (
    ApproveAchievementSchema,
    DraftAchievementSchema,
    EndorseAchievementSchema,
    PublishAchievementSchema,
    RetireAchievementSchema,
    ReviseAchievementSchema,
    WithdrawEndorsementSchema,
)
from api.schemas.catalogue import Achievement, AchievementLine, AchievementVersionShown
from api.schemas.reading import PageSchema
from ledger.achievements import (
    ApproveAchievement,
    DraftAchievement,
    EndorseAchievement,
    PublishAchievement,
    RetireAchievement,
    ReviseAchievement,
    WithdrawEndorsement,
)
from ledger.errors import NotAllowed
from ledger.programme import AchievementVersion

blueprint = Door("achievements", __name__, description="Micro-credentials and milestone badges, version by version.")


def _at(achievement_id: str) -> str:
    return f"/achievements/{achievement_id}"


def _readable(version: AchievementVersion) -> AchievementVersion:
    """Name a person who checked as the college does, to those who may see people; facts know their account alone."""
    check = version.check
    if check is None or principal().role not in POLICY["people.shown"]:
        return version
    profile = ledger().identities.profile(check.body)
    if profile is None or profile.kind != "person":
        return version
    return replace(version, check=msgspec.structs.replace(check, body=profile.ref))


@blueprint.post("/achievements")
@blueprint.arguments(DraftAchievementSchema)
@blueprint.records()
def draft(command: DraftAchievement) -> Response:
    """Draft an achievement."""
    return carry_out(command, command.achievement_id, _at(command.achievement_id))


@blueprint.get("/achievements")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, described(Page[AchievementLine]))
def listed(query: dict[str, Any]) -> Response:
    """List achievements."""
    known = ledger().catalogue().achievements
    names, following = page_of_names(known, query["limit"], query.get("cursor"))
    return answer(Page([AchievementLine.of(known[name]) for name in names], following))


@blueprint.get("/achievements/<id:achievement_id>")
@blueprint.response(200, described(Achievement))
def shown(achievement_id: str) -> Response:
    """Show an achievement with all its versions."""
    record = ledger().catalogue().achievement(achievement_id)
    record = replace(record, versions={number: _readable(one) for number, one in record.versions.items()})
    return answer(Achievement.of(record), position=last_position(f"achievement-{achievement_id}"))


@blueprint.get("/achievements/<id:achievement_id>/versions/<number:version>")
@blueprint.response(200, described(AchievementVersionShown))
def version_shown(achievement_id: str, version: int) -> Response:
    """Show one version of an achievement."""
    found = _readable(ledger().catalogue().achievement_version(achievement_id, version))
    return answer(AchievementVersionShown.of(version, found), position=last_position(f"achievement-{achievement_id}"))


@blueprint.post("/achievements/<id:achievement_id>/revisions")
@blueprint.arguments(ReviseAchievementSchema)
@blueprint.records()
def revise(command: ReviseAchievement, achievement_id: str) -> Response:
    """Draft the next version, or replace its unapproved draft."""
    return carry_out(command, achievement_id, _at(achievement_id))


@blueprint.post("/achievements/<id:achievement_id>/versions/<number:version>/approval")
@blueprint.arguments(ApproveAchievementSchema)
@blueprint.records()
def approve(command: ApproveAchievement, achievement_id: str, version: int) -> Response:
    """Approve a draft as the second person, with the check of the programme's framework."""
    return carry_out(command, achievement_id, f"{_at(achievement_id)}/versions/{version}")


@blueprint.post("/achievements/<id:achievement_id>/versions/<number:version>/publication")
@blueprint.arguments(PublishAchievementSchema, required=False)
@blueprint.records()
def publish(command: PublishAchievement, achievement_id: str, version: int) -> Response:
    """Publish an approved version: new submissions are held to it."""
    return carry_out(command, achievement_id, f"{_at(achievement_id)}/versions/{version}")


@blueprint.post("/achievements/<id:achievement_id>/versions/<number:version>/endorsements")
@blueprint.arguments(EndorseAchievementSchema)
@blueprint.records()
def endorse(command: EndorseAchievement, achievement_id: str, version: int) -> Response:
    """Endorse one version as an industry partner."""
    return carry_out(command, command.endorsement_id, f"{_at(achievement_id)}/versions/{version}")


@blueprint.post("/endorsements/<id:endorsement_id>/withdrawal")
@blueprint.arguments(WithdrawEndorsementSchema)
@blueprint.records()
def withdraw_endorsement(command: WithdrawEndorsement, endorsement_id: str) -> Response:
    """Withdraw one's own endorsement; awards made under it stand."""
    catalogue = ledger().catalogue()
    record = catalogue.achievement(command.achievement_id)
    partners = {
        one.partner for version in record.versions.values() for one in version.endorsements if one.id == endorsement_id
    }
    if catalogue.root(principal().account) not in {catalogue.root(partner) for partner in partners}:
        raise NotAllowed("Only the partner who endorsed withdraws the endorsement.", field="endorsement_id")
    return carry_out(command, endorsement_id, _at(command.achievement_id))


@blueprint.post("/achievements/<id:achievement_id>/retirement")
@blueprint.arguments(RetireAchievementSchema)
@blueprint.records()
def retire(command: RetireAchievement, achievement_id: str) -> Response:
    """Retire an achievement: it takes nothing new, and what was awarded stands."""
    return carry_out(command, achievement_id, _at(achievement_id))
