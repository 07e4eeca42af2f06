"""How many there are of what, kept as the facts come in, so that statistics cost no scan."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from ledger.event import Event
from projections.connection import Connection, Writing
from projections.instants import micros
from projections.view import Apply, View


class Totals(View):
    """Counters; other views add to `moved` what a fact adds to them."""

    name = "totals"
    tables = "CREATE TABLE totals (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;"

    def __init__(self) -> None:
        super().__init__()
        self.moved: defaultdict[str, int] = defaultdict(int)

    def handlers(self) -> dict[type[Event], Apply]:
        """None of its own."""
        return {}

    def flush(self, connection: Writing) -> None:
        """Write every counter that was touched, even one that came back to where it was: batches must not matter."""
        if self.moved:
            connection.add("totals", self.moved.items())
            self.moved.clear()

    def forget(self) -> None:
        """Drop moves that were not written."""
        self.moved.clear()


def statistics(connection: Connection, now: datetime) -> dict[str, int]:
    """
    Count learners, evidence, assessments, awards and queues.

    `awards_live` leaves milestones out; `evidence` leaves out what was withdrawn, and `assessments` what was voided;
    `queue` is evidence that waits for an assessor, moderator or adjudicator, and open appeals.
    """
    count = dict(connection.execute("SELECT name, number FROM totals").fetchall())
    past_validity = dict(
        connection.execute(
            "SELECT kind, count(*) FROM award_register WHERE valid_until <= ? AND valid_until IS NOT NULL"
            " AND status IN ('live', 'suspended') AND status = 'live' GROUP BY kind",
            (micros(now),),
        ).fetchall()
    )
    return {
        "learners": count.get("learners", 0),
        "evidence": count.get("evidence", 0),
        "assessments": count.get("assessments", 0),
        "awards_live": count.get("micro-credential.live", 0) - past_validity.get("micro-credential", 0),
        "milestones_live": count.get("milestone.live", 0) - past_validity.get("milestone", 0),
        "awards_revoked": count.get("micro-credential.revoked", 0) + count.get("milestone.revoked", 0),
        "queue": count.get("queue", 0),
        "confirm": count.get("queue.confirm", 0),
        "review": count.get("queue.review", 0),
    }
