"""What befell an award after it was made, each with a sentence."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ledger import events as e
from ledger.catalogue import Catalogue
from ledger.event import Event, Recorded
from projections.holdings import HeldAward, Story
from projections.wording import ACTS, Named, day, listed


class Befallen(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that befell an award; `fact` is its kind, `by` who decided, None where a rule did."""

    fact: str
    sentence: str
    effective_at: datetime
    recorded_at: datetime
    position: int
    by: str | None = None
    cause: str | None = None
    lost: tuple[str, ...] = ()
    due_at: datetime | None = None


_BY_RULE = ("system",)


def befallen(award: HeldAward, named: Named) -> tuple[Befallen, ...]:
    """Return what befell *award*, in the order in which it was recorded; *named* gives the names of awards."""
    return tuple(_befallen(recorded, named) for recorded in award.befell)


def namer(story: Story, catalogue: Catalogue) -> Named:
    """Return what gives the name of an award of the learner: that of its achievement, as it was defined then."""

    def named(award_id: str) -> str:
        award = story.awards.get(award_id)
        if award is None:
            return award_id
        return catalogue.definition(award.fact.achievement_id, award.fact.achievement_version).name

    return named


def _befallen(recorded: Recorded, named: Named) -> Befallen:
    fact = recorded.fact
    by = next(
        (found for field in _DECIDERS if (found := getattr(fact, field, None)) is not None and found not in _BY_RULE),
        None,
    )
    return Befallen(
        fact=type(fact).__name__,
        sentence=sentence(fact, named),
        effective_at=fact.effective_at,
        recorded_at=recorded.recorded_at,
        position=recorded.position,
        by=by,
        cause=getattr(fact, "cause", None),
        lost=getattr(fact, "lost", ()),
        due_at=getattr(fact, "due_at", None),
    )


_DECIDERS = (
    "suspended_by", "reinstated_by", "revoked_by", "extended_by", "reviewed_by", "decided_by", "declined_by",
    "confirmed_by",
)  # fmt: skip


def sentence(fact: Event, named: Named) -> str:  # noqa: C901, PLR0911, PLR0912 -- one sentence for each fact
    """Say what happened, as to a learner."""
    on = day(fact.effective_at)
    match fact:
        case e.AwardSuspended(cause="hand"):
            return f"A registrar suspended it on {on}."
        case e.AwardSuspended():
            return f"It was suspended on {on}, because awards it rests on no longer count."
        case e.AwardReinstated(lifts="hand"):
            return f"The suspension was lifted on {on}."
        case e.AwardReinstated(lifts="stack"):
            return f"It counts again since {on}, because awards that complete it are there again."
        case e.AwardReinstated(lifts="revocation"):
            return f"After an appeal it was given back on {on}."
        case e.AwardReinstated():
            return f"It stands again since {on}, because the award that had renewed it was voided."
        case e.AwardRevoked(cause="voided"):
            return f"It was voided on {on}, with the import or the award that it rested on: it counts as never made."
        case e.AwardRevoked(cause="stack"):
            return f"It was revoked on {on} by the rule of its stack, because awards it rested on were lost."
        case e.AwardRevoked():
            return f"It was revoked on {on}; two people decided so."
        case e.AwardExpired():
            return f"It expired on {on}."
        case e.AwardLapsed():
            return f"It lapsed on {on}, without fault, because awards it rested on no longer count."
        case e.AwardExtended():
            if fact.valid_until is not None:
                return f"Its validity was extended on {on}, to {day(fact.valid_until)}."
            return f"More time was given on {on}{'' if fact.due_at is None else f', until {day(fact.due_at)}'}."
        case e.AchievementAwarded():
            return f"It was renewed on {on} by award {fact.award_id}."
        case e.AwardQueued():
            asked = "" if fact.approved_by is None else ", as two others asked"
            return f"Since {on} a registrar is to review it{asked}: {fact.reason}."
        case e.AwardReviewed():
            return f"A registrar reviewed it on {on} and decided: {fact.decision}."
        case e.StackBroken():
            lost = listed([named(award_id) for award_id in fact.lost])
            waits = fact.policy != "keep" and fact.due_at > fact.effective_at
            unless = f"unless something replaces it by {day(fact.due_at)}, " if waits else ""
            return f"On {on} {lost}, which it rests on, no longer counted ({fact.cause}); {unless}{ACTS[fact.policy]}."
        case e.StackBasisReplaced():
            return f"Since {on} it rests on {listed([named(award_id) for award_id in fact.awards])}; nothing was lost."
        case e.AppealLodged():
            return f"An appeal was lodged on {on}; what was due stands still while it is heard."
        case e.AppealDecided():
            return f"The appeal was {'upheld' if fact.upheld else 'dismissed'} on {on}."
    return f"{type(fact).__name__} on {on}."
