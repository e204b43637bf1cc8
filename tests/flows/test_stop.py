"""SIGTERM ends a service within ten seconds, whatever is open or away; until then connections stay open."""

from __future__ import annotations

import signal
import socket
import threading
import time

import httpx2
from support.installation import Installation
from support.waiting import here


def test_sigterm_ends_the_process_within_ten_seconds(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        # It accepts telemetry and never answers.
        accepting = threading.Thread(target=_swallow, args=(black_hole,), daemon=True)
        accepting.start()
        endpoint = f"http://127.0.0.1:{black_hole.getsockname()[1]}"
        service = installation.start("registry", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as unfinished:
            token = installation.token(state="hb")
            unfinished.sendall(
                f"POST /api/v1/organisations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode()
            )
            time.sleep(1)
            started = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            service.process.wait(30)
            took = time.monotonic() - started
    assert took < here(10), f"it took {took:.1f} s"


def test_a_connection_stays_open_while_nobody_uses_it_for_a_while(installation: Installation) -> None:
    service = installation.start("registry")
    with httpx2.Client(base_url=service.url, limits=httpx2.Limits(keepalive_expiry=None)) as client:
        first = client.get("/livez").extensions["network_stream"].get_extra_info("client_addr")
        # Longer than uvicorn and httpx have it by themselves.
        time.sleep(7)
        again = client.get("/livez").extensions["network_stream"].get_extra_info("client_addr")
        started = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(30)
    assert again == first, "the connection was closed in between"
    assert time.monotonic() - started < here(10)


def _swallow(server: socket.socket) -> None:
    kept = []
    while True:
        try:
            kept.append(server.accept()[0])
        except OSError:
            return
