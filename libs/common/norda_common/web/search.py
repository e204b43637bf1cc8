"""The search across what a service knows: one page, with a section for each kind of record that the person may read.

The words stand in the address, so that a search can be kept and sent on: it finds no persons. Browsers and proxies keep
addresses, so words that may be somebody's name are sent by POST: by the search itself of whoever may find persons by it
(`Site.search_persons`, `sent`), else to their own page. From an address both are reached by a button (`Elsewhere`).
Accesses are not logged, and of a request's query spans say `redacted` (telemetry.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from fastapi.responses import HTMLResponse

from ..errors import Text
from ..input import Command
from ..requests import QueryText
from .pages import Page

TITLE = Text("Suche", "Search")
FEW, MANY = 5, 50
"""How many of each kind are shown, and of a kind that is asked for alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something found: what it is called, where it is, a line about it; `badges` are (text, kind)."""

    title: str
    address: str
    about: str = ""
    state: str | None = None
    badges: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One kind of record. `hits` may hold one more than are shown: then there are more.

    `list_address` leads to the kind's own list, narrowed to the words; without one this page shows more of them.
    """

    key: str
    title: Text
    every: Text
    hits: Sequence[Hit]
    list_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A kind of record, persons, that is looked for by a button with this label: it sends the words to `path`, as `q`
    in the body.
    """

    title: Text
    label: Text
    path: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for: the words, the only kind, if one is asked for, and whether they stand in no address."""

    q: str
    only: str
    posted: bool = False

    @property
    def most(self) -> int:
        """How many of a kind to look up: one more than are shown."""
        return (MANY if self.only else FEW) + 1

    def wants(self, key: str) -> bool:
        """Whether this kind is to be looked for."""
        return bool(self.q.strip()) and self.only in {"", key}

    def listed(self, path: str, **more: str) -> str:
        """The address of a list that knows the words as `q`."""
        return f"{path}?{urlencode({'q': self.q, **more})}"


async def asked(q: QueryText = "", only: QueryText = "") -> Asked:
    """The words and the kind of the address."""
    return Asked(q, only)


class Words(Command):
    """What the search's form sends."""

    q: QueryText = ""
    only: QueryText = ""


async def sent(page: Page) -> Asked:
    """The words and the kind of a form. Raises InvalidInput, and as `Page.form`."""
    words = (await page.form()).command(Words)
    return Asked(words.q, words.only, posted=True)


AskedDep = Annotated[Asked, Depends(asked)]


def show(
    page: Page,
    wanted: Asked,
    sections: Sequence[Section],
    *,
    finds: Sequence[Text],
    elsewhere: Sequence[Elsewhere] = (),
) -> HTMLResponse:
    """The page. `finds` says, a sentence each, what can be found by what."""
    most = wanted.most - 1
    shown = [
        {
            "key": section.key,
            "title": section.title.in_language(page.language),
            "every": section.every.in_language(page.language),
            "hits": section.hits[:most],
            "more": len(section.hits) > most,
            "list_address": section.list_address,
            "alone": wanted.listed(page.request.url.path, only=section.key),
        }
        for section in sections
    ]
    return page.show(
        "search.html.jinja",
        title=TITLE,
        crumbs=[(TITLE, None)],
        wanted=wanted,
        posted=wanted.posted,
        sections=[section for section in shown if section["hits"]],
        without=[section["title"] for section in shown if not section["hits"]],
        finds=[text.in_language(page.language) for text in finds],
        elsewhere=[
            {
                "title": kind.title.in_language(page.language),
                "label": kind.label.in_language(page.language),
                "path": kind.path,
            }
            for kind in elsewhere
        ],
        most=most,
        path=page.request.url.path,
        everything=wanted.listed(page.request.url.path),
    )
