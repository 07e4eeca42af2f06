"""The two brokers we can start: Apache Kafka, and Tansu, which speaks Kafka's protocol, where there is no Java."""

from __future__ import annotations

import base64
import signal
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.servers import FailedToStart, chosen, free_port, kept, maven
from tests.servers.program import Program

# Brokers of tests live for minutes: compiling them thoroughly would cost more than it saves.
_FRUGAL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_QUIET = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{inner}
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{inner}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy},CONTROLLER://127.0.0.1:{inner}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
log.dirs={directory}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
log.segment.delete.delay.ms=1000
"""


class Started(NamedTuple):
    """A broker that runs."""

    bootstrap: str
    program: Program
    proxy_port: int | None = None
    """Where it tells clients to find it that came by `behind_proxy_port`."""
    behind_proxy_port: int | None = None


def apache_kafka(port: int | None = None) -> Started:
    """Start a Kafka of one node (KRaft) from Maven Central's jars."""
    java, jars = maven.java(), maven.fetched()
    directory = kept.directory("kafka")
    inner, proxy, behind = (free_port() for _ in range(3))
    port = port or free_port()
    properties = directory / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, inner=inner, proxy=proxy, behind=behind, directory=directory))
    runs = [java, "-Xms256m", "-Xmx512m", *_FRUGAL, *_QUIET, f"-Dkafka.logs.dir={directory}"]
    runs += ["-cp", f"{jars}/*"]
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    format_it = ["kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}", "-c", str(properties)]
    ran = subprocess.run([*runs, *format_it], check=False, capture_output=True, text=True)
    if ran.returncode:
        raise FailedToStart("Kafka's storage could not be formatted", ran.stdout + ran.stderr)
    started = _started("Apache Kafka", directory, [*runs, "kafka.Kafka", str(properties)], port)
    return started._replace(proxy_port=proxy, behind_proxy_port=behind)


def tansu(port: int | None = None) -> Started:
    """Start Tansu, which keeps everything in memory."""
    binary = chosen.tansu_binary()
    port = port or free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [binary, "broker", "--listener-url", url, "--advertised-listener-url", url]
    return _started("Tansu", kept.directory("tansu"), [*command, "--storage-engine", "memory://tansu/"], port)


def answers(bootstrap: str) -> bool:
    """Say whether a broker is there and part of its cluster: one that listens may still be on its way."""
    with suppress(KafkaError, OSError):
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000, bootstrap_timeout_ms=2000)
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    return False


def _started(name: str, directory: Path, command: list[str], port: int) -> Started:
    bootstrap = f"127.0.0.1:{port}"
    program = Program(name, directory, command, answers=lambda: answers(bootstrap), stops_by=signal.SIGTERM)
    program.start()
    return Started(bootstrap, program)
