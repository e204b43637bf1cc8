"""Reconciliation Service API v0.2 (W3C community group), by which OpenRefine and others match their tables.

The same service twice: `/api/v1/reconcile` over all organisations for API clients, with a token; and
`/api/v1/public/reconcile` over what is released, for everybody, since OpenRefine sends no token. Answers may be read
from any origin (CORS), without cookies; there is no JSONP.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from markupsafe import Markup, escape
from norda_common import __version__
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import InvalidInput, Malformed, NordaError, NotFound
from norda_common.requests import QueryText, refused
from norda_common.runtime import Runtime
from norda_common.statements import Identity
from norda_common.web import RuntimeDep, caller_with, language_of, public
from norda_common.web.edge import field_error, problem
from norda_common.web.pages import NOBODY
from norda_common.web.sparing import spare
from pydantic import BaseModel, ValidationError

from ..rules.reconciliation import ANY_TYPE, PROPERTIES, TYPES, Candidate, described, values_of
from ..rules.rights import READ
from ..store.facet_index import fresh_index
from ..usecases.reconciling import read_entities, reconcile, suggest
from .reconciliation_queries import ExtendQuery, ReconciliationQuery

M = TypeVar("M", bound=BaseModel)
MOST_QUERIES, MOST_QUERIES_OF_ANYBODY = 50, 10
"""OpenRefine sends ten at once."""
LONGEST_BATCH = 500_000
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
PREFLIGHT = ANY_ORIGIN | {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "86400",
}


class OfAnyOrigin(APIRoute):
    """A route whose answers, errors among them, pages of other origins may read; no cookie is ever looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with the header on whatever it answers."""
        answer = super().get_route_handler()

        async def answer_any_origin(request: Request) -> Response:
            try:
                response = await answer(request)
            except NordaError as error:
                response = problem(request, error)
            except RequestValidationError as error:
                faults = [field_error(dict(fault)) for fault in error.errors()[:50]]
                response = problem(request, InvalidInput.of(faults))
            response.headers.update(ANY_ORIGIN)
            return response

        return answer_any_origin


class Asking:
    """Whoever asks, and what they may see: everything, or what is released."""

    def __init__(self, request: Request, runtime: Runtime, caller: Caller | None) -> None:
        self.runtime = runtime
        self.language = language_of(request)
        self.released = caller is None
        self.most_queries = MOST_QUERIES_OF_ANYBODY if caller is None else MOST_QUERIES
        self._request = request
        self._asking: Caller | Identity = caller or NOBODY

    def spare(self, cost: int = 1) -> None:
        """Count what anybody asks. Raises TooManyRequests."""
        if self.released:
            spare(self._request, self.runtime, cost)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection of theirs."""
        async with self.runtime.database.read(self._asking) as connection:
            yield connection


async def _signed_in(request: Request, runtime: RuntimeDep, caller: Annotated[Caller, caller_with(READ)]) -> Asking:
    return Asking(request, runtime, caller)


async def _anybody(request: Request, runtime: RuntimeDep, _: Annotated[None, public]) -> Asking:
    asking = Asking(request, runtime, None)
    asking.spare()
    return asking


def manifest(asking: Asking, path: str) -> dict[str, Any]:
    """What the service can do, and where."""
    base = asking.runtime.settings.base_url
    service = base + path
    view = "/registry/public/{{id}}" if asking.released else "/registry/organisations/{{id}}"
    document: dict[str, Any] = {
        "versions": ["0.2"],
        "name": "Norda: Organisationen" + (" (öffentlich)" if asking.released else ""),
        "identifierSpace": f"{base}/registry/organisations/",
        "schemaSpace": f"{base}/api/v1/reconcile/properties/",
        "documentation": "https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/",
        "serviceVersion": __version__,
        "defaultTypes": [_type(ANY_TYPE, asking.language)],
        "view": {"url": base + view},
        "suggest": {
            kind: {"service_url": service, "service_path": f"/suggest/{kind}"}
            for kind in ("entity", "type", "property")
        },
        "extend": {
            "propose_properties": {"service_url": service, "service_path": "/extend/propose"},
            "property_settings": [],
        },
        "batchSize": asking.most_queries,
    }
    if asking.released:
        document["preview"] = {"url": f"{service}/preview?id={{{{id}}}}", "width": 430, "height": 220}
    else:
        # As Swagger 2.0 says it, which version 0.2 refers to.
        document["authentication"] = {"type": "apiKey", "name": "Authorization", "in": "header"}
    return document


