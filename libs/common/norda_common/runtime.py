"""What runs in a service's process: pool, relay, consumers, workers; each supervised, each visible in health.

A part that fails is started again with backoff and says so in `faults`; nothing fails silently. Stopping lets work in
flight finish within ten seconds or leaves it to redelivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from opentelemetry.metrics import CallbackOptions, Observation

from . import deadletters
from .auth import TokenVerifier
from .buckets import Buckets
from .consumer import Consumer, ConsumerRuntime
from .consuming import Consuming
from .database import SYSTEM, Database
from .relay import Relay
from .settings import ServiceSettings
from .signin.keys import KeyFile, Keys, ProviderKeys
from .signin.provider import Provider
from .telemetry import meter

log = structlog.get_logger(__name__)

RELAY_STOP_SECONDS = 3.0
STOP_SECONDS = 4.5
DATABASE_STOP_SECONDS = 1.0
SETTLED_SECONDS = 10.0
"""How long a part that failed must have run again before its fault is forgotten."""

Worker = Callable[["Runtime"], Awaitable[None]]


@dataclass(slots=True)
class Runtime:
    """The running parts of one service instance; `app.state.runtime`, and what workers are given."""

    service: str
    settings: ServiceSettings
    consumers: Sequence[Consumer] = ()
    workers: Sequence[Worker] = ()
    database: Database = field(init=False)
    relay: Relay = field(init=False)
    provider: Provider | None = field(init=False)
    keys: Keys = field(init=False)
    tokens: TokenVerifier = field(init=False)
    consumer_runtimes: list[ConsumerRuntime] = field(init=False)
    consuming: Consuming = field(init=False)
    anybody: Buckets = field(init=False)
    faults: dict[str, str] = field(init=False, default_factory=dict)
    open_dead_letters: int = field(init=False, default=0)
    _stopping: bool = field(init=False, default=False)
    _tasks: list[asyncio.Task[None]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        self.database = Database(
            settings.database_url.get_secret_value(),
            schema=self.service,
            application=f"norda-{self.service}",
            pool_size=settings.database_pool_size,
        )
        self.relay = Relay(
            self.database,
            service=self.service,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            topic_prefix=settings.kafka_topic_prefix,
        )
        self.provider = None
        if settings.oidc_issuer:
            self.provider = Provider(
                settings.oidc_issuer,
                client_id=settings.oidc_client_id,
                client_secret=settings.oidc_client_secret.get_secret_value(),
            )
        self.anybody = Buckets(settings.anybody_per_minute)
        self.keys = _keys(settings, self.provider)
        self.tokens = TokenVerifier(self.keys, issuer=settings.issuer, audience=settings.token_audience)
        self.consumer_runtimes = [
            ConsumerRuntime(
                consumer,
                self.database,
                group=f"{settings.kafka_topic_prefix}norda.{self.service}.{settings.instance}.{consumer.name}",
                topic_prefix=settings.kafka_topic_prefix,
            )
            for consumer in self.consumers
        ]
        self.consuming = Consuming(
            self.consumer_runtimes,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            client_id=f"norda-{self.service}",
            topic_prefix=settings.kafka_topic_prefix,
        )

    async def start(self) -> None:
        """Start every part; none of them needs its server to be there yet."""
        await self.database.start()
        self._observe()
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "relay": self.relay.run,
            "housekeeping": self._keep_house,
        }
        if self.consumer_runtimes:
            parts["consumers"] = self.consuming.run
        for worker in self.workers:
            parts[getattr(worker, "__name__", repr(worker))] = _bound(worker, self)
        self._tasks = [asyncio.create_task(self._supervise(name, part), name=name) for name, part in parts.items()]

    async def stop(self) -> None:
        """Stop taking work, let what is in flight finish, close everything; within STOP_SECONDS, whatever hangs."""
        self._stopping = True
        self.relay.request_stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(self.consuming.stop(), *(self._end(task) for task in self._tasks))
        with suppress(TimeoutError):
            async with asyncio.timeout(DATABASE_STOP_SECONDS):
                await self.database.stop()

    async def _end(self, task: asyncio.Task[None]) -> None:
        """End one part; the relay is given the time to delete what was acknowledged."""
        if task.get_name() == "relay":
            await asyncio.wait([task], timeout=RELAY_STOP_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _supervise(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part for ever; a fault shows until the part, started again, has run for a while."""
        backoff = 0.5
        while True:
            running = asyncio.ensure_future(part())
            try:
                done, _ = await asyncio.wait([running], timeout=SETTLED_SECONDS)
                if not done:
                    self.faults.pop(name, None)
                    backoff = 0.5
                await running
                if self._stopping:
                    return
                self.faults[name] = "ended unexpectedly"
            except Exception as error:
                self.faults[name] = type(error).__name__
                log.exception("part failed and is started again", part=name)
            finally:
                running.cancel()
                # What is in flight, a mail half sent, may finish: `stop` bounds how long.
                await asyncio.wait([running])
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, 10.0)

    async def _keep_house(self) -> None:
        """Count open dead letters; forget closed ones, and inbox entries older than any topic's redelivery could be."""
        while True:
            try:
                async with self.database.read(SYSTEM) as connection:
                    self.open_dead_letters = await deadletters.open_count(connection)
                    await deadletters.forget_closed(connection, now=datetime.now(UTC))
                    await connection.execute("delete from inbox where handled_at < now() - interval '60 days'")
                self.faults.pop("housekeeping", None)
            except (OSError, TimeoutError) as error:
                self.faults["housekeeping"] = type(error).__name__
            await asyncio.sleep(5)

    def _observe(self) -> None:
        status = self.relay.status
        gauges: dict[str, Callable[[], float]] = {
            "norda.outbox.backlog": lambda: status.backlog,
            "norda.outbox.oldest_age": lambda: status.oldest_age_seconds,
            "norda.outbox.blocked": lambda: status.blocked,
            "norda.relay.active": lambda: float(status.active),
            "norda.dead_letters.open": lambda: self.open_dead_letters,
        }
        for name, read in gauges.items():
            meter().create_observable_gauge(name, callbacks=[_observation(read, self.service)])
        meter().create_observable_gauge("norda.consumer.lag", callbacks=[self._lags])

    def _lags(self, _: CallbackOptions) -> Sequence[Observation]:
        service = {"norda.service": self.service}
        return [Observation(lag, service | {"norda.consumer": name}) for name, lag in self.consuming.lag().items()]


def _keys(settings: ServiceSettings, provider: Provider | None) -> Keys:
    if settings.token_jwks_file is not None:
        return KeyFile(settings.token_jwks_file)
    if provider is None:
        raise ValueError("the settings name neither an issuer nor a file of keys")
    return ProviderKeys(provider)


def _bound(worker: Worker, runtime: Runtime) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await worker(runtime)

    return run


def _observation(read: Callable[[], float], service: str) -> Callable[[CallbackOptions], Sequence[Observation]]:
    return lambda _: [Observation(read(), {"norda.service": service})]
