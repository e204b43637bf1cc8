"""A page: who asks, in which language, with which right; what it shows, and where a form leads.

Every route of a page names the right it needs, by `page_for(right)`. Invariants: a form is accepted from the person's
own page only (token and origin); what somebody typed comes back to them, also when their session has ended meanwhile;
nothing is loaded from another host.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from .. import __version__
from ..auth import Caller
from ..database import SYSTEM, TRANSIENT, Connection
from ..errors import Forbidden, NordaError, Text, Unauthenticated
from ..rights import Right
from ..runtime import Runtime
from ..signin import sessions
from ..signin.sessions import Session
from ..statements import Identity
from ..states import ALL_STATES
from ..telemetry import current_trace_id
from .edge import Internal, RuntimeDep, declares, language_of
from .forms import MOST_FIELDS, Form
from .site import LABELS, Site, environment, static_version
from .sparing import spare

if TYPE_CHECKING:
    from starlette.datastructures import FormData

NOBODY = Identity(subject="", state="", roles="")
"""Somebody who has not signed in: policies show what is public."""
LANGUAGE_COOKIE, STATE_COOKIE = "norda-language", "norda-state"
YEAR_SECONDS = 365 * 86_400
LONGEST_PATH = 2_000
"""So long may the address be to which somebody comes back after signing in."""


class Answered(Exception):  # noqa: N818 - no fault
    """A dependency has made the answer already."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go to."""

    label: str
    address: str
    current: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Flash:
    """Something told once: `kind` is success, info, warning or danger."""

    kind: str
    text: str


