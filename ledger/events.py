"""
Every fact the ledger can hold, in the order they happen: definitions, people, then a learner's story.

These classes and their stored names are the storage format. DO add a new version with an upcaster
(`ledger/upcasters.py`) and a new frozen vector (`tests/vectors/`). DON'T remove, rename or re-mean a field.

One file however long: it is a list without logic, read by heading; in parts, every fact would be named twice more at
the one door through which all of them are imported.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from ledger.definition import AchievementDefinition, Cause, FrameworkCheck, Policy, Route, StackDefinition, Value
from ledger.event import Event, event
from ledger.private import Private

Capacity = Literal["marker", "moderator", "adjudicator", "appeal"]
Queue = Literal["confirm", "review"]
Role = Literal[
    "learner", "assessor", "adjudicator", "designer", "quality_reviewer", "partner",
    "registrar", "auditor", "privacy_officer", "operator", "service",
]  # fmt: skip


# Achievements: `achievement-<id>`


@event("achievement.drafted.v1")
class AchievementDrafted(Event, frozen=True, kw_only=True):
    """A designer drafted the first version of an achievement."""

    definition: AchievementDefinition
    drafted_by: str


@event("achievement.revised.v1")
class AchievementRevised(Event, frozen=True, kw_only=True):
    """A designer drafted the next version, or replaced its unapproved draft."""

    version: int
    definition: AchievementDefinition
    revised_by: str


@event("achievement.approved.v1")
class AchievementApproved(Event, frozen=True, kw_only=True):
    """A second person approved a drafted version, having checked it against the programme's framework."""

    version: int
    approved_by: str
    check: FrameworkCheck


@event("achievement.published.v1")
class AchievementPublished(Event, frozen=True, kw_only=True):
    """An approved version became the one that new submissions are held to."""

    version: int
    published_by: str


@event("achievement.endorsed.v1")
class AchievementEndorsed(Event, frozen=True, kw_only=True):
    """An industry partner endorsed one version."""

    endorsement_id: str
    version: int
    partner: str
    statement: str


@event("endorsement.withdrawn.v1")
class EndorsementWithdrawn(Event, frozen=True, kw_only=True):
    """A partner withdrew an endorsement; awards made under it stand."""

    endorsement_id: str
    reason: str


@event("achievement.retired.v1")
class AchievementRetired(Event, frozen=True, kw_only=True):
    """The achievement takes no new submissions; what was awarded stands."""

    retired_by: str
    reason: str


# Stacks: `stack-<id>`


@event("stack.drafted.v1")
class StackDrafted(Event, frozen=True, kw_only=True):
    """A designer drafted the first version of a stack."""

    definition: StackDefinition
    drafted_by: str


@event("stack.revised.v1")
class StackRevised(Event, frozen=True, kw_only=True):
    """A designer drafted the next version of a stack, or replaced its unapproved draft."""

    version: int
    definition: StackDefinition
    revised_by: str


@event("stack.approved.v1")
class StackApproved(Event, frozen=True, kw_only=True):
    """A second person approved a drafted version of a stack."""

    version: int
    approved_by: str


@event("stack.activated.v2")
class StackActivated(Event, frozen=True, kw_only=True):
    """An approved version takes effect at `effective_at`, for new completions or, as it was previewed, for holders."""

    version: int
    activated_by: str
    applies_to: Literal["new", "holders"] = "new"
    preview: str | None = None
    rechecked_to: int | None = None


@event("stack.retired.v1")
class StackRetired(Event, frozen=True, kw_only=True):
    """The stack completes no more; milestones held stand."""

    retired_by: str
    reason: str


# Frameworks: `framework-<id>`


class Competency(Value, frozen=True, kw_only=True):
    """One statement of a competency framework."""

    id: str
    statement: str
    url: str
    code: str | None = None
    type: str | None = None


@event("framework.imported.v1")
class FrameworkImported(Event, frozen=True, kw_only=True):
    """A competency framework was imported from a 1EdTech CASE 1.x package."""

    title: str
    url: str
    publisher: str | None
    competencies: tuple[Competency, ...]
    parents: dict[str, str]
    digest: str


