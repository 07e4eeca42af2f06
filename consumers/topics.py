"""
The Kafka topics of a ledger: their names, partitions and settings; made by `ledger migrate`, checked at every start.

    ledger.events.v1         facts of learners, key = learner id; kept for ever
    ledger.definitions.v1    definitions, people and batches, key = stream; one partition, so in the log's order
    ledger.transcripts.v1    what each learner holds, key = learner id; compacted
    ledger.checkpoints.v1    signed heads of the transparency log, key = its origin; kept for ever
    ledger.commands.v1       evidence and assessments from other systems, key = learner
    ledger.commands.v1.dlt   which of those could not be taken in, and why

The number of partitions is chosen once: with another, a learner's facts go to another partition, and readers may see
them before the earlier ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

import consumers.header_names  # noqa: F401  so that whoever asks for a topic can read every message of it
from consumers.connecting import leaving_nothing
from ledger.settings import UnusableSettings
from ledger.store import LARGEST_APPEND

PARTITIONS = 24
# A fact may be as large as an append, and has headers.
LARGEST_MESSAGE = LARGEST_APPEND + 64 * 1024

_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_OLDEST_BROKER = (4, 0)
_REPLICAS = 3
_PATIENCE_MS = 10_000
_FOR_EVER = "-1"
_WEEK_MS = 7 * 24 * 3600 * 1000
_REPLAYED = {
    "cleanup.policy": "delete",
    "retention.ms": _FOR_EVER,
    "retention.bytes": _FOR_EVER,
    "max.message.bytes": str(LARGEST_MESSAGE),
    # A message bears the ledger's time, which may be ahead of the broker's.
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}

# Others choose how they compress, and may have any clock: the broker hands on what we can read, with its own time.
_FROM_OTHERS = {"compression.type": "uncompressed", "message.timestamp.type": "LogAppendTime"}
_MATTER = ("cleanup.policy", "compression.type")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one ledger; another *prefix* keeps two ledgers on the same brokers apart."""

    prefix: str = "ledger"

    @property
    def events(self) -> str:
        """Facts of learners."""
        return f"{self.prefix}.events.v1"

    @property
    def definitions(self) -> str:
        """Facts of everything else."""
        return f"{self.prefix}.definitions.v1"

    @property
    def transcripts(self) -> str:
        """What each learner holds."""
        return f"{self.prefix}.transcripts.v1"

    @property
    def checkpoints(self) -> str:
        """Signed heads of the transparency log."""
        return f"{self.prefix}.checkpoints.v1"

    @property
    def commands(self) -> str:
        """What other systems ask for."""
        return f"{self.prefix}.commands.v1"

    @property
    def commands_dead(self) -> str:
        """Which commands could not be taken in, and why."""
        return f"{self.commands}.dlt"

    def all(self) -> tuple[Topic, ...]:
        """Return every topic as it should be."""
        compacted = _REPLAYED | {"cleanup.policy": "compact"}
        passing = {"cleanup.policy": "delete", "retention.ms": str(2 * _WEEK_MS)}
        return (
            Topic(self.events, PARTITIONS, _REPLAYED),
            Topic(self.definitions, 1, _REPLAYED),
            Topic(self.transcripts, PARTITIONS, compacted),
            Topic(self.checkpoints, 1, _REPLAYED),
            Topic(self.commands, PARTITIONS, {**passing, **_FROM_OTHERS}),
            Topic(self.commands_dead, 1, {**passing, "retention.ms": _FOR_EVER}),
        )


def brokers(bootstrap: str) -> list[str]:
    """Return the addresses in LEDGER_KAFKA; raise UnusableSettings where one cannot be an address."""
    addresses = [address.strip() for address in bootstrap.split(",")]
    if all(_ADDRESS.fullmatch(address) for address in addresses):
        return addresses
    raise UnusableSettings(f"LEDGER_KAFKA must be host:port, or several with commas, not {bootstrap!r}")


def create(bootstrap: str, topics: Topics | None = None) -> list[str]:
    """
    Make the topics that are missing, and return their names; those that exist are left as they are.

    Each has as many replicas as there are brokers, three at most; with three, two must have a message before it counts.
    """
    wanted = (topics or Topics()).all()
    with _administration(bootstrap) as admin:
        found = _found(admin, [topic.name for topic in wanted])
        missing = {topic.name: topic for topic in wanted if topic.name not in found}
        if not missing:
            return []
        replicas = min(_REPLICAS, len(admin.describe_cluster()["brokers"]))
        safe = {"min.insync.replicas": "2" if replicas == _REPLICAS else "1"}
        asked = {
            name: {
                "num_partitions": topic.partitions,
                "replication_factor": replicas,
                "configs": {**topic.settings, **safe},
            }
            for name, topic in missing.items()
        }
        made = [
            answer["name"]
            for answer in admin.create_topics(asked, raise_errors=False)["topics"]
            if not _exists_already(answer)
        ]
        admin.wait_for_topics(list(missing))
        return made


