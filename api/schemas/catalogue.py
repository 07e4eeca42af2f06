"""What is answered of definitions and people."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from api.answers import complete
from ledger.definition import AchievementDefinition, FrameworkCheck, StackDefinition
from ledger.errors import Unknown
from ledger.events import Competency, FrameworkImported, IssuerDescribed, Role
from ledger.identities import Profile
from ledger.programme import (
    AchievementRecord,
    AchievementVersion,
    FrameworkRecord,
    PersonRecord,
    StackRecord,
    StackVersion,
)

Status = Literal["draft", "approved", "published", "retired"]
StackStatus = Literal["draft", "approved", "activated", "retired"]


class EndorsementShown(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's word for one version; `withdrawn` is the reason it was taken back."""

    id: str
    partner: str
    statement: str
    effective_at: datetime
    withdrawn: str | None


class AchievementVersionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an achievement."""

    version: int
    status: Status
    definition: AchievementDefinition
    drafted_by: str
    approved_by: str | None
    check: FrameworkCheck | None
    published_at: datetime | None
    endorsements: list[EndorsementShown]

    @classmethod
    def of(cls, number: int, version: AchievementVersion) -> AchievementVersionShown:
        published = version.published_position is not None
        return cls(
            version=number,
            status="published" if published else "approved" if version.approved_by else "draft",
            definition=complete(version.definition),
            drafted_by=version.drafted_by,
            approved_by=version.approved_by,
            check=version.check,
            published_at=version.published_at,
            endorsements=[
                EndorsementShown(
                    id=one.id, partner=one.partner, statement=one.statement,
                    effective_at=one.effective_at, withdrawn=one.withdrawn,
                )
                for one in version.endorsements
            ],
        )  # fmt: skip


class Achievement(msgspec.Struct, frozen=True, kw_only=True):
    """An achievement with all its versions; `published` is the number that new submissions are held to."""

    id: str
    retired: bool
    published: int | None
    newest: int
    versions: list[AchievementVersionShown]

    @classmethod
    def of(cls, record: AchievementRecord) -> Achievement:
        return cls(
            id=record.id,
            retired=record.retired,
            published=record.published,
            newest=record.newest,
            versions=[
                AchievementVersionShown.of(number, version) for number, version in sorted(record.versions.items())
            ],
        )


class AchievementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of achievements: its published version, or else its newest draft."""

    id: str
    name: str
    achievement_type: str
    status: Status
    version: int
    credits: Decimal
    hours: Decimal

    @classmethod
    def of(cls, record: AchievementRecord) -> AchievementLine:
        number = record.published or record.newest
        version = record.versions[number]
        status: Status = "retired" if record.retired else AchievementVersionShown.of(number, version).status
        definition = version.definition
        return cls(
            id=record.id, name=definition.name, achievement_type=definition.achievement_type, status=status,
            version=number, credits=definition.credits, hours=definition.hours,
        )  # fmt: skip


class StackVersionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a stack; `effective_at` is when it took or takes effect."""

    version: int
    status: StackStatus
    definition: StackDefinition
    drafted_by: str
    approved_by: str | None
    effective_at: datetime | None
    applies_to: Literal["new", "holders"]

    @classmethod
    def of(cls, number: int, version: StackVersion) -> StackVersionShown:
        activated = version.activated_position is not None
        return cls(
            version=number,
            status="activated" if activated else "approved" if version.approved_by else "draft",
            definition=complete(version.definition),
            drafted_by=version.drafted_by,
            approved_by=version.approved_by,
            effective_at=version.effective_at,
            applies_to=version.applies_to,
        )


class StackShown(msgspec.Struct, frozen=True, kw_only=True):
    """A stack with all its versions; `activated` is the newest one that is in effect or will be."""

    id: str
    retired: bool
    activated: int | None
    newest: int
    versions: list[StackVersionShown]

    @classmethod
    def of(cls, record: StackRecord) -> StackShown:
        return cls(
            id=record.id,
            retired=record.retired,
            activated=record.activated,
            newest=record.newest,
            versions=[StackVersionShown.of(number, version) for number, version in sorted(record.versions.items())],
        )


class StackLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of stacks: its activated version, or else its newest draft."""

    id: str
    name: str
    milestone: str
    status: StackStatus
    version: int

    @classmethod
    def of(cls, record: StackRecord) -> StackLine:
        number = record.activated or record.newest
        version = record.versions[number]
        status: StackStatus = "retired" if record.retired else StackVersionShown.of(number, version).status
        return cls(
            id=record.id,
            name=version.definition.name,
            milestone=version.definition.milestone,
            status=status,
            version=number,
        )


class FrameworkLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of competency frameworks."""

    id: str
    title: str
    url: str
    publisher: str | None
    competencies: int

    @classmethod
    def of(cls, record: FrameworkRecord) -> FrameworkLine:
        fact = _imported(record)
        return cls(
            id=record.id, title=fact.title, url=fact.url, publisher=fact.publisher, competencies=len(fact.competencies)
        )


class FrameworkShown(msgspec.Struct, frozen=True, kw_only=True):
    """A competency framework as it was imported last; `parents` leads from a competency to the one above it."""

    id: str
    title: str
    url: str
    publisher: str | None
    competencies: list[Competency]
    parents: dict[str, str]
    digest: str
    imported_at: datetime

    @classmethod
    def of(cls, record: FrameworkRecord) -> FrameworkShown:
        fact = _imported(record)
        return cls(
            id=record.id, title=fact.title, url=fact.url, publisher=fact.publisher,
            competencies=complete(fact.competencies), parents=fact.parents, digest=fact.digest,
            imported_at=fact.effective_at,
        )  # fmt: skip


class IssuerShown(msgspec.Struct, frozen=True, kw_only=True):
    """In whose name everything is awarded, as described last."""

    id: str
    name: str
    url: str
    described_by: str
    described_at: datetime

    @classmethod
    def of(cls, fact: IssuerDescribed) -> IssuerShown:
        return cls(
            id=fact.id, name=fact.name, url=fact.url, described_by=fact.described_by, described_at=fact.effective_at
        )


class GrantShown(msgspec.Struct, frozen=True, kw_only=True):
    """A role held: for some achievements, null for all, until an instant, null for good."""

    role: Role
    achievements: list[str] | None
    until: datetime | None


class PersonShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who acts."""

    id: str
    ref: str | None
    name: str | None
    email: str | None
    origin: Literal["registered", "imported"] | None
    roles: list[GrantShown]
    linked: list[str]
    conflicts: list[str]

    @classmethod
    def of(cls, record: PersonRecord, profile: Profile | None) -> PersonShown:
        return cls(
            id=record.id,
            ref=profile.ref if profile else None,
            name=profile.name if profile else None,
            email=profile.email if profile else None,
            origin=record.origin,
            roles=[
                GrantShown(role=role, achievements=_listed(grant.achievements), until=grant.until)  # type: ignore[arg-type]
                for role, grants in sorted(record.roles.items())
                for grant in grants
            ],
            linked=list(record.linked),
            conflicts=sorted(record.conflicts),
        )


def _imported(record: FrameworkRecord) -> FrameworkImported:
    if record.imported is None:
        raise Unknown(f"There is no framework {record.id}.")
    return record.imported


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)
