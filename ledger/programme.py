"""
What the programme has defined: achievements, stacks, frameworks, who issues and the people who act, folded from facts.

Each record is the state of one stream and the answer to what was said at a version.
`position` is the fact's place in the log; a fold without positions (as rules use it) leaves them at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from ledger.definition import AchievementDefinition, FrameworkCheck, StackDefinition
from ledger.event import Event
from ledger.events import (
    AccountLinked,
    AchievementApproved,
    AchievementDrafted,
    AchievementEndorsed,
    AchievementPublished,
    AchievementRetired,
    AchievementRevised,
    AssessorDiscredited,
    ConflictDeclared,
    EndorsementWithdrawn,
    FrameworkImported,
    IssuerDescribed,
    PersonRegistered,
    RoleGranted,
    RoleWithdrawn,
    StackActivated,
    StackApproved,
    StackDrafted,
    StackRetired,
    StackRevised,
)
from ledger.rule_language import Rule, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement:
    """A partner's word for one version; `withdrawn` is the reason it was taken back."""

    id: str
    partner: str
    statement: str
    effective_at: datetime
    withdrawn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AchievementVersion:
    """One version of an achievement: a draft until approved, earnable once published."""

    definition: AchievementDefinition
    drafted_by: str
    prerequisites: Rule | None = None
    approved_by: str | None = None
    check: FrameworkCheck | None = None
    published_position: int | None = None
    published_at: datetime | None = None
    endorsements: tuple[Endorsement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AchievementRecord:
    """All versions of one achievement; `published` is the number of the newest published one."""

    id: str
    versions: dict[int, AchievementVersion] = field(default_factory=dict)
    published: int | None = None
    retired: bool = False

    @property
    def newest(self) -> int:
        """The number of the newest version, 0 when nothing was drafted."""
        return len(self.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackVersion:
    """One version of a stack; `effective_at` is when it took or takes effect, None while it is not activated."""

    definition: StackDefinition
    rule: Rule
    drafted_by: str
    approved_by: str | None = None
    activated_position: int | None = None
    effective_at: datetime | None = None
    applies_to: Literal["new", "holders"] = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRecord:
    """All versions of one stack."""

    id: str
    versions: dict[int, StackVersion] = field(default_factory=dict)
    retired: bool = False

    @property
    def newest(self) -> int:
        """The number of the newest version, 0 when nothing was drafted."""
        return len(self.versions)

    @property
    def activated(self) -> int | None:
        """The number of the newest activated version, in effect or still to come."""
        return max((n for n, one in self.versions.items() if one.effective_at is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkRecord:
    """The newest import of a competency framework."""

    id: str
    imported: FrameworkImported | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role for some achievements, None for all, until an instant, None for good."""

    achievements: tuple[str, ...] | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """Somebody who acts: their roles, other accounts, and learners they are recused from."""

    id: str
    origin: Literal["registered", "imported"] | None = None
    roles: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    linked: tuple[str, ...] = ()
    conflicts: frozenset[str] = frozenset()
    discredited: tuple[str, ...] = ()
    """For which reasons the person's judgements were found wanting."""


def evolve_achievement(record: AchievementRecord, fact: Event, position: int = 0) -> AchievementRecord:
    match fact:
        case AchievementDrafted():
            return _with(record, 1, _achievement_version(fact.definition, fact.drafted_by))
        case AchievementRevised():
            return _with(record, fact.version, _achievement_version(fact.definition, fact.revised_by))
        case AchievementApproved():
            approved = replace(record.versions[fact.version], approved_by=fact.approved_by, check=fact.check)
            return _with(record, fact.version, approved)
        case AchievementPublished():
            version = record.versions[fact.version]
            version = replace(version, published_position=position, published_at=fact.effective_at)
            return replace(_with(record, fact.version, version), published=max(fact.version, record.published or 0))
        case AchievementEndorsed():
            version = record.versions[fact.version]
            endorsement = Endorsement(
                id=fact.endorsement_id,
                partner=fact.partner,
                statement=fact.statement,
                effective_at=fact.effective_at,
            )
            return _with(record, fact.version, replace(version, endorsements=(*version.endorsements, endorsement)))
        case EndorsementWithdrawn():
            return _withdraw(record, fact)
        case AchievementRetired():
            return replace(record, retired=True)
    return record


def evolve_stack(record: StackRecord, fact: Event, position: int = 0) -> StackRecord:
    match fact:
        case StackDrafted():
            return _with_stack(record, 1, _stack_version(fact.definition, fact.drafted_by))
        case StackRevised():
            return _with_stack(record, fact.version, _stack_version(fact.definition, fact.revised_by))
        case StackApproved():
            return _with_stack(
                record, fact.version, replace(record.versions[fact.version], approved_by=fact.approved_by)
            )
        case StackActivated():
            activated = replace(
                record.versions[fact.version],
                activated_position=position,
                effective_at=fact.effective_at,
                applies_to=fact.applies_to,
            )
            return _with_stack(record, fact.version, activated)
        case StackRetired():
            return replace(record, retired=True)
    return record


def evolve_framework(record: FrameworkRecord, fact: Event) -> FrameworkRecord:
    return replace(record, imported=fact) if isinstance(fact, FrameworkImported) else record


def evolve_issuer(described: IssuerDescribed | None, fact: Event) -> IssuerDescribed | None:
    return fact if isinstance(fact, IssuerDescribed) else described


def evolve_person(record: PersonRecord, fact: Event) -> PersonRecord:
    match fact:
        case PersonRegistered():
            return replace(record, origin=fact.origin)
        case AccountLinked():
            return replace(record, linked=(*record.linked, fact.account))
        case RoleGranted():
            grant = Grant(achievements=fact.achievements, until=fact.until)
            return replace(record, roles=record.roles | {fact.role: (*record.roles.get(fact.role, ()), grant)})
        case RoleWithdrawn():
            return replace(record, roles={role: held for role, held in record.roles.items() if role != fact.role})
        case ConflictDeclared():
            return replace(record, conflicts=record.conflicts | {fact.learner})
        case AssessorDiscredited():
            return replace(record, discredited=(*record.discredited, fact.reason))
    return record


def _with(record: AchievementRecord, number: int, version: AchievementVersion) -> AchievementRecord:
    return replace(record, versions=record.versions | {number: version})


def _with_stack(record: StackRecord, number: int, version: StackVersion) -> StackRecord:
    return replace(record, versions=record.versions | {number: version})


def _achievement_version(definition: AchievementDefinition, drafted_by: str) -> AchievementVersion:
    prerequisites = None if definition.prerequisites is None else parse(definition.prerequisites)
    return AchievementVersion(definition=definition, drafted_by=drafted_by, prerequisites=prerequisites)


def _stack_version(definition: StackDefinition, drafted_by: str) -> StackVersion:
    return StackVersion(definition=definition, rule=parse(definition.rule), drafted_by=drafted_by)


def _withdraw(record: AchievementRecord, fact: EndorsementWithdrawn) -> AchievementRecord:
    for number, version in record.versions.items():
        if any(one.id == fact.endorsement_id for one in version.endorsements):
            endorsements = tuple(
                replace(one, withdrawn=fact.reason) if one.id == fact.endorsement_id else one
                for one in version.endorsements
            )
            return _with(record, number, replace(version, endorsements=endorsements))
    return record
