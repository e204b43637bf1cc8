"""Faults of the services' processes: killed, frozen, stopped in order, with another time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from norda_local.chaos import clocks
from norda_local.chaos.cluster import REPLICAS
from norda_local.chaos.faults.fault import Fault
from norda_local.chaos.field import Field
from norda_local.chaos.invariants import HANDED_OVER_SECONDS, STOPPED_SECONDS
from norda_local.chaos.members import Member
from norda_local.chaos.watch import relay_stalls
from norda_local.services import SERVICES

FREEZE_TO_BE_SEEN_SECONDS = 14.0
STEPS = (-8, 8)
"""Seconds. A clock that is off by more than a mail's lease less its time-out lets mails be taken twice."""
PATIENCE_SECONDS = 20.0
STARTED_SECONDS = 60.0
RIGHT_SECONDS = 2.0
"""How long a clock that was set right is used: libfaketime looks once a second."""


def kill(field: Field, member: Member) -> None:
    """kill -9, and note that mails under way may be repeated."""
    field.history.note("kill", member=member.name)
    if member.name.startswith("notifications"):
        field.mail_disturbed()
    member.kill()


class KillService(Fault):
    """kill -9 of a replica of each service; it is started again a second later."""

    name = "kill-service"
    lasts_seconds = (0.5, 1.5)

    async def inject(self) -> None:
        """Kill one replica of each, whatever it does."""
        members = [self.field.random.choice(self.field.cluster.replicas_of(service)) for service in SERVICES]
        self._killed = members
        for member in members:
            kill(self.field, member)

    async def recover(self) -> None:
        """Start them."""
        await asyncio.gather(*(member.start(wait=False) for member in self._killed))


class KillRelayHolder(Fault):
    """kill -9 of the replica whose relay is active, of each service in turn: the other one takes over within 3 s."""

    name = "kill-relay-holder"
    measures = True

    async def inject(self) -> None:
        """Kill and measure, three times; none is started meanwhile, since a start would compete with what is timed."""
        for service in SERVICES:
            await self._hand_over(service)

    async def _hand_over(self, service: str) -> None:
        field = self.field
        holder = field.watch.holder(service)
        if holder is None:
            field.findings.append(f"no relay of {service} was active when its holder was to be killed")
            return
        member = field.cluster.replicas[holder]
        kill(field, member)
        field.watch.documents.pop(holder, None)
        # What the killed one answered may come after its death.
        took = await field.watch.until(
            lambda: field.watch.holder(service) not in {None, holder}, within=PATIENCE_SECONDS
        )
        field.timed(
            f"{service}: relay handed over", PATIENCE_SECONDS if took is None else took, limit=HANDED_OVER_SECONDS
        )

    async def recover(self) -> None:
        """Start whatever does not run."""
        await asyncio.gather(*(member.start(wait=False) for member in self.field.cluster.replicas.values()))


class FreezeService(Fault):
    """SIGSTOP of a replica of each service for some seconds, then SIGCONT."""

    name = "freeze-service"
    lasts_seconds = (2.0, 4.0)

    async def inject(self) -> None:
        """Freeze one replica of each."""
        self._frozen = [self.field.random.choice(self.field.cluster.replicas_of(service)) for service in SERVICES]
        for member in self._frozen:
            self.field.history.note("freeze", member=member.name)
            member.freeze()

    async def recover(self) -> None:
        """Let them run on."""
        for member in self._frozen:
            member.thaw()


