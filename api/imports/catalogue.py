"""
A catalogue file: everything that can be earned, drafted, approved and put into effect by two people.

    {"issuer": {…}, "achievements": [{"id": …, …}], "stacks": [{"id": …, "milestone": {…}, "rule": {…}, …}]}

A stack's new version takes effect for new completions; for holders only where its preview is named.
References resolve file-wide, in whatever order the file has them. The whole file is rehearsed before anything of it is
recorded, so an unusable one leaves no trace; its fault is named by its path in the file.
Who issues, where the file says so, is recorded with it.
Importing again: what is identical records nothing, what differs becomes a new version, what is absent stays.
An address for evidence is asked for only where the file says `"evidence_required": true`:
the row of an import names its evidence by an identifier already.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from marshmallow import ValidationError
from msgspec.structs import replace

from api.imports.one_definition import CheckedPreview, checked_previews
from api.imports.rehearsal import COMMAND_LINE, Rehearsal
from api.imports.unusable import UnusableFile
from api.paths import field_errors
from api.schemas.definitions import AchievementEntry, CatalogueFile, CatalogueFileSchema, StackEntry
from api.strict_json import Malformed, loads
from consumers import newcomers
from ledger import ids
from ledger.achievements import ApproveAchievement, DraftAchievement, PublishAchievement, ReviseAchievement
from ledger.application import Ledger, utc_now
from ledger.catalogue import EMPTY, Catalogue
from ledger.decider import Command
from ledger.definition import PRINCIPLES, FrameworkCheck
from ledger.errors import Refused
from ledger.event import Actor
from ledger.events import Role
from ledger.foresight import Rechecked
from ledger.identities import written
from ledger.issuer import DescribeIssuer
from ledger.rule_language import RuleError, parse
from ledger.sound_definition import identical
from ledger.stacks import ActivateStack, ApproveStack, DraftStack, ReviseStack

_NOBODY: Mapping[str, str] = {}
_UNSEEN: Mapping[str, CheckedPreview] = {}
_INDEX = re.compile(r"\.(\d+)")
LOOK_AGAIN_AFTER = timedelta(days=365)
Progress = Callable[[int, int], None]


class Step(NamedTuple):
    """A command, and where in the file it comes from."""

    path: str
    command: Command


class Imported(NamedTuple):
    """What an import of a catalogue came to."""

    achievements: int
    stacks: int
    new_versions: int
    position: int


def read(raw: bytes) -> CatalogueFile:
    """Read and validate the file by itself; raises `UnusableFile` naming the path of the first faults."""
    try:
        document = loads(raw)
        _evidence_by_identifier(document)
        file: CatalogueFile = CatalogueFileSchema().load(document)
    except Malformed as error:
        raise UnusableFile(str(error)) from None
    except ValidationError as error:
        raise UnusableFile(" ".join(found.sentence for found in field_errors(error.messages)[:5])) from None
    _refuse_repetition(file)
    return file


def two_people(by: str, approved_by: str) -> None:
    """Raise `UnusableFile` unless they are two."""
    if written(by) == written(approved_by):
        raise UnusableFile("One person cannot both define and approve; a second person must approve.")


def rehearse(raw: bytes, *, name: str, by: str, approved_by: str) -> None:
    """Raise `UnusableFile` for what an empty ledger would refuse, so that none need be made to find out."""
    now = utc_now()
    _Plan(_signed(raw, name, by, approved_by, now), {}, EMPTY, now, COMMAND_LINE.id)


def import_catalogue(
    ledger: Ledger,
    raw: bytes,
    *,
    name: str,
    by: str,
    approved_by: str,
    actor: Actor = COMMAND_LINE,
    holders: Mapping[str, str] = _NOBODY,
    progress: Progress | None = None,
) -> Imported:
    """
    Record the catalogue in *raw*; *by* and *approved_by* are how the two people are known outside the ledger.

    *holders* names the previews of stacks that take effect for holders too; each is checked before all else.
    """
    now = ledger.now()
    signed = _signed(raw, name, by, approved_by, now)
    previews = checked_previews(ledger, signed.file.stacks, holders)
    known = ledger.identities.find_all("person", [by, approved_by])
    plan = _Plan(signed, known, ledger.catalogue(), now, actor.id, previews)
    if len(known) < 2:  # nobody gets an account for the sake of a file that turns out unusable
        known = ledger.identities.register("person", [by, approved_by])
        plan = _Plan(signed, known, ledger.catalogue(), now, actor.id, previews)
    position = 0
    for done, command in enumerate(plan.commands, start=1):
        position = ledger.execute(command, actor=actor).position
        if progress:
            progress(done, len(plan.commands))
    stacks = len(signed.file.stacks)
    return Imported(len(signed.file.achievements) + stacks, stacks, plan.new_versions, position or ledger.store.head())


class _Signed(NamedTuple):
    """A file with the two people who stand for it, as they are known outside the ledger, and the second one's check."""

    file: CatalogueFile
    by: str
    approved_by: str
    check: FrameworkCheck


