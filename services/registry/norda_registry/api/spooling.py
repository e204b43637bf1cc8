"""Downloads at two paces: made as quickly as the database gives, read as slowly as somebody likes.

What is made goes to a file without a name, from which the answer is read while it still grows. So nobody's slow line
holds a connection of the pool or a transaction, and an answer begins with its first part.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from tempfile import TemporaryFile
from typing import Any

from fastapi.responses import StreamingResponse
from norda_common.errors import Unavailable
from starlette.types import Receive, Scope, Send

PART_BYTES = 1 << 16
MOST_OPEN = 20
"""So many downloads may be under way in a process: each holds a file."""


class Spools:
    """The downloads of a process: how many are being made, each with a connection, and how many are being read."""

    def __init__(self) -> None:
        self.making = 0
        self.open = 0

    def begin(self, content: AsyncIterator[bytes], *, most: int) -> Spool:
        """Make a download, at most so many at once. Raises Unavailable (`downloads_busy`). Needs the running loop."""
        if self.making >= most or self.open >= MOST_OPEN:
            raise Unavailable(
                "Gerade werden so viele Dateien erstellt, wie auf einmal gehen; bitte gleich noch einmal.",
                "As many files are being made as can be at once; please try again shortly.",
                code="downloads_busy",
            )
        return Spool(self, content)


class Spool:
    """One download. `close` ends it, whatever it is at."""

    def __init__(self, spools: Spools, content: AsyncIterator[bytes]) -> None:
        self._spools = spools
        self._file = TemporaryFile(prefix="norda-export-", buffering=0)  # noqa: SIM115 - `close` does
        self._written = 0
        self._grown = asyncio.Event()
        self._ended = False
        spools.open += 1
        spools.making += 1
        self._making = asyncio.create_task(self._make(content), name="download")

    async def _make(self, content: AsyncIterator[bytes]) -> None:
        try:
            async for part in content:
                # Not by a thread, which would still write when a cancelled download's file is closed.
                self._write(part)
                self._grown.set()
        finally:
            self._ended = True
            self._spools.making -= 1
            self._grown.set()

    def _write(self, part: bytes) -> None:
        view = memoryview(part)
        while view:
            done = os.pwrite(self._file.fileno(), view, self._written)
            self._written += done
            view = view[done:]

    async def begun(self) -> None:
        """Wait for the first part. Raises what kept it from being made, so that it is answered as such."""
        try:
            await self._more(0)
        except BaseException:
            await self.close()
            raise

    async def read(self) -> AsyncIterator[bytes]:
        """All parts, as they come. Raises what went wrong in making them."""
        place = 0
        while await self._more(place):
            part = os.pread(self._file.fileno(), PART_BYTES, place)
            place += len(part)
            yield part

    async def _more(self, place: int) -> bool:
        """Wait until there is more behind that place; False at the end. Raises what went wrong."""
        while place >= self._written:
            if self._ended:
                await self._making
                return False
            self._grown.clear()
            await self._grown.wait()
        return True

    async def close(self) -> None:
        """Stop making it, and forget what was made. Idempotent."""
        if self._file.closed:
            return
        self._file.close()
        self._spools.open -= 1
        self._making.cancel()
        # What went wrong in making it was raised to who read it, or concerns nobody any more.
        await asyncio.gather(self._making, return_exceptions=True)


class SpooledResponse(StreamingResponse):
    """An answer that is read from a download, which ends with it: read, broken off, or failed."""

    def __init__(self, spool: Spool, **more: Any) -> None:
        super().__init__(spool.read(), **more)
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._spool.close())
