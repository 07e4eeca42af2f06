"""
What would follow if a rule were changed: the question, its answer learner by learner, and the name of the whole.

A preview is named `prv_<position>_<microseconds>_<sha-256>`: up to which fact history was replayed, at which instant,
and the digest of everything it rests on and says. It is made again from the log by whoever doubts it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from ledger.definition import AchievementDefinition, Policy, StackDefinition

AppliesTo = Literal["new", "holders"]
Outcome = Literal["gains", "loses", "keeps"]
Why = Literal["completes", "awaits confirmation", "chain", "does not fit", "broken", "moves", "mended", "pinned"]

NAME = r"prv_(0|[1-9][0-9]{0,17})_(0|[1-9][0-9]{0,17})_([0-9a-f]{64})"
_NAME = re.compile(NAME)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_canonical = msgspec.json.Encoder(order="sorted").encode


class Supposed(msgspec.Struct, frozen=True, kw_only=True):
    """
    A version of a stack, as if it were activated now; `begins` where it takes effect at another instant.

    `milestone` is what the milestone would be defined as, where the catalogue has it otherwise or not at all.
    """

    stack_id: str
    definition: StackDefinition
    applies_to: AppliesTo
    begins: datetime | None = None
    milestone: AchievementDefinition | None = None

    def effective(self, at: datetime) -> datetime:
        """Return the instant at which the version takes effect, if it is activated *at* an instant."""
        return max(at, self.begins or self.definition.starts_at or at)


class Foreseen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What would become of one milestone of one learner.

    `awards` is what it would rest on, of the achievements in `components`; of what is lost, `policy` would act at
    `due_at`, and any one of `would_keep` would keep it.
    """

    learner_id: str
    outcome: Outcome
    why: Why
    achievement_id: str
    award_id: str
    stack_id: str
    version: int
    awards: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    effective_at: datetime | None = None
    policy: Policy | None = None
    due_at: datetime | None = None
    would_keep: tuple[str, ...] = ()


class PreviewName(NamedTuple):
    """The name of a preview, taken apart."""

    position: int
    at: datetime
    digest: str

    @classmethod
    def read(cls, text: str) -> PreviewName | None:
        """Return what *text* names; None where it is not exactly the name of a preview."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        try:
            at = _EPOCH + int(found[2]) * _MICROSECOND
        except OverflowError:
            return None
        return cls(int(found[1]), at, found[3])

    def __str__(self) -> str:
        return f"prv_{self.position}_{(self.at - _EPOCH) // _MICROSECOND}_{self.digest}"


class Digest:
    """The digest of a preview, taken while it is made: of what it rests on, then of each line."""

    def __init__(self, supposed: Supposed, version: int, milestone: int, position: int, at: datetime) -> None:
        head = {
            "applies_to": supposed.applies_to,
            "at": at,
            "begins": supposed.begins or supposed.definition.starts_at,
            "definition": _whole(supposed.definition),
            "milestone": milestone,
            "position": position,
            "stack": supposed.stack_id,
            "version": version,
        }
        self._place = position, at
        self._hash = hashlib.sha256(_canonical(head) + b"\n")

    def add(self, line: Foreseen) -> None:
        """Take in one line."""
        self._hash.update(_canonical(line) + b"\n")

    def name(self) -> str:
        """Return the name of the preview that says what was taken in."""
        return str(PreviewName(*self._place, self._hash.hexdigest()))


def _whole(value: Any) -> Any:
    """Return *value* with its defaults written out: a default said and one left out are the same definition."""
    if isinstance(value, msgspec.Struct):
        return {name: _whole(getattr(value, name)) for name in value.__struct_fields__}
    return value


class Question(NamedTuple):
    """Whether the named preview is true, and still: asked before a version takes effect for holders."""

    supposed: Supposed
    preview: str


class Rechecked(NamedTuple):
    """
    What the log says of a preview when somebody wants to act on it.

    `preview` is the name of what history up to its position leads to; `unlisted` are some learners, `others` how many
    more, who would lose something by now that it does not list. `position` is up to where learners were looked at.
    """

    preview: str
    position: int
    catalogue_position: int
    unlisted: tuple[str, ...] = ()
    others: int = 0
