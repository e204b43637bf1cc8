"""The HTTP edge every service shares: problem documents, body limit, sign-in, health and the published documents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Annotated, Any

import asyncpg
import structlog
from fastapi import Depends, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials
from opentelemetry import trace
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..auth import Caller
from ..database import is_transient
from ..errors import (
    FieldError,
    InvalidInput,
    Malformed,
    NordaError,
    NotFound,
    Text,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from ..messages import text_of
from ..rights import PUBLIC, Right
from ..runtime import Runtime
from ..telemetry import current_trace_id
from .documented import BEARER

log = structlog.get_logger(__name__)


class Internal(NordaError):  # noqa: N818 - named like its siblings
    """A fault of the program itself (500); what happened is in the log and the trace."""


class MethodNotAllowed(NordaError):  # noqa: N818
    """The path exists, the method does not (405)."""

    status = 405
    code = "method_not_allowed"
    title = Text("Methode nicht erlaubt", "Method not allowed")


async def get_runtime(request: Request) -> Runtime:
    """The process's running parts."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


async def get_caller(
    given: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)], runtime: RuntimeDep
) -> Caller:
    """Which program or person is calling the API, by bearer token. Raises Unauthenticated."""
    if given is None or not given.credentials:
        raise Unauthenticated("Es fehlt ein Bearer-Token.", "A bearer token is missing.")
    return await runtime.tokens.verify(given.credentials.strip())


CallerDep = Annotated[Caller, Depends(get_caller)]


@cache
def caller_with(right: Right) -> Any:
    """The dependency of an API route that needs this right: the caller, who has it. Each route names one, or is
    `public`; a test walks them all (tests/contracts/test_rights.py).
    """

    async def allowed(caller: CallerDep) -> Caller:
        caller.require(right)
        return caller

    return Depends(declares(allowed, right))


async def _anybody() -> None:
    """Nothing is asked."""


def declares(check: Callable[..., Any], right: Right) -> Callable[..., Any]:
    """Note which right a dependency checks, for whoever walks the routes."""
    check.right = right  # type: ignore[attr-defined]
    return check


public = Depends(declares(_anybody, PUBLIC))
"""The dependency of a route for everybody, also without signing in."""


def language_of(request: Request) -> str:
    """`de` or `en`, by Accept-Language (RFC 9110); German unless English is preferred."""
    best, best_quality = "de", 0.0
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, parameter = part.strip().partition(";")
        code = tag.strip().lower()[:2]
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            quality = 0.0
        if code in {"de", "en"} and quality > best_quality:
            best, best_quality = code, quality
    return best


ErrorPage = Callable[[Request, NordaError], Awaitable[Response | None]]
"""Shows an error as a page where the request asked for one; None where it did not (`pages.py`)."""


async def answer(request: Request, error: NordaError) -> Response:
    """The error as the request's kind of answer: a page for people, else a problem document."""
    show: ErrorPage | None = getattr(request.app.state, "error_page", None)
    page = await show(request, error) if show else None
    return page or problem(request, error)


def problem(request: Request, error: NordaError) -> JSONResponse:
    """The error as `application/problem+json` in the caller's language."""
    document = error.problem(language=language_of(request), instance=request.url.path, trace_id=current_trace_id())
    return JSONResponse(document, error.status, media_type="application/problem+json", headers=dict(error.headers))


def install_errors(app: FastAPI) -> None:
    """Turn every exception into a problem document; unexpected ones are logged and recorded in the trace."""

    @app.exception_handler(NordaError)
    async def _expected(request: Request, error: NordaError) -> Response:
        return await answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return await answer(request, Malformed("Der Inhalt ist kein gültiges JSON.", "The body is not valid JSON."))
        return await answer(request, InvalidInput.of([field_error(dict(fault)) for fault in faults[:50]]))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == TooLarge.status:
            return await answer(request, _too_large())
        if error.status_code == NotFound.status:
            return await answer(request, NotFound("Diese Adresse gibt es nicht.", "There is no such address."))
        if error.status_code == MethodNotAllowed.status:
            return await answer(
                request,
                MethodNotAllowed("Diese Methode gibt es hier nicht.", "This method does not exist here."),
            )
        return await answer(request, Malformed("Die Anfrage ist nicht lesbar.", "The request cannot be read."))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        trace.get_current_span().set_attribute("error.type", type(error).__qualname__)
        return await answer(
            request,
            Internal(
                "Unerwarteter Fehler; er ist mit der Trace-Nummer verzeichnet.",
                "Unexpected error; it is recorded under the trace id.",
            ),
        )

    # The last is what asyncpg raises when a connection that broke is given back.
    for transient in (
        OSError,
        TimeoutError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ):
        app.add_exception_handler(transient, _surroundings)


async def _surroundings(request: Request, error: Exception) -> Response:
    if not is_transient(error):
        raise error
    log.warning("a request met a fault of the surroundings", error=type(error).__name__)
    if isinstance(error, (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError)):
        return await answer(
            request,
            Unavailable(
                "Der Datensatz ist gerade in Arbeit. Es wurde nichts gespeichert; bitte gleich noch einmal.",
                "The record is being worked on. Nothing was stored; please try again shortly.",
                code="busy",
            ),
        )
    return await answer(
        request,
        Unavailable(
            "Die Datenbank ist gerade nicht erreichbar. Ob etwas gespeichert wurde, ist nicht sicher; bitte nachsehen.",
            "The database cannot be reached. Whether anything was stored is not certain; please check.",
        ),
    )


def field_error(fault: Mapping[str, Any]) -> FieldError:
    """A fault of pydantic's as the field's error."""
    place = [str(part) for part in fault["loc"] if part not in {"body", "query", "path", "header"}]
    return FieldError(field=".".join(place) or "body", code=str(fault["type"]), text=text_of(fault))


class TooLargeAsProblem:
    """Turns Starlette's plain 413 for a body that announces too much into a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; only that one answer is replaced."""
        replaced = False

        async def watched(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == TooLarge.status:
                replaced = Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")
                if replaced:
                    await problem(Request(scope), _too_large())(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, watched)


def _too_large() -> TooLarge:
    return TooLarge("Der Inhalt ist zu groß.", "The body is too large.")


class SecurityHeaders:
    """Headers every answer carries: no sniffing, no framing, nothing loaded from anywhere.

    Where the service is reached by HTTPS, browsers are told to use nothing else for a year (RFC 6797).
    """

    _HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"cache-control", b"no-store"),
    )
    _SECURE = ((b"strict-transport-security", b"max-age=31536000"),)

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = self._HEADERS + (self._SECURE if https else ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the answer lacks."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in self._headers if h[0] not in present)]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def json_document(build: Callable[[], dict[str, Any]]) -> Callable[[], Awaitable[JSONResponse]]:
    """A route that serves a document built once."""
    cached = json.loads(json.dumps(build()))

    async def serve() -> JSONResponse:
        return JSONResponse(cached)

    return serve
