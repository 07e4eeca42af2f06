"""The service in one process: HTTP by waitress, followers in threads, until a signal ends it."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from waitress import create_server

from api.app import create_app
from consumers.following import Following
from consumers.run import Followers
from consumers.trouble import hush_kafka
from ledger import Ledger
from ledger.settings import UnusableSettings
from ledger.transparency.log import Log
from projections.views import Views

THREADS = 8
_CONNECTIONS_MOST = 500


def only_loopback(host: str) -> None:
    """Refuse to listen where others could come: nobody signs in yet, and keys alone are not enough for a network."""
    try:
        found = {address[4][0] for address in socket.getaddrinfo(host, None)}
    except OSError:
        msg = f"{host} is no address of this machine"
        raise UnusableSettings(msg) from None
    if not all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found):
        msg = f"no identity issuer is configured, so the service listens on loopback alone, not on {host}"
        raise UnusableSettings(msg)


def serve(
    ledger: Ledger,
    views: Views,
    followers: Followers,
    host: str,
    port: int,
    listening: Callable[[str], Any],
    threads: int = THREADS,
    following: Following | None = None,
    log: Log | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; *listening* is told the address once requests are taken."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    hush_kafka()
    app = create_app(ledger, views, followers, following, log)
    try:
        server = create_server(
            app, host=host, port=port, threads=threads, connection_limit=_CONNECTIONS_MOST, ident=None
        )
    except OSError as error:
        msg = f"port {port} of {host} cannot be had: {error.strerror}"
        raise UnusableSettings(msg) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    followers.start()
    try:
        listening(f"http://{_shown(host)}:{server.effective_port}")
        server.run()
    finally:
        server.close()
        followers.stop()


def free_port(host: str, wanted: int) -> int:
    """Return *wanted* if it can be had, else any other."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError:
            probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)
