"""
Whether a preview is true, and who would lose by now without being listed: asked before a version takes effect.

Everybody is looked at once, which may take a while; then, as often as the log has grown, whoever changed since. So the
last look, at the head of the log while nobody else can append, is at few.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from ledger.decider import Setting
from ledger.errors import Refused
from ledger.foresight import Digest, PreviewName, Question, Rechecked, Supposed
from ledger.previewing import CatalogueAt, World, changed, concerned, stories, up_to
from ledger.store import Store

_NAMED = 5
_FEW = 200
_ROUNDS = 20


class _Worlds(NamedTuple):
    """The world that the preview was made in, and that of today; `supposed` names the milestone's definition."""

    named: PreviewName
    supposed: Supposed
    then: World
    today: World


class Recheck:
    """
    The named preview made again, and everybody looked at once more, up to a position that can be moved on.

    Kept in memory are the ids of those concerned, and what those would lose whom the preview lists.
    """

    def __init__(self, store: Store, catalogue_at: CatalogueAt, question: Question, setting: Setting) -> None:
        self.question = question
        self.catalogue_position = setting.catalogue.position
        self.position = store.head()
        self._store = store
        self._preview = ""
        self._concerned: set[str] = set()
        self._listed: dict[str, frozenset[str]] = {}
        self._unlisted: set[str] = set()
        self._worlds = _worlds(catalogue_at, question, setting, self.position)
        if self._worlds is not None:
            self._look_at_everybody(self._worlds)

    def catch_up(self) -> None:
        """Look at whoever changed, until there are few left to look at."""
        for _ in range(_ROUNDS):
            head = self._store.head()
            if head - self.position <= _FEW:
                break
            self.advance(head)

    def advance(self, head: int) -> None:
        """Look at whoever changed up to *head*."""
        if self._worlds is not None and head > self.position:
            _, supposed, then, today = self._worlds
            names = then.names(supposed) | today.names(supposed)
            self._concerned.update(concerned(self._store, names, supposed.stack_id, head, after=self.position))
            some = self._concerned & changed(self._store, self.position, head)
            for learner_id, facts in stories(self._store, sorted(some), head):
                lines = today.foresee(learner_id, supposed.stack_id, facts)
                self._note(learner_id, {line.award_id for line in lines if line.outcome == "loses"})
        self.position = max(head, self.position)

    def found(self) -> Rechecked:
        """Return what the log says, up to the position."""
        some = sorted(self._unlisted)
        others = max(0, len(some) - _NAMED)
        return Rechecked(self._preview, self.position, self.catalogue_position, tuple(some[:_NAMED]), others)

    def _look_at_everybody(self, worlds: _Worlds) -> None:
        """Make the preview again, and look at today; one pass over the learners does both."""
        named, supposed, then, today = worlds
        digest = Digest(supposed, then.version, then.milestone, named.position, named.at)
        names = then.names(supposed) | today.names(supposed)
        some = concerned(self._store, names, supposed.stack_id, self.position)
        self._concerned.update(some)
        for learner_id, facts in stories(self._store, some, self.position):
            listed = set()
            for line in then.foresee(learner_id, supposed.stack_id, up_to(named.position, facts)):
                digest.add(line)
                if line.outcome == "loses":
                    listed.add(line.award_id)
            if listed:
                self._listed[learner_id] = frozenset(listed)
            lines = today.foresee(learner_id, supposed.stack_id, facts)
            self._note(learner_id, {line.award_id for line in lines if line.outcome == "loses"})
        self._preview = digest.name()

    def _note(self, learner_id: str, loses: set[str]) -> None:
        if loses - self._listed.get(learner_id, frozenset()):
            self._unlisted.add(learner_id)
        else:
            self._unlisted.discard(learner_id)


def _worlds(catalogue_at: CatalogueAt, question: Question, setting: Setting, head: int) -> _Worlds | None:
    """Return the worlds to compare; None where no such preview can have been made."""
    named = PreviewName.read(question.preview)
    if named is None or named.position > head or named.at > setting.now:
        return None
    supposed = question.supposed
    if supposed.milestone is None:  # a preview of a file that defines it may be older than the milestone
        _, milestone = setting.catalogue.published(supposed.definition.milestone)
        supposed = replace(supposed, milestone=milestone)
    try:
        then = World.of(catalogue_at(named.position), supposed, named.at)
    except Refused:
        return None
    return _Worlds(named, supposed, then, World.of(setting.catalogue, supposed, setting.now))
