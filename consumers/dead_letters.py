"""
Messages that the intake could not take: which, where they stand, why, and what a person decided about each.

What was in a message is not copied, for it may be personal; to try again it is read where it stands. A letter is kept
first, then told on the topic of dead letters, then noted as told: a crash in between tells it again, under the same
id. Offsets of the batch are committed after that, so none is lost, and one that comes again is kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from consumers.cloud_events import SOURCE, Outgoing
from consumers.intake import DeadLetter, Intake
from consumers.intake_messages import Message, told
from ledger.database import Database, marks
from ledger.settings import Settings
from ledger.sqlite_file import SQLiteDatabase
from ledger.store import instant, microseconds

State = Literal["waiting", "retried", "skipped"]
STATES: tuple[State, ...] = ("waiting", "retried", "skipped")
TYPE = "command.refused.v1"
_TABLES = (
    """CREATE TABLE IF NOT EXISTS dead_letters (
        id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, kafka_offset INTEGER NOT NULL,
        source TEXT NOT NULL, message_id TEXT NOT NULL, reason_code TEXT NOT NULL, reason TEXT NOT NULL,
        at_us INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', published_us INTEGER, decided_us INTEGER,
        decided_by TEXT, because TEXT, UNIQUE (topic, partition, kafka_offset))""",
    "CREATE INDEX IF NOT EXISTS dead_letters_waiting ON dead_letters (id) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS dead_letters_unpublished ON dead_letters (id) WHERE published_us IS NULL",
)
_SELECT = (
    "SELECT id, topic, partition, kafka_offset, source, message_id, reason_code, reason, at_us, state, published_us,"
    " decided_us, decided_by, because FROM dead_letters "
)
# Where another message stands at the place by now, the topic was made anew: what was said of the old one is over.
_KEEP = (
    "INSERT INTO dead_letters (topic, partition, kafka_offset, source, message_id, reason_code, reason, at_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (topic, partition, kafka_offset) DO UPDATE SET"
    " source = excluded.source, message_id = excluded.message_id, reason_code = excluded.reason_code,"
    " reason = excluded.reason, at_us = excluded.at_us, state = 'waiting', published_us = NULL, decided_us = NULL,"
    " decided_by = NULL, because = NULL"
    " WHERE dead_letters.source <> excluded.source OR dead_letters.message_id <> excluded.message_id"
)
_AT_ONCE = 500
_MINUTE_US = 60_000_000
_NO_FACT = "malformed"

Publish = Callable[[Sequence[Outgoing]], None]
"""Hands messages to Kafka and returns once they have arrived, or raises."""

Original = Callable[[str, int, int], Message | None]
"""Reads the message at an offset of a partition of a topic; None where it is there no more."""


class Kept(NamedTuple):
    """A dead letter as it is kept."""

    id: int
    topic: str
    partition: int
    offset: int
    source: str
    message_id: str
    code: str
    reason: str
    at_us: int
    state: State
    published_us: int | None
    decided_us: int | None
    decided_by: str | None
    because: str | None

    @property
    def at(self) -> datetime:
        """When it was refused, at last."""
        return instant(self.at_us)

    @property
    def decided_at(self) -> datetime | None:
        """When it was retried or skipped."""
        return None if self.decided_us is None else instant(self.decided_us)


class RefusedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """
    A command of another system that was not taken in; the message itself stays where it is and is not copied.

    `source` and `id` are as the message told them, as far as it did; `code` names the broken rule.
    """

    topic: str
    partition: int
    offset: int
    source: str
    id: str
    code: str
    reason: str


class Unsettled(Exception):
    """A dead letter cannot be settled as asked; says why."""


class Gone(Unsettled):
    """The message is no longer where it stood, so it cannot be tried again."""


class Decided(Unsettled):
    """A dead letter is decided once."""


class DeadLetters:
    """The dead letters of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def of_ledger(cls, settings: Settings) -> DeadLetters | None:
        """Open those of the ledger that *settings* name; None where none can be, for nothing comes by Kafka."""
        if not isinstance(settings.database, Path):
            from ledger.opening import small_database  # noqa: PLC0415  only there PostgreSQL's driver is needed

            return cls(small_database(settings, durable=True))
        file = settings.database.with_name(f"{settings.database.stem}-dead-letters.db")
        return cls.in_file(file) if settings.kafka or file.exists() else None

    @classmethod
    def in_file(cls, path: Path) -> DeadLetters:
        """Open the SQLite file *path*, made where it is missing."""
        return cls(SQLiteDatabase(path, _TABLES))

    def keep(self, letters: Iterable[DeadLetter], now: datetime) -> None:
        """Keep *letters*, once each."""
        at_us = microseconds(now)
        rows = [(*letter, at_us) for letter in letters]
        if rows:
            with self._database.writing() as writing:
                writing.executemany(_KEEP, rows)

    def put(self, topic: str, partition: int, offset: int, source: str, id: str, reason: str) -> None:  # noqa: A002
        """Keep a message that is no fact, by where it lies; keeping it again changes nothing."""
        self.keep([DeadLetter(topic, partition, offset, source, id, _NO_FACT, reason)], datetime.now(UTC))

    def publish(self, publish: Publish, topic: str, now: datetime, partitions: Collection[int] | None = None) -> int:
        """
        Tell `<topic>.dlt` of letters of *topic* that it was not told of yet; return how many those were.

        Those of *partitions*, which nobody else has at this time; or all that are a minute old, as a crash leaves them.
        """
        told_of, now_us = 0, microseconds(now)
        query = _SELECT + "WHERE published_us IS NULL AND topic = ? AND "
        if partitions is None:
            query, chosen = query + "at_us < ?", [now_us - _MINUTE_US]
        else:
            query, chosen = query + f"partition IN ({marks(list(partitions))})", list(partitions)
        query += " ORDER BY id LIMIT ?"
        while untold := [Kept._make(row) for row in self._database.fetch(query, (topic, *chosen, _AT_ONCE))]:
            publish([_outgoing(letter) for letter in untold])
            ids = [letter.id for letter in untold]
            with self._database.writing() as writing:
                writing.execute(
                    f"UPDATE dead_letters SET published_us = ? WHERE id IN ({marks(ids)})",  # noqa: S608  only marks
                    (now_us, *ids),
                )
            told_of += len(untold)
        return told_of

    def list(self, states: Collection[State] = STATES[:1], after: int = 0, limit: int = 100) -> list[Kept]:
        """Return letters in these *states*, oldest first, from the one after id *after*."""
        query = _SELECT + f"WHERE state IN ({marks(list(states))}) AND id > ? ORDER BY id LIMIT ?"
        return [Kept._make(row) for row in self._database.fetch(query, (*states, after, limit))]

    def get(self, letter_id: int) -> Kept | None:
        """Return one letter."""
        found = self._database.fetch(_SELECT + "WHERE id = ?", (letter_id,))
        return Kept._make(found[0]) if found else None

    def waiting(self) -> int:
        """Return how many wait for a decision."""
        count: int = self._database.fetch("SELECT count(*) FROM dead_letters WHERE state = 'waiting'")[0][0]
        return count

    def skip(self, letter: Kept, *, by: str, because: str, now: datetime) -> None:
        """Decide that the message is not to be taken; Decided where somebody decided before."""
        self._decide(letter, "skipped", by, because, now)

    def retry(self, letter: Kept, original: Original, intake: Intake, *, by: str, now: datetime) -> DeadLetter | None:
        """
        Hand the message to the intake again; return it with its reason where it is refused again, and waits on.

        A crash in between leaves it waiting, and trying again records nothing twice. Raises Gone or Decided.
        """
        if letter.state != "waiting":
            raise Decided(f"Dead letter {letter.id} is {letter.state} already.")
        if letter.code == _NO_FACT:
            raise Gone(f"Dead letter {letter.id} is no command of another system, but no fact of ours either; skip it.")
        message = original(letter.topic, letter.partition, letter.offset)
        if message is None:
            raise Gone(
                f"The message of dead letter {letter.id} is no longer on {letter.topic}, which keeps messages only so"
                f" long; ask {letter.source or 'its sender'} to send it again, and skip this one."
            )
        if told(message) != (letter.source, letter.message_id):
            raise Gone(
                f"Another message stands where that of dead letter {letter.id} stood: {letter.topic} was made anew;"
                f" ask {letter.source or 'its sender'} to send it again, and skip this one."
            )
        refused = next(iter(intake.handle([message])), None)
        if refused is None:
            self._decide(letter, "retried", by, None, now)
        else:
            with self._database.writing() as writing:
                writing.execute(
                    "UPDATE dead_letters SET reason_code = ?, reason = ?, at_us = ? WHERE id = ? AND state = 'waiting'",
                    (refused.code, refused.reason, microseconds(now), letter.id),
                )
        return refused

    def close(self) -> None:
        """Release the database."""
        self._database.close()

    def _decide(self, letter: Kept, state: State, by: str, because: str | None, now: datetime) -> None:
        with self._database.writing() as writing:
            decided = writing.execute(
                "UPDATE dead_letters SET state = ?, decided_us = ?, decided_by = ?, because = ?"
                " WHERE id = ? AND state = 'waiting' AND source = ? AND message_id = ?",
                (state, microseconds(now), by, because, letter.id, letter.source, letter.message_id),
            ).rowcount
        if not decided:
            raise Decided(f"Dead letter {letter.id} was decided by somebody else meanwhile.")


