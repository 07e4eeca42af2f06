"""Appeals that were lodged, what they are about, and whether they are still to be heard."""

from __future__ import annotations

from ledger.event import Event, Recorded
from ledger.events import AchievementAwarded, AppealDecided, AppealLodged, EvidenceAssessed, EvidenceSubmitted
from projections.instants import micros
from projections.rows import Rows
from projections.totals import Totals
from projections.view import Apply, View

_AWARD, _OPEN = 4, 8


class Appeals(View):
    """Every appeal; a row stays when it is decided."""

    name = "appeals"
    tables = """
        CREATE TABLE appeals (
            position INTEGER PRIMARY KEY,
            appeal_id TEXT NOT NULL,
            learner_id TEXT NOT NULL,
            assessment_id TEXT,
            award_id TEXT,
            evidence_id TEXT,
            achievement_id TEXT,
            version INTEGER,
            open INTEGER NOT NULL,
            lodged_at INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX appeals_by_id ON appeals (appeal_id, learner_id);
    """
    indexes = "CREATE INDEX IF NOT EXISTS appeals_open ON appeals (position) WHERE open = 1;"

    def __init__(self, totals: Totals) -> None:
        self._appeals = Rows(
            "appeals",
            "position appeal_id learner_id assessment_id award_id evidence_id achievement_id version open lodged_at",
            key="appeal_id learner_id",
        )
        self._totals = totals
        super().__init__(self._appeals)

    def handlers(self) -> dict[type[Event], Apply]:
        """Appeals and their decisions."""
        return {AppealLodged: self._lodged, AppealDecided: self._decided}

    def award_of(self, appeal_id: str, learner_id: str) -> str | None:
        """Return the award that an appeal is about, if it is about one."""
        row = self._appeals.find((appeal_id, learner_id))
        return None if row is None else row[_AWARD]

    def _lodged(self, fact: AppealLodged, at: Recorded) -> None:
        learner_id = at.subject
        about = _about(self.past(at), fact)
        lodged_at = micros(fact.effective_at)
        self._appeals.add(
            (fact.appeal_id, learner_id),
            [at.position, fact.appeal_id, learner_id, fact.assessment_id, fact.award_id, *about, 1, lodged_at],
        )
        self._totals.moved["queue"] += 1

    def _decided(self, fact: AppealDecided, at: Recorded) -> None:
        row = self._appeals.change((fact.appeal_id, at.subject))
        if row is not None and row[_OPEN]:
            row[_OPEN] = 0
            self._totals.moved["queue"] -= 1


def _about(facts: list[Recorded], appeal: AppealLodged) -> tuple[str | None, str | None, int | None]:
    """Return evidence, achievement and version that an appeal is about."""
    evidence_id = None
    for recorded in reversed(facts):
        match recorded.fact:
            case EvidenceAssessed() as fact if appeal.assessment_id == fact.assessment_id:
                evidence_id = fact.evidence_id
            case EvidenceSubmitted() as fact if fact.evidence_id == evidence_id:
                return evidence_id, fact.achievement_id, fact.achievement_version
            case AchievementAwarded() as fact if appeal.award_id == fact.award_id:
                return fact.basis.evidence_id, fact.achievement_id, fact.achievement_version
    return evidence_id, None, None
