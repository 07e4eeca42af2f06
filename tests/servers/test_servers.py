"""The servers that tests rest on are what they are taken for, and keep what they were given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaTimeoutError

from ledger.settings import PostgresUrls
from tests.servers import keeper, until
from tests.servers.kafka import Broker
from tests.servers.postgres import PostgresServer


def test_postgres_is_real_and_new_enough(postgres: PostgresServer) -> None:
    assert int(postgres.version.split(".")[0]) >= 15


def test_a_new_database_is_migrated_and_empty(database: PostgresUrls) -> None:
    for url, table in ((database.log, "facts"), (database.private, "accounts")):
        with psycopg.connect(url) as connection:
            assert [(0,)] == connection.execute(f"SELECT count(*) FROM ledger.{table}").fetchall()


def test_every_database_is_a_tests_own(postgres: PostgresServer) -> None:
    one, two = (postgres.new_database(migrated=False) for _ in range(2))
    assert 4 == len({one.log, one.private, two.log, two.private})

    postgres.drop(one)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(one.log)
    psycopg.connect(two.private).close()
    postgres.drop(two)


def test_what_was_committed_outlives_a_killed_postgres(own_postgres: PostgresServer) -> None:
    own_postgres.execute("CREATE TABLE kept AS SELECT 7 AS number")

    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        own_postgres.execute("SELECT 1")
    own_postgres.start()

    assert [(7,)] == own_postgres.execute("SELECT number FROM kept")


def test_a_promoted_standby_has_all_that_was_committed(own_postgres: PostgresServer) -> None:
    with own_postgres.standby() as standby:
        either = own_postgres.url(standby=standby)
        with psycopg.connect(either) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

        own_postgres.kill()
        standby.promote()

        with psycopg.connect(either) as connection:
            assert [(7,)] == connection.execute("SELECT number FROM kept").fetchall()
            connection.execute("INSERT INTO kept VALUES (8)")


_DIES = """
import os, signal
from tests.servers.postgres import server
print(server()._cluster.directory, server()._cluster.program.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_a_test_process_that_was_killed(postgres: PostgresServer) -> None:
    environment = {**os.environ, "LEDGER_TEST_POSTGRES_URL": ""}
    ran = subprocess.run([sys.executable, "-c", _DIES], check=False, capture_output=True, text=True, env=environment)

    assert -signal.SIGKILL == ran.returncode, ran.stderr
    directory, pid = ran.stdout.split()
    assert until(lambda: not Path(directory).exists(), 10)
    assert not keeper.runs(int(pid))


@pytest.mark.slow
def test_what_was_acknowledged_outlives_a_killed_broker(kafka: Broker) -> None:
    if not kafka.keeps:
        pytest.skip(f"{kafka.kind} is not ours to kill, or keeps nothing")
    _create(kafka, "ledger.kept")
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    producer.send("ledger.kept", b"seven").get(10)
    producer.close()

    kafka.kill()
    kafka.start()

    assert [b"seven"] == _read(kafka, "ledger.kept")


@pytest.mark.slow
def test_a_broker_is_emptied_between_tests(kafka: Broker) -> None:
    _create(kafka, "ledger.one", "ledger.two")
    kafka.empty()
    _create(kafka, "ledger.one")

    assert [] == _read(kafka, "ledger.one")


@pytest.mark.slow
def test_a_client_behind_the_proxy_stays_behind_it(kafka: Broker) -> None:
    if not kafka.keeps:
        pytest.skip(f"{kafka.kind} cannot tell its clients to come by a proxy")
    _create(kafka, "ledger.kept")
    with kafka.behind_proxy() as proxy:
        producer = KafkaProducer(bootstrap_servers=proxy.address, acks="all")
        producer.send("ledger.kept", b"seven").get(10)
        proxy.stall()
        unsure = producer.send("ledger.kept", b"eight")
        with pytest.raises(KafkaTimeoutError):
            unsure.get(1)
        assert [b"seven"] == _read(kafka, "ledger.kept")

        proxy.heal()
        unsure.get(10)
        producer.close()
    assert [b"seven", b"eight"] == _read(kafka, "ledger.kept")


def _create(broker: Broker, *topics: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(name, 1, 1) for name in topics])
    admin.close()


def _read(broker: Broker, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=2000)
    consumer.assign([TopicPartition(topic, 0)])
    try:
        return [message.value for message in consumer]
    finally:
        consumer.close()
