"""What must hold after every fault, whatever it was."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from kafka.partitioner import murmur2

from consumers.cloud_events import fact
from consumers.topics import PARTITIONS
from ledger.event import Recorded
from ledger.events import AchievementAwarded, EvidenceAssessed, EvidenceSubmitted, LearnerRegistered, StackCompleted
from ledger.store import Stored
from tests.consumers.messages import messages
from tests.journeys.scaled.campus import MICROS, MILESTONES, Campus
from tests.journeys.scaled.journal import Client
from tests.journeys.scaled.sender import Place

LATE_SECONDS = 5.0
COMMANDS = "ledger.commands.v1"
ALL = 10**9


@dataclass
class Story:
    """What the log says of one learner."""

    submitted: list[EvidenceSubmitted] = field(default_factory=list)
    assessed: list[EvidenceAssessed] = field(default_factory=list)
    awarded: dict[str, list[datetime]] = field(default_factory=dict)
    completed: Counter[str] = field(default_factory=Counter)
    registered: int = 0


def stories(log: Iterable[Recorded]) -> dict[str, Story]:
    """Return the story of every learner."""
    found: dict[str, Story] = {}
    for one in log:
        match one.fact:
            case LearnerRegistered():
                found.setdefault(one.subject, Story()).registered += 1
            case EvidenceSubmitted():
                found.setdefault(one.subject, Story()).submitted.append(one.fact)
            case EvidenceAssessed():
                found.setdefault(one.subject, Story()).assessed.append(one.fact)
            case AchievementAwarded():
                awarded = found.setdefault(one.subject, Story()).awarded
                awarded.setdefault(one.fact.achievement_id, []).append(one.recorded_at)
            case StackCompleted():
                found.setdefault(one.subject, Story()).completed[one.fact.stack_id] += 1
    return found


def nothing_is_lost(log: list[Recorded], clients: list[Client]) -> None:
    """Everything acknowledged is in the log once, where it was said to be."""
    at = {one.position: one for one in log}
    submitted = Counter(one.fact.evidence_id for one in log if isinstance(one.fact, EvidenceSubmitted))
    assessed = Counter(one.fact.assessment_id for one in log if isinstance(one.fact, EvidenceAssessed))
    for client in clients:
        assert not client.wrong, client.wrong[:5]
        for request, answer in client.journal.values():
            said = answer.document
            assert said["position"] in at, f"{request.key} was acknowledged at {said['position']}, where nothing is"
            if request.path != "/learners":
                of = assessed if request.key.endswith("=met") else submitted
                assert 1 == of[said["id"]], f"{request.key} is recorded {of[said['id']]} times"
            if answer.status == 201:
                assert said["stream"] == f"learner-{at[said['position']].subject}", request.key


def nothing_is_doubled(log: list[Stored], found: dict[str, Story]) -> None:
    """Positions are dense, streams without gaps, and each learner did everything once."""
    assert list(range(1, len(log) + 1)) == [one.position for one in log]
    versions: Counter[str] = Counter()
    for one in log:
        versions[one.stream] += 1
        assert versions[one.stream] == one.version, f"{one.stream} has {one.version} at {one.position}"
    for learner, story in found.items():
        once = Counter(fact.achievement_id for fact in story.submitted)
        assert 1 == story.registered, learner
        assert not once - Counter(MICROS), f"{learner} handed in {once}"
        assert len({fact.evidence_id for fact in story.assessed}) == len(story.assessed), learner
        assert all(len(times) == 1 for times in story.awarded.values()), f"{learner} was awarded {story.awarded}"
        assert all(times == 1 for times in story.completed.values()), f"{learner} completed {story.completed}"


def what_is_due(found: dict[str, Story], earned: dict[str, set[str]]) -> list[str]:
    """Return who was not awarded what they earned, or a milestone that follows from it."""
    due = []
    for learner, story in found.items():
        holds = earned.get(learner, set()) | (story.awarded.keys() & set(MICROS))
        for milestone, of in MILESTONES.items():
            if holds.issuperset(of):
                holds = holds | {milestone}
        due += [f"{learner}: {missing}" for missing in holds - story.awarded.keys()]
    return due + [f"{learner}: everything" for learner in earned.keys() - found.keys()]


def lateness(found: dict[str, Story], outages: list[tuple[float, float]]) -> list[tuple[float, str]]:
    """Return by milestone how long it took after it was earned, but for the time in which it could not be awarded."""
    late = []
    for learner, story in found.items():
        for milestone, of in MILESTONES.items():
            if milestone in story.awarded:
                assert 1 == story.completed[f"to-{milestone}"], f"{learner} has {milestone}, but did not complete it"
                earned = max(story.awarded[one][0] for one in of).timestamp()
                awarded = story.awarded[milestone][0].timestamp()
                away = sum(max(0.0, min(end, awarded) - max(begin, earned)) for begin, end in merged(outages))
                late.append((awarded - earned - away, f"{milestone} of {learner}, {awarded:.1f}"))
    return sorted(late, reverse=True)


def merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the same instants in spans that do not overlap."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def kafka_holds_everything(campus: Campus, log: list[Stored], ours: set[Place]) -> None:
    """
    Each fact is in its partition, as it is stored, after all before it of its learner; *ours* is not its own.

    Except for what auditors read, which stays inside.
    """
    bootstrap = campus.broker.bootstrap
    found: dict[tuple[str, int], Stored] = {}
    for topic in ("ledger.events.v1", "ledger.definitions.v1"):
        reached: Counter[str] = Counter()
        for message in messages(bootstrap, topic):
            if (topic, message.partition, message.offset) in ours:
                continue
            stored = fact(message)
            if topic == "ledger.events.v1":
                assert message.partition == (murmur2(message.key) & 0x7FFFFFFF) % PARTITIONS, stored
            assert stored.version <= reached[stored.stream] + 1, f"{stored.stream} skips to {stored.version}"
            reached[stored.stream] = max(reached[stored.stream], stored.version)
            found[stored.stream, stored.version] = stored
    assert [one for one in log if not one.stream.startswith("audit-")] == sorted(found.values())


def transcripts_are_the_newest(campus: Campus, log: list[Stored]) -> None:
    """The last message of each learner's key is of the learner's last fact."""
    newest = {m.key.decode(): m for m in messages(campus.broker.bootstrap, "ledger.transcripts.v1")}
    told = {learner: msgspec.json.decode(m.value)["position"] for learner, m in newest.items()}
    last = {one.stream.removeprefix("learner-"): one.position for one in log if one.stream.startswith("learner-")}
    stale = {learner: (told.get(learner), last[learner]) for learner in last if told.get(learner) != last[learner]}
    assert not stale, f"{len(stale)} transcripts on Kafka are not the newest: {list(stale.items())[:5]}"


def only_poison_is_dead(campus: Campus, poison: set[Place]) -> None:
    """Dead letters are the *poison* alone, and of each command among it other systems were told."""
    letters = campus.ask("deadletters", "list", "--limit", "10000")["dead_letters"]
    assert poison == {(one["topic"], one["partition"], one["offset"]) for one in letters}
    told = {message.key.decode() for message in messages(campus.broker.bootstrap, f"{COMMANDS}.dlt")}
    assert {f"{topic}/{partition}/{offset}" for topic, partition, offset in poison if topic == COMMANDS} == told


def nobody_is_behind(campus: Campus) -> list[str]:
    """Return who is still behind the log."""
    lag: dict[str, Any] = campus.ask("lag")
    return [str(one) for one in (*lag["followers"], *lag["unasked"]) if one.get("behind", 1)]


def the_doctor_finds_all_well(campus: Campus) -> None:
    """Views are as a rebuild from the first fact, and nothing was left to be recorded."""
    examined = campus.ask("doctor")
    assert examined["well"], examined


def wait_for(what: Any, seconds: float) -> Any:
    """Call *what* until it returns something empty, or time is up; return what it returned last."""
    deadline = time.monotonic() + seconds
    while (left := what()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
