"""
Competency frameworks: imported as a whole, one stream each.

Rules kept here:

- a framework holds at least one competency, each with its own id, under parents that it holds too, in no circle;
- importing the same again records nothing; a different import replaces the framework, alignments stay as written.
"""

from __future__ import annotations

from ledger import errors, ids
from ledger.decider import Command, Decider, Setting
from ledger.event import Event
from ledger.events import Competency, FrameworkImported
from ledger.programme import FrameworkRecord, evolve_framework


class FrameworkCommand(Command, frozen=True, kw_only=True):
    """A command about one framework."""

    framework_id: str


class ImportFramework(FrameworkCommand, frozen=True, kw_only=True):
    """Import a framework. `parents` maps a competency to the one it is part of; `digest` is the package's."""

    title: str
    url: str
    publisher: str | None = None
    competencies: tuple[Competency, ...]
    parents: dict[str, str] = {}
    digest: str


def decide(state: FrameworkRecord, command: FrameworkCommand, setting: Setting) -> list[Event]:
    if not isinstance(command, ImportFramework):
        raise TypeError(command)
    known = state.imported
    fact = FrameworkImported(
        effective_at=setting.now if known is None else known.effective_at,
        title=command.title,
        url=command.url,
        publisher=command.publisher,
        competencies=command.competencies,
        parents=command.parents,
        digest=command.digest,
    )
    if fact == known:
        return []
    ids.checked(command.framework_id, "framework_id")
    _sound(command)
    return [
        FrameworkImported(
            effective_at=setting.now,
            title=fact.title,
            url=fact.url,
            publisher=fact.publisher,
            competencies=fact.competencies,
            parents=fact.parents,
            digest=fact.digest,
        )
    ]


def _sound(command: ImportFramework) -> None:
    if not command.title.strip():
        raise errors.UnusableDefinition("A framework has a title.", field="title")
    if not command.competencies:
        raise errors.UnusableDefinition("A framework holds at least one competency.", field="competencies")
    known: set[str] = set()
    for index, competency in enumerate(command.competencies):
        if competency.id in known or not competency.id:
            raise errors.UnusableDefinition(
                f"Competency {competency.id} stands there twice.", field=f"competencies.{index}.id"
            )
        known.add(competency.id)
    for child, parent in command.parents.items():
        if child not in known or parent not in known:
            raise errors.UnusableDefinition(f"{child} is part of {parent}, but not both are there.", field="parents")
    _no_circle(command.parents)


def _no_circle(parents: dict[str, str]) -> None:
    sound: set[str] = set()
    for start in parents:
        path: set[str] = set()
        step: str | None = start
        while step is not None and step not in sound:
            if step in path:
                raise errors.UnusableDefinition(f"{step} is part of itself.", field="parents")
            path.add(step)
            step = parents.get(step)
        sound |= path


frameworks: Decider[FrameworkRecord, FrameworkCommand] = Decider(
    category="framework",
    initial=lambda subject: FrameworkRecord(id=subject),
    evolve=evolve_framework,
    decide=decide,
    subject=lambda command: command.framework_id,
)