def check(bootstrap: str, topics: Topics | None = None, before: Callable[[str], int] = lambda _: 0) -> dict[str, int]:
    """
    Raise UnusableSettings where the brokers or topics cannot serve a ledger; return how many partitions each has.

    *before* says how many partitions a topic is known to have had: one that was made anew with fewer is refused.
    """
    wanted = (topics or Topics()).all()
    with _administration(bootstrap) as admin:
        _refuse_old_brokers(admin)
        found = _found(admin, [topic.name for topic in wanted])
        missing = [topic.name for topic in wanted if topic.name not in found]
        if missing:
            raise UnusableSettings(f"Kafka has no topic {', '.join(missing)}; run `ledger migrate`, which makes them")
        for topic in wanted:
            _refuse_too_few(topic, found[topic.name], before(topic.name))
        answer = admin.describe_configs([ConfigResource("topic", topic.name) for topic in wanted], config_filter="all")
        for topic in wanted:
            _refuse_unsuitable(topic, {name: one["value"] for name, one in answer["topic"][topic.name].items()})
        return found


@contextmanager
def _administration(bootstrap: str) -> Iterator[Any]:
    try:
        with leaving_nothing() as connections:
            admin = KafkaAdminClient(
                bootstrap_servers=brokers(bootstrap),
                bootstrap_timeout_ms=_PATIENCE_MS,
                request_timeout_ms=_PATIENCE_MS,
                reconnect_backoff_max_ms=1_000,
                kafka_client=connections,
            )
    except KafkaError as error:
        raise UnusableSettings(
            f"no Kafka broker answers at {bootstrap}: start it, or correct LEDGER_KAFKA ({type(error).__name__})"
        ) from error
    try:
        yield admin
    except KafkaError as error:
        raise UnusableSettings(
            f"Kafka at {bootstrap} does not answer as it should: see to it and start again ({error})"
        ) from error
    finally:
        admin.close()


def _found(admin: Any, names: list[str]) -> dict[str, int]:
    return {
        topic["name"]: len(topic["partitions"])
        for topic in admin.describe_topics(names)
        if topic["error_code"] == 0 and topic["partitions"]
    }


def _exists_already(answer: Mapping[str, Any]) -> bool:
    """Whether another process made the topic meanwhile."""
    error = for_code(answer["error_code"])
    if answer["error_code"] and error is not TopicAlreadyExistsError:
        raise UnusableSettings(f"Kafka refuses to make the topic {answer['name']}: {answer['error_message']}")
    return bool(answer["error_code"])


def _refuse_old_brokers(admin: Any) -> None:
    """
    Refuse brokers older than 4.0: their groups and idempotent producers are not what this is tested on.

    A broker does not tell its release; it is known by the versions of requests that it answers (`ApiVersions`).
    """
    for broker in admin.describe_cluster()["brokers"]:
        release = admin.get_broker_version_data(broker["broker_id"]).broker_version
        if release < _OLDEST_BROKER:
            raise UnusableSettings(
                f"the Kafka broker {broker['host']}:{broker['port']} answers no requests newer than those of Kafka"
                f" {'.'.join(map(str, release))}; upgrade it to 4.0 or later"
            )


def _refuse_too_few(topic: Topic, partitions: int, before: int) -> None:
    if partitions < topic.partitions:
        raise UnusableSettings(
            f"the topic {topic.name} has {partitions} partitions, and needs {topic.partitions}; while nothing is in it,"
            " delete it and run `ledger migrate`"
        )
    if topic.partitions == 1 < partitions:
        raise UnusableSettings(
            f"the topic {topic.name} has {partitions} partitions, and must have one; delete it, run `ledger migrate`,"
            " and relay from the first fact"
        )
    if partitions < before:
        raise UnusableSettings(
            f"the topic {topic.name} has {partitions} partitions, and had {before}: it was made anew;"
            " make it with as many as before, and relay from the first fact"
        )


def _refuse_unsuitable(topic: Topic, settings: Mapping[str, str]) -> None:
    for name in _MATTER:
        wanted = topic.settings.get(name)
        found = settings.get(name, "" if name == "cleanup.policy" else wanted)
        if wanted is not None and found != wanted:
            raise UnusableSettings(f"the topic {topic.name} has {name}={found}; set it to {wanted} with kafka-configs")
