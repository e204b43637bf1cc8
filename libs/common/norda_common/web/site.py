"""What a service's pages are: where they lead, which templates they have, how values are written in both languages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from fastapi import APIRouter
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ..errors import Text
from ..rights import SIGNED_IN, Right

STATIC = Path(__file__).parent / "static"
BERLIN = ZoneInfo("Europe/Berlin")
LABELS: Mapping[str, Text] = {
    "registry": Text("Register", "Registry"),
    "events": Text("Veranstaltungen", "Events"),
    "notifications": Text("Nachrichten", "Messages"),
}
"""The services, as their pages name each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry of a service's navigation; shown to whoever has the right. `path` begins with `/<service>`."""

    label: Text
    path: str
    right: Right = SIGNED_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A service's pages: `package` holds their templates, `search` is the page that finds what the service knows.

    Who has not signed in searches at `public_search`, where there is one.
    """

    package: str
    places: Sequence[Place]
    search: str
    routers: Sequence[APIRouter]
    beside: tuple[str, ...] = ()
    """Beginnings of paths of public pages that lie beside the service's own path."""
    public_search: str = ""
    search_persons: Right | None = None
    """Who has it finds persons, too, and sends the words by POST: names of persons stand in no address."""


class Files(StaticFiles):
    """Static files under an address that changes with them, so a browser may keep them for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """As Starlette's, to be kept."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@cache
def static_version() -> str:
    """Changes with any static file."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(STATIC)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def environment(package: str) -> Environment:
    """The templates of a service and those all share; whatever is put into them is escaped."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("norda_common.web")]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"day": _day, "instant": _instant, "number": _number, "money": _money}
    return made


@pass_context
def _day(context: Context, value: date) -> str:
    return day_in(context["language"], value)


@pass_context
def _instant(context: Context, value: datetime) -> str:
    return instant_in(context["language"], value)


@pass_context
def _number(context: Context, value: float) -> str:
    return number_in(context["language"], value)


@pass_context
def _money(context: Context, value: int) -> str:
    return money_in(context["language"], value)


def day_in(language: str, value: date) -> str:
    """24.12.2026, 24 Dec 2026."""
    return format_date(value, "dd.MM.yyyy" if language == "de" else "d MMM yyyy", locale=_locale(language))


def instant_in(language: str, value: datetime) -> str:
    """The local time in Europe/Berlin with its zone: 24.12.2026, 18:00 MEZ."""
    pattern = "dd.MM.yyyy, HH:mm z" if language == "de" else "d MMM yyyy, HH:mm z"
    return format_datetime(value, pattern, tzinfo=BERLIN, locale=_locale(language))


def number_in(language: str, value: float) -> str:
    """1.234,5 and 1,234.5."""
    return format_decimal(value, locale=_locale(language))


def money_in(language: str, cents: int) -> str:
    """Cents as euros."""
    return format_currency(cents / 100, "EUR", locale=_locale(language))


def _locale(language: str) -> str:
    return "en_GB" if language == "en" else "de_DE"
