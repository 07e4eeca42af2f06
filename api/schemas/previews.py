"""Shapes of previews: what is supposed, and what would follow, counts first and then page by page."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.schemas.fields import Choice, Instant, Shape, Text
from api.schemas.reading import PAGE_DEFAULT, PAGE_MOST, Number
from ledger.definition import Policy
from ledger.foresight import AppliesTo, Foreseen, Outcome, Why
from ledger.previewing import Preview
from projections.foretold import Named, counted, foretold


class PreviewSchema(Shape):
    """For whom a version is supposed to take effect, and from when; and which page of the answer is wanted."""

    applies_to = Choice(("new", "holders"), load_default="holders")
    effective_at = Instant(metadata={"description": "From when on, as the activation would say it."})
    limit = Number(1, PAGE_MOST, load_default=PAGE_DEFAULT)
    cursor = Text(longest=200, metadata={"description": "The `next` of the page before, which is of the same preview."})


class ForeseenShown(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one milestone of one learner; `sentence` says it in words."""

    learner_id: str
    outcome: Outcome
    why: Why
    sentence: str
    milestone: str
    award_id: str
    stack_id: str
    version: int
    awards: tuple[str, ...]
    components: tuple[str, ...]
    effective_at: datetime | None
    policy: Policy | None
    due_at: datetime | None
    would_keep: tuple[str, ...]

    @classmethod
    def of(cls, line: Foreseen, named: Named) -> ForeseenShown:
        return cls(
            learner_id=line.learner_id, outcome=line.outcome, why=line.why, sentence=foretold(line, named),
            milestone=line.achievement_id, award_id=line.award_id, stack_id=line.stack_id, version=line.version,
            awards=line.awards, components=line.components, effective_at=line.effective_at, policy=line.policy,
            due_at=line.due_at, would_keep=line.would_keep,
        )  # fmt: skip


class PreviewShown(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who gains, loses and keeps if a version takes effect.

    `preview` names position, instant and digest of all that is said; an activation for holders carries it.
    """

    preview: str
    sentence: str
    stack_id: str
    version: int
    applies_to: AppliesTo
    position: int
    at: datetime
    effective_at: datetime
    gains: int
    loses: int
    keeps: int
    learners: int
    facts: int
    items: list[ForeseenShown] = []
    next: str | None = None

    @classmethod
    def of(cls, found: Preview, items: list[ForeseenShown] | None = None, following: str | None = None) -> PreviewShown:
        return cls(
            preview=found.name, sentence=counted(found.gains, found.loses, found.keeps, found.applies_to),
            stack_id=found.stack_id, version=found.version, applies_to=found.applies_to, position=found.position,
            at=found.at, effective_at=found.effective_at, gains=found.gains, loses=found.loses, keeps=found.keeps,
            learners=found.learners, facts=found.folded, items=items or [], next=following,
        )  # fmt: skip
