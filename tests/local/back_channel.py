"""Listeners at the places where services hear of a sign-out, for the tests of identity providers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from norda_local.stack import Stack

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@contextmanager
def listening(stack: Stack, *services: str) -> Iterator[dict[str, list[str]]]:
    """Real back-channel listeners at the services' places; what each was told, by path."""
    told: dict[str, list[str]] = {}

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.setdefault(self.path, []).extend(parse_qs(body)["logout_token"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """The tests say what they need to know."""

    servers = [ThreadingHTTPServer(("127.0.0.1", stack.settings.ports[name]), Listener) for name in services]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
