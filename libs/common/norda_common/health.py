"""`/livez` and `/readyz`: is the process alive, can it serve, and what is wrong with its parts.

Not ready (503) only when requests cannot be served: database away or migrations missing. Kafka away is `degraded`
(200): commands go on being accepted, the outbox holds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from .database import SYSTEM
from .migrate import Migration, pending
from .runtime import Runtime

WAITING_SECONDS = 5.0
"""An outbox row older than this means the relay is stalled or the broker away. Ages are measured every second."""
SILENT_SECONDS = 6.0
"""A relay that has measured nothing for so long hangs. Both leave something of the ten seconds to a busy machine."""


async def readiness(runtime: Runtime, migrations: Sequence[Migration]) -> tuple[int, dict[str, Any]]:
    """HTTP status and document with one entry per part: `ok` or what is wrong."""
    checks: dict[str, str] = {"database": await _database(runtime, migrations)}
    relay = runtime.relay.status
    if relay.error:
        checks["relay"] = relay.error
    elif relay.oldest_age_seconds > WAITING_SECONDS:
        checks["relay"] = f"oldest event waits for {relay.oldest_age_seconds:.0f} s"
    elif relay.silent_seconds > SILENT_SECONDS:
        checks["relay"] = f"has not looked at the outbox for {relay.silent_seconds:.0f} s"
    else:
        checks["relay"] = "ok"
    if relay.blocked:
        checks["outbox"] = f"{relay.blocked} blocked rows"
    for item in runtime.consumer_runtimes:
        faults = (item.status.error, item.status.stuck)
        # Both are told: a batch's fault must not hide that a partition stands still.
        fault = "; ".join(filter(None, faults)) or runtime.consuming.error
        checks[f"consumer.{item.consumer.name}"] = fault or "ok"
    checks |= runtime.faults
    ready = checks["database"] == "ok"
    status = "ready" if all(value == "ok" for value in checks.values()) else "degraded" if ready else "unavailable"
    lag = runtime.consuming.lag()
    document = {
        "status": status,
        "service": runtime.service,
        "states": [state.value for state in runtime.settings.states],
        "checks": checks,
        "relay": {
            "active": relay.active,
            "backlog": relay.backlog,
            "oldest_age_seconds": round(relay.oldest_age_seconds, 3),
            "blocked": relay.blocked,
            "sent": relay.sent,
        },
        "consumers": {
            item.consumer.name: {
                "handled": item.status.handled,
                "dead": item.status.dead,
                "lag": lag[item.consumer.name],
            }
            for item in runtime.consumer_runtimes
        },
        "consumer_lag": sum(lag.values()),
        "missing_topics": runtime.consuming.missing_topics,
        "dead_letters_open": runtime.open_dead_letters,
    }
    return (200 if ready else 503), document


async def _database(runtime: Runtime, migrations: Sequence[Migration]) -> str:
    try:
        async with asyncio.timeout(3), runtime.database.read(SYSTEM) as connection:
            missing = await pending(connection, migrations)  # type: ignore[arg-type]
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        return type(error).__name__
    if missing:
        return f"{len(missing)} migrations are missing; run `setup`"
    return "ok"
