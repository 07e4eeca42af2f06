"""
What a fact is about: which achievement, stack and batch, which learner, and who acted.

Many facts name only the evidence, judgement or award that they concern; what that belongs to was said before, by the
fact that brought it into the learner's stream. It is remembered for what was named lately, and else read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from ledger import events as e
from ledger.event import Event, Recorded, name_of

Past = Callable[[Recorded], Iterable[Recorded]]
Subject = tuple[str | None, str | None]
"""An achievement and a stack; either may be unknown."""
Telling = Callable[[Any, Recorded, Past], Subject]

_REMEMBERED = 50_000
_NOTHING: Subject = (None, None)
_BRINGS: dict[type[Event], str] = {
    e.EvidenceSubmitted: "evidence_id",
    e.EvidenceAssessed: "assessment_id",
    e.PriorLearningRecognised: "recognition_id",
    e.AchievementAwarded: "award_id",
    e.AwardQueued: "queue_id",
    e.StackCompleted: "completion_id",
    e.AppealLodged: "appeal_id",
}
_NAMED_BY = ("award_id", "evidence_id", "assessment_id", "queue_id", "appeal_id", "completion_id")


class Shape(NamedTuple):
    """Where facts of one class say what they are about."""

    type: str
    achievement: bool
    stack: bool
    basis: bool
    batch: bool
    learner: str | None
    named_by: tuple[str, ...]
    brings: str | None
    people: tuple[str, ...]


@cache
def shape_of(cls: type[Event]) -> Shape:
    """Return where facts of *cls* say what they are about."""
    fields = {field.name for field in msgspec.structs.fields(cls)}
    says = "achievement_id" in fields
    return Shape(
        type=name_of(cls).rpartition(".v")[0],
        achievement=says,
        stack="stack_id" in fields,
        basis="basis" in fields,
        batch="batch_id" in fields,
        learner="learner" if "learner" in fields else None,
        # A completion names the milestone's award before there is one.
        named_by=()
        if says or cls is e.StackCompleted
        else tuple(name for name in _NAMED_BY if name in fields and name != _BRINGS.get(cls)),
        brings=_BRINGS.get(cls),
        people=tuple(sorted(name for name in fields if name.endswith("_by") or name == "assessor")),
    )


class Subjects:
    """Which achievement and stack facts concern. Facts must come in order, stream by stream or mixed."""

    def __init__(self) -> None:
        self._young: dict[tuple[str, str], Subject] = {}
        self._old: dict[tuple[str, str], Subject] = {}

    def of(self, recorded: Recorded, past: Past) -> Subject:
        """Return what *recorded* is about; *past* gives the facts of its stream up to it, where they are needed."""
        return self.telling(shape_of(type(recorded.fact)))(recorded.fact, recorded, past)

    def telling(self, shape: Shape) -> Callable[[Any, Recorded, Past], Subject]:
        """Return what tells it of facts of one shape; a function of its own, for it is asked of every fact there is."""
        if shape.named_by:
            return self._telling_by_name(shape)
        told: Telling
        if shape.basis:
            told = _by_basis
        elif shape.achievement:
            told = _both if shape.stack else _achievement
        else:
            told = _stack if shape.stack else _stream
        return told if shape.brings is None else self._telling_what_is_new(told, shape.brings)

    def _telling_what_is_new(self, told: Telling, brings: str) -> Telling:
        def tell(fact: Any, at: Recorded, past: Past) -> Subject:
            found = told(fact, at, past)
            if len(self._young) >= _REMEMBERED:
                self._young, self._old = {}, self._young
            self._young[at.stream, getattr(fact, brings)] = found
            return found

        return tell

    def _telling_by_name(self, shape: Shape) -> Telling:
        fields, brings = shape.named_by, shape.brings

        def tell(fact: Any, at: Recorded, past: Past) -> Subject:
            stream = at.stream
            found = None
            for field in fields:
                name = getattr(fact, field)
                if name is not None:
                    found = self._young.get((stream, name)) or self._old.get((stream, name))
                    if found is not None:
                        break
            if found is None:
                found = self._looked_up(fields, at, past)
            if brings is not None:
                if len(self._young) >= _REMEMBERED:
                    self._young, self._old = {}, self._young
                self._young[stream, getattr(fact, brings)] = found
            return found

        return tell

    def _looked_up(self, fields: Sequence[str], at: Recorded, past: Past) -> Subject:
        before = Subjects()
        for one in past(at):
            if one.position < at.position:
                before.of(one, _nothing)
        self._young |= before._young
        names = [(at.stream, getattr(at.fact, field)) for field in fields]
        return next((self._young[name] for name in names if name in self._young), _NOTHING)


def _by_basis(fact: Any, _: Recorded, __: Past) -> Subject:
    return fact.achievement_id, fact.basis.stack


def _both(fact: Any, _: Recorded, __: Past) -> Subject:
    return fact.achievement_id, fact.stack_id


def _achievement(fact: Any, _: Recorded, __: Past) -> Subject:
    return fact.achievement_id, None


def _stack(fact: Any, _: Recorded, __: Past) -> Subject:
    return None, fact.stack_id


def _stream(_: Any, at: Recorded, __: Past) -> Subject:
    category, _, subject = at.stream.partition("-")
    return subject if category == "achievement" else None, subject if category == "stack" else None


def actors(recorded: Recorded) -> set[str]:
    """Return who acted: the account behind the command, and whom the fact itself names as having decided."""
    fact = recorded.fact
    found = {recorded.actor.id}
    for field in shape_of(type(fact)).people:
        person = getattr(fact, field)
        if person is not None:
            found.add(person)
    return found


def _nothing(_: Recorded) -> Iterable[Recorded]:
    return ()
