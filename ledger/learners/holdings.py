"""What a learner holds, as a stack's rule sees it: live awards, and substitutions where they were allowed."""

from __future__ import annotations

from ledger.decider import Setting
from ledger.learners.record import Record
from ledger.stack_rule import Holding


def holdings(record: Record, setting: Setting, stack_id: str | None = None) -> list[Holding]:
    """
    Return the live awards at `setting.now`, each with the credits, groups and results of its pinned version.

    In a stack for which an award was substituted, the award stands for that component and not for itself.
    """
    catalogue = setting.catalogue
    stands_for = {
        record.head(s.award_id).award_id: s.achievement_id
        for s in record.substitutions.values()
        if s.stack_id == stack_id
    }
    held = [
        catalogue.holding(award.award_id, award.achievement_id, award.version, award.effective_at, award.results)
        for award in record.awards.values()
        if award.live(setting.now)
    ]
    if not stands_for:
        return held
    return [h._replace(achievement_id=stands_for.get(h.award_id, h.achievement_id)) for h in held]
