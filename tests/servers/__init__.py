"""Real PostgreSQL and real Kafka for tests: found or started when first asked for, gone when the process is."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable

# Below the ports that the system gives to outgoing connections: those could take ours while a server is down.
_PORTS = range(15_000, 32_000)


class Unavailable(Exception):
    """A server cannot be had here; the message says why, and what would help."""


class Unusable(Exception):
    """A server that was asked for by name cannot be used: nothing to pass over in silence."""


class FailedToStart(Exception):
    """A server that should have started did not; the message ends with what it said."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what}; it said:\n{said.strip() or '(nothing)'}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Unavailable("a hundred ports of 127.0.0.1 were tried, and all are in use")


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for *condition*, looking often at first; False when it did not come true in time."""
    ends, pause = time.monotonic() + seconds, 0.005
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True
