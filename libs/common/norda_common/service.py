"""One anatomy for all: declare a `Service`, and `python -m norda_<name> serve|setup|openapi|asyncapi` works."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import SecretStr
from starlette.types import Scope

from . import __version__, operations
from .consumer import Consumer
from .contracts.catalogue import asyncapi, data_schema, public
from .contracts.topics import Topic
from .errors import NotFound
from .health import readiness
from .migrate import SetupError, read_migrations, set_up_schema
from .runtime import Runtime, Worker
from .settings import ServiceSettings, load
from .signin import routes as signin_routes
from .telemetry import Telemetry
from .topic_admin import ensure_topics
from .web import (
    RuntimeDep,
    SecurityHeaders,
    TooLargeAsProblem,
    install_errors,
    json_document,
    operations_pages,
    shared_pages,
)
from .web.documented import REFUSALS, document_refusals
from .web.edge import public as for_everybody
from .web.pages import Answered, error_page
from .web.site import STATIC, Files, Site, static_version

REQUEST_GRACE_SECONDS = 3
"""How long open requests may take when the process stops; parts and telemetry take what is left of ten seconds."""
IDLE_CONNECTION_SECONDS = 100
"""How long a connection stays open that nobody asks anything over. Longer than nginx (60 s) and Traefik (90 s) keep
theirs: who closes first must be the one who asks, or a request meets a connection that is just being closed.
"""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of mallopt(3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What makes a service: its name (also its schema), what it owns, listens to and runs."""

    name: str
    title: str
    description: str
    topics: Sequence[Topic]
    migrations: Path
    routers: Sequence[APIRouter]
    site: Site | None = None
    consumers: Sequence[Consumer] = ()
    workers: Sequence[Worker] = ()
    extensions: Sequence[str] = ()
    settings: type[ServiceSettings] = ServiceSettings

    @property
    def consumed(self) -> list[Topic]:
        """Topics it listens to, each once."""
        return list({topic.identity: topic for consumer in self.consumers for topic in consumer.topics}.values())

    def asyncapi(self, settings: ServiceSettings | None = None) -> dict[str, Any]:
        """The AsyncAPI document; with settings it names the real cluster and states, else the contract's."""
        return asyncapi(
            title=self.title,
            version=__version__,
            description=self.description,
            sends=self.topics,
            receives=self.consumed,
            host=settings.kafka_bootstrap_servers if settings else "kafka.norda.example:9092",
            prefix=settings.kafka_topic_prefix if settings else "",
        )


class SchemaResponse(JSONResponse):
    """A JSON Schema."""

    media_type = "application/schema+json"


def create_app(service: Service, settings: ServiceSettings) -> FastAPI:
    """The service's FastAPI application; its lifespan runs pool, relay, consumers and workers."""
    runtime = Runtime(service.name, settings, consumers=service.consumers, workers=service.workers)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        try:
            yield
        finally:
            await runtime.stop()

    app = FastAPI(
        title=service.title,
        version=__version__,
        description=service.description,
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        lifespan=lifespan,
        responses=REFUSALS,
        docs_url=None,
        redoc_url=None,
        # One span per request; probes would drown the rest, and our own log already tells of faults.
        telemetry={"operation_spans": False, "logs": False, "exclude": _is_probe},
    )
    app.state.runtime = runtime
    install_errors(app)
    document_refusals(app)
    app.include_router(_platform_routes(service, settings))
    if service.site is not None:
        _add_pages(app, service.name, service.site, settings)
    for router in (*service.routers, operations.router):
        app.include_router(router, max_body_size=settings.body_limit_bytes)
    app.add_middleware(TooLargeAsProblem)
    app.add_middleware(SecurityHeaders, https=settings.base_url.startswith("https://"))
    return app


def _add_pages(app: FastAPI, name: str, site: Site, settings: ServiceSettings) -> None:
    """Pages, sign-in and static files below the service's own path; none of them is part of the API's document."""
    app.state.site, app.state.error_page = site, error_page
    shared = (signin_routes.routes(name), shared_pages.routes(name), operations_pages.routes(name))
    for router in (*shared, *site.routers):
        app.include_router(router, max_body_size=settings.body_limit_bytes, include_in_schema=False)
    app.mount(f"/{name}/static/{static_version()}", Files(directory=STATIC), name="static")

    @app.exception_handler(Answered)
    async def _answered(_: Request, answered: Answered) -> Response:
        return answered.response


def _is_probe(scope: Scope) -> bool:
    return scope.get("path") in {"/livez", "/readyz"}


