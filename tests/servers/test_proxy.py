"""The network of the fault tests fails as it is told, and heals."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.servers.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """Give the port of a server that sends back what it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    """Stand before that server."""
    with Proxy("127.0.0.1", echo) as standing:
        yield standing


def _echo(listener: socket.socket) -> None:
    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(2**16):
                    connection.sendall(piece)
            except OSError:
                pass

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def _connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def _send_all(connection: socket.socket, words: bytes) -> None:
    connection.sendall(words)
    connection.shutdown(socket.SHUT_WR)


def _said_back(connection: socket.socket, words: bytes) -> bytes:
    connection.sendall(words)
    return connection.recv(100)


def test_what_is_sent_arrives_whole_and_the_end_too(proxy: Proxy) -> None:
    sent = bytes(range(256)) * 10_000
    with _connect(proxy) as connection:
        threading.Thread(target=_send_all, args=(connection, sent)).start()
        received = b"".join(iter(lambda: connection.recv(2**16), b""))

    assert sent == received


def test_a_reset_cuts_what_is_open_and_serves_what_comes(proxy: Proxy) -> None:
    with _connect(proxy) as connection:
        assert b"one" == _said_back(connection, b"one")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)

    with _connect(proxy) as connection:
        assert b"two" == _said_back(connection, b"two")


def test_who_is_refused_is_served_after_healing(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)

    proxy.heal()
    with _connect(proxy) as connection:
        assert b"one" == _said_back(connection, b"one")


def test_a_stall_hangs_old_and_new_alike_and_loses_nothing(proxy: Proxy) -> None:
    with _connect(proxy) as old:
        assert b"one" == _said_back(old, b"one")
        proxy.stall()
        with _connect(proxy) as new:
            for connection in (old, new):
                connection.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    _said_back(connection, b"two")

            proxy.heal()
            for connection in (old, new):
                connection.settimeout(5)
                assert b"two" == connection.recv(100)


def test_a_proxy_ends_whatever_is_open(echo: int) -> None:
    with Proxy("127.0.0.1", echo) as proxy:
        connection = _connect(proxy)
        assert b"one" == _said_back(connection, b"one")
        proxy.stall()

    with connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)
