"""The parts of a process: a fault shows while it lasts, and stopping is bounded whatever hangs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from typing import Any

import pytest
from norda_common import runtime as runtime_module
from norda_common.consumer import Consumer
from norda_common.health import readiness
from norda_common.runtime import Runtime
from norda_common.settings import ServiceSettings
from norda_common.telemetry import _Discreet, configure_logging
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.waiting import eventually, here

from .conftest import THING, Probe
from .test_consumer import send
from .test_relay import thing

SECRET = "geheim@ex-099.example"


async def test_a_part_that_failed_once_is_started_again_and_forgiven(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_module, "SETTLED_SECONDS", 1.0)
    runs = []

    async def worker(_: Runtime) -> None:
        runs.append(time.monotonic())
        if len(runs) == 1:
            raise ValueError(SECRET)
        await asyncio.Event().wait()

    async with probe.running(workers=[worker]) as runtime:

        async def shown() -> None:
            _, document = await readiness(runtime, [])
            assert document["checks"]["worker"] == "ValueError"
            assert document["status"] == "degraded"
            assert SECRET not in json.dumps(document)

        await eventually(shown)

        async def forgiven() -> None:
            _, document = await readiness(runtime, [])
            assert "worker" not in document["checks"]

        await eventually(forgiven)
        assert len(runs) == 2


async def test_stopping_is_bounded_whatever_hangs(probe: Probe) -> None:
    entered = asyncio.Event()

    async def stuck(*_: Any) -> None:
        entered.set()
        await asyncio.sleep(60)

    async def worker(_: Runtime) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(30)
            raise

    await send(probe, thing((event := THING.example.thing_id), 1))  # type: ignore[attr-defined]
    runtime = probe.runtime(consumers=[Consumer(name="stuck", topics=(THING,), each=stuck)], workers=[worker])
    await runtime.start()
    await asyncio.wait_for(entered.wait(), 60)
    started = time.monotonic()
    await runtime.stop()
    assert time.monotonic() - started < here(6)
    seen: list[Any] = []

    async def see(_: Any, received: Any, __: Any) -> None:
        seen.append(received.key)

    async with probe.running(consumers=[Consumer(name="stuck", topics=(THING,), each=see)]):

        async def redelivered() -> None:
            assert seen == [event]

        await eventually(redelivered, within=20)


def test_a_trace_holds_the_kind_of_a_fault_but_not_its_words() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(_Discreet())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        pytest.raises(ValueError, match="geheim"),
        provider.get_tracer("test").start_as_current_span("work", attributes={"url.query": f"email={SECRET}"}),
    ):
        raise ValueError(f"Failing row contains ({SECRET})")
    (span,) = exporter.get_finished_spans()
    text = span.to_json()
    assert SECRET not in text
    assert "ValueError" in text


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_line_holds_the_kind_and_place_of_a_fault_but_not_its_words(
    probe_settings: ServiceSettings, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before, level, output = root.handlers[:], root.level, io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    try:
        configure_logging(probe_settings.model_copy(update={"log_format": form}))
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("somebody").exception("it failed")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert SECRET not in output.getvalue()
    assert "ValueError" in output.getvalue()
    assert "test_runtime.py" in output.getvalue()


@pytest.fixture
def probe_settings(tmp_path: Any) -> ServiceSettings:
    return ServiceSettings.model_validate(
        {
            "database_url": "postgresql://x",
            "kafka_bootstrap_servers": "x:1",
            "http_port": 1,
            "token_jwks_file": tmp_path / "jwks.json",
            "token_issuer": "norda-local",
        }
    )