def _signed(raw: bytes, name: str, by: str, approved_by: str, now: datetime) -> _Signed:
    file = read(raw)
    two_people(by, approved_by)
    check = FrameworkCheck(
        principles=PRINCIPLES,
        body=written(approved_by),
        reference=f"{name} sha256:{hashlib.sha256(raw).hexdigest()}",
        review_on=(now + LOOK_AGAIN_AFTER).date(),
    )
    return _Signed(file, by, approved_by, check)


class _Plan:
    """The commands that a file asks for, each rehearsed as it is found; *known* may lack who has no account yet."""

    def __init__(
        self,
        signed: _Signed,
        known: Mapping[str, str],
        catalogue: Catalogue,
        now: datetime,
        granted_by: str,
        previews: Mapping[str, CheckedPreview] = _UNSEEN,
    ) -> None:
        self._rehearsal = Rehearsal(catalogue, now)
        self._previews = previews
        self._by = known.get(signed.by) or ids.new("per")
        self._approved_by = known.get(signed.approved_by) or ids.new("per")
        # Facts name people by their accounts; a blank name stays as it is, to be refused.
        self._check = replace(signed.check, body=self._approved_by) if signed.check.body.strip() else signed.check
        self.new_versions = 0
        roles: dict[str, Role] = {self._by: "designer", self._approved_by: "quality_reviewer"}
        named = list(newcomers.unknown(catalogue, roles, granted_by))
        for command in named:
            self._rehearsal.decide(command)
        self.commands = [*named, *(step.command for step in self._steps(signed.file))]

    def _steps(self, file: CatalogueFile) -> Iterator[Step]:
        """Yield the commands in an order in which everything exists before it is named."""
        if file.issuer is not None:
            yield from self._issuer(file.issuer)
        for path, entry in _achievements_in_order(file):
            yield from self._achievement(path, entry)
        for path, stack in _stacks_in_order(file):
            yield from self._stack(path, stack)

    def _issuer(self, profile: dict[str, str]) -> Iterator[Step]:
        before = self._rehearsal.catalogue.issuer
        step = self._step("issuer", DescribeIssuer(**profile, by=self._by))
        if self._rehearsal.catalogue.issuer != before:
            yield step

    def _achievement(self, path: str, entry: AchievementEntry) -> Iterator[Step]:
        name, definition = entry
        known = self._rehearsal.catalogue.achievements.get(name)
        if known and known.published == known.newest and identical(known.versions[known.newest].definition, definition):
            return
        self.new_versions += 1
        if known is None:
            yield self._step(path, DraftAchievement(achievement_id=name, definition=definition, by=self._by))
        else:
            yield self._step(path, ReviseAchievement(achievement_id=name, definition=definition, by=self._by))
        version = self._rehearsal.catalogue.achievements[name].newest
        yield self._step(
            path, ApproveAchievement(achievement_id=name, version=version, by=self._approved_by, check=self._check)
        )
        yield self._step(path, PublishAchievement(achievement_id=name, version=version, by=self._by))

    def _stack(self, path: str, entry: StackEntry) -> Iterator[Step]:
        name, definition = entry.id, entry.definition
        known = self._rehearsal.catalogue.stacks.get(name)
        if known and known.activated == known.newest and identical(known.versions[known.newest].definition, definition):
            return
        self.new_versions += 1
        if known is None:
            yield self._step(path, DraftStack(stack_id=name, definition=definition, by=self._by))
        else:
            yield self._step(path, ReviseStack(stack_id=name, definition=definition, by=self._by))
        version = self._rehearsal.catalogue.stacks[name].newest
        yield self._step(path, ApproveStack(stack_id=name, version=version, by=self._approved_by))
        previewed = self._previews.get(name)
        activate = ActivateStack(
            stack_id=name,
            version=version,
            by=self._by,
            applies_to="holders" if previewed else "new",
            effective_at=definition.starts_at,
            preview=previewed.name if previewed else None,
        )
        yield self._step(path, activate, previewed.rechecked if previewed else None)

    def _step(self, path: str, command: Command, rechecked: Rechecked | None = None) -> Step:
        try:
            self._rehearsal.decide(command, rechecked)
        except Refused as refused:
            raise UnusableFile(_located(path, refused)) from None
        return Step(path, command)