# The issuer: `issuer-self`


@event("issuer.described.v1")
class IssuerDescribed(Event, frozen=True, kw_only=True):
    """It was said who awards: the id, name and home page of the college, its profile in the words of Open Badges."""

    id: str
    name: str
    url: str
    described_by: str


# People who act: `person-<id>`


@event("person.registered.v1")
class PersonRegistered(Event, frozen=True, kw_only=True):
    """A person or partner organisation became known; names live in the identity store."""

    origin: Literal["registered", "imported"] = "registered"


@event("account.linked.v1")
class AccountLinked(Event, frozen=True, kw_only=True):
    """Another account (a person's or a learner's) was found to be the same human being."""

    account: str
    linked_by: str


@event("role.granted.v1")
class RoleGranted(Event, frozen=True, kw_only=True):
    """The person may act in a role, for all achievements or some, for good or until an instant."""

    role: Role
    granted_by: str
    achievements: tuple[str, ...] | None = None
    until: datetime | None = None


@event("role.withdrawn.v1")
class RoleWithdrawn(Event, frozen=True, kw_only=True):
    """The person may no longer act in the role."""

    role: Role
    withdrawn_by: str


@event("conflict.declared.v1")
class ConflictDeclared(Event, frozen=True, kw_only=True):
    """An assessor declared a conflict of interest with a learner and is recused."""

    learner: str


@event("assessor.discredited.v1")
class AssessorDiscredited(Event, frozen=True, kw_only=True):
    """Two people found a person's judgements wanting; what rests on them was queued for review, learner by learner."""

    discredited_by: str
    approved_by: str
    reason: str


# Batches: `batch-<id>`


@event("batch.recorded.v1")
class BatchRecorded(Event, frozen=True, kw_only=True):
    """A file was imported as one unit; its facts carry the batch's id."""

    digest: str
    rows: int
    recorded: int
    repeated: int
    refused: int
    after_position: int


@event("batch.undone.v1")
class BatchUndone(Event, frozen=True, kw_only=True):
    """Everything that a batch recorded was voided, learner by learner."""

    undone_by: str
    approved_by: str | None
    learners: int


# What auditors read: `audit-<account>.<day>`


@event("record.read.v1")
class RecordRead(Event, frozen=True, kw_only=True):
    """An auditor was shown something: `query` is a keyed digest of what was asked; `further` stands for many reads."""

    what: str
    learner: str | None = None
    query: str | None = None
    further: bool = False


# The transparency log: `log-heads`


@event("head.accepted.v1")
class HeadAccepted(Event, frozen=True, kw_only=True):
    """An operator accepted a head of the log that does not follow from the published one; it begins another log."""

    origin: str
    former_origin: str
    found: str
    because: str
    accepted_by: str


# A learner's story: `learner-<id>`


@event("learner.registered.v1")
class LearnerRegistered(Event, frozen=True, kw_only=True):
    """A learner became known; name and student number live in the identity store."""

    origin: Literal["registered", "imported"] = "registered"


@event("prerequisites.waived.v1")
class PrerequisitesWaived(Event, frozen=True, kw_only=True):
    """A registrar let the learner try for an achievement without its prerequisites."""

    achievement_id: str
    waived_by: str
    reason: Private


@event("evidence.submitted.v1")
class EvidenceSubmitted(Event, frozen=True, kw_only=True):
    """Evidence was offered towards the version of an achievement that was newest at that position."""

    evidence_id: str
    achievement_id: str
    achievement_version: int
    route: Route
    submitted_by: str
    declared_by: Literal["learner", "recorder", "import"]
    attempt: int
    prerequisites: Literal["none", "met", "waived"] = "none"
    produced_at: datetime | None = None
    evidence_url: Private | None = None
    narrative: Private | None = None
    external_id: Private | None = None
    digest: str | None = None
    batch_id: str | None = None


@event("evidence.withdrawn.v1")
class EvidenceWithdrawn(Event, frozen=True, kw_only=True):
    """Evidence was taken back before it led to an award, or voided with the batch that brought it."""

    evidence_id: str
    withdrawn_by: str
    cause: Literal["learner", "voided"] = "learner"
    reason: Private | None = None


