"""Where a piece of evidence stands: how it was judged, whether it led to anything, and for whom it waits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.event import Recorded
from ledger.events import (
    AchievementAwarded,
    AdjudicationRequested,
    AssessmentAmended,
    AssessmentVoided,
    AwardDeclined,
    AwardQueued,
    AwardRevoked,
    Capacity,
    EvidenceAssessed,
    EvidenceSubmitted,
    EvidenceWithdrawn,
)

_LETTER: dict[Capacity, str] = {"marker": "m", "moderator": "o", "adjudicator": "j", "appeal": "p"}


@dataclass(slots=True)
class Standing:
    """What became of one piece of evidence; judgements are written as `mark` writes them."""

    submitted: EvidenceSubmitted
    position: int
    judged: dict[str, str] = field(default_factory=dict)
    disputed: bool = False
    withdrawn: bool = False
    led_to: set[str] = field(default_factory=set)

    @property
    def marks(self) -> str:
        """Its judgements in the order given."""
        return "".join(self.judged.values())


def mark(fact: EvidenceAssessed) -> str:
    """Write a judgement as two characters: `m+` met by a marker, `M-` not met and to be moderated, `j+`, `o-`, `p+`."""
    letter = _LETTER[fact.capacity]
    return (letter.upper() if fact.moderate else letter) + ("+" if fact.met else "-")


def waits_for(marks: str, *, disputed: bool, markers: int, blind: bool, sampled: bool) -> Capacity | None:
    """Say for whom evidence waits that has these marks and has led to nothing yet."""
    given = [marks[at : at + 2] for at in range(0, len(marks), 2)]
    if any(one[0] in "pj" for one in given):
        return None
    outcomes = [one[1] for one in given if one[0] in "mM"]
    if disputed or len(set(outcomes)) > 1:
        return "adjudicator"
    if len(outcomes) < markers and (blind or "-" not in outcomes):
        return "marker"
    if "-" in outcomes:
        return None
    if sampled or any(one[0] == "M" for one in given):
        moderated = [one[1] for one in given if one[0] == "o"]
        return "adjudicator" if "-" in moderated else None if moderated else "moderator"
    return None


def sampled(evidence_id: str, percent: int) -> bool:
    """Whether the evidence falls into the moderation sample; the rules draw it the same way."""
    share = int.from_bytes(hashlib.sha256(evidence_id.encode()).digest()[:4], "big") / 2**32
    return share * 100 < percent


def standings(facts: Iterable[Recorded]) -> dict[str, Standing]:
    """Return where each piece of a learner's evidence stands after *facts*; what was voided is left out."""
    found: dict[str, Standing] = {}
    by_assessment: dict[str, Standing] = {}
    by_led: dict[str, Standing] = {}
    for recorded in facts:
        match recorded.fact:
            case EvidenceSubmitted() as fact:
                found[fact.evidence_id] = Standing(fact, recorded.position)
            case EvidenceWithdrawn() as fact if fact.evidence_id in found:
                found[fact.evidence_id].withdrawn = True
                if fact.cause == "voided":
                    del found[fact.evidence_id]
            case EvidenceAssessed() as fact if fact.evidence_id in found:
                by_assessment[fact.assessment_id] = found[fact.evidence_id]
                found[fact.evidence_id].judged[fact.assessment_id] = mark(fact)
            case AssessmentAmended() as fact if fact.assessment_id in by_assessment:
                judged = by_assessment[fact.assessment_id].judged
                judged[fact.assessment_id] = judged[fact.assessment_id][0] + ("+" if fact.met else "-")
            case AssessmentVoided() as fact if fact.assessment_id in by_assessment:
                standing = by_assessment.pop(fact.assessment_id)
                standing.judged.pop(fact.assessment_id)
                standing.disputed = False
            case AdjudicationRequested() as fact if fact.evidence_id in found:
                found[fact.evidence_id].disputed = True
            case AchievementAwarded() as fact if fact.basis.evidence_id in found:
                by_led[fact.award_id] = found[fact.basis.evidence_id]
                by_led[fact.award_id].led_to.add(fact.award_id)
                by_led[fact.award_id].led_to.discard(fact.queue_id or "")
            case AwardQueued(queue="confirm") as fact if fact.basis.evidence_id in found:
                by_led[fact.queue_id] = found[fact.basis.evidence_id]
                by_led[fact.queue_id].led_to.add(fact.queue_id)
            case AwardDeclined(queue_id=ended) | AwardRevoked(cause="voided", award_id=ended) if ended in by_led:
                by_led[ended].led_to.discard(ended)
    return found
