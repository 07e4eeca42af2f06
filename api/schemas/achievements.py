"""Shapes of achievements on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import post_load

from api.auth import principal
from api.schemas.command import CommandSchema
from api.schemas.definitions import AchievementDefinitionSchema, AchievementEntrySchema, FrameworkCheckSchema
from api.schemas.fields import Nested, Prose
from api.whose import achievement_of_endorsement
from ledger import achievements


class DraftAchievementSchema(AchievementEntrySchema):
    """The first draft of an achievement."""

    @post_load
    def build(self, data: dict[str, Any], **rest: Any) -> Any:
        entry = super().build(data, **rest)
        return achievements.DraftAchievement(
            achievement_id=entry.id, definition=entry.definition, by=principal().account
        )


class ReviseAchievementSchema(AchievementDefinitionSchema, CommandSchema):
    """The next version of an achievement."""

    @post_load
    def build(self, data: dict[str, Any], **rest: Any) -> Any:
        definition = super().build(data, **rest)
        return achievements.ReviseAchievement(definition=definition, **self.from_request())


class ApproveAchievementSchema(CommandSchema):
    """A second person's approval, with the check of the programme's framework."""

    command: ClassVar = achievements.ApproveAchievement

    check = Nested(FrameworkCheckSchema, required=True)


class PublishAchievementSchema(CommandSchema):
    """Publication of an approved version."""

    command: ClassVar = achievements.PublishAchievement


class EndorseAchievementSchema(CommandSchema):
    """A partner's endorsement of one version."""

    command: ClassVar = achievements.EndorseAchievement
    signed_as: ClassVar = "partner"
    brings: ClassVar = ("endorsement_id", "end")

    statement = Prose(required=True)


class WithdrawEndorsementSchema(CommandSchema):
    """Withdrawal of an endorsement."""

    command: ClassVar = achievements.WithdrawEndorsement
    signed_as: ClassVar = None

    reason = Prose(required=True)

    def from_request(self) -> dict[str, Any]:
        found = super().from_request()
        return found | {"achievement_id": achievement_of_endorsement(found["endorsement_id"])}


class RetireAchievementSchema(CommandSchema):
    """Retirement of an achievement."""

    command: ClassVar = achievements.RetireAchievement

    reason = Prose(required=True)
