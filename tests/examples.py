"""
Facts, definitions and catalogues used everywhere: a small welding programme and the people who run it.

Builders return what was said as (stream, fact), so that they can be joined: `catalogue_of(published("mig"), …)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from ledger.catalogue import EMPTY, Catalogue
from ledger.definition import (
    PRINCIPLES,
    AchievementDefinition,
    Criteria,
    Criterion,
    FrameworkCheck,
    Level,
    LossPolicy,
    OnLoss,
    ResultDescription,
    StackDefinition,
)
from ledger.event import Actor, Event, Recorded
from ledger.events import (
    AccountLinked,
    AchievementApproved,
    AchievementDrafted,
    AchievementPublished,
    AchievementRetired,
    AchievementRevised,
    ConflictDeclared,
    IssuerDescribed,
    PersonRegistered,
    Role,
    RoleGranted,
    StackActivated,
    StackApproved,
    StackDrafted,
    StackRetired,
    StackRevised,
)

Said = tuple[tuple[str, Event], ...]

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DESIGNER, REVIEWER = "per_dora", "per_rey"
ANA, BEN, CLEO = "per_ana", "per_ben", "per_cleo"
REGISTRAR, SECOND_REGISTRAR = "per_gail", "per_hugo"
LEE = "lrn_lee"

CHECK = FrameworkCheck(
    principles=PRINCIPLES, body="Programme Quality Committee", reference="PQC-2026-014", review_on=date(2028, 1, 31)
)
PERCENT = ResultDescription(id="score", name="Score", type="Percent", pass_at=Decimal(40))
RUBRIC = ResultDescription(
    id="bead",
    name="Bead quality",
    type="RubricCriterionLevel",
    pass_at=Decimal(2),
    criterion="bead",
    levels=(
        Level(id="weak", name="Weak", points=Decimal(1)),
        Level(id="sound", name="Sound", points=Decimal(2)),
        Level(id="fine", name="Fine", points=Decimal(3)),
    ),
)
CRITERIA = Criteria(
    narrative="Shows a sound weld in two positions.",
    items=(Criterion(id="bead", text="The bead is even."), Criterion(id="safety", text="Works safely.")),
)


def after(days: float = 0, *, hours: float = 0) -> datetime:
    """Return the instant so long after the programme's start."""
    return START + timedelta(days=days, hours=hours)


def micro_credential(name: str = "MIG welding", **changes: Any) -> AchievementDefinition:
    """Return a definition that asks for evidence and one assessor, with *changes* to any field."""
    definition = AchievementDefinition(
        name=name,
        description=f"{name} to the college's standard.",
        achievement_type="MicroCredential",
        criteria=Criteria(narrative=f"Shows {name}."),
    )
    return msgspec.structs.replace(definition, **changes)


def milestone(name: str = "Welder", **changes: Any) -> AchievementDefinition:
    """Return the definition of a milestone badge, with *changes* to any field."""
    definition = AchievementDefinition(
        name=name,
        description=f"{name}, level one.",
        achievement_type="Badge",
        criteria=Criteria(narrative="Complete the stack."),
        evidence_required=False,
    )
    return msgspec.structs.replace(definition, **changes)


def stack(milestone_id: str, rule: dict[str, Any], **changes: Any) -> StackDefinition:
    """Return a stack definition, with *changes* to any field."""
    definition = StackDefinition(name=f"Stack of {milestone_id}", milestone=milestone_id, rule=rule)
    return msgspec.structs.replace(definition, **changes)


def losing(policy: Literal["keep", "suspend", "review", "lapse", "revoke"], grace: str = "P0D") -> OnLoss:
    """Return one loss policy for all causes."""
    one = LossPolicy(policy=policy, grace=grace)
    return OnLoss(expired=one, suspended=one, revoked=one)


def leaf(achievement_id: str, **asked: Any) -> dict[str, Any]:
    """Return a leaf of a rule."""
    return {"achievement": achievement_id, **asked}


def all_of(*achievement_ids: str) -> dict[str, Any]:
    """Return the rule that asks for each of them."""
    return {"all": [leaf(one) for one in achievement_ids]}


def drafted(achievement_id: str, definition: AchievementDefinition | None = None, *, version: int = 1) -> Said:
    definition = definition or micro_credential(achievement_id)
    fact: Event = (
        AchievementDrafted(effective_at=START, definition=definition, drafted_by=DESIGNER)
        if version == 1
        else AchievementRevised(effective_at=START, version=version, definition=definition, revised_by=DESIGNER)
    )
    return ((f"achievement-{achievement_id}", fact),)


def approved(achievement_id: str, definition: AchievementDefinition | None = None, *, version: int = 1) -> Said:
    fact = AchievementApproved(effective_at=START, version=version, approved_by=REVIEWER, check=CHECK)
    return (*drafted(achievement_id, definition, version=version), (f"achievement-{achievement_id}", fact))


