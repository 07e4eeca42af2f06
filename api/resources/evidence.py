"""Evidence and how it is judged; prior learning recognised; prerequisites waived."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Response

from api.acting import carry_out
from api.answers import Page, answer, described
from api.auth import principal
from api.door import Door
from api.portfolio import EvidenceShown, Reader, portfolio
from api.reading import Known, known
from api.revealing import revealed
from api.schemas.evidence import (
    AmendAssessmentSchema,
    AssessEvidenceSchema,
    RecogniseLearningSchema,
    SubmitEvidenceSchema,
    WaivePrerequisitesSchema,
    WithdrawEvidenceSchema,
)
from api.schemas.reading import AsOfSchema
from ledger.errors import Unknown
from ledger.learners.commands import (
    AmendAssessment,
    AssessEvidence,
    RecogniseLearning,
    SubmitEvidence,
    WaivePrerequisites,
    WithdrawEvidence,
)

blueprint = Door("evidence", __name__, description="Evidence with the learner's reflection, and its assessment.")


def _portfolio(found: Known, learner_id: str) -> Iterator[EvidenceShown]:
    reader = Reader(principal().account, principal().role)
    return portfolio(found.facts, found.catalogue, found.on, reader, partial(revealed, learner_id))


def _at(learner_id: str) -> str:
    return f"/learners/{learner_id}/evidence"


@blueprint.get("/learners/<id:learner_id>/evidence")
@blueprint.arguments(AsOfSchema, location="query")
@blueprint.response(200, described(Page[EvidenceShown]))
def listed(query: dict[str, Any], learner_id: str) -> Response:
    """List the learner's evidence with its judgements."""
    found = known(learner_id, query)
    return answer(Page(list(_portfolio(found, learner_id))), position=found.position)


@blueprint.get("/learners/<id:learner_id>/evidence/<id:evidence_id>")
@blueprint.arguments(AsOfSchema, location="query")
@blueprint.response(200, described(EvidenceShown))
def shown(query: dict[str, Any], learner_id: str, evidence_id: str) -> Response:
    """Show a piece of evidence with its judgements."""
    found = known(learner_id, query)
    for evidence in _portfolio(found, learner_id):
        if evidence.id == evidence_id:
            return answer(evidence, position=found.position)
    raise Unknown(f"There is no evidence {evidence_id}.", field="evidence_id")


@blueprint.post("/learners/<id:learner_id>/evidence")
@blueprint.arguments(SubmitEvidenceSchema)
@blueprint.records()
def submit(command: SubmitEvidence, learner_id: str) -> Response:
    """Submit evidence towards an achievement."""
    return carry_out(command, command.evidence_id, f"{_at(learner_id)}/{command.evidence_id}")


@blueprint.post("/learners/<id:learner_id>/evidence/<id:evidence_id>/withdrawal")
@blueprint.arguments(WithdrawEvidenceSchema, required=False)
@blueprint.records()
def withdraw(command: WithdrawEvidence, learner_id: str, evidence_id: str) -> Response:
    """Withdraw evidence before it leads to an award."""
    return carry_out(command, evidence_id, f"{_at(learner_id)}/{evidence_id}")


@blueprint.post("/learners/<id:learner_id>/evidence/<id:evidence_id>/assessments")
@blueprint.arguments(AssessEvidenceSchema)
@blueprint.records()
def assess(command: AssessEvidence, learner_id: str, evidence_id: str) -> Response:
    """Judge evidence against the criteria; "not yet met" returns it."""
    return carry_out(command, command.assessment_id, f"{_at(learner_id)}/{evidence_id}")


@blueprint.post("/learners/<id:learner_id>/assessments/<id:assessment_id>/amendments")
@blueprint.arguments(AmendAssessmentSchema)
@blueprint.records()
def amend(command: AmendAssessment, learner_id: str, assessment_id: str) -> Response:
    """Correct one's own judgement, with the reason."""
    return carry_out(command, assessment_id, _at(learner_id))


@blueprint.post("/learners/<id:learner_id>/waivers")
@blueprint.arguments(WaivePrerequisitesSchema)
@blueprint.records()
def waive(command: WaivePrerequisites, learner_id: str) -> Response:
    """Let the learner try for an achievement without its prerequisites."""
    return carry_out(command, command.achievement_id, f"/learners/{learner_id}")


@blueprint.post("/learners/<id:learner_id>/prior-learning")
@blueprint.arguments(RecogniseLearningSchema)
@blueprint.records()
def recognise(command: RecogniseLearning, learner_id: str) -> Response:
    """Recognise prior learning as meeting an achievement's criteria, with its source."""
    return carry_out(command, command.recognition_id, f"/learners/{learner_id}/awards")