@event("evidence.discredited.v1")
class EvidenceDiscredited(Event, frozen=True, kw_only=True):
    """Two people found evidence wanting; the award that rests on it was queued for review."""

    evidence_id: str
    discredited_by: str
    approved_by: str
    reason: Private


class Judgement(Value, frozen=True, kw_only=True):
    """What an assessor found on one criterion."""

    criterion: str
    met: bool
    level: str | None = None


@event("evidence.assessed.v1")
class EvidenceAssessed(Event, frozen=True, kw_only=True):
    """A person judged evidence against the criteria; `met` is true when every criterion is."""

    assessment_id: str
    evidence_id: str
    assessor: str
    compared: tuple[str, ...]
    met: bool
    capacity: Capacity = "marker"
    moderate: bool = False
    judgements: tuple[Judgement, ...] = ()
    results: dict[str, Decimal] = {}
    feedback: Private | None = None
    comments: dict[str, Private] = {}
    batch_id: str | None = None


@event("assessment.amended.v1")
class AssessmentAmended(Event, frozen=True, kw_only=True):
    """An assessor corrected their own judgement, with the reason."""

    assessment_id: str
    met: bool
    amended_by: str
    reason: Private
    judgements: tuple[Judgement, ...] = ()
    results: dict[str, Decimal] = {}
    feedback: Private | None = None
    comments: dict[str, Private] = {}


@event("assessment.voided.v1")
class AssessmentVoided(Event, frozen=True, kw_only=True):
    """A judgement was voided with the batch that brought it."""

    assessment_id: str
    voided_by: str


@event("adjudication.requested.v1")
class AdjudicationRequested(Event, frozen=True, kw_only=True):
    """Two judgements of the same evidence disagree; a third person must decide."""

    evidence_id: str
    assessment_ids: tuple[str, ...]


@event("prior-learning.recognised.v1")
class PriorLearningRecognised(Event, frozen=True, kw_only=True):
    """Learning from elsewhere was recognised as meeting the criteria, with its source."""

    recognition_id: str
    achievement_id: str
    achievement_version: int
    recognised_by: str
    compared: tuple[str, ...]
    source: Private
    results: dict[str, Decimal] = {}


class Basis(Value, frozen=True, kw_only=True):
    """What an award rests on: judgements of one piece of evidence, a recognition, or a completed stack."""

    evidence_id: str | None = None
    assessments: tuple[str, ...] = ()
    recognition: str | None = None
    stack: str | None = None
    stack_version: int | None = None
    awards: tuple[str, ...] = ()


@event("achievement.awarded.v1")
class AchievementAwarded(Event, frozen=True, kw_only=True):
    """The learner earned the achievement; a milestone when the basis is a stack."""

    award_id: str
    achievement_id: str
    achievement_version: int
    basis: Basis
    results: dict[str, Decimal] = {}
    valid_until: datetime | None = None
    renews: str | None = None
    queue_id: str | None = None
    confirmed_by: str | None = None


@event("award.queued.v2")
class AwardQueued(Event, frozen=True, kw_only=True):
    """A person must confirm an award that is due, or review one whose ground has moved or is in doubt to two people."""

    queue_id: str
    queue: Queue
    reason: str
    achievement_id: str
    achievement_version: int
    basis: Basis
    award_id: str | None = None
    queued_by: str | None = None
    approved_by: str | None = None


@event("award.declined.v1")
class AwardDeclined(Event, frozen=True, kw_only=True):
    """An award that waited for confirmation was declined by a registrar, or its ground has gone."""

    queue_id: str
    declined_by: str
    reason: Private | None = None


@event("award.reviewed.v1")
class AwardReviewed(Event, frozen=True, kw_only=True):
    """A registrar decided a review; what follows from the decision is recorded beside it."""

    queue_id: str
    reviewed_by: str
    decision: Policy
    reason: Private


@event("stack.completed.v1")
class StackCompleted(Event, frozen=True, kw_only=True):
    """The learner's live awards satisfied a stack; `ordinal` counts the learner's completions of it."""

    completion_id: str
    stack_id: str
    stack_version: int
    ordinal: int
    awards: tuple[str, ...]
    definitions_position: int
    award_id: str
    queue_id: str | None = None


