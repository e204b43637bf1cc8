"""Faults of the servers: PostgreSQL and Kafka restarted in order, killed, and one broker of three lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from aiokafka.errors import KafkaError

from norda_local.chaos.cluster import REPLICAS
from norda_local.chaos.faults.fault import Fault
from norda_local.chaos.field import Field

LED_SECONDS = 60.0


class RestartPostgres(Fault):
    """PostgreSQL is stopped in order (fast shutdown) and started again."""

    name = "restart-postgres"
    lasts_seconds = (0.5, 1.5)
    takes = True

    async def inject(self) -> None:
        """Stop it."""
        # Who has just sent a mail cannot note it.
        self.field.mail_disturbed(processes=REPLICAS)
        await self.field.cluster.servers["postgres"].stop()

    async def recover(self) -> None:
        """Start it, and wait until it answers."""
        await self.field.cluster.servers["postgres"].start()


class KillPostgres(RestartPostgres):
    """kill -9 of PostgreSQL with all its processes; it recovers from its log."""

    name = "kill-postgres"

    async def inject(self) -> None:
        """Kill it."""
        self.field.mail_disturbed(processes=REPLICAS)
        self.field.cluster.servers["postgres"].kill()


class RestartKafka(Fault):
    """All three brokers are stopped in order and started again."""

    name = "restart-kafka"
    lasts_seconds = (0.5, 1.5)
    takes = True

    async def inject(self) -> None:
        """Stop them all at once, so that none can hand over to another."""
        await asyncio.gather(*(broker.stop(within=20) for broker in self.field.cluster.brokers))

    async def recover(self) -> None:
        """Start them, and wait until they answer and every partition is led."""
        await asyncio.gather(*(broker.start() for broker in self.field.cluster.brokers))
        await led(self.field)


class KillKafka(RestartKafka):
    """kill -9 of all three brokers at once."""

    name = "kill-kafka"

    async def inject(self) -> None:
        """Kill them."""
        for broker in self.field.cluster.brokers:
            broker.kill()


class LoseBroker(Fault):
    """kill -9 of one broker of three; the two others lead what it led, and nothing waits for it."""

    name = "lose-broker"
    lasts_seconds = (10.0, 14.0)
    takes = True

    async def inject(self) -> None:
        """Kill one."""
        self._lost = self.field.random.choice(self.field.cluster.brokers)
        self.field.history.note("kill", member=self._lost.name)
        self._lost.kill()

    async def recover(self) -> None:
        """Start it again."""
        await self._lost.start()
        await led(self.field)


async def led(field: Field) -> None:
    """Wait until every partition has a leader: before, Kafka is not back, whatever its brokers answer."""
    deadline = time.monotonic() + LED_SECONDS
    while time.monotonic() < deadline:
        # A broker that has just started may still refuse to describe the cluster.
        with suppress(KafkaError, OSError, TimeoutError):
            if not await field.witness.leaderless():
                return
        await asyncio.sleep(0.3)
    field.findings.append(f"some partition had no leader {LED_SECONDS:.0f} s after the brokers were started")


FAULTS: tuple[type[Fault], ...] = (RestartPostgres, KillPostgres, RestartKafka, KillKafka, LoseBroker)