def _type(type_id: str, language: str) -> dict[str, str]:
    label = TYPES.get(type_id)
    return {"id": type_id, "name": label.in_language(language) if label else type_id}


def _types_of(organisation: Organisation, language: str) -> list[dict[str, str]]:
    return [_type(organisation.kind, language), _type(ANY_TYPE, language)]


def _candidate(found: Candidate, language: str) -> dict[str, Any]:
    it = found.organisation
    return {
        "id": str(it.organisation_id),
        "name": it.legal_name,
        "description": described(it),
        "score": found.score,
        "match": found.match,
        "type": _types_of(it, language),
        "features": [{"id": key, "value": value} for key, value in found.features.items()],
    }


async def _answered(asking: Asking, path: str, queries: str | None, extend: str | None) -> JSONResponse:
    if extend is not None:
        return JSONResponse(await _extended(asking, _checked(ExtendQuery, _document(extend, "extend"), "extend")))
    if queries is None:
        return JSONResponse(manifest(asking, path))
    document = _document(queries, "queries")
    most = asking.most_queries
    if not isinstance(document, dict) or len(document) > most:
        raise refused(
            "queries",
            f"ist kein Objekt von bis zu {most} Anfragen",
            f"is no object of up to {most} queries",
        )
    batch = {key: _checked(ReconciliationQuery, value, "queries") for key, value in document.items()}
    # The request itself was the first one.
    asking.spare(max(0, len(batch) - 1))
    index = await fresh_index(asking.runtime.database)
    results: dict[str, Any] = {}
    async with asking.read() as connection:
        for key, query in batch.items():
            found = await reconcile(connection, index, query.wanted(), released=asking.released)
            results[key] = {"result": [_candidate(item, asking.language) for item in found]}
    return JSONResponse(results)


async def _extended(asking: Asking, query: ExtendQuery) -> dict[str, Any]:
    asking.spare(len(query.ids) // MOST_QUERIES_OF_ANYBODY)
    async with asking.read() as connection:
        found = await read_entities(connection, query.ids, released=asking.released)
    wanted = [item.id for item in query.properties]
    return {
        "meta": [{"id": key, "name": _property_name(key, asking.language)} for key in wanted],
        "rows": {
            entity: {
                key: [{"str": value} for value in values_of(key, found[entity])] if entity in found else []
                for key in wanted
            }
            for entity in query.ids
        },
    }


def _property_name(key: str, language: str) -> str:
    return PROPERTIES[key].label.in_language(language) if key in PROPERTIES else key


def _document(text: str, field: str) -> Any:
    if len(text) > LONGEST_BATCH:
        raise refused(field, "ist zu lang", "is too long")
    try:
        document = json.loads(text)
        # What an escape can say and no text can be: half a character.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{field} ist kein gültiges JSON.", f"{field} is not valid JSON.") from error
    return document


def _checked(model: type[M], document: Any, field: str) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False)[:20]
        raise InvalidInput.of([field_error({**fault, "loc": (field, *fault["loc"])}) for fault in faults]) from error


PREVIEW_STYLE = (
    "body{font:16px/1.4 sans-serif;margin:8px;color:#171a2b}h1{font-size:18px;margin:0 0 4px}p{margin:0 0 4px}"
)
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(PREVIEW_STYLE.encode()).digest()).decode()
    + "'; frame-ancestors *; base-uri 'none'; form-action 'none'"
)
"""A preview is shown in a frame of whoever reconciles: it loads nothing, sends nothing, and holds what is public."""


def preview_of(organisation: Organisation, language: str) -> Markup:
    """The preview's page."""
    facts = [described(organisation), *values_of("vat_id", organisation), *values_of("competence", organisation)[:4]]
    lines = Markup("").join(Markup("<p>{}</p>").format(fact) for fact in facts if fact)
    return Markup(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title><style>{}</style></head>'
        "<body><h1>{}</h1><p>{}</p>{}</body></html>"
    ).format(
        language,
        organisation.legal_name,
        Markup(PREVIEW_STYLE),  # noqa: S704 - a constant
        organisation.legal_name,
        escape(_type(organisation.kind, language)["name"]),
        lines,
    )


