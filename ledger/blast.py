"""
The blast radius: everybody whose awards have to do with what is in doubt, and all that would fall with them.

As a preview it replays the log and writes nothing. Carrying it out is a command for each learner in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from ledger.catalogue import Catalogue
from ledger.decider import Setting
from ledger.doubt import Affected, Doubt
from ledger.learners import affected, learners
from ledger.previewing import Progress, fact_of, naming, saying, stories
from ledger.store import Store


def blast_radius(
    store: Store,
    catalogue: Catalogue,
    doubt: Doubt,
    *,
    position: int,
    at: datetime,
    progress: Progress | None = None,
) -> Iterator[Affected]:
    """Yield, learner by learner in order of their ids, the awards that have to do with what is in doubt."""
    setting = Setting(now=at, catalogue=catalogue)
    concerned = who(store, doubt, catalogue, position, progress)
    for done, (learner_id, facts) in enumerate(stories(store, concerned, position), start=1):
        yield from affected(learners.fold(learner_id, map(fact_of, facts)), doubt, setting)
        if progress is not None:
            progress(position + done, position + len(concerned))


def who(store: Store, doubt: Doubt, catalogue: Catalogue, position: int, progress: Progress | None = None) -> list[str]:
    """Return, in order, the learners whose records name what is in doubt."""
    if doubt.learner_id is not None:
        return [doubt.learner_id]
    return sorted(naming(store, _facts_about(doubt, catalogue), position, progress))


def _facts_about(doubt: Doubt, catalogue: Catalogue) -> Mapping[str, re.Pattern[bytes]]:
    match doubt.kind:
        case "assessor":
            accounts = catalogue.accounts(doubt.subject)
            return {
                "evidence.assessed": saying("assessor", accounts),
                "prior-learning.recognised": saying("recognised_by", accounts),
            }
        case "evidence":
            return {"evidence.submitted": saying("evidence_id", [doubt.subject])}
        case "achievement":
            return {"achievement.awarded": saying("achievement_id", [doubt.subject])}
