"""Faults between services and servers, made by the proxies: cut, delayed, swallowed, refused; Kafka away for long."""

from __future__ import annotations

import asyncio
import time

from norda_local.chaos.cluster import REPLICAS
from norda_local.chaos.faults.fault import Fault
from norda_local.chaos.proxy import Proxy
from norda_local.services import SERVICES

DRAIN_SECONDS = 180.0
SOME_ROWS = 20
MEMORY_MAY_GROW = 1.25
"""RSS at the end of a long absence, against its first minute: caches fill, a queue in memory would grow for ever."""


class CutConnections(Fault):
    """Every connection to PostgreSQL, Kafka and the mail server is reset, three times, a second apart."""

    name = "cut-connections"

    async def inject(self) -> None:
        """Cut."""
        for _ in range(3):
            # A mail that was accepted while its answer was cut off goes out again.
            self.field.mail_disturbed(processes=REPLICAS)
            cut = sum(proxy.cut() for proxy in self.field.cluster.proxies.values())
            self.field.history.note("cut", connections=cut)
            await asyncio.sleep(1)

    async def recover(self) -> None:
        """Nothing is left to undo."""


class Delay(Fault):
    """Every piece of data to and from PostgreSQL, Kafka and the mail server arrives later, by 20 to 120 ms."""

    name = "delay"
    lasts_seconds = (5.0, 8.0)

    async def inject(self) -> None:
        """Delay."""
        for proxy in self.field.cluster.proxies.values():
            proxy.delay_seconds = self.field.random.uniform(0.02, 0.12)

    async def recover(self) -> None:
        """Delay no longer."""
        for proxy in self.field.cluster.proxies.values():
            proxy.delay_seconds = 0.0


class HalfOpen(Fault):
    """Connections to PostgreSQL and Kafka stay open and carry nothing for some seconds, then they are reset."""

    name = "half-open"
    lasts_seconds = (5.0, 8.0)
    takes = True

    def _proxies(self) -> list[Proxy]:
        return [self.field.cluster.proxies["postgres"], *self.field.cluster.kafka_proxies]

    async def inject(self) -> None:
        """Swallow."""
        for proxy in self._proxies():
            proxy.swallowing = True

    async def recover(self) -> None:
        """Carry again, by new connections."""
        # A mail sent meanwhile could not be noted as sent: that went into the silence, and is cut off now.
        self.field.mail_disturbed(processes=REPLICAS)
        for proxy in self._proxies():
            proxy.swallowing = False
            proxy.cut()


class MailAway(Fault):
    """The mail server refuses connections for some seconds."""

    name = "mail-away"
    lasts_seconds = (4.0, 6.0)

    async def inject(self) -> None:
        """Refuse."""
        self.field.mail_disturbed(processes=REPLICAS)
        await self.field.cluster.proxies["smtp"].refuse()

    async def recover(self) -> None:
        """Take connections again."""
        await self.field.cluster.proxies["smtp"].open()


class KafkaAway(Fault):
    """Kafka refuses connections: commands are accepted all the same, the backlog is seen, memory stays flat, it drains.

    Ten seconds; as the only fault of a run, all of it but the last two minutes.
    """

    name = "kafka-away"
    lasts_seconds = (10.0, 10.0)
    takes = True

    def seconds(self) -> float:
        """Ten, or most of a run that is about nothing else."""
        return self.alone_seconds or super().seconds()

    async def inject(self) -> None:
        """Refuse, and remember how things stood."""
        for proxy in self.field.cluster.kafka_proxies:
            await proxy.refuse()
        counts = self.field.ledger.counts
        self._before = (counts["accepted"], counts["unavailable"] + counts["unanswered"])
        self._began = time.monotonic()

    async def recover(self) -> None:
        """Note what was accepted, what waits and what is seen of it; open; note how long the backlog takes."""
        field, counts = self.field, self.field.ledger.counts
        accepted = counts["accepted"] - self._before[0]
        not_accepted = counts["unavailable"] + counts["unanswered"] - self._before[1]
        away = time.monotonic() - self._began
        waiting, shown = await field.witness.unsent(), sum(self._shown(service) for service in SERVICES)
        for proxy in field.cluster.kafka_proxies:
            await proxy.open()
        drained = await self._drained(waiting)
        for name, value in {
            "Kafka away, s": away,
            "commands accepted while Kafka was away": accepted,
            "commands not accepted while Kafka was away": not_accepted,
            "backlog when Kafka came back, rows": waiting,
            "backlog seen in /readyz then, rows": shown,
            "backlog drained after, s": drained if drained is not None else DRAIN_SECONDS,
        }.items():
            field.figure(name, float(value))
        if not accepted:
            field.findings.append(f"no command was accepted while Kafka was away for {away:.0f} s")
        if waiting > SOME_ROWS and not shown:
            field.findings.append(f"{waiting} events waited for Kafka, and /readyz told of none")
        if drained is None:
            field.findings.append(f"{waiting} events had not gone out {DRAIN_SECONDS:.0f} s after Kafka was back")
        self._weigh(away)

    def _shown(self, service: str) -> int:
        return max((seen["relay"]["backlog"] for seen in self.field.watch.of(service).values()), default=0)

    async def _drained(self, waiting: int) -> float | None:
        """After how many seconds nothing but the rows of the moment waits; the load goes on, so some always do."""
        began = time.monotonic()
        while (took := time.monotonic() - began) < DRAIN_SECONDS:
            if await self.field.witness.unsent() <= waiting // 20 + SOME_ROWS:
                return took
            await asyncio.sleep(0.2)
        return None

    def _weigh(self, away: float) -> None:
        """RSS of each replica early in the absence, in its middle and at its end."""
        during = [sizes for at, sizes in self.field.watch.memory if self._began <= at <= self._began + away]
        if away < 60 or len(during) < 8:
            return
        first, middle, last = during[len(during) // 10], during[len(during) // 2], during[-1]
        for replica in sorted(first):
            for when, sizes in (("early", first), ("in the middle", middle), ("at the end", last)):
                self.field.figure(f"RSS of {replica} with Kafka away, {when}, MB", sizes.get(replica, 0) / 1e6)
            if last.get(replica, 0) > MEMORY_MAY_GROW * first[replica]:
                grown = f"{first[replica] / 1e6:.0f} to {last[replica] / 1e6:.0f} MB"
                self.field.findings.append(f"{replica} grew from {grown} while Kafka was away")


FAULTS: tuple[type[Fault], ...] = (CutConnections, Delay, HalfOpen, MailAway, KafkaAway)
