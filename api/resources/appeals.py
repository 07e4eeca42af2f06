"""Appeals against a judgement, or against the loss of an award."""

from __future__ import annotations

from flask import Response

from api.acting import carry_out
from api.door import Door
from api.schemas.evidence import DecideAppealSchema, LodgeAppealSchema
from ledger.learners.commands import DecideAppeal, LodgeAppeal

blueprint = Door("appeals", __name__, description="Appeals: heard by nobody who judged, never worsening a result.")


@blueprint.post("/learners/<id:learner_id>/appeals")
@blueprint.arguments(LodgeAppealSchema)
@blueprint.records()
def lodge(command: LodgeAppeal, learner_id: str) -> Response:
    """Lodge an appeal; what would be lost waits until it is decided."""
    return carry_out(command, command.appeal_id, f"/learners/{learner_id}/evidence")


@blueprint.post("/learners/<id:learner_id>/appeals/<id:appeal_id>/decision")
@blueprint.arguments(DecideAppealSchema)
@blueprint.records()
def decide(command: DecideAppeal, learner_id: str, appeal_id: str) -> Response:
    """Decide an appeal as somebody who had no part in the judgement."""
    return carry_out(command, appeal_id, f"/learners/{learner_id}/evidence")