def published(achievement_id: str, definition: AchievementDefinition | None = None, *, version: int = 1) -> Said:
    fact = AchievementPublished(effective_at=START, version=version, published_by=DESIGNER)
    return (*approved(achievement_id, definition, version=version), (f"achievement-{achievement_id}", fact))


def retired(achievement_id: str) -> Said:
    fact = AchievementRetired(effective_at=START, retired_by=DESIGNER, reason="Replaced.")
    return ((f"achievement-{achievement_id}", fact),)


def stack_drafted(stack_id: str, definition: StackDefinition, *, version: int = 1) -> Said:
    fact: Event = (
        StackDrafted(effective_at=START, definition=definition, drafted_by=DESIGNER)
        if version == 1
        else StackRevised(effective_at=START, version=version, definition=definition, revised_by=DESIGNER)
    )
    return ((f"stack-{stack_id}", fact),)


def stack_approved(stack_id: str, definition: StackDefinition, *, version: int = 1) -> Said:
    fact = StackApproved(effective_at=START, version=version, approved_by=REVIEWER)
    return (*stack_drafted(stack_id, definition, version=version), (f"stack-{stack_id}", fact))


def activated(
    stack_id: str,
    definition: StackDefinition,
    *,
    version: int = 1,
    at: datetime = START,
    applies_to: Literal["new", "holders"] = "new",
) -> Said:
    fact = StackActivated(effective_at=at, version=version, activated_by=DESIGNER, applies_to=applies_to)
    return (*stack_approved(stack_id, definition, version=version), (f"stack-{stack_id}", fact))


def stack_retired(stack_id: str) -> Said:
    return ((f"stack-{stack_id}", StackRetired(effective_at=START, retired_by=DESIGNER, reason="Replaced.")),)


def issued_by(name: str) -> Said:
    """Return the description of a college of that name."""
    address = "https://college.example"
    return (
        ("issuer-self", IssuerDescribed(effective_at=START, id=address, name=name, url=address, described_by=DESIGNER)),
    )


def person(person_id: str, *roles: Role, linked: tuple[str, ...] = (), conflicts: tuple[str, ...] = ()) -> Said:
    """Return a registered person with roles for good, linked accounts and declared conflicts."""
    facts: list[Event] = [PersonRegistered(effective_at=START)]
    facts += [RoleGranted(effective_at=START, role=role, granted_by=REGISTRAR) for role in roles]
    facts += [AccountLinked(effective_at=START, account=account, linked_by=REGISTRAR) for account in linked]
    facts += [ConflictDeclared(effective_at=START, learner=learner) for learner in conflicts]
    return tuple((f"person-{person_id}", fact) for fact in facts)


def staff() -> Said:
    """Return everybody who runs the programme, each in their role."""
    return (
        *person(DESIGNER, "designer"),
        *person(REVIEWER, "quality_reviewer"),
        *person(ANA, "assessor"),
        *person(BEN, "assessor"),
        *person(CLEO, "assessor", "adjudicator"),
        *person(REGISTRAR, "registrar"),
        *person(SECOND_REGISTRAR, "registrar"),
    )


def recorded(*said: Said, first: int = 1, at: datetime = START) -> list[Recorded]:
    """Return what was said as the log holds it, from position *first*."""
    versions: dict[str, int] = {}
    facts = []
    for position, (stream, fact) in enumerate((one for part in said for one in part), start=first):
        versions[stream] = versions.get(stream, 0) + 1
        facts.append(
            Recorded(
                position=position,
                stream=stream,
                version=versions[stream],
                recorded_at=at,
                fact=fact,
                actor=Actor(id=DESIGNER, role="designer", client="tests"),
            )
        )
    return facts


def catalogue_of(*said: Said) -> Catalogue:
    """Return the catalogue that follows from what was said, in that order."""
    return EMPTY.advance(recorded(*said))


def facts_of(said: Iterable[tuple[str, Event]]) -> tuple[Event, ...]:
    """Return the facts alone, for `given`."""
    return tuple(fact for _, fact in said)


MIG, TIG, SAFETY, WELDER = "mig", "tig", "safety", "welder"

WELDING: Said = (
    *published(MIG, micro_credential("MIG welding", credits=Decimal(2), hours=Decimal(20))),
    *published(TIG, micro_credential("TIG welding", credits=Decimal(3), hours=Decimal(30))),
    *published(SAFETY, micro_credential("Safe working", credits=Decimal("0.5"), hours=Decimal(5))),
    *published(WELDER, milestone("Welder")),
    *activated("welding", stack(WELDER, all_of(MIG, TIG, SAFETY))),
)
"""Three micro-credentials and the milestone for all of them."""
