"""A Maven repository on the loopback that can cut its answers, for the tests of downloads."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from norda_local.artifacts import Artifact


@dataclass
class Repository:
    """Files by path; `cuts` answers end half way, and every Range header that came is noted."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: int = 0
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    def publish(self, name: str, content: bytes) -> Artifact:
        artifact = Artifact(f"org.example:{name}:1.0", hashlib.sha256(content).hexdigest(), len(content))
        self.files[f"/{artifact.repository_path}"] = content
        return artifact


@contextmanager
def serving() -> Iterator[Repository]:
    repository = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            repository.ranges.append(wanted)
            content = repository.files.get(self.path)
            if content is None or repository.status != 200:
                self.send_error(404 if content is None else repository.status)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            rest = content[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if repository.cuts > 0:
                repository.cuts -= 1
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The tests say what they need to know."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    repository.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield repository
    finally:
        server.shutdown()
        server.server_close()