class FreezeRelayHolder(Fault):
    """SIGSTOP of a replica whose relay is active, until that is seen from outside or the other one has taken over."""

    name = "freeze-relay-holder"
    measures = True
    _frozen: Member | None = None

    async def inject(self) -> None:
        """Freeze it, and look whether a living replica tells of it."""
        field = self.field
        service = field.random.choice(SERVICES[:2])
        await field.watch.until(lambda: self._quiet(service), within=FREEZE_TO_BE_SEEN_SECONDS)
        holder = field.watch.holder(service)
        if holder is None or not self._quiet(service):
            field.findings.append(f"not one relay of {service} was active, and well, when its holder was to be frozen")
            return
        self._frozen = field.cluster.replicas[holder]
        field.history.note("freeze", member=holder)
        self._frozen.freeze()
        field.watch.documents.pop(holder, None)
        began = time.monotonic()
        seen = await field.watch.until(lambda: self._told(service, holder), within=FREEZE_TO_BE_SEEN_SECONDS)
        field.shown(f"the frozen relay of {service}", seen, lasted=time.monotonic() - began)
        taken = await field.watch.until(
            lambda: field.watch.holder(service) not in {None, holder},
            within=max(0.0, FREEZE_TO_BE_SEEN_SECONDS - (time.monotonic() - began)),
        )
        if taken is not None:
            field.figure("frozen relay taken over after, s", time.monotonic() - began)

    def _quiet(self, service: str) -> bool:
        """Whether one relay is active, and the other replica tells of nothing: what it tells then is of the freeze."""
        holder = self.field.watch.holder(service)
        return holder is not None and not self._told(service, holder)

    def _told(self, service: str, holder: str) -> bool:
        others = [seen for name, seen in self.field.watch.of(service).items() if name != holder]
        return any(relay_stalls(seen) or seen["relay"]["active"] for seen in others)

    async def recover(self) -> None:
        """Let it run on."""
        if self._frozen is not None:
            self._frozen.thaw()


class StopInBatch(Fault):
    """SIGTERM of a replica of each service in the middle of its work: it ends within 10 s; then it is started again."""

    name = "stop-in-batch"
    measures = True

    async def inject(self) -> None:
        """Stop one replica of each at once, while the load goes on."""
        self._stopped = [self.field.random.choice(self.field.cluster.replicas_of(service)) for service in SERVICES]
        took = await asyncio.gather(*(member.stop() for member in self._stopped))
        for member, seconds in zip(self._stopped, took, strict=True):
            self.field.timed(f"{member.name.rpartition('-')[0]}: stopped", seconds, limit=STOPPED_SECONDS)

    async def recover(self) -> None:
        """Start them."""
        await asyncio.gather(*(member.start(wait=False) for member in self._stopped))


class StepClock(Fault):
    """The clock of one replica of each service goes eight seconds wrong and right again (where libfaketime is).

    A preloaded library slows a process by seconds now and then, so the replicas bear it for this fault only.
    """

    name = "step-clock"
    lasts_seconds = (5.0, 8.0)

    async def inject(self) -> None:
        """Start them with a clock of their own, and step it."""
        field, library = self.field, self.field.cluster.faketime
        assert library is not None  # noqa: S101 - `why_not` has asked
        self._stepped = {
            name: member for name, member in field.cluster.replicas.items() if name.endswith(f"-{REPLICAS}")
        }
        self._parts = {name: member.part for name, member in self._stepped.items()}
        await asyncio.gather(*(member.stop() for member in self._stepped.values()))
        for name, member in self._stepped.items():
            field.watch.documents.pop(name, None)
            own = clocks.environment(library, told_by=field.cluster.clock_of(name))
            member.part = replace(member.part, environment={**member.part.environment, **own})
            await member.start(wait=False)
        await field.watch.until(field.watch.all_answer, within=STARTED_SECONDS)
        seconds = field.random.choice(STEPS)
        field.history.note("step", seconds=seconds)
        for name in self._stepped:
            clocks.step(field.cluster.clock_of(name), seconds)

    async def recover(self) -> None:
        """Set it right, and start them with the machine's clock."""
        for name in self._stepped:
            clocks.step(self.field.cluster.clock_of(name), 0)
        await asyncio.sleep(RIGHT_SECONDS)
        await asyncio.gather(*(member.stop() for member in self._stepped.values()))
        for name, member in self._stepped.items():
            member.part = self._parts[name]
            await member.start(wait=False)

    @classmethod
    def why_not(cls, field: Field) -> str | None:
        """Only a preloaded library can do it."""
        return None if field.cluster.faketime else "libfaketime is not installed (Debian: apt install libfaketime)"


FAULTS: tuple[type[Fault], ...] = (
    KillService,
    KillRelayHolder,
    FreezeService,
    FreezeRelayHolder,
    StopInBatch,
    StepClock,
)
