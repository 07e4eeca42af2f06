"""The commands that a row of results asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from api.imports.rows import Row
from ledger import ids
from ledger.catalogue import Catalogue
from ledger.definition import Route
from ledger.event import Actor
from ledger.learners.commands import AssessEvidence, LearnerCommand, RegisterLearner, SubmitEvidence
from ledger.private import Private, private


class Commands:
    """
    Turns rows into commands.

    *digest* finds the same text of one learner again; the importing client counts as who submitted.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        digest: Callable[[str, str, str], str],
        learners: Mapping[str, str],
        people: Mapping[str, str],
        batch_id: str,
        actor: Actor,
    ) -> None:
        self._catalogue = catalogue
        self._digest = digest
        self._learners = learners
        self._people = people
        self._batch_id = batch_id
        self._actor = actor
        self._routes: dict[str, Route] = {}

    def of(self, row: Row) -> list[LearnerCommand]:
        """Return what *row* asks for: register the learner, take the evidence, take the judgement."""
        learner_id = self._learners[row.learner_ref]
        evidence_id = f"evd_{self._digest(learner_id, 'evidence_id', row.evidence_id)[:24]}"
        commands: list[LearnerCommand] = [
            RegisterLearner(learner_id=learner_id, origin="imported"),
            SubmitEvidence(
                learner_id=learner_id,
                evidence_id=evidence_id,
                achievement_id=row.achievement,
                submitted_by=self._actor.id,
                route=self._route(row.achievement),
                declared_by="import",
                submitted_at=row.submitted_at,
                evidence_url=private(row.evidence_url),
                narrative=private(row.narrative),
                external_id=Private(plain=row.evidence_id),
                batch_id=self._batch_id,
            ),
        ]
        if row.judged is not None:
            assessor = self._people[row.judged.assessor_ref]
            commands.append(
                AssessEvidence(
                    learner_id=learner_id,
                    assessment_id=ids.derived("asm", evidence_id, assessor),
                    evidence_id=evidence_id,
                    assessor=assessor,
                    met=row.judged.met,
                    results=row.judged.results,
                    assessed_at=row.judged.assessed_at,
                    batch_id=self._batch_id,
                )
            )
        return commands

    def _route(self, achievement: str) -> Route:
        """Files do not say how evidence was gathered: as work where the definition takes that, else as it asks."""
        if achievement not in self._routes:
            _, definition = self._catalogue.published(achievement)
            self._routes[achievement] = "work_product" if "work_product" in definition.routes else definition.routes[0]
        return self._routes[achievement]