def _platform_routes(service: Service, settings: ServiceSettings) -> APIRouter:
    router = APIRouter(tags=["platform"], dependencies=[for_everybody])
    migrations = read_migrations(service.name, service.migrations)
    schemas = {topic.identity: data_schema(topic) for topic in public(service.topics)}

    @router.get("/", summary="Where to go from here")
    async def index(request: Request) -> Response:
        if service.site is not None and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"/{service.name}/", 303)
        links = {"openapi": "/openapi.json", "asyncapi": "/asyncapi.json", "health": "/readyz"}
        links |= {f"schema {name}": f"/schemas/{name}.json" for name in schemas}
        links |= {"pages": f"/{service.name}/"} if service.site else {}
        return JSONResponse({"service": service.name, "title": service.title, "version": __version__, "links": links})

    @router.get("/livez", summary="Is the process alive?")
    async def livez() -> dict[str, str]:
        return {"status": "alive", "service": service.name, "version": __version__}

    unavailable = {"description": "It cannot; the same document says why", "content": {"application/json": {}}}

    @router.get("/readyz", summary="Can it serve, and what is wrong with its parts?", responses={503: unavailable})
    async def readyz(runtime: RuntimeDep) -> JSONResponse:
        status, document = await readiness(runtime, migrations)
        return JSONResponse(document, status)

    router.add_api_route(
        "/asyncapi.json",
        json_document(lambda: service.asyncapi(settings)),
        summary="The published topics (AsyncAPI 3)",
    )

    @router.get("/schemas/{identity}.json", summary="The JSON Schema of a topic's data", response_class=SchemaResponse)
    async def schema(identity: str) -> SchemaResponse:
        if identity not in schemas:
            raise NotFound("Dieses Schema gibt es nicht.", "There is no such schema.")
        return SchemaResponse(schemas[identity])

    return router


async def set_up(service: Service, settings: ServiceSettings) -> None:
    """Roles, schema, migrations and topics. Raises SetupError. Idempotent."""
    if settings.admin_database_url is None:
        raise SetupError("NORDA_ADMIN_DATABASE_URL is missing; setup needs a role that may create roles and schemas")
    applied = await set_up_schema(
        admin_dsn=settings.admin_database_url.get_secret_value(),
        service_dsn=settings.database_url.get_secret_value(),
        schema=service.name,
        migrations=read_migrations(service.name, service.migrations),
        extensions=service.extensions,
    )
    created = await ensure_topics(
        settings.kafka_bootstrap_servers,
        service.topics,
        settings.states,
        replication=settings.kafka_replication,
        prefix=settings.kafka_topic_prefix,
    )
    print(f"{service.name}: {len(applied)} migrations applied, {len(created)} topics created")


def serve(service: Service, settings: ServiceSettings) -> None:
    """Run until SIGTERM or SIGINT; stops within ten seconds."""
    telemetry = Telemetry(service.name, settings)
    app = create_app(service, settings)
    spare_the_collector()
    _keep_memory()
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=REQUEST_GRACE_SECONDS,
        timeout_keep_alive=IDLE_CONNECTION_SECONDS,
        server_header=False,
        # `web/sparing.py` knows who asks, by what configured proxies say; uvicorn would believe any local one.
        proxy_headers=False,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        telemetry.stop()


def spare_the_collector() -> None:
    """Let garbage collection pass over what lives as long as the process, and run less often.

    A batch of records is some 50,000 objects, all freed by their counts; looking for cycles among them and everything
    that was imported took a fifth of the time (docs/decisions/0063-catching-up.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _keep_memory() -> None:
    """Let the C library keep up to 8 MB that are free, and take large blocks from there.

    By default each block above 128 kB is asked of the system, which clears it, and is given back at once: for pages and
    batches of half a megabyte that was a fifth of the relay's time (docs/decisions/0069-record-batches-of-our-own.md).
    Other C libraries than GNU's have no such switch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # By default each thread keeps free memory of its own, up to sixteen of them; one at a time runs anyhow.
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 32 * 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 8 * 1024 * 1024)


def run(service: Service, arguments: Sequence[str] | None = None) -> int:
    """The command line of a service; returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m norda_{service.name}", description=service.description)
    parser.add_argument("command", choices=("serve", "setup", "openapi", "asyncapi"))
    command = parser.parse_args(arguments).command
    if command == "asyncapi":
        print(json.dumps(service.asyncapi(), indent=2, ensure_ascii=False))
        return 0
    if command == "openapi":
        print(json.dumps(openapi(service), indent=2, ensure_ascii=False))
        return 0
    settings = load(service.settings)
    if command == "serve":
        serve(service, settings)
        return 0
    try:
        asyncio.run(set_up(service, settings))
    except SetupError as error:
        print(f"norda: {service.name}: {error}", file=sys.stderr)
        return 1
    return 0


def openapi(service: Service) -> dict[str, Any]:
    """The OpenAPI document, the same whatever the installation's settings are."""
    settings = service.settings.model_construct(
        **{name: info.default for name, info in service.settings.model_fields.items() if not info.is_required()}
    )
    stand_in = settings.model_copy(
        update={
            "database_url": SecretStr("postgresql://document"),
            "kafka_bootstrap_servers": "kafka.norda.example:9092",
            "http_port": 8080,
            "token_jwks_file": Path("jwks.json"),
            "oidc_client_secret": SecretStr(""),
        }
    )
    return create_app(service, stand_in).openapi()
