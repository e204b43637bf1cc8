"""A real browser at the three services: Debian's Chromium, driven by Playwright, signed in at the local issuer.

Pages are watched: a message on the console or a request to another host fails the test.
Pictures are kept in `.norda/pictures` as the run's artefacts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from norda_local import chromium
from norda_local.folders import PROJECT_ROOT
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from support.installation import SERVICES, Installation
from support.signing_in import Realm, realm
from support.waiting import PATIENCE

PICTURES = PROJECT_ROOT / ".norda" / "pictures"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    # All else would be carried over with the markup of every element.
    "resultTypes": ["violations"],
}
EXPECTED_BY_STATUS = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""Chromium's own line about a refusal that a test provokes."""


@pytest.fixture(scope="module")
def norda(module_installation: Installation) -> Iterator[Realm]:
    with realm(module_installation, SERVICES) as made:
        yield made


@pytest.fixture(scope="module")
def chromium_browser(norda: Realm) -> Iterator[Browser]:
    """One browser for a module, closed before the installation is.

    Playwright's event loop counts as running in this thread for as long as it lives: kept for the session, it would let
    every asynchronous test fail that the same process runs later.
    """
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium.ensure(), args=FLAGS)
        yield made
        made.close()


@dataclass
class Watched:
    """A browser window of one person. `complaints` is what must not be."""

    context: BrowserContext
    page: Page
    norda: Realm
    complaints: list[str] = field(default_factory=list)

    def url(self, service: str, path: str = "/") -> str:
        return f"{self.norda.services[service].url}/{service}{path}"

    def open(self, service: str, path: str = "/") -> Page:
        self.page.goto(self.url(service, path))
        return self.page

    def sign_in(self, person: str, service: str = "registry", path: str = "/") -> Page:
        """Open a page, and choose this person where the issuer asks."""
        self.open(service, path)
        if self.page.url.startswith(self.norda.issuer):
            self.page.locator(f'button[name="person"][value="{person}"]').click()
        self.page.wait_for_url(f"{self.norda.services[service].url}/**")
        return self.page

    def picture(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        results = self.page.evaluate("options => axe.run(options)", AXE)
        return [
            f"{self.page.url}: {found['id']} ({found['impact']}): {node['html'][:160]}"
            for found in results["violations"]
            for node in found["nodes"]
        ]

    def wider_than_its_window(self) -> int:
        """By how many pixels the page scrolls sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def window(browser: Browser, norda: Realm, **options: object) -> Iterator[Watched]:
    """A window of its own; what the page complained about fails the test at its end."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "de-DE", **options})
    context.set_default_timeout(15_000 * PATIENCE)
    page = context.new_page()
    watched = Watched(context, page, norda)
    hosts = {urlsplit(service.url).netloc for service in norda.services.values()} | {urlsplit(norda.issuer).netloc}

    def request_seen(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "data" and parts.netloc not in hosts:
            watched.complaints.append(f"asked another host: {address}")

    page.on("request", lambda request: request_seen(request.url))
    page.on("pageerror", lambda error: watched.complaints.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: (
            watched.complaints.append(f"{page.url}: {message.text}")
            if message.type in {"error", "warning"} and not EXPECTED_BY_STATUS.match(message.text)
            else None
        ),
    )
    try:
        yield watched
    finally:
        context.close()
    assert watched.complaints == []
