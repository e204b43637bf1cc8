"""What the main job acts on: services, the offices' tokens, mailboxes, the tracing server; and what was expected.

The job uses nothing but public HTTP APIs, topics, mailboxes and the tracing server; it knows no database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from norda_local.mail import Mail, list_mails

T = TypeVar("T")
STATES = ("hb", "hh", "ni")
LABELS = {"hb": "Bremen", "hh": "Hamburg", "ni": "Niedersachsen"}


class JobFailed(Exception):  # noqa: N818 - an outcome, told to a person
    """The job cannot go on; the message says which request failed and what was answered."""


@dataclass(frozen=True)
class Check:
    """One expectation and whether it came true."""

    text: str
    ok: bool
    found: str = ""


@dataclass(frozen=True)
class Lasting:
    """What must be so when it was first seen, and still at the end."""

    text: str
    read: Callable[[], object]
    wanted: object


ImportBar = Callable[[str, int, int], None]
"""Told what is imported, how many rows are done and how many there are."""


@contextmanager
def no_bars() -> Iterator[ImportBar]:
    """The bars of those who show none."""
    yield lambda _what, _done, _rows: None


@dataclass
class World:
    """Addresses and tokens, and the list of checks; `token(state, role)` makes a bearer token.

    Mails of senders without `mails_from` belong to somebody else. `mail_url` and `tracing_url` are None where a user's
    own servers cannot be looked into; what they would show is then left out and said to be.
    """

    registry: str
    events: str
    notifications: str
    kafka: str
    token: Callable[[str, str], str]
    mail_url: str | None
    tracing_url: str | None
    topic_prefix: str = ""
    mails_from: str = ""
    show: Callable[[str], None] = print
    import_bars: Callable[[], AbstractContextManager[ImportBar]] = no_bars
    checks: list[Check] = field(default_factory=list)
    lasting: list[Lasting] = field(default_factory=list)
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=60))

    def call(
        self, method: str, url: str, *, state: str, role: str = "office", accept: tuple[int, ...] = (), **options: Any
    ) -> httpx2.Response:
        """One request as somebody of that state. Raises JobFailed unless 2xx or one of `accept`."""
        headers = {"authorization": f"Bearer {self.token(state, role)}", "accept-language": "en"}
        headers |= options.pop("headers", {})
        try:
            answer = self.http.request(method, url, headers=headers, **options)
        except httpx2.HTTPError as error:
            raise JobFailed(f"{method} {url}: {error}") from error
        if not answer.is_success and answer.status_code not in accept:
            raise JobFailed(f"{method} {url} answered {answer.status_code}: {answer.text[:600]}")
        return answer

    def get(self, url: str, *, state: str = "hb", role: str = "office", **params: Any) -> Any:
        """The JSON a GET answers."""
        return self.call("GET", url, state=state, role=role, params=params).json()

    def post(self, url: str, body: Any = None, *, state: str, role: str = "office", **options: Any) -> httpx2.Response:
        """A POST with a JSON body."""
        return self.call("POST", url, state=state, role=role, json=body if body is not None else {}, **options)

    def pages(self, url: str, *, state: str = "hb", role: str = "office", **params: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(url, state=state, role=role, limit=200, **params | ({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def mails(self, **filters: str) -> list[Mail]:
        """Mails that arrived; empty where the mailboxes cannot be looked into."""
        if not self.mail_url:
            return []
        found = list_mails(self.mail_url, **filters)
        return [mail for mail in found if self.mails_from in mail.sender]

    def expect(self, text: str, ok: bool, found: object = "") -> None:
        """Note an expectation and show how it came out."""
        self.checks.append(Check(text, bool(ok), str(found)))
        self.show(f"    [green]✓[/] {text}" if ok else f"    [red]✗ {text}[/] [dim]{found}[/]")

    def expect_soon(
        self, text: str, read: Callable[[], T], wanted: T, *, within: float = 30.0, lasting: bool = False
    ) -> T:
        """Like `expect`, for what other services do after a while: reads until it is as wanted, or time is over.

        `lasting` says that it has to stay so; it is compared again at the end, when a duplicate would have come.
        """
        if lasting:
            self.lasting.append(Lasting(text, read, wanted))
        deadline = time.monotonic() + within
        found = read()
        while found != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
            found = read()
        self.expect(text, found == wanted, f"found {found}, expected {wanted}")
        return found

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[None]:
        """Frame one step with its title and how long it took."""
        self.show(f"\n[bold]{number}. {title}[/]")
        started = time.monotonic()
        yield
        self.show(f"    [dim]{time.monotonic() - started:.1f} s[/]")

    @property
    def failures(self) -> list[Check]:
        """Expectations that did not come true."""
        return [check for check in self.checks if not check.ok]
