"""The lease goes over when its holder is silent for long, and is left alone otherwise, as are all others' locks."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from norda_common import relay_lease
from support.waiting import eventually

from .conftest import Probe


async def test_a_standby_ends_a_silent_holder_and_nobody_else(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    holder, standby = await probe.connect("norda_probe"), await probe.connect("norda_probe")
    # A bystander of another role: ending it is not allowed, so that trying to would be an error.
    foreign, own = await probe.connect(), await probe.connect("norda_probe")
    for bystander in (foreign, own):
        await bystander.execute("select pg_advisory_lock(hashtextextended('another matter', pg_backend_pid()))")
    assert await relay_lease.take(holder)
    for _ in range(5):
        assert not await relay_lease.take(standby)
        assert await relay_lease.end_frozen_holder(standby) is None
    await asyncio.sleep(0.5)
    monkeypatch.setattr(relay_lease, "FROZEN_SECONDS", 0.3)
    assert await relay_lease.end_frozen_holder(standby) == holder.get_server_pid()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await holder.fetchval("select 1")

    async def taken() -> bool:
        # The server is told to end a process; that it ends takes a moment.
        return await relay_lease.take(standby)

    await eventually(taken)
    assert [await bystander.fetchval("select 1") for bystander in (foreign, own)] == [1, 1]
    for connection in (standby, foreign, own):
        await connection.close()
