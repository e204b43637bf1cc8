"""Signing in for real: the local issuer's process, services that are its clients, and a browser without scripts.

The browser keeps cookies by host alone, as browsers do: the ports of one host share them.
"""

from __future__ import annotations

import html
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
from norda_local.folders import Home
from norda_local.issuer.clients import VARIABLE, service_client, written

from .installation import Installation, Running, free_port
from .waiting import PATIENCE

ISSUER_SECONDS = 60
# One client for all requests: each new one would read all certificate authorities, which takes longer than a page.
_HTTP = httpx2.Client(timeout=20, limits=httpx2.Limits(max_keepalive_connections=0))


@dataclass
class Realm:
    """An issuer, and the services that were started as its clients."""

    issuer: str
    home: Home
    process: subprocess.Popen[bytes]
    services: dict[str, Running]


@contextmanager
def realm(installation: Installation, services: Sequence[str] = ("registry",), **environment: str) -> Iterator[Realm]:
    """The issuer and these services; their keys come from the issuer's address, as in a real installation."""
    home = Home(installation.folder / f"issuer-{secrets.token_hex(4)}")
    home.create()
    ports = {name: free_port() for name in services}
    shared = {name: secrets.token_urlsafe(16) for name in services}
    clients = [
        service_client(name, base=f"http://127.0.0.1:{port}", secret=shared[name]) for name, port in ports.items()
    ]
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "norda_local.issuer", f"--port={port}", f"--issuer={issuer}"]
    log = Path(installation.folder / f"issuer-{port}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, f"--home={home.path}"],
            env=os.environ | {VARIABLE: written(clients)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(issuer, log)
        started = {
            name: installation.start(
                name,
                port=ports[name],
                environment={
                    "NORDA_TOKEN_JWKS_FILE": "",
                    "NORDA_TOKEN_ISSUER": issuer,
                    "NORDA_OIDC_ISSUER": issuer,
                    "NORDA_OIDC_CLIENT_ID": f"norda-{name}",
                    "NORDA_OIDC_CLIENT_SECRET": shared[name],
                    **{f"NORDA_{other.upper()}_URL": f"http://127.0.0.1:{ports[other]}" for other in services},
                }
                | environment,
            )
            for name in services
        }
        yield Realm(issuer, home, process, started)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(issuer: str, log: Path) -> None:
    deadline = time.monotonic() + ISSUER_SECONDS * PATIENCE
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"{issuer}/.well-known/openid-configuration", timeout=2).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise AssertionError(f"the issuer does not answer\n{log.read_text()[-2000:]}")


@dataclass
class Browser:
    """Somebody's browser: cookies, redirects, forms."""

    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[Morsel[str]] = field(default_factory=list)
    """Every cookie as it was set, with its attributes."""
    address: str = ""

    def get(self, address: str, *, follow: bool = True) -> httpx2.Response:
        """Open an address, and go where it leads."""
        return self._go("GET", address, follow=follow)

    def submit(
        self,
        address: str,
        form: Mapping[str, str | list[str]],
        *,
        origin: str | None = None,
        follow: bool = True,
        **options: Any,
    ) -> httpx2.Response:
        """Send a form, from a page of the address's own origin unless another is given."""
        parts = urlsplit(address)
        own = f"{parts.scheme}://{parts.netloc}"
        sent_from = own if origin is None else origin
        headers = {"origin": sent_from, "sec-fetch-site": "same-origin" if sent_from == own else "cross-site"}
        return self._go("POST", address, follow=follow, data=form, headers=headers, **options)

    def press(self, page: httpx2.Response, action: str, **fields: str) -> httpx2.Response:
        """Send the page's form whose action holds this text, with its hidden fields."""
        for found in re.finditer(r"<form[^>]*action=\"([^\"]*)\"[^>]*>(.*?)</form>", page.text, re.DOTALL):
            if action in found[1]:
                hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[2]))
                values = {name: html.unescape(value) for name, value in hidden.items()}
                return self.submit(urljoin(str(page.url), html.unescape(found[1])), values | fields)
        raise AssertionError(f"no form leads to {action}: {page.text[:2000]}")

    def sign_in(self, service: Running, person: str, *, to: str = "") -> httpx2.Response:
        """Open a page of the service and sign in as this person at the issuer, if it asks."""
        page = self.get(f"{service.url}{to or f'/{service.name}/'}")
        return self.press(page, "/authorize", person=person) if "/authorize" in str(page.url) else page

    def _go(self, method: str, address: str, *, follow: bool, **options: Any) -> httpx2.Response:
        for _ in range(12):
            headers = {"accept": "text/html", **options.pop("headers", {})}
            if self.cookies:
                headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            # The jar is this class's own; whatever the client kept would be another browser's.
            _HTTP.cookies.clear()
            response = _HTTP.request(method, address, headers=headers, **options)
            self._keep(response)
            self.address = address
            if not (follow and response.is_redirect):
                return response
            method, options = "GET", {}
            address = urljoin(address, response.headers["location"])
        raise AssertionError(f"too many redirects, the last to {address}")

    def _keep(self, response: httpx2.Response) -> None:
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.set_cookies.append(morsel)
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
