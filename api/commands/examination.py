"""What `ledger doctor` looks at. Nothing is repaired: what is wrong is named, with what to do."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from consumers.run import Followers
from ledger import Ledger, codec
from ledger.errors import Erased
from ledger.keys import NoKey
from ledger.store import Stored, StoreUnavailable
from projections.views import Views

_AT_ONCE = 5000
Progress = Callable[[int, int], None]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at, and how it is."""

    subject: str
    well: bool
    sentence: str


def examine(ledger: Ledger, views: Views, followers: Followers, progress: Progress) -> list[Finding]:
    """Examine the facts, the keys, the followers and the views, in this order."""
    facts, learners = _facts(ledger, progress)
    findings = [facts, _keys(ledger, learners)]
    if facts.well:
        findings.append(_followers(ledger, followers))
        findings.append(_views(ledger, views))
    return findings


def _facts(ledger: Ledger, progress: Progress) -> tuple[Finding, set[str]]:
    head = ledger.store.head()
    versions: dict[str, int] = {}
    position, recorded_us = 0, 0
    while some := ledger.store.read_log(position, _AT_ONCE):
        for stored in some:
            wrong = _wrong(stored, versions.get(stored.stream, 0), recorded_us)
            if wrong is not None:
                sentence = f"the fact at position {stored.position} {wrong}; restore from a backup, keep this file"
                return Finding(subject="facts", well=False, sentence=sentence), set()
            versions[stored.stream] = stored.version
            position, recorded_us = stored.position, stored.recorded_us
        progress(position, max(head, position))
    learners = {stream.partition("-")[2] for stream in versions if stream.startswith("learner-")}
    return Finding(subject="facts", well=True, sentence=f"{position} facts in {len(versions)} streams read"), learners


def _wrong(stored: Stored, version: int, recorded_us: int) -> str | None:
    if stored.version != version + 1:
        return f"is version {stored.version} of {stored.stream}, where {version + 1} was expected"
    if stored.recorded_us < recorded_us:
        return "was recorded before the one ahead of it"
    try:
        codec.check(stored)
    except ValueError as error:
        return f"cannot be read as it was written ({error})"
    return None


def _keys(ledger: Ledger, learners: set[str]) -> Finding:
    missing = []
    for learner in sorted(learners):
        try:
            ledger.keys.digest(learner, "")
        except Erased:
            continue
        except (NoKey, StoreUnavailable):
            missing.append(learner)
    if missing:
        sentence = f"{len(missing)} learners have no key ({missing[0]} …); restore the keys file that belongs here"
        return Finding(subject="keys", well=False, sentence=sentence)
    return Finding(subject="keys", well=True, sentence=f"{len(learners)} learners have theirs")


def _followers(ledger: Ledger, followers: Followers) -> Finding:
    before = ledger.store.head()
    position = followers.catch_up()
    said = "had kept up" if position == before else f"had {position - before} facts still to record, and did"
    return Finding(subject="followers", well=True, sentence=f"{said}; they stand at {position}")


def _views(ledger: Ledger, views: Views) -> Finding:
    before = views.hash()
    views.rebuild(ledger.store)
    if views.hash() != before:
        sentence = "differed from a rebuild, which took their place; tell the developers"
        return Finding(subject="views", well=False, sentence=sentence)
    return Finding(subject="views", well=True, sentence="are the same as a rebuild from the first fact")
