"""Finding pages without a browser: as links lead to them, one of each kind and of all that can be done there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2
from support.signing_in import Browser

MOST_PAGES = 190
"""More pages than a service has for one person: when there are more, the kinds below tell too much apart."""
MOST_ALIKE = 6
"""Of pages that differ by ids alone, so many are looked at for whether other things can be done there."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
EMPTY = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
UNREAD = frozenset({"script", "style", "textarea", "datalist"})
SAID = ("aria-label", "placeholder", "title", "alt")


class Read(HTMLParser):
    """A page: its links and forms, those in its main part apart, and what it says outside of marked languages."""

    def __init__(self, page: httpx2.Response) -> None:
        super().__init__()
        self.links: list[str] = []
        self.offered: list[str] = []
        self.texts: list[str] = []
        self.language = ""
        self._base = str(page.url)
        self._open: list[tuple[str, bool]] = []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.get("lang", "")
        silent = self._silent or tag in UNREAD or (tag != "html" and "lang" in given)
        if not silent:
            self.texts += [given[name] for name in SAID if given.get(name)]
        address = given.get("action") if tag == "form" else given.get("href") if tag == "a" else None
        if address is not None and "download" not in given:
            target = urljoin(self._base, address).partition("#")[0]
            if tag == "a":
                self.links.append(target)
            if any(name == "main" for name, _ in self._open):
                self.offered.append(target)
        if tag not in EMPTY:
            self._open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self._open and tag not in EMPTY:
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._silent:
            self.texts.append(" ".join(data.split()))

    @property
    def _silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]


@dataclass(frozen=True)
class Found:
    """A page as it was met. `kind` is the same for pages that differ by ids alone."""

    address: str
    kind: str
    read: Read = field(compare=False)

    @property
    def template(self) -> str:
        """Pages of one template look alike; nearly always that is the path."""
        return self.kind.partition("?")[0]

    @property
    def shape(self) -> tuple[str, frozenset[str]]:
        """Which kind it is, and what can be done there."""
        own = urlsplit(self.address).path.rstrip("/") + "/"
        below = [address for address in self.read.offered if urlsplit(address).path.startswith(own)]
        return self.kind, frozenset(kind_of(address).partition("?")[0] for address in below)


def kind_of(address: str) -> str:
    """Ids are taken for the same, and of the query only its first name; legal pages of three offices are alike."""
    parts = urlsplit(address)
    names = sorted(pair.partition("=")[0] for pair in parts.query.split("&") if pair)
    query = "" if "/legal/" in parts.path else "?" + "&".join(names[:1]) if names else ""
    return UUID.sub("id", parts.path) + query


def pages(browser: Browser, base: str, *starts: str) -> Iterator[Found]:
    """The pages below `base` that links lead to, from these addresses on; what needs a sign-in leads away from there.

    Fails on an error, and when there are more than there can be.
    """
    waiting, seen = list(starts), set(starts)
    alike, shapes = Counter[str](), set[object]()
    while waiting:
        response = browser.get(waiting.pop(0))
        if "text/html" not in response.headers.get("content-type", "") or not str(response.url).startswith(base):
            continue
        assert response.status_code < 400, f"{response.url} answers {response.status_code}"
        found = Found(str(response.url), kind_of(str(response.url)), Read(response))
        if found.shape not in shapes:
            shapes.add(found.shape)
            assert len(shapes) <= MOST_PAGES, f"more than {MOST_PAGES} pages of {base}: {sorted(map(str, shapes))}"
            yield found
        for link in found.read.links:
            own = link.startswith(base) and "/sign-in" not in link and not link.endswith(".ics")
            most = MOST_ALIKE if "/id" in kind_of(link) else 1
            if own and link not in seen and alike[kind_of(link)] < most:
                seen.add(link)
                alike[kind_of(link)] += 1
                waiting.append(link)
