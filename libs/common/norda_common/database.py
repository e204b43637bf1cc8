"""PostgreSQL: the pool a service works through, and which of its faults pass by themselves.

Transactions are opened by edges alone (`Database.transaction`); after each commit the relay is woken. All statements
run with the service's own role, whose search path is its schema. Whoever takes a connection says for whom: row-level
security shows and lets be written what that caller may, and nothing at all to nobody
(docs/decisions/0081-rights-twice.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from .statements import Identity, TracedConnection

if TYPE_CHECKING:
    from .auth import Caller

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

TRANSIENT: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
"""Faults of the surroundings: waited out, never dead-lettered."""

SYSTEM = Identity(subject="", state="", roles="system")
"""The service itself: consumers, workers, housekeeping, and the sign-in before anybody is known. Never for a request of
somebody who has signed in.
"""

ACQUIRE_SECONDS = 10
"""How long a request or a batch waits for a free connection."""


def is_transient(error: BaseException) -> bool:
    """Whether trying again later can help. An InterfaceError about arguments is a bug, hence no."""
    if isinstance(error, asyncpg.DataError):
        return False
    return isinstance(error, TRANSIENT)


class Database:
    """The service's pool. `committed` is the relay's signal: after a commit it need not wait for its poll."""

    def __init__(self, dsn: str, *, schema: str, application: str, pool_size: int = 10) -> None:
        self._dsn = dsn
        self._schema = schema
        self._application = application
        self._pool_size = pool_size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._signals: list[asyncio.Event] = []
        self.committed = self.commit_signal()

    def commit_signal(self) -> asyncio.Event:
        """A new event that is set after every commit that may be news; who asked for it waits for it and clears it."""
        signal = asyncio.Event()
        self._signals.append(signal)
        return signal

    @property
    def dsn(self) -> str:
        """The service role's DSN, for the relay's own direct connection."""
        return self._dsn

    @property
    def schema(self) -> str:
        """The service's schema."""
        return self._schema

    async def start(self) -> None:
        """Make the pool; connections are made on demand, so a database that is away does not stop the start."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._pool_size,
            timeout=5,
            command_timeout=30,
            max_inactive_connection_lifetime=300,
            connection_class=TracedConnection,
            server_settings=server_settings(schema=self._schema, application=self._application),
        )

    async def stop(self) -> None:
        """Close the pool, at most five seconds gracefully."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()
        self._pool = None

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        """The running pool. Raises RuntimeError before `start`."""
        if self._pool is None:
            raise RuntimeError("the database pool is not started")
        return self._pool

    @asynccontextmanager
    async def transaction(self, asking: Caller | Identity, *, news: bool = True) -> AsyncIterator[Connection]:
        """One transaction for `asking`; commits when the block ends, rolls back when it raises.

        Then it wakes the relay and whoever else waits for commits, unless `news` says that there is nothing for them.
        """
        async with self.read(asking) as connection, connection.transaction():
            yield connection
        if news:
            for signal in self._signals:
                signal.set()

    @asynccontextmanager
    async def read(self, asking: Caller | Identity) -> AsyncIterator[Connection]:
        """A connection for reading as `asking`; every statement sees its own snapshot."""
        # The pool's own time-out runs every acquisition in a task of its own.
        async with asyncio.timeout(ACQUIRE_SECONDS):
            connection = await self.pool.acquire()
        try:
            await cast(TracedConnection, connection).act_as(
                asking if isinstance(asking, Identity) else identity_of(asking)
            )
            yield connection
        finally:
            await self.pool.release(connection)


@asynccontextmanager
async def acting_as_system(connection: Connection) -> AsyncIterator[None]:
    """Let a part of the running transaction act for the service itself: for what follows from somebody's deed, and
    concerns records that are not theirs to see or to change.

    The setting is the transaction's: an exception ends both.
    """
    # Read before it is set: what is not materialized could be read afterwards.
    before = await connection.fetchval(
        """with before as materialized (select current_setting('norda.roles', true) as roles)
           select roles, set_config('norda.roles', $1, true) from before""",
        SYSTEM.roles,
    )
    yield
    await connection.execute("select set_config('norda.roles', $1, true)", before or "")


def identity_of(caller: Caller) -> Identity:
    """The caller as policies ask for them."""
    return Identity(subject=caller.subject, state=caller.state or "", roles=",".join(sorted(caller.roles)))


def server_settings(*, schema: str, application: str) -> dict[str, str]:
    """Session settings of every connection: own schema first, UTC, and no transaction that idles for ever."""
    return {
        "application_name": application,
        "search_path": f"{schema},public",
        "timezone": "UTC",
        "statement_timeout": "30000",
        "idle_in_transaction_session_timeout": "60000",
        "lock_timeout": "10000",
        # A host that vanished holds locks, the relay's lease among them, until the server notices.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }


def affected(status: str) -> int:
    """How many rows a command tag (`UPDATE 3`) speaks of."""
    return int(status.rsplit(" ", 1)[-1])


def as_dict(record: asyncpg.Record) -> dict[str, Any]:
    """A row as a plain dict."""
    return dict(record.items())
