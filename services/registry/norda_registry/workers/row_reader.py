"""Rows of a long import read by a process of their own: half of a plan's work is reading, and an interpreter does one
thing at a time. A short import is not worth the start of a process (docs/decisions/0092-imports-that-stay.md).
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from ..store.import_rows import Cells
from ..store.imports import Import
from ..usecases.imports.plan_batch import read_rows
from ..usecases.imports.row_process import LENGTH
from ..usecases.imports.rows import Row

WORTH_ROWS = 5_000
"""A process takes a second to start."""
_COMMAND = (sys.executable, "-I", "-m", "norda_registry.usecases.imports.row_process")


class RowReader:
    """Reads the rows of an import, one batch after the other; `close` ends its process."""

    def __init__(self, found: Import) -> None:
        self._found = found
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def read(self, records: Sequence[Cells]) -> list[Row]:
        """These rows from their cells. Raises what reading them raises, and EOFError when the process was ended."""
        if self._found.total < WORTH_ROWS:
            return await asyncio.to_thread(read_rows, records, self._found)
        async with self._turn:
            try:
                return await self._asked(list(records))
            except BaseException:
                # Whatever it was about to answer is not the answer to the next question.
                await self.close()
                raise

    async def close(self) -> None:
        """End the process. Idempotent."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _asked(self, rows: list[Cells]) -> list[Row]:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE, env={})
            self._send(self._process, self._found)
        process = self._process
        self._send(process, rows)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        answer = await asyncio.to_thread(pickle.loads, await process.stdout.readexactly(length))
        if isinstance(answer, Exception):
            raise answer
        found: list[Row] = answer
        return found

    @staticmethod
    def _send(process: Process, message: object) -> None:
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write(LENGTH.pack(len(content)) + content)
