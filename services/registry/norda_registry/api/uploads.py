"""A table that somebody sends: as the body itself, or as a file of a form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from fastapi import Request
from norda_common.errors import Malformed
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from ..tables.reading import Upload, open_upload

_IN_MEMORY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The table, in memory when it is small, else in a temporary file; and the form's other fields."""

    file: BinaryIO
    name: str
    fields: dict[str, str]


@asynccontextmanager
async def uploaded(request: Request) -> AsyncIterator[Uploaded]:
    """What was sent. Raises Malformed for a form without a file."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        try:
            form = await request.form(max_files=1, max_fields=10)
        except HTTPException as error:
            raise _unreadable() from error
        try:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise _unreadable()
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            yield Uploaded(upload.file, upload.filename or "", fields)
        finally:
            await form.close()
        return
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spooled:
        async for chunk in request.stream():
            spooled.write(chunk)
        yield Uploaded(cast(BinaryIO, spooled), "", {})


@asynccontextmanager
async def opened(file: BinaryIO) -> AsyncIterator[Upload]:
    """The table for reading, before any transaction begins: reading a workbook takes seconds. Raises InvalidInput."""
    upload = await asyncio.to_thread(open_upload, file)
    try:
        yield upload
    finally:
        await asyncio.to_thread(upload.close)


def _unreadable() -> Malformed:
    return Malformed(
        "Das Formular braucht ein Feld „file“ mit der Tabelle.", "The form needs a field “file” with the table."
    )
