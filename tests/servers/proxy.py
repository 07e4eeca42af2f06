"""A network that fails on command: forwards connections to a server, cuts them, refuses them, or lets them hang."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from tests.servers import free_port

_PIECE = 2**16


class Proxy:
    """
    Stands before `host:port` on a port of its own, from `with` to its end; commands may come from any thread.

    Kafka tells its clients where to find it, and so has to name the proxy: see `Broker.behind_proxy`.
    """

    def __init__(self, host: str, port: int, *, at: int | None = None) -> None:
        self.port = at or free_port()
        self._server = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()

    @property
    def address(self) -> str:
        """Where to connect."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._do(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def heal(self) -> None:
        """Forward again: new connections, and those that were stalled."""
        self._do(self._heal)

    def reset(self) -> None:
        """Cut every connection without a farewell; new ones are served."""
        self._do(self._reset)

    def refuse(self) -> None:
        """Cut every connection, and refuse new ones."""
        self._do(self._refuse)

    def stall(self) -> None:
        """Forward nothing more, and hide that: connections stay, and new ones are accepted."""
        self._do(self._stall)

    async def _heal(self) -> None:
        self._flows.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)

    async def _stall(self) -> None:
        await self._heal()
        self._flows.clear()

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._reset()

    async def _reset(self) -> None:
        for writer in list(self._open):
            # With no time to linger, closing sends RST, as a machine does that no longer knows the connection.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            # Who connects meanwhile hangs too: nothing reaches the server, not even the connection.
            await self._flows.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._server)
            self._open.add(far_writer)
            try:
                ways = (self._forward(reader, far_writer), self._forward(far_reader, writer))
                await asyncio.gather(*ways)
            finally:
                self._open.discard(far_writer)
                far_writer.close()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            await self._flows.wait()
            writer.write(piece)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()

    def _do(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(what(), self._loop).result(10)
