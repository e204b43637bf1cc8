"""Connections whose statements show in the trace that asked for them, at a price that a command can pay.

A span is made only inside a recorded one: what the relay, the workers and the housekeeping poll costs nothing and
leaves no trace. Parameters never become attributes. Why not the instrumentation from OpenTelemetry's contributors:
docs/decisions/0064-the-price-of-a-command.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

import asyncpg
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from .telemetry import tracer

T = TypeVar("T")

_SILENT = frozenset({"BEGIN;", "ROLLBACK;"})
"""Says nothing that the statements around it do not say; COMMIT does, for it waits for the disk."""


class Identity(NamedTuple):
    """For whom statements run, as row-level security asks: `state` and `roles` (comma-separated) may be empty."""

    subject: str
    state: str
    roles: str


_ACT_AS = """
select set_config('norda.subject', $1, false), set_config('norda.state', $2, false),
       set_config('norda.roles', $3, false)
"""


class TracedConnection(asyncpg.Connection):
    """What the services' pools hand out. Session state is not reset when a connection goes back: nothing sets any.

    Settings and advisory locks are taken `local` or for the transaction, so that its end undoes them; but for the
    identity, which whoever takes the connection sets.
    """

    __slots__ = ("_identity",)

    async def act_as(self, identity: Identity) -> None:
        """Let all that follows run for somebody; no round trip when the last one was the same."""
        if getattr(self, "_identity", None) == identity:
            return
        self._identity: Identity | None = None
        # Beside the spans: it says who, and who asks is in none of them.
        await super().fetchrow(_ACT_AS, *identity)
        self._identity = identity

    def get_reset_query(self) -> str:
        """No round trip after each use; an open transaction is rolled back all the same."""
        return ""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """As asyncpg's, in a span."""
        return await self._traced(query, super().execute, args, options)

    async def executemany(self, command: str, args: Any, **options: Any) -> None:
        """As asyncpg's, in a span."""
        return await self._traced(command, super().executemany, (args,), options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> list[asyncpg.Record]:  # type: ignore[override]
        """As asyncpg's, in a span."""
        return await self._traced(query, super().fetch, args, options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's, in a span."""
        return await self._traced(query, super().fetchval, args, options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> asyncpg.Record | None:  # type: ignore[override]
        """As asyncpg's, in a span."""
        return await self._traced(query, super().fetchrow, args, options)

    async def _traced(
        self, query: str, run: Callable[..., Awaitable[T]], args: tuple[Any, ...], options: dict[str, Any]
    ) -> T:
        if query in _SILENT or not trace.get_current_span().is_recording():
            return await run(query, *args, **options)
        # Not made current: nothing starts a span within a statement, and that is half of what a span costs.
        span = tracer().start_span(_verb(query), kind=SpanKind.CLIENT, attributes=self._attributes(query))
        try:
            return await run(query, *args, **options)
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    def _attributes(self, query: str) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {"db.system.name": "postgresql", "db.query.text": query}
        # Neither the address nor the database can be asked for; every instrumentation reads these two.
        address, parameters = getattr(self, "_addr", None), getattr(self, "_params", None)
        if isinstance(address, tuple):
            found |= {"server.address": address[0], "server.port": address[1]}
        return found | {"db.namespace": parameters.database} if parameters else found


@cache
def _verb(query: str) -> str:
    """The span's name: SELECT, INSERT, ..."""
    return query.split(maxsplit=1)[0].rstrip(";").upper()
