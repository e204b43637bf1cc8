"""A load generator in a process of its own: prepared HTTP/1.1 requests over keep-alive connections, answers timed.

Cheap on purpose, since it shares the machine with what it measures: requests are bytes made beforehand, an answer is
read up to its Content-Length and only its status is looked at. Each connection waits for its answer before it sends
again. `python -m norda_local.bench.load` reads a Load as JSON from stdin and writes an Answered to stdout.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send. Requests are (path, body) in order, each once; `per_second` None means as fast as answers come.

    With a rate, request i is due at i / rate whether or not earlier ones are answered, and latency counts from then,
    so that a server that stalls is not asked less often (no coordinated omission); it stops when `seconds` are over.
    """

    port: int
    headers: Mapping[str, str]
    requests: Sequence[tuple[str, str]]
    connections: int
    seconds: float
    per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back: latencies in milliseconds of the answers, how often each status, and for how long it ran."""

    seconds: float
    sent: int
    statuses: Mapping[str, int]
    latencies_ms: Sequence[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return len(self.latencies_ms) / self.seconds


def start(load: Load) -> subprocess.Popen[str]:
    """Start the generator; `finish` waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "norda_local.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None  # noqa: S101 - asked for
    json.dump(asdict(load), process.stdin)
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[str]) -> Answered:
    """Wait until the load is over. Raises RuntimeError when an answer was no success or the generator failed."""
    assert process.stdout is not None  # noqa: S101 - asked for
    text = process.stdout.read()
    if process.wait() != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    answered = Answered(**json.loads(text))
    if any(not status.startswith("2") for status in answered.statuses):
        raise RuntimeError(f"not every request succeeded: {dict(answered.statuses)}")
    return answered


class _Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[str] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[str]:
        """Send a request; the future is the answer's status."""
        assert self._transport is not None  # noqa: S101 - connected
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        length = _LENGTH.search(self._received, 0, end + 2)
        if length is None:
            self._answer.set_exception(RuntimeError("an answer without a length"))
        elif len(self._received) >= end + 4 + int(length[1]):
            answer, self._answer, status = self._answer, None, self._received[9:12].decode()
            self._received = b""
            answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed by the server"))


async def run(load: Load) -> Answered:
    """Send the load and time its answers."""
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(_Connection, "127.0.0.1", load.port))[1] for _ in range(load.connections)
    ]
    requests = enumerate([_encoded(load, path, body) for path, body in load.requests])
    latencies: list[float] = []
    statuses: dict[str, int] = {}
    gc.disable()
    began = time.perf_counter()

    async def send(connection: _Connection) -> None:
        for number, request in requests:
            due = time.perf_counter()
            if load.per_second is not None:
                due = began + number / load.per_second
                await asyncio.sleep(due - time.perf_counter())
            if max(due, time.perf_counter()) > began + load.seconds:
                return
            status = await connection.ask(request)
            latencies.append((time.perf_counter() - due) * 1000)
            statuses[status] = statuses.get(status, 0) + 1

    await asyncio.gather(*(send(connection) for connection in connections))
    return Answered(seconds=time.perf_counter() - began, sent=len(latencies), statuses=statuses, latencies_ms=latencies)


def _encoded(load: Load, path: str, body: str) -> bytes:
    content = body.encode()
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in load.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


if __name__ == "__main__":
    json.dump(asdict(asyncio.run(run(Load(**json.load(sys.stdin))))), sys.stdout)
