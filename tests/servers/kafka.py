"""
A Kafka broker for tests: what LEDGER_TEST_KAFKA names, else an Apache Kafka of our own, else Tansu.

The last is a poor likeness: it keeps nothing over its end, shows readers what was rolled back, misreports the ends of
partitions, and needs `session_timeout_ms=6000`. Tests that rest on those ask the broker what it is.
On a broker that was given, tests delete every topic and group named `ledger.…`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.servers import Unavailable, Unusable, brokers, chosen, maven, until
from tests.servers.program import Program
from tests.servers.proxy import Proxy

_TANSU = "Tansu"
_OURS = "ledger."
_EMPTY_SECONDS = 15.0


class Broker:
    """A running broker."""

    def __init__(self, kind: str, bootstrap: str, started: brokers.Started | None = None) -> None:
        self.kind = kind
        self.bootstrap = bootstrap
        self._started = started
        self._program = started.program if started is not None else None

    @property
    def transactional_reads(self) -> bool:
        """Whether a reader of what is committed sees nothing else, and is told true ends of partitions."""
        return self.kind != _TANSU

    @property
    def keeps(self) -> bool:
        """Whether it has its messages again after `kill` and `start`; only of a broker that is ours to kill."""
        return self._program is not None and self.kind != _TANSU

    @property
    def version(self) -> str:
        """What the broker is taken for by the protocol it speaks: `4.1`, or newer."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            node = admin.describe_cluster()["brokers"][0]["broker_id"]
            return ".".join(str(part) for part in admin.get_broker_version_data(node).broker_version)
        finally:
            admin.close()

    @property
    def log_tail(self) -> str:
        """The last of what our broker wrote."""
        return self._ours.log_tail

    def start(self) -> None:
        """Start it again: same address, and with what it keeps."""
        self._ours.start()

    def stop(self) -> None:
        """Shut it down in good order."""
        self._ours.stop()

    def kill(self) -> None:
        """Kill it."""
        self._ours.kill()

    def empty(self) -> None:
        """Delete topics and groups, and wait until they are gone; starts a broker that was left stopped."""
        if self._program is not None:
            self._program.start()
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            assert until(lambda: self._is_empty(admin), _EMPTY_SECONDS), "topics are still there"
        finally:
            admin.close()

    def behind_proxy(self) -> Proxy:
        """Return a proxy before the broker, to be entered; whoever bootstraps at its address stays behind it."""
        if self._started is None or not self._started.proxy_port or not self._started.behind_proxy_port:
            raise Unavailable(f"{self.kind} cannot tell its clients to come by a proxy")
        return Proxy("127.0.0.1", self._started.behind_proxy_port, at=self._started.proxy_port)

    def close(self) -> None:
        """Leave nothing behind of a broker that is ours."""
        if self._program is not None:
            self._program.remove()

    @property
    def _ours(self) -> Program:
        if self._program is None:
            raise Unavailable(f"{chosen.KAFKA} names a broker that is not ours to stop")
        return self._program

    def _is_empty(self, admin: KafkaAdminClient) -> bool:
        topics = [name for name in admin.list_topics() if self._may_go(name)]
        if not topics:
            return True
        with suppress(KafkaError):
            groups = [group["group_id"] for group in admin.list_groups() if self._may_go(group["group_id"])]
            admin.delete_groups(groups)
        with suppress(KafkaError):
            admin.delete_topics(topics)
        return False

    def _may_go(self, name: str) -> bool:
        return name.startswith(_OURS) if self._program is None else not name.startswith("__")


@cache
def broker(port: int | None = None) -> Broker:
    """Return this process's broker, found or started (at *port*) at the first call; Unavailable where there is none."""
    given = os.environ.get(chosen.KAFKA)
    if given:
        if not brokers.answers(given):
            raise Unusable(f"{chosen.KAFKA} names {given}, where no broker answers")
        return Broker("given", given)
    try:
        return _made(f"Apache Kafka {maven.VERSION}", brokers.apache_kafka(port))
    except Unavailable as reason:
        if os.environ.get(chosen.DEMAND):
            raise
        try:
            return _made(_TANSU, brokers.tansu(port))
        except Unavailable as no_other:
            raise Unavailable(f"{reason}; {no_other}") from reason


def _made(kind: str, started: brokers.Started) -> Broker:
    return Broker(kind, started.bootstrap, started)


def close_broker() -> None:
    """Leave nothing of this process's broker, if it was asked for."""
    if broker.cache_info().currsize:
        broker().close()
        broker.cache_clear()
