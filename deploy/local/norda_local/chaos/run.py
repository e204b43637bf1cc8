"""One run from the first start to the verdicts: load, rounds of faults with a calm end, judgement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random

from norda_local.chaos.cluster import STATES, Cluster
from norda_local.chaos.faults import Fault
from norda_local.chaos.field import Field
from norda_local.chaos.ghosts import haunt
from norda_local.chaos.history import History
from norda_local.chaos.invariants import CAUGHT_UP_SECONDS
from norda_local.chaos.judgement import Verdict, catch_up, judge
from norda_local.chaos.ledger import Ledger
from norda_local.chaos.load import COMPETENCES, Office
from norda_local.chaos.schedule import next_round
from norda_local.chaos.watch import Watch
from norda_local.chaos.witness import Witness
from norda_local.errors import StackError
from norda_local.stack import Stack

Say = Callable[[str], None]

OFFICES = 6
PAUSE_SECONDS = 0.35
"""Between two commands of an office, on average: some twelve commands a second in all."""
MEMBERS_PER_STATE = 2
ALONE_LEAVES_SECONDS = 120.0
MAIL_SECONDS = 2.0


class Run:
    """A run on servers of its own; `field` holds what was found."""

    def __init__(
        self, stack: Stack, *, seed: int, minutes: float, kinds: Mapping[str, type[Fault]], history: History, say: Say
    ) -> None:
        cluster = Cluster(stack)
        self._say = say
        self._minutes = minutes
        self._seed = seed
        self.field = Field(
            cluster=cluster,
            watch=Watch(cluster, history),
            witness=Witness(cluster.database, bootstrap=cluster.bootstrap, mail_url=cluster.mail),
            ledger=Ledger(history),
            history=history,
            # A seed repeats a run; nothing here is a secret.
            random=Random(seed),  # noqa: S311
        )
        self._kinds = self._possible(kinds)
        self._alone_seconds = max(10.0, minutes * 60 - ALONE_LEAVES_SECONDS) if len(kinds) == 1 else None
        self._offices: list[Office] = []
        self._settled: list[str] = []
        self._recovered = time.monotonic()
        self.rounds = 0
        self.seconds = 0.0

    def _possible(self, kinds: Mapping[str, type[Fault]]) -> dict[str, type[Fault]]:
        reasons = {name: fault.why_not(self.field) for name, fault in kinds.items()}
        self.field.left_out = {name: reason for name, reason in reasons.items() if reason}
        for name, reason in self.field.left_out.items():
            self._tell(f"{name} is left out: {reason}")
        return {name: fault for name, fault in kinds.items() if not reasons[name]}

    async def run(self) -> list[Verdict]:
        """Run it; returns the verdicts.

        Raises:
            StackError: the servers or services did not start, or the load found no ground to begin on.
        """
        field = self.field
        self._tell("starting PostgreSQL, three Kafka brokers, the mail server and two replicas of each service")
        await field.cluster.up()
        await field.witness.install()
        self._offices = [
            Office(
                number, cluster=field.cluster, ledger=field.ledger, random=self._random(number), members=field.members
            )
            for number in range(OFFICES)
        ]
        watching = [asyncio.create_task(field.watch.run()), asyncio.create_task(self._collect_mails())]
        try:
            await self._begin()
            began = time.monotonic()
            while not self.rounds or self._time_for_another(time.monotonic() - began):
                await self._round()
            self.seconds = time.monotonic() - began
            self._tell("judging")
            return await judge(field, settled=self._settled)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, *(office.close() for office in self._offices), return_exceptions=True)
            await field.cluster.down()

    def _random(self, number: int) -> Random:
        return Random(self._seed * 1_000 + number)  # noqa: S311

    def _tell(self, text: str) -> None:
        self.field.history.note("told", text=text)
        self._say(f"{self.field.history.seconds:6.1f} s  {text}")

    def _time_for_another(self, elapsed: float) -> bool:
        """Whether at least half of a round as long as the last ones is left."""
        return self._minutes * 60 - elapsed > elapsed / self.rounds / 2

    async def _begin(self) -> None:
        """Readers, office addresses, and organisations that the events service knows; all before the first fault."""
        field = self.field
        if not await field.calm():
            raise StackError("the services do not become ready", f"see {field.cluster.home.logs}")
        for office in self._offices[: len(STATES)]:
            await office.name_address()
            self._settled.append(await office.subscribe(f"state@{office.state}.ex.example", "state", office.state))
        for number, code in enumerate(COMPETENCES):
            office = self._offices[number % len(STATES)]
            for value in (code, code.partition("-")[0]):
                self._settled.append(await office.subscribe(f"{code.lower()}@ex.example", "competence", value))
        self._settled.append(await self._offices[0].subscribe("state@hb.ex.example", "competence", COMPETENCES[0]))
        for office in self._offices[: len(STATES)]:
            for number in range(MEMBERS_PER_STATE):
                field.members.append(await office.found(f"Beispiel Mitglied {office.state} {number}"))
        await self._until_known(field.members)

    async def _until_known(self, members: Sequence[str]) -> None:
        query = "select count(*) as known from events.organisation where id = any($1::uuid[])"
        deadline = time.monotonic() + 30
        while (await self.field.witness.rows(query, list(members)))[0]["known"] < len(members):
            if time.monotonic() > deadline:
                raise StackError("organisations do not reach the events service", "see the logs of its replicas")
            await asyncio.sleep(0.1)

    async def _collect_mails(self) -> None:
        while True:
            await self.field.witness.mails()
            await asyncio.sleep(MAIL_SECONDS)

    async def _round(self) -> None:
        field, plan = self.field, next_round(self.field.random, self._kinds)
        self.rounds += 1
        self._tell(f"round {self.rounds}: load on, {len(self._kinds)} kinds of faults")
        stop = asyncio.Event()
        working = [asyncio.create_task(office.work(stop, pause_seconds=PAUSE_SECONDS)) for office in self._offices]
        haunting = asyncio.create_task(haunt(field))
        try:
            await asyncio.sleep(1)
            for fault in plan.measured:
                await field.calm_before(fault.name)
                await self._inject(fault)
            await asyncio.gather(self._in_turn(plan.taking), self._in_turn(plan.beside))
        finally:
            stop.set()
            haunting.cancel()
            await asyncio.gather(haunting, return_exceptions=True)
        await asyncio.gather(*working)
        await self._calm_end()

    async def _in_turn(self, faults: Sequence[type[Fault]]) -> None:
        for fault in faults:
            await self._inject(fault)
            await asyncio.sleep(self.field.random.uniform(0.5, 1.5))

    async def _inject(self, kind: type[Fault]) -> None:
        """One fault from beginning to end."""
        fault = kind(self.field, alone_seconds=self._alone_seconds)
        self._tell(kind.name)
        self.field.injected[kind.name] += 1
        try:
            await fault.inject()
            await asyncio.sleep(fault.seconds())
        finally:
            await fault.recover()
            self._recovered = time.monotonic()
            self.field.history.note("recovered", fault=kind.name)

    async def _calm_end(self) -> None:
        """Faults and load have stopped when every replica answers again; from then on read models have ten seconds."""
        field = self.field
        if await field.watch.until(field.watch.all_answer, within=120) is None:
            field.findings.append("not every replica answers after the faults")
        took = await catch_up(field)
        # The clock of the limit starts when every replica answers; this one when the last fault was undone.
        field.figure("read models equal after the last fault was undone, s", time.monotonic() - self._recovered)
        self._tell(f"read models equal their sources after {took:.1f} s (allowed: {CAUGHT_UP_SECONDS:.0f})")
