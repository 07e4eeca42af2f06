"""The process `ledger run intake`, killed again and again while messages come: nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from api.imports.catalogue import import_catalogue
from consumers.dead_letters import DeadLetters
from consumers.topics import Topics
from ledger import Ledger
from ledger.events import AchievementAwarded, EvidenceAssessed, EvidenceSubmitted
from ledger.settings import PostgresUrls, Settings
from tests.consumers.messages import until
from tests.consumers.sending import LMS
from tests.consumers.test_intake_over_kafka import count, key, semester, told
from tests.imports import files
from tests.servers.kafka import Broker

KEK = "a2VrIG9mIHRlc3RzLCBrZWsgb2YgdGVzdHMsIGtlayA="
KILLS, LEARNERS = 4, 80


@pytest.fixture
def settings(database: PostgresUrls, kafka: Broker, tmp_path: Path) -> Settings:
    file = tmp_path / "ledger.kek"
    file.write_text(KEK)
    file.chmod(0o600)
    return Settings(database=database, kek_at=file, kafka=kafka.bootstrap, intake_sources=frozenset({LMS}))


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    ledger = Ledger.open(settings, create=True)
    import_catalogue(ledger, files.catalogue(), name="catalogue.json", by="dora", approved_by="board")
    yield ledger
    ledger.close()


@pytest.fixture
def run(settings: Settings, database: PostgresUrls) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start the process."""
    assert settings.kafka is not None
    environment = os.environ | {
        "LEDGER_DATABASE_URL": database.log,
        "LEDGER_PRIVATE_DATABASE_URL": database.private,
        "LEDGER_KEK_FILE": str(settings.kek_at),
        "LEDGER_KAFKA": settings.kafka,
        "LEDGER_INTAKE_SOURCES": LMS,
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-m", "api.commands", "run", "intake"], env=environment))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_killed_at_any_instant_the_intake_loses_and_doubles_nothing(
    kafka: Broker,
    topics: Topics,
    settings: Settings,
    ledger: Ledger,
    run: Callable[[], subprocess.Popen[bytes]],
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    batch = semester(LEARNERS)
    share = len(batch) // KILLS + 1
    for number in range(KILLS):
        process = run()
        for each in batch[number * share : (number + 1) * share]:
            producer.send(topics.commands, key=key(each), value=each.value, headers=each.headers)
        producer.flush()
        # Somewhere between joining the group and having taken everything.
        time.sleep(1.2 + 0.7 * number)
        process.kill()
        process.wait()
    producer.close()
    last = run()

    until(lambda: count(ledger, EvidenceAssessed) == LEARNERS, 60)
    letters = DeadLetters.of_ledger(settings)
    assert letters is not None
    until(lambda: letters.waiting() == LEARNERS // 10, 30)
    last.send_signal(signal.SIGTERM)

    assert 0 == last.wait(20)
    assert (LEARNERS, LEARNERS, LEARNERS) == (
        count(ledger, EvidenceSubmitted),
        count(ledger, EvidenceAssessed),
        count(ledger, AchievementAwarded),
    )
    assert LEARNERS // 10 == letters.waiting()
    # After a kill one may be told twice, under one id; none is told of never.
    refused = told(kafka, topics, LEARNERS // 10)
    assert LEARNERS // 10 == len({(one["partition"], one["offset"]) for one in refused})
    letters.close()
