"""To whom an award, a queued decision or a batch's evidence belongs, where an address does not say it."""

from __future__ import annotations

from typing import Any

from flask import g

from api.acting import ledger
from api.auth import owned
from api.reading import viewed, viewed_now
from ledger.errors import Unknown


def learner_of(path: dict[str, Any]) -> str:
    """Return the learner whom the award or the queued decision in *path* concerns; Unknown when there is none."""
    if "award_id" in path:
        return learner_of_award(str(path["award_id"]))
    return learner_of_queued(str(path["queue_id"]))


def learner_of_award(award_id: str) -> str:
    """Return whose award it is. A learner who asks for another's is answered as if there were none."""
    found = _find("SELECT learner_id FROM award_register WHERE award_id = ?", award_id)
    if found is None or not owned(found):
        raise Unknown(f"There is no award {award_id}.", field="award_id")
    g.concerns = found  # what an auditor reads is recorded with whom it is about
    return found


def learner_of_queued(queue_id: str) -> str:
    """Return whom a queued award concerns."""
    found = _find("SELECT learner_id FROM award_queues WHERE queue_id = ?", queue_id)
    if found is None:
        raise Unknown(f"Nothing waits under {queue_id}.", field="queue_id")
    return found


def _find(query: str, name: str) -> str | None:
    """Look at once, and again when the views have caught up: what was recorded a moment ago must be found."""
    for reading in (viewed, viewed_now):
        with reading() as connection:
            row = connection.execute(query, (name,)).fetchone()
        if row is not None:
            return str(row[0])
    return None


def achievement_of_endorsement(endorsement_id: str) -> str:
    """Return the achievement of which a version is endorsed."""
    for record in ledger().catalogue().achievements.values():
        if any(one.id == endorsement_id for version in record.versions.values() for one in version.endorsements):
            return record.id
    raise Unknown(f"There is no endorsement {endorsement_id}.", field="endorsement_id")