@dataclass(slots=True)
class Page:
    """One request for a page. Made by `page_for`."""

    request: Request
    runtime: Runtime
    site: Site
    session: Session | None = None
    otherwise: str = "de"
    """The page's language where nobody asks for one."""
    sent: FormData | None = None
    """The form that was sent, once somebody has read it."""
    _flash: tuple[Flash, ...] = field(default=())

    @property
    def caller(self) -> Caller:
        """Who asks. Raises Unauthenticated for a public page without a session."""
        if self.session is None:
            raise Unauthenticated("Dafür ist eine Anmeldung nötig.", "This needs a sign-in.")
        return self.session.caller

    @property
    def service(self) -> str:
        """Whose page it is."""
        return self.runtime.service

    @property
    def language(self) -> str:
        """The language chosen, else the browser's, else the one this page is usually in."""
        chosen = self.request.cookies.get(LANGUAGE_COOKIE)
        if chosen in {"de", "en"}:
            return chosen
        return language_of(self.request) if "accept-language" in self.request.headers else self.otherwise

    @property
    def shown_state(self) -> str:
        """Whose records lists show unless asked otherwise; empty for all."""
        chosen = self.request.cookies.get(STATE_COOKIE, "")
        return chosen if chosen in set(ALL_STATES) else ""

    @property
    def address(self) -> str:
        """Path and query of this page."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def asks_for_part(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return "hx-request" in self.request.headers

    @property
    def now(self) -> datetime:
        """The instant of the request, aware UTC."""
        return datetime.now(UTC)

    def t(self, de: str, en: str) -> str:
        """The text of the page's language."""
        return en if self.language == "en" else de

    def read(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for reading, as whoever asks."""
        return self.runtime.database.read(self.session.caller if self.session else NOBODY)

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """One transaction, as whoever asks."""
        return self.runtime.database.transaction(self.caller)

    async def form(self) -> Form:
        """What was sent, from this person's own page. Raises Forbidden; with an old token it asks to confirm."""
        return Form.typed(await self.form_data(), language=self.language)

    async def form_data(self) -> FormData:
        """As `form`, with files."""
        if not same_origin(self.request, self.runtime.settings.base_url):
            raise Forbidden(
                "Das Formular kam nicht von dieser Seite.", "The form did not come from this page.", code="csrf"
            )
        data = self.sent = await self.request.form(max_files=1, max_fields=MOST_FIELDS)
        token = data.get("csrf")
        if self.session is None or not (isinstance(token, str) and compare_digest(token, self.session.csrf)):
            raise Answered(self.send_again(data))
        return data

    def send_again(self, data: FormData) -> Response:
        """The page that keeps what was typed when the session it was typed in has ended."""
        return self.show(
            "send_again.html.jinja",
            title=Text("Noch nicht gespeichert", "Not stored yet"),
            status=403 if self.session else 401,
            fields=typed_in(data),
            files=any(not isinstance(value, str) for _, value in data.multi_items()),
        )

    def show(
        self,
        template: str,
        *,
        title: Text,
        status: int = 200,
        crumbs: Sequence[tuple[Text, str | None]] = (),
        **context: Any,
    ) -> HTMLResponse:
        """The page, whole: htmx takes from it what it asked for. `crumbs` lead to the page, which is their last."""
        language = self.language
        made = environment(self.site.package).get_template(template)
        values = context | {
            "t": self.t,
            "language": language,
            "page": self._layout(title, crumbs),
        }
        headers = {"Content-Security-Policy": self._policy(), "Vary": "Cookie, Accept-Language, HX-Request"}
        return HTMLResponse(made.render(values), status, headers=headers)

    async def go(self, path: str, told: Text | None = None, *, kind: str = "success") -> RedirectResponse:
        """Lead to another page after a form (303), which tells what was done."""
        if told is not None and self.session is not None:
            async with self.read() as connection:
                await sessions.tell(connection, self.session, kind, told.de, told.en)
        return RedirectResponse(path, 303)

    def _layout(self, title: Text, crumbs: Sequence[tuple[Text, str | None]]) -> dict[str, Any]:
        language, caller = self.language, self.session.caller if self.session else None
        settings, base = self.runtime.settings, f"/{self.service}"
        places = [place for place in self.site.places if caller is not None and caller.may(place.right)]
        path = self.request.url.path
        # From a page that belongs to signing in or out one comes to the first page.
        own = self.request.method == "GET" and not path.startswith((f"{base}/sign-", f"{base}/signed-"))
        came_from = self.address if own else f"{base}/"
        return {
            "title": title.in_language(language),
            "service": self.service,
            "address": self.address,
            "person": caller
            and {
                "name": caller.name,
                "state": caller.state and caller.state.value,
                "state_label": caller.state.label if caller.state else "",
                "roles": set(caller.roles),
            },
            "csrf": self.session.csrf if self.session else "",
            "flash": self._flash,
            "crumbs": [(label.in_language(language), address) for label, address in crumbs],
            "services": [
                Link(label.in_language(language), f"{settings.address_of(name)}/{name}/", name == self.service, name)
                for name, label in LABELS.items()
            ],
            "nav": [
                Link(place.label.in_language(language), place.path, _leads_to(place.path, path)) for place in places
            ],
            "shown_state": self.shown_state,
            "static": f"{base}/static/{static_version()}",
            "search_address": self.site.search if self.session else self.site.public_search,
            "search_posts": caller is not None
            and self.site.search_persons is not None
            and caller.may(self.site.search_persons),
            "query": self.request.query_params.get("q", ""),
            "trace_id": current_trace_id(),
            "legal": {name: f"{base}/legal/{name}" for name in ("imprint", "privacy", "accessibility", "feedback")},
            "answers_form": self.request.method == "POST",
            "sign_in_path": f"{base}/sign-in?{urlencode({'to': came_from})}",
            "version": __version__,
        }

    def _policy(self) -> str:
        """Nothing from another host; a form may lead to the provider, when somebody signs out."""
        parts = urlsplit(self.runtime.settings.oidc_issuer)
        provider = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
        return (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self'; form-action 'self'{provider}; base-uri 'none'; frame-ancestors 'none'"
        )


def typed_in(data: FormData) -> list[tuple[str, str]]:
    """The fields of a form, but for its token and its files, which a page cannot send again."""
    return [(name, value) for name, value in data.multi_items() if name != "csrf" and isinstance(value, str)]


def _leads_to(place: str, path: str) -> bool:
    """Whether a page belongs to this place of the navigation; the first page's path begins all others."""
    return path == place or (not place.endswith("/") and path.startswith(f"{place}/"))


async def get_page(request: Request, runtime: RuntimeDep) -> Page:
    """The page of a request, with the session its cookie names, if there is one."""
    return await _page_of(request, runtime, tells=True)


async def _page_of(request: Request, runtime: Runtime, *, tells: bool) -> Page:
    """The same; `tells`: with what is to be told once."""
    page = Page(request, runtime, request.app.state.site)
    request.state.page = page
    secret = request.cookies.get(session_cookie(runtime.service))
    if secret:
        settings = runtime.settings
        idle = timedelta(minutes=settings.session_idle_minutes)
        async with runtime.database.read(SYSTEM) as connection:
            page.session = await sessions.find(connection, secret, now=page.now, idle=idle)
            if tells and page.session and page.session.flash and request.method == "GET" and not page.asks_for_part:
                page._flash = tuple(Flash(kind, page.t(de, en)) for kind, de, en in page.session.flash)
                await sessions.told(connection, page.session)
    return page


@cache
def page_for(right: Right, *, spared: bool = False) -> Any:
    """The dependency of a page that needs this right: the page, asked for by somebody who has it.

    Who has not signed in is sent to do so, and comes back; what they had typed is kept. Of a page for everybody that is
    `spared` they get so many in a minute (sparing.py).
    """

    async def allowed(page: Page = Depends(get_page)) -> Page:  # noqa: B008 - how FastAPI declares it
        if not right.public:
            if page.session is None:
                raise Answered(await _sign_in_first(page))
            page.session.caller.require(right)
        elif spared and page.session is None:
            spare(page.request, page.runtime)
        return page

    return Depends(declares(allowed, right))


async def _sign_in_first(page: Page) -> Response:
    if page.request.method == "GET":
        return RedirectResponse(f"/{page.service}/sign-in?{urlencode({'to': page.address})}", 303)
    if not same_origin(page.request, page.runtime.settings.base_url):
        raise Forbidden(
            "Das Formular kam nicht von dieser Seite.", "The form did not come from this page.", code="csrf"
        )
    return page.send_again(await page.request.form(max_files=1, max_fields=MOST_FIELDS))


def session_cookie(service: str) -> str:
    """The cookie's name: one per service, since cookies of one host are shared by its ports. The prefix makes browsers
    refuse it without `Secure`, with a `Domain` or another path (RFC 6265bis, 4.1.3.2).
    """
    return f"__Host-norda-{service}"


def same_origin(request: Request, base_url: str) -> bool:
    """Whether the browser says that the request comes from a page of ours; what says nothing has the token to show."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    parts = urlsplit(base_url)
    return origin is None or origin in {
        f"{parts.scheme}://{parts.netloc}",
        f"{request.url.scheme}://{request.url.netloc}",
    }


def local_path(address: str, service: str, *, beside: tuple[str, ...] = ()) -> str:
    """The address when it is one of this service's own pages, else its first page: nobody is sent elsewhere.

    `beside` are beginnings of paths of pages that lie beside the service's own path.
    """
    own = f"/{service}/"
    parts = urlsplit(address)
    harmless = address.startswith((own, *beside)) and not (parts.scheme or parts.netloc or "\\" in address)
    if not harmless or any(ord(char) < 0x21 for char in address) or len(address) > LONGEST_PATH:
        return own
    quoted = quote(address, safe="/?&=%:@,;+$!*'()~#._-")
    return quoted if len(quoted) <= LONGEST_PATH else own


async def error_page(request: Request, error: NordaError) -> Response | None:
    """An error of a page, as a page; None for a request of a program. It looks as other pages do to whoever asks."""
    runtime: Runtime = request.app.state.runtime
    if not request.url.path.startswith(f"/{runtime.service}/") and request.url.path != f"/{runtime.service}":
        return None
    page: Page | None = getattr(request.state, "page", None)
    if page is None:
        page = Page(request, runtime, request.app.state.site)
        if error.status < Internal.status:
            # An unknown address has no route that would have looked who asks. While the database is away: nobody.
            with suppress(*TRANSIENT):
                page = await _page_of(request, runtime, tells=False)
    document = error.problem(language=page.language, instance=page.request.url.path, trace_id=current_trace_id())
    shown = page.show(
        "error.html.jinja",
        title=error.title,
        status=error.status,
        problem=document,
        # Nothing typed is lost, whatever went wrong with it.
        fields=typed_in(page.sent) if page.sent else [],
    )
    shown.headers.update(error.headers)
    return shown
