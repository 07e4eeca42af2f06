"""
Everything defined, and everybody who acts, at one position of the log: what decisions and views ask.

Immutable: `apply` and `advance` return the next catalogue and share what did not change, so that one may be
kept for each position of interest. What is asked on every command is worked out once per catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from ledger import errors
from ledger.definition import AchievementDefinition
from ledger.event import Recorded
from ledger.events import AccountLinked, EndorsementWithdrawn, IssuerDescribed
from ledger.programme import (
    AchievementRecord,
    AchievementVersion,
    Endorsement,
    FrameworkRecord,
    Grant,
    PersonRecord,
    StackRecord,
    StackVersion,
    evolve_achievement,
    evolve_framework,
    evolve_issuer,
    evolve_person,
    evolve_stack,
)
from ledger.stack_index import ActiveStack, StackIndex
from ledger.stack_rule import Holding

__all__ = [
    "EMPTY", "AchievementRecord", "AchievementVersion", "ActiveStack", "Catalogue", "Endorsement",
    "FrameworkRecord", "Grant", "PersonRecord", "StackRecord", "StackVersion",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Definitions and people after the reference fact at `position`; the first of them stands at 1 or later."""

    position: int = 0
    achievements: Mapping[str, AchievementRecord] = field(default_factory=dict)
    stacks: Mapping[str, StackRecord] = field(default_factory=dict)
    frameworks: Mapping[str, FrameworkRecord] = field(default_factory=dict)
    people: Mapping[str, PersonRecord] = field(default_factory=dict)
    issuer: IssuerDescribed | None = None
    unendorsed: frozenset[str] = frozenset()
    """Achievements of which an endorsement was withdrawn, of whatever version."""
    _roots: Mapping[str, str] = field(default_factory=dict, repr=False)
    _accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _index: list[StackIndex] = field(default_factory=list, repr=False, compare=False)

    # Moving on

    def apply(self, recorded: Recorded) -> Catalogue:
        """Return the catalogue after one more fact; facts of learners and batches only move the position."""
        return self.advance((recorded,))

    def advance(self, facts: Iterable[Recorded]) -> Catalogue:
        """Return the catalogue after *facts*, in order of position; copies each kind of record at most once."""
        position, issuer, unendorsed = self.position, self.issuer, self.unendorsed
        changed: dict[str, dict[str, object]] = {}
        links: list[tuple[str, str]] = []
        for recorded in facts:
            position = recorded.position
            category, _, subject = recorded.stream.partition("-")
            kind = _KINDS.get(category)
            if kind is None:
                issuer = evolve_issuer(issuer, recorded.fact)
                continue
            if kind not in changed:
                changed[kind] = dict(getattr(self, kind))
            records, fact = changed[kind], recorded.fact
            before = records.get(subject)
            match kind:
                case "achievements":
                    known = before if isinstance(before, AchievementRecord) else AchievementRecord(id=subject)
                    records[subject] = evolve_achievement(known, fact, position)
                case "stacks":
                    stack = before if isinstance(before, StackRecord) else StackRecord(id=subject)
                    records[subject] = evolve_stack(stack, fact, position)
                case "frameworks":
                    framework = before if isinstance(before, FrameworkRecord) else FrameworkRecord(id=subject)
                    records[subject] = evolve_framework(framework, fact)
                case _:
                    person = before if isinstance(before, PersonRecord) else PersonRecord(id=subject)
                    records[subject] = evolve_person(person, fact)
            if isinstance(fact, AccountLinked):
                links.append((subject, fact.account))
            elif isinstance(fact, EndorsementWithdrawn):
                unendorsed |= {subject}
        roots, accounts = _linked(self._roots, self._accounts, links) if links else (self._roots, self._accounts)
        index = [] if "stacks" in changed else self._index
        next_ = replace(
            self,
            position=position,
            issuer=issuer,
            unendorsed=unendorsed,
            _roots=roots,
            _accounts=accounts,
            _index=index,
        )
        return replace(next_, **changed) if changed else next_  # type: ignore[arg-type]

    # Achievements

    def achievement(self, achievement_id: str) -> AchievementRecord:
        """Return the record of a drafted achievement."""
        record = self.achievements.get(achievement_id)
        if record is None:
            msg = f"There is no achievement {achievement_id}."
            raise errors.Unknown(msg, field="achievement_id")
        return record

    def published(self, achievement_id: str) -> tuple[int, AchievementDefinition]:
        """Return number and content of the newest published version, unless the achievement is retired."""
        record = self.achievement(achievement_id)
        if record.retired:
            msg = f"{achievement_id} was retired; it takes nothing new."
            raise errors.Retired(msg, field="achievement_id")
        if record.published is None:
            msg = f"{achievement_id} has no published version yet."
            raise errors.NotPublished(msg, field="achievement_id")
        return record.published, record.versions[record.published].definition

    def achievement_version(self, achievement_id: str, version: int) -> AchievementVersion:
        """Return one version with its approval, prerequisites and endorsements."""
        found = self.achievement(achievement_id).versions.get(version)
        if found is None:
            msg = f"{achievement_id} has no version {version}."
            raise errors.Unknown(msg, field="version")
        return found

    def definition(self, achievement_id: str, version: int) -> AchievementDefinition:
        """Return the content of one version."""
        return self.achievement_version(achievement_id, version).definition

    def holding(
        self, award_id: str, achievement_id: str, version: int, effective_at: datetime, results: Mapping[str, Decimal]
    ) -> Holding:
        """Return an award as rules see it, with the credits and groups of its pinned version."""
        definition = self.definition(achievement_id, version)
        return Holding(award_id, achievement_id, version, effective_at, definition.credits, definition.groups, results)

    def offer(self, achievement_id: str, at: datetime) -> Holding | None:
        """Return what an award earned at *at* would be to rules, None where nobody can earn it."""
        record = self.achievements.get(achievement_id)
        if record is None or record.retired or record.published is None:
            return None
        return self.holding("", achievement_id, record.published, at, {})

    # Stacks

    def stack(self, stack_id: str) -> StackRecord:
        """Return the record of a drafted stack."""
        record = self.stacks.get(stack_id)
        if record is None:
            msg = f"There is no stack {stack_id}."
            raise errors.Unknown(msg, field="stack_id")
        return record

    def stack_version(self, stack_id: str, version: int) -> StackVersion:
        """Return one version with its parsed rule."""
        found = self.stack(stack_id).versions.get(version)
        if found is None:
            msg = f"Stack {stack_id} has no version {version}."
            raise errors.Unknown(msg, field="version")
        return found

    def active_stacks(self, now: datetime) -> tuple[ActiveStack, ...]:
        """Return the versions in effect at *now*, components before what is built on them, then by id."""
        return self._stacks_indexed().active(now)

    def stacks_naming(self, achievement_id: str) -> tuple[str, ...]:
        """Return the stacks any activated version of which names the achievement, retired ones too, in order."""
        return self._stacks_indexed().naming.get(achievement_id, ())

    def is_milestone(self, achievement_id: str) -> bool:
        """Whether an activated version of any stack, retired ones too, leads to the achievement."""
        return achievement_id in self._stacks_indexed().milestones

    def starts(self, after: datetime) -> tuple[datetime, ...]:
        """Return the instants after *after* at which a version of a stack takes effect."""
        return tuple(edge for edge in self._stacks_indexed().edges if edge > after)

    def _stacks_indexed(self) -> StackIndex:
        if not self._index:
            self._index.append(StackIndex(self.stacks))
        return self._index[0]

    # People

    def root(self, account: str) -> str:
        """Return the one account that stands for all linked accounts of the same human being."""
        return self._roots.get(account, account)

    def accounts(self, account: str) -> tuple[str, ...]:
        """Return all accounts of the same human being, this one included."""
        return self._accounts.get(self.root(account), (account,))

    def may(self, account: str, role: str, achievement_id: str | None, now: datetime) -> bool:
        """Whether any account of this human being holds *role* now, for that achievement where one is named."""
        return any(
            (grant.until is None or now < grant.until)
            and (grant.achievements is None or achievement_id is None or achievement_id in grant.achievements)
            for person in self._same(account)
            for grant in person.roles.get(role, ())
        )

    def discredited(self, account: str) -> bool:
        """Whether this human being's judgements were found wanting."""
        return any(person.discredited for person in self._same(account))

    def recused(self, account: str, learner_id: str) -> bool:
        """Whether this human being declared a conflict of interest with the learner."""
        if account not in self._roots and not (account in self.people and self.people[account].conflicts):
            return False
        learner = self.root(learner_id)
        return any(self.root(one) == learner for person in self._same(account) for one in person.conflicts)

    def _same(self, account: str) -> Iterable[PersonRecord]:
        return (self.people[one] for one in self.accounts(account) if one in self.people)


_KINDS = {"achievement": "achievements", "stack": "stacks", "framework": "frameworks", "person": "people"}
EMPTY = Catalogue()


def _linked(
    roots: Mapping[str, str], accounts: Mapping[str, tuple[str, ...]], links: Iterable[tuple[str, str]]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Join the accounts of each link; the root is the one that the first link was recorded of."""
    roots, accounts = dict(roots), dict(accounts)
    for person, account in links:
        kept, joined = roots.get(person, person), roots.get(account, account)
        if kept == joined:
            continue
        members = (*accounts.get(kept, (kept,)), *accounts.pop(joined, (joined,)))
        accounts[kept] = members
        roots.update(dict.fromkeys(members, kept))
    return roots, accounts