def _service(path: str, asked: Callable[..., Any]) -> APIRouter:
    """The routes of one of the two services."""
    # As a default: an annotation is text, and FastAPI looks its names up in the module.
    who: Any = Depends(asked)
    router = APIRouter(prefix=path, tags=["reconciliation"], route_class=OfAnyOrigin)

    @router.get("", summary="Describe the service, or reconcile (Reconciliation Service API 0.2)")
    async def get(
        asking: Asking = who,
        queries: Annotated[str | None, Query(description="A batch of queries, as JSON")] = None,
        extend: Annotated[str | None, Query(description="A data extension query, as JSON")] = None,
    ) -> JSONResponse:
        """Without parameters the manifest; with `queries` candidates; with `extend` values of properties."""
        return await _answered(asking, path, queries, extend)

    @router.post("", summary="Reconcile, or fetch values (Reconciliation Service API 0.2)")
    async def post(
        asking: Asking = who,
        queries: Annotated[str | None, Form()] = None,
        extend: Annotated[str | None, Form()] = None,
    ) -> JSONResponse:
        """As GET, with the parameters as a form."""
        return await _answered(asking, path, queries, extend)

    @router.get("/suggest/entity", summary="Suggest organisations")
    async def suggest_entity(
        asking: Asking = who,
        prefix: QueryText = "",
        cursor: Annotated[int, Query(ge=0, le=500)] = 0,
    ) -> JSONResponse:
        """By beginnings of words, or a number."""
        index = await fresh_index(asking.runtime.database)
        async with asking.read() as connection:
            found = await suggest(connection, index, prefix, offset=cursor, released=asking.released)
        result = [
            {
                "id": str(it.organisation_id),
                "name": it.legal_name,
                "description": described(it),
                "notable": _types_of(it, asking.language),
            }
            for it in found
        ]
        return JSONResponse({"result": result})

    @router.get("/suggest/type", summary="Suggest types")
    async def suggest_type(asking: Asking = who, prefix: QueryText = "") -> JSONResponse:
        """By the beginning of a word of their names or ids."""
        return JSONResponse({"result": _named({key: _type(key, asking.language)["name"] for key in TYPES}, prefix)})

    @router.get("/suggest/property", summary="Suggest properties")
    async def suggest_property(asking: Asking = who, prefix: QueryText = "") -> JSONResponse:
        """By the beginning of a word of their names or ids."""
        names = {key: item.label.in_language(asking.language) for key, item in PROPERTIES.items()}
        return JSONResponse({"result": _named(names, prefix)})

    @router.get("/extend/propose", summary="Propose properties to fetch")
    async def propose(
        asking: Asking = who,
        type: Annotated[QueryText, Query()] = ANY_TYPE,  # noqa: A002 - the parameter's name
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> JSONResponse:
        """All types have the same ones."""
        names = {key: item.label.in_language(asking.language) for key, item in PROPERTIES.items()}
        return JSONResponse({"type": type, "limit": limit, "properties": _named(names, "")[:limit]})

    @router.get("/preview", summary="A preview of one organisation, for a frame", response_class=HTMLResponse)
    async def preview(id: UUID, asking: Asking = who) -> HTMLResponse:  # noqa: A002 - as above
        """A small page that loads nothing."""
        async with asking.read() as connection:
            found = await read_entities(connection, [str(id)], released=asking.released)
        if not found:
            raise NotFound("Diese Organisation gibt es hier nicht.", "There is no such organisation here.")
        page = preview_of(next(iter(found.values())), asking.language)
        return HTMLResponse(page, headers={"Content-Security-Policy": PREVIEW_POLICY})

    for route in ("", "/suggest/{_:path}", "/extend/propose", "/preview"):
        router.add_api_route(
            route, _preflight, methods=["OPTIONS"], status_code=204, dependencies=[public], include_in_schema=False
        )
    return router


async def _preflight() -> Response:
    """Any origin may send a token along, which no browser does by itself."""
    return Response(status_code=204, headers=PREFLIGHT)


def _named(names: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    begin = prefix.casefold().strip()
    return [
        {"id": key, "name": name}
        for key, name in names.items()
        if key.startswith(begin) or any(word.startswith(begin) for word in name.casefold().split())
    ]


router = _service("/api/v1/reconcile", _signed_in)
public_router = _service("/api/v1/public/reconcile", _anybody)