def _located(path: str, refused: Refused) -> str:
    """Return the refusal under its path in the file, such as `stacks[2].rule.all[0]`."""
    if refused.field is None or refused.field in ("achievement_id", "stack_id"):
        return f"{path}: {refused.detail}"
    detail = refused.detail.removeprefix(f"{refused.field}: ")
    field = _INDEX.sub(r"[\1]", refused.field)
    return f"{path}.{field}: {detail}"


def _evidence_by_identifier(document: Any) -> None:
    if not isinstance(document, dict):
        return
    stacks = document.get("stacks")
    milestones = (
        [stack.get("milestone") for stack in stacks if isinstance(stack, dict)] if isinstance(stacks, list) else []
    )
    achievements = document.get("achievements")
    for entry in [*(achievements if isinstance(achievements, list) else []), *milestones]:
        if isinstance(entry, dict):
            entry.setdefault("evidence_required", False)


def _refuse_repetition(file: CatalogueFile) -> None:
    seen: dict[str, str] = {}
    for path, entry in _achievements(file):
        before = seen.setdefault(entry.id, path)
        if before != path:
            raise UnusableFile(f"{path}.id: {entry.id} is defined already at {before}.")
    stacks: set[str] = set()
    for index, stack in enumerate(file.stacks):
        if stack.id in stacks:
            raise UnusableFile(f"stacks[{index}].id: {stack.id} stands twice in the file.")
        stacks.add(stack.id)


def _achievements(file: CatalogueFile) -> Iterator[tuple[str, AchievementEntry]]:
    for index, entry in enumerate(file.achievements):
        yield f"achievements[{index}]", entry
    for index, stack in enumerate(file.stacks):
        if stack.milestone is not None:
            yield f"stacks[{index}].milestone", stack.milestone


def _achievements_in_order(file: CatalogueFile) -> list[tuple[str, AchievementEntry]]:
    """Prerequisites before what asks for them."""
    found = {entry.id: (path, entry) for path, entry in _achievements(file)}
    needs = {name: _named(entry.definition.prerequisites) for name, (_, entry) in found.items()}
    return [found[name] for name in _in_order(needs)]


def _stacks_in_order(file: CatalogueFile) -> list[tuple[str, StackEntry]]:
    """Stacks whose milestones are components before the stacks that name them."""
    found = {stack.definition.milestone: (f"stacks[{index}]", stack) for index, stack in enumerate(file.stacks)}
    needs = {milestone: _named(stack.definition.rule) for milestone, (_, stack) in found.items()}
    return [found[milestone] for milestone in _in_order(needs)]


def _named(rule: dict[str, Any] | None) -> frozenset[str]:
    """Return what a rule names; nothing where it cannot be read, for drafting will say why."""
    try:
        return parse(rule).names if rule is not None else frozenset()
    except RuleError:
        return frozenset()


def _in_order(needs: dict[str, frozenset[str]]) -> list[str]:
    """Order so that what is needed comes first; a circle is left for drafting to refuse."""
    try:
        order = TopologicalSorter({name: sorted(names) for name, names in needs.items()}).static_order()
        return [name for name in order if name in needs]
    except CycleError:
        return list(needs)
