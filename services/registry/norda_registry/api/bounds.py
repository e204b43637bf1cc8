"""Bodies of single records are small: refused above 256 KiB, although imports may be far larger."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from norda_common.errors import TooLarge
from starlette.types import Message

LIMIT_BYTES = 256 * 1024


class BoundedRoute(APIRoute):
    """A route that reads its body at most up to the limit, announced or not, before anything parses it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the bound."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            announced = request.headers.get("content-length", "0")
            if announced.isdigit() and int(announced) > LIMIT_BYTES:
                raise _too_large()
            return await handle(Request(request.scope, _replay(await _read(request))))

        return bounded


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT_BYTES:
            raise _too_large()
    return bytes(body)


def _replay(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _too_large() -> TooLarge:
    limit = LIMIT_BYTES // 1024
    return TooLarge(f"Der Inhalt ist größer als {limit} KiB.", f"The body is larger than {limit} KiB.")
