"""
A client of Kafka, or none: what cannot come about, or is refused, leaves no connection open.

The library leaves such to the garbage collector, which may not come by for a long time: a descriptor at each address
that refuses, three more at each client that finds no broker, again every second for as long as brokers are away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket


@contextmanager
def leaving_nothing() -> Iterator[Callable[..., Any]]:
    """Give what a client is to make its connections by (`kafka_client=`); closes them where it fails to begin."""
    made: list[Any] = []

    def make(**settings: Any) -> Any:
        made.append(KafkaNetClient(**settings))
        return made[-1]

    try:
        yield make
    except BaseException:
        for connections in made:
            connections.close()
        raise


_connect = KafkaNetSocket.sock_connect


async def _connected_or_closed(self: Any, net: Any, sock: Any, address: Any, timeout_at: float | None = None) -> Any:
    try:
        return await _connect(self, net, sock, address, timeout_at=timeout_at)
    except BaseException:
        sock.close()
        raise


KafkaNetSocket.sock_connect = _connected_or_closed