class Taking:
    """What a member of the intake's group does with a batch: record it, keep and tell of what is refused."""

    def __init__(
        self, intake: Intake, letters: DeadLetters, publish: Publish, topic: str, now: Callable[[], datetime]
    ) -> None:
        self._intake = intake
        self._letters = letters
        self._publish = publish
        self._topic = topic
        self._now = now

    def begin(self) -> None:
        """Tell of what was kept before a crash."""
        self._letters.publish(self._publish, self._topic, self._now())

    def handle(self, messages: Sequence[Message]) -> None:
        """Take a batch, whose offsets may be committed then; what is raised passes, so hand the batch in again."""
        refused = self._intake.handle(messages)
        if refused:
            self._letters.keep(refused, self._now())
            ours = {letter.partition for letter in refused}
            self._letters.publish(self._publish, self._topic, self._now(), ours)


def _outgoing(letter: Kept) -> Outgoing:
    place = f"{letter.topic}/{letter.partition}/{letter.offset}"
    body = RefusedCommand(
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        source=letter.source,
        id=letter.message_id,
        code=letter.code,
        reason=letter.reason,
    )
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", place.encode()),
        ("ce_source", SOURCE.encode()),
        ("ce_type", TYPE.encode()),
        ("ce_subject", letter.message_id.encode()),
        ("ce_time", letter.at.isoformat().replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
    ]
    return Outgoing(f"{letter.topic}.dlt", place.encode(), msgspec.json.encode(body), headers, letter.at_us // 1000)