@event("stack.broken.v1")
class StackBroken(Event, frozen=True, kw_only=True):
    """A component of a completed stack was lost and nothing replaces it; at `due_at` the policy acts."""

    break_id: str
    completion_id: str
    award_id: str
    lost: tuple[str, ...]
    cause: Cause
    policy: Policy
    due_at: datetime


@event("stack-basis.replaced.v1")
class StackBasisReplaced(Event, frozen=True, kw_only=True):
    """Other live awards satisfy the completed stack; nothing is lost, and an open break is over."""

    completion_id: str
    stack_version: int
    awards: tuple[str, ...]


@event("component.substituted.v1")
class ComponentSubstituted(Event, frozen=True, kw_only=True):
    """A registrar let one award stand for a component of one stack."""

    substitution_id: str
    stack_id: str
    achievement_id: str
    award_id: str
    substituted_by: str
    reason: Private


@event("notice.given.v1")
class NoticeGiven(Event, frozen=True, kw_only=True):
    """The learner was told what may be lost, why, what would keep it, by when, and until when to appeal."""

    notice_id: str
    award_id: str
    break_id: str
    policy: Policy
    cause: Cause
    lost: tuple[str, ...]
    would_keep: tuple[str, ...]
    due_at: datetime
    appeal_until: datetime


@event("award.suspended.v1")
class AwardSuspended(Event, frozen=True, kw_only=True):
    """The award does not count until what suspended it is lifted: a hand, or a break of its stack."""

    award_id: str
    cause: Literal["hand", "stack"]
    break_id: str | None = None
    suspended_by: str | None = None
    reason: Private | None = None


@event("award.reinstated.v1")
class AwardReinstated(Event, frozen=True, kw_only=True):
    """A suspension was lifted, or an end undone: by an appeal, or because what renewed the award was voided."""

    award_id: str
    lifts: Literal["hand", "stack", "revocation", "renewal"]
    reinstated_by: str | None = None
    reason: Private | None = None


@event("revocation.requested.v1")
class RevocationRequested(Event, frozen=True, kw_only=True):
    """A first person asked to revoke an award, having seen what falls with it; after a review, its reason is there."""

    request_id: str
    award_id: str
    requested_by: str
    consequences: tuple[str, ...]
    reason: Private | None = None
    queue_id: str | None = None


@event("award.revoked.v1")
class AwardRevoked(Event, frozen=True, kw_only=True):
    """The award is withdrawn: by two people, by the policy of its stack, or because its batch was voided."""

    award_id: str
    cause: Literal["hand", "stack", "voided"]
    request_id: str | None = None
    break_id: str | None = None
    revoked_by: str | None = None
    reason: Private | None = None


@event("award.expired.v1")
class AwardExpired(Event, frozen=True, kw_only=True):
    """The award's validity ended, at `effective_at`, without fault."""

    award_id: str


@event("award.lapsed.v1")
class AwardLapsed(Event, frozen=True, kw_only=True):
    """A milestone ended without fault because its stack no longer holds."""

    award_id: str
    break_id: str | None = None
    queue_id: str | None = None


@event("award.extended.v1")
class AwardExtended(Event, frozen=True, kw_only=True):
    """More time was given: a later end of validity, or a later due date of a break (after an appeal, by its length)."""

    award_id: str
    extended_by: str
    reason: Private | None = None
    valid_until: datetime | None = None
    break_id: str | None = None
    due_at: datetime | None = None


@event("appeal.lodged.v1")
class AppealLodged(Event, frozen=True, kw_only=True):
    """The learner appealed against a judgement, or against the loss of an award; due dates of it stand still."""

    appeal_id: str
    grounds: Private
    assessment_id: str | None = None
    award_id: str | None = None


@event("appeal.decided.v1")
class AppealDecided(Event, frozen=True, kw_only=True):
    """Somebody who had no part in the judgement decided an appeal; a result never gets worse by it."""

    appeal_id: str
    decided_by: str
    compared: tuple[str, ...]
    upheld: bool
    reason: Private
