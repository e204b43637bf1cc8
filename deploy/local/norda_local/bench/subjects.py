"""One service process that consumes, on a database of its own: started, watched from outside, and stopped.

Owns how a round is measured: from the first sample in which something had been handled to the last record, by what
`/readyz` counts; CPU and memory are the service's process's alone, PostgreSQL's CPU stands beside them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx2
import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from norda_common.contracts.registry import ORGANISATION

from norda_local import processes
from norda_local.bench.organisations import topic_names
from norda_local.errors import StackError
from norda_local.stack import Stack

SAMPLE_SECONDS = 0.2
PATIENCE_SECONDS = 120.0
"""How long nothing may move before a round is given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one round of one contestant has found."""

    events: float
    seconds: float
    cpu_seconds: float
    rss_mb: float
    postgres_cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_per_100k(self) -> float:
        """CPU seconds of the process per 100,000 events."""
        return self.cpu_seconds / self.events * 100_000

    @property
    def postgres_cpu_per_100k(self) -> float:
        """CPU seconds of PostgreSQL's processes per 100,000 events."""
        return self.postgres_cpu_seconds / self.events * 100_000

    def as_json(self) -> dict[str, float]:
        """For the report's rounds."""
        return asdict(self) | {"per_second": self.per_second}


@dataclass(frozen=True, slots=True)
class Subject:
    """A service's consumer with a database of its own; made by `prepare`, its database ends with the servers."""

    service: str
    consumer: str
    database: str
    stack: Stack

    @classmethod
    def prepare(cls, stack: Stack, service: str, consumer: str) -> Subject:
        """Make the database and run the service's `setup` on it."""
        made = cls(service, consumer, f"bench_{secrets.token_hex(4)}", stack)
        asyncio.run(_statement(stack.endpoints()["database"], f"create database {made.database}"))
        result = subprocess.run(
            [sys.executable, "-m", f"norda_{service}", "setup"],
            env=made._environment(port=1, prefix=""),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise StackError(f"{service} setup failed", result.stderr.strip())
        return made

    def drop(self) -> None:
        """Delete the database."""
        asyncio.run(
            _statement(self.stack.endpoints()["database"], f"drop database if exists {self.database} with (force)")
        )

    def consume(self, prefix: str, expected: int) -> Outcome:
        """Start the service on the topics below the prefix, and stop it when `expected` records are handled."""
        asyncio.run(self._rewind(prefix))
        port = _free_port()
        log = self.stack.home.logs / f"bench-{self.service}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", f"norda_{self.service}", "serve"],
                env=self._environment(port=port, prefix=prefix),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            return self._watch(psutil.Process(process.pid), f"http://127.0.0.1:{port}/readyz", expected)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    async def _rewind(self, prefix: str) -> None:
        """Let the consumer's group begin at the beginning, whatever an earlier round has acknowledged."""
        group = f"{prefix}norda.{self.service}.hb-hh-ni.{self.consumer}"
        places = {
            TopicPartition(name, partition): 0
            for name in topic_names(prefix)
            for partition in range(ORGANISATION.partitions)
        }
        async with AIOKafkaConsumer(
            bootstrap_servers=self.stack.endpoints()["kafka"], group_id=group, enable_auto_commit=False
        ) as reader:
            reader.assign(list(places))
            await reader.commit(places)

    def _watch(self, process: psutil.Process, url: str, expected: int) -> Outcome:
        samples: list[tuple[float, int, float, float]] = []
        rss = 0
        moved = time.monotonic()
        with httpx2.Client(timeout=10) as client:
            while not samples or samples[-1][1] < expected:
                time.sleep(SAMPLE_SECONDS)
                handled = self._handled(client, url)
                now = time.monotonic()
                rss = max(rss, process.memory_info().rss)
                if handled and (not samples or handled > samples[-1][1]):
                    moved = now
                    samples.append((now, handled, _cpu(process), self._postgres_cpu()))
                if now - moved > PATIENCE_SECONDS or not process.is_running():
                    raise StackError(f"{self.service} does not go on: {samples[-1:]} of {expected}", "see its log")
        (began, first, cpu, postgres), (ended, last, cpu_ended, postgres_ended) = samples[0], samples[-1]
        return Outcome(last - first, ended - began, cpu_ended - cpu, rss / (1 << 20), postgres_ended - postgres)

    def _handled(self, client: httpx2.Client, url: str) -> int:
        with suppress(httpx2.HTTPError):
            consumers: Mapping[str, Any] = client.get(url).json()["consumers"]
            return int(consumers[self.consumer]["handled"])
        return 0

    def _postgres_cpu(self) -> float:
        server = processes.running(self.stack.home, "postgres")
        return sum(_cpu(child) for child in server.children(recursive=True)) if server else 0.0

    def _environment(self, *, port: int, prefix: str) -> dict[str, str]:
        endpoints = self.stack.endpoints()
        admin = urlsplit(endpoints["database"])
        location = admin.netloc.rpartition("@")[2]
        path = f"/{self.database}"
        # The roles belong to this run's server, which ends with it.
        own = admin._replace(netloc=f"norda_{self.service}:bench@{location}", path=path)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NORDA_", "OTEL_"))},
            "NORDA_STATES": "hb,hh,ni",
            "NORDA_DATABASE_URL": urlunsplit(own),
            "NORDA_ADMIN_DATABASE_URL": urlunsplit(admin._replace(path=path)),
            "NORDA_KAFKA_BOOTSTRAP_SERVERS": endpoints["kafka"],
            "NORDA_KAFKA_TOPIC_PREFIX": prefix,
            "NORDA_HTTP_PORT": str(port),
            "NORDA_TOKEN_JWKS_FILE": str(self.stack.home.run / "jwks.json"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoints["otlp"],
        }


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _statement(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
