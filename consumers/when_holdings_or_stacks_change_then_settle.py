"""
When what a learner holds changes, a stack takes effect, or an endorsement is withdrawn: settle.

Settling decides on the record as it is then, never on the fact that led here, and records nothing the second time;
so facts may come twice, late, or to two processes at once. Facts recorded by settling itself are passed over:
one settling goes on until nothing more follows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from ledger import Ledger
from ledger.catalogue import Catalogue
from ledger.decider import SYSTEM
from ledger.errors import RecordConflict, Refused
from ledger.event import Actor, Event, Recorded
from ledger.events import (
    AchievementAwarded,
    AchievementPublished,
    AppealDecided,
    AssessmentAmended,
    AwardDeclined,
    AwardExpired,
    AwardExtended,
    AwardLapsed,
    AwardReinstated,
    AwardReviewed,
    AwardRevoked,
    AwardSuspended,
    ComponentSubstituted,
    EndorsementWithdrawn,
    StackActivated,
)
from ledger.learners.commands import Settle
from ledger.stack_rule import achievements
from projections.award_register import holders
from projections.learners import substituting
from projections.views import Views

SETTLER = Actor(id=SYSTEM, role="service", client="settler")

ABOUT_A_LEARNER: tuple[type[Event], ...] = (
    AchievementAwarded, AwardSuspended, AwardReinstated, AwardRevoked, AwardExpired, AwardLapsed, AwardExtended,
    AwardDeclined, AwardReviewed, AppealDecided, AssessmentAmended, ComponentSubstituted,
)  # fmt: skip
ABOUT_A_STACK: tuple[type[Event], ...] = (StackActivated, AchievementPublished)
ABOUT_AN_ACHIEVEMENT: tuple[type[Event], ...] = (EndorsementWithdrawn,)

_AT_ONCE = 500

_log = logging.getLogger(__name__)


class Settler:
    """Settles learners, many in one transaction."""

    def __init__(self, ledger: Ledger, views: Views) -> None:
        self._ledger = ledger
        self._views = views
        self._stacks: dict[str, object] = {}
        self._achievements: dict[str, object] = {}

    def handle(self, facts: list[Recorded]) -> None:
        """Settle whomever *facts* concern."""
        concerned = dict.fromkeys(
            at.subject for at in facts if isinstance(at.fact, ABOUT_A_LEARNER) and at.actor.client != SETTLER.client
        )
        self.settle(concerned)
        if any(isinstance(at.fact, (*ABOUT_A_STACK, *ABOUT_AN_ACHIEVEMENT)) for at in facts):
            catalogue = self._ledger.catalogue()
            self._settle_once(_stacks(facts, catalogue), self._stacks, self.settle_holders)
            self._settle_once(_withdrawn(facts, catalogue), self._achievements, self._settle_holding)

    def settle(self, learner_ids: Iterable[str]) -> int:
        """Settle learners; return how many facts that recorded."""
        wanted = list(learner_ids)
        recorded = 0
        for start in range(0, len(wanted), _AT_ONCE):
            recorded += self._settle(wanted[start : start + _AT_ONCE])
        return recorded

    def settle_holders(self, stack_ids: Sequence[str]) -> int:
        """
        Settle every learner who might complete one of the stacks, whenever they earned what they hold.

        Those are the ones who hold anything that a version of it names. The views are brought up to date first;
        whoever earns something after that is settled for it.
        """
        catalogue = self._ledger.catalogue()
        named = {
            achievement
            for stack_id in stack_ids
            for version in catalogue.stack(stack_id).versions.values()
            for achievement in (*achievements(version.rule), version.definition.milestone)
        }
        held = self._holding(named)
        with self._views.reading() as connection:
            substituted = substituting(connection, list(stack_ids))
        return self.settle(dict.fromkeys((*held, *substituted)))

    def _holding(self, achievement_ids: Iterable[str]) -> list[str]:
        self._views.catch_up(self._ledger.store)
        with self._views.reading() as connection:
            return holders(connection, sorted(achievement_ids))

    def _settle_holding(self, achievement_ids: Sequence[str]) -> int:
        return self.settle(self._holding(achievement_ids))

    @staticmethod
    def _settle_once(
        standing: Mapping[str, object], settled: dict[str, object], settle: Callable[[Sequence[str]], int]
    ) -> None:
        """
        Settle all whom definitions concern, unless that was done when they stood as they do now.

        Whoever came to be concerned since was settled for it. There may be very many, and facts come again.
        """
        changed = [one for one, record in standing.items() if settled.get(one) != record]
        if changed:
            settle(changed)
            settled |= {one: standing[one] for one in changed}

    def _settle(self, learner_ids: list[str]) -> int:
        commands = [Settle(learner_id=learner_id) for learner_id in learner_ids]
        answers = self._ledger.execute_many(commands, actor=SETTLER)
        recorded = 0
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, RecordConflict):
                raise answer  # the whole batch is handled again; those who are settled record nothing
            if isinstance(answer, Refused):
                _log.error("settling %s was refused: %s", command.learner_id, answer.detail)
            else:
                recorded += len(answer.recorded)
        return recorded


def _stacks(facts: list[Recorded], catalogue: Catalogue) -> dict[str, object]:
    """
    Return the stacks that *facts* let take effect, activated or their milestone published, and how each stands.

    By the catalogue alone: facts may be of stacks that never were.
    """
    activated = {at.subject for at in facts if isinstance(at.fact, StackActivated)}
    published = {at.subject for at in facts if isinstance(at.fact, AchievementPublished)}
    found: dict[str, object] = {}
    for stack_id, stack in sorted(catalogue.stacks.items()):
        milestones = {version.definition.milestone for version in stack.versions.values()}
        if stack_id in activated or milestones & published:
            found[stack_id] = (stack, [catalogue.achievements.get(one) for one in sorted(milestones)])
    return found


def _withdrawn(facts: list[Recorded], catalogue: Catalogue) -> dict[str, object]:
    """Return the achievements of which an endorsement was withdrawn, and how each stands."""
    subjects = {at.subject for at in facts if isinstance(at.fact, ABOUT_AN_ACHIEVEMENT)}
    return {one: catalogue.achievements[one] for one in sorted(subjects & catalogue.achievements.keys())}
