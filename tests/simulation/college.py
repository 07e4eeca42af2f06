"""
A small college to simulate: its programme, for the ledger and for the model, and a ledger that crashes on demand.

Followers run when told to, in the caller's thread, so that what is recorded depends on the steps alone.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from consumers.positions import Positions
from consumers.run import Followers
from ledger.achievements import ApproveAchievement, DraftAchievement, PublishAchievement, ReviseAchievement
from ledger.application import Ledger
from ledger.decider import Command
from ledger.definition import AchievementDefinition, Criteria, LossPolicy, OnLoss, StackDefinition
from ledger.event import Actor
from ledger.events import Role
from ledger.foresight import Supposed
from ledger.learners.commands import RegisterLearner
from ledger.people import GrantRole, RegisterPerson
from ledger.previewing import preview
from ledger.stacks import ActivateStack, ApproveStack, DraftStack, ReviseStack
from projections.views import Views
from tests import places
from tests.examples import CHECK
from tests.simulation.stacking import Stack
from tests.simulation.things import Micro

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
ACTOR = Actor(id="local", role="operator", client="simulation")
LEARNERS = ("lrn_one", "lrn_two")
ASSESSORS, ADJUDICATOR = ("tom", "tea", "tim"), "cleo"
HEARS_JUDGEMENTS, HEARS_LOSSES = "jo", "kim"
REGISTRAR, SECOND_REGISTRAR = "rae", "rob"
PEOPLE: dict[str, Role] = {
    **dict.fromkeys(ASSESSORS, "assessor"),
    **dict.fromkeys((ADJUDICATOR, HEARS_JUDGEMENTS, HEARS_LOSSES), "adjudicator"),
    **dict.fromkeys((REGISTRAR, SECOND_REGISTRAR), "registrar"),
}
NONE = timedelta(0)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def programme() -> tuple[dict[str, list[Micro]], dict[str, list[Stack]]]:
    """Return what can be earned at the start; stacks in the order in which they build on each other."""
    micros = {"a": Micro(), "b": Micro(valid_for=days(10)), "c": Micro(assessors=2), "d": Micro(confirm=True)}
    micros["e"] = Micro()
    stacks = {
        "s1-pair": Stack("pair", 2, ("a", "b"), loss(("lapse", days(3)), ("suspend", NONE), ("revoke", days(5)))),
        "s2-any": Stack("any", 2, ("a", "c", "e"), loss(("keep", NONE), ("keep", NONE), ("review", NONE))),
        "s3-signed": Stack(
            "signed", 2, ("c", "d"), loss(("review", days(1)), ("lapse", days(2)), ("suspend", days(1))), confirm=True
        ),
        "s5-top": Stack("top", 2, ("pair", "e"), loss(("lapse", days(2)), ("suspend", days(1)), ("lapse", NONE))),
    }
    for stack in stacks.values():
        stack.begins = START
    versions = {name: [stack] for name, stack in stacks.items()} | {LATE: []}
    return {name: [micro] for name, micro in micros.items()}, dict(sorted(versions.items()))


LATE = "s4-late"
"""A stack that is defined when learners have earned what it asks for; another way to the milestone `any`."""


def loss(
    expired: tuple[str, timedelta], suspended: tuple[str, timedelta], revoked: tuple[str, timedelta]
) -> dict[str, tuple[str, timedelta]]:
    return {"expired": expired, "suspended": suspended, "revoked": revoked}


@cache
def founded() -> Path:
    """Return a directory with a college that has just begun, to be copied."""
    directory = Path(tempfile.mkdtemp(dir=quick_disk()))
    atexit.register(places.drop, directory)
    college = College(directory, Clock(), create=True)
    college.found()
    college.followers.catch_up()
    college.close()
    return directory


def quick_disk() -> Path | None:
    """Return where files are quickest: nothing here asks whether they outlive the machine."""
    memory = Path("/dev/shm")  # noqa: S108
    return memory if memory.is_dir() else None


class Clock:
    """The wall's clock, which may be set back, and the ledger's, which never goes back."""

    def __init__(self) -> None:
        self.wall = self.latest = START

    def __call__(self) -> datetime:
        return self.wall

    def move(self, by: timedelta) -> None:
        self.wall += by
        self.latest = max(self.latest, self.wall)


class College:
    """A ledger in a directory with its followers; both can be lost at any moment and opened again."""

    def __init__(self, directory: Path, clock: Clock, *, create: bool = False) -> None:
        self.settings = places.settings_in(directory)
        self.clock = clock
        self.open(create=create)

    def open(self, *, create: bool = False) -> None:
        self.ledger = Ledger.open(self.settings, create=create, clock=self.clock)
        self.views = Views.of_ledger(self.settings)
        self.followers = Followers(self.ledger, self.views, Positions.of_ledger(self.settings))

    def close(self) -> None:
        self.followers.close()
        self.views.close()
        self.ledger.close()

    def crash(self, *, losing_positions: bool, losing_views: bool) -> None:
        """Lose whatever is in memory, and of the files those that are rebuildable."""
        self.close()
        if losing_positions and isinstance(self.settings.database, Path):
            for file in self.settings.followers.parent.glob(f"{self.settings.followers.name}*"):
                file.unlink()
        elif losing_positions:
            with closing(Positions.of_ledger(self.settings)) as positions:
                positions.start_over()
        if losing_views:
            places.lose_views(self.settings)
        self.open()

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.ledger.execute(command, actor=ACTOR)

    @contextmanager
    def rebuilt(self, directory: Path) -> Iterator[Views]:
        """Lend views built from the first fact in a directory of their own."""
        views = Views(directory)
        try:
            views.catch_up(self.ledger.store)
            yield views
        finally:
            views.close()
            shutil.rmtree(directory, ignore_errors=True)

    # The programme, by two people

    def found(self) -> None:
        """Let the college begin."""
        micros, stacks = programme()
        for person, role in PEOPLE.items():
            self.do(RegisterPerson(person_id=person), GrantRole(person_id=person, role=role, by="local"))
        self.do(*(RegisterLearner(learner_id=learner) for learner in LEARNERS))
        for name, (micro,) in micros.items():
            self.publish(name, 1, micro)
        for milestone in ("pair", "any", "signed", "top"):
            self.publish(milestone, 1, Micro(), achievement_type="Badge")
        for name, versions in stacks.items():
            for stack in versions:
                self.activate(name, 1, stack, START)

    def publish(self, name: str, version: int, micro: Micro, **more: Any) -> None:
        definition = AchievementDefinition(
            **{
                "name": name,
                "description": name,
                "achievement_type": "MicroCredential",
                "criteria": Criteria(narrative=f"Shows {name}."),
                "assessors_required": micro.assessors,
                "valid_for": f"P{micro.valid_for.days}D" if micro.valid_for else None,
                "awarding": "confirm" if micro.confirm else "automatic",
                **more,
            }
        )
        draft = DraftAchievement if version == 1 else ReviseAchievement
        self.do(
            draft(achievement_id=name, definition=definition, by="dora"),
            ApproveAchievement(achievement_id=name, version=version, by="rey", check=CHECK),
            PublishAchievement(achievement_id=name, version=version, by="dora"),
        )

    def activate(self, name: str, version: int, stack: Stack, at: datetime) -> None:
        of = [{"achievement": one} for one in stack.of]
        on_loss = {why: LossPolicy(policy=what, grace=f"P{grace.days}D") for why, (what, grace) in stack.loss.items()}  # type: ignore[arg-type]
        definition = StackDefinition(
            name=name,
            milestone=stack.milestone,
            rule={"all": of} if stack.need == len(of) else {"at_least": stack.need, "of": of},
            on_loss=OnLoss(**on_loss),
            awarding="confirm" if stack.confirm else "automatic",
        )
        draft = DraftStack if version == 1 else ReviseStack
        self.do(
            draft(stack_id=name, definition=definition, by="dora"),
            ApproveStack(stack_id=name, version=version, by="rey"),
        )
        activate = ActivateStack(stack_id=name, version=version, by="dora", effective_at=at)
        if stack.for_holders:
            supposed = Supposed(stack_id=name, definition=definition, applies_to="holders", begins=at)
            ledger = self.ledger
            seen = preview(ledger.store, ledger.catalogue_at, supposed, position=ledger.store.head(), at=ledger.now())
            activate = replace(activate, applies_to="holders", preview=seen.name)
        self.do(activate)
