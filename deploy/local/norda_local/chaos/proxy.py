"""A TCP proxy between a service and a server, which can cut, refuse, delay and swallow.

Invariants: bytes are handed on in order and unchanged, or the connection is reset; a connection whose bytes were
swallowed is never used again, since what followed would be out of step.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536
NO_LINGERING = struct.pack("ii", 1, 0)
"""Closing a socket then sends a reset, whether or not something was still to be read."""


@dataclass(eq=False, slots=True)
class _Link:
    """One connection through the proxy: both ends' transports."""

    ends: list[asyncio.WriteTransport] = field(default_factory=list)

    def reset(self) -> None:
        """End both sides by a reset, as a machine does that knows nothing of the connection any more."""
        for end in self.ends:
            if not end.is_closing():
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
        self.end()

    def end(self) -> None:
        """End both sides."""
        for end in self.ends:
            end.abort()


class Proxy:
    """Listens on 127.0.0.1:port and leads to 127.0.0.1:target; `delay_seconds` and `swallowing` may be set any time."""

    def __init__(self, name: str, *, port: int, target: int) -> None:
        self.name = name
        self.port = port
        self.delay_seconds = 0.0
        self.swallowing = False
        self._target = target
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; idempotent."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=256)

    async def refuse(self) -> None:
        """Refuse new connections and cut those there are, as when the server is gone; `open` ends it."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.cut()

    def cut(self) -> int:
        """Reset every connection; returns how many. New ones are taken."""
        links, self._links = self._links, set()
        for link in links:
            link.reset()
        return len(links)

    async def close(self) -> None:
        """Refuse, and wait until nothing runs any more."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link([writer.transport])
        self._links.add(link)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._end(link)
            return
        link.ends.append(upstream_writer.transport)
        if link not in self._links:
            # It was cut while the server was being reached.
            link.reset()
            return
        for source, sink in ((reader, upstream_writer), (upstream_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink, link))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, link: _Link) -> None:
        # A reset end is told by the reader as an error, an orderly one as the end of the stream: both end the link.
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if not self.swallowing:
                    sink.write(data)
                    await sink.drain()
            await self._finish(sink)
        self._end(link)

    async def _finish(self, sink: asyncio.StreamWriter) -> None:
        """Let the other side have what was written before the end."""
        sink.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await sink.wait_closed()

    def _end(self, link: _Link) -> None:
        self._links.discard(link)
        link.end()
