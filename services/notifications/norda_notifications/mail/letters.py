"""Letters: what a notice says to one recipient, in their language, before it becomes text and HTML. Pure.

Each notice's words stand once per language in `texts/*.toml`; text and HTML are laid out from the same letter, so they
cannot differ. Placeholders take values as they are: only the HTML layout escapes, and it escapes everything.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from ..rules.topics import label_of
from .facts import facts_of

SUBJECT_LENGTH = 120
TITLE_IN_SUBJECT = 70
LANGUAGES = ("de", "en")

_WORDS = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - plain text; the HTML layout escapes
_LAYOUT = Environment(
    loader=PackageLoader("norda_notifications.mail"),
    undefined=StrictUndefined,
    trim_blocks=True,
    autoescape=select_autoescape(("html.jinja",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is said, without layout."""

    language: str
    subject: str
    greeting: str
    heading: str
    paragraphs: Sequence[str]
    facts: Sequence[tuple[str, str]]
    why: str
    reasons: Sequence[str]
    unsubscribe: str
    unsubscribe_url: str | None
    sender: str
    action: str = ""
    """What the link is for, in a few words."""
    link: str | None = None

    @property
    def text(self) -> str:
        """The plain text."""
        return _LAYOUT.get_template("layout.txt.jinja").render(letter=self).strip() + "\n"

    @property
    def html(self) -> str:
        """The HTML document: no remote content, no script, everything escaped."""
        return _LAYOUT.get_template("layout.html.jinja").render(letter=self)


def compose(
    kind: str,
    content: Mapping[str, Any],
    *,
    language: str,
    name: str | None,
    reasons: Sequence[Mapping[str, str]] = (),
    unsubscribe_url: str | None = None,
    link: str | None = None,
) -> Letter:
    """The letter of one notice. Raises KeyError for a notice without words."""
    language = language if language in LANGUAGES else "de"
    words, common = _texts(language)[kind], _texts(language)["common"]
    values, facts = facts_of(content, words=common | words, language=language)
    values |= {"short_title": shortened(values["title"], TITLE_IN_SUBJECT), "name": one_line(name or "")}

    def fill(template: str) -> str:
        return one_line(_template(template).render(values))

    return Letter(
        language=language,
        subject=shortened(fill(words["subject"]), SUBJECT_LENGTH),
        greeting=fill(common["greeting_name"] if values["name"] else common["greeting"]),
        heading=fill(words["heading"]),
        paragraphs=[text for text in map(fill, words["paragraphs"]) if text],
        facts=facts,
        why=common[_why(content, reasons)],
        reasons=[label_of(reason["kind"], reason["value"]).in_language(language) for reason in reasons],
        unsubscribe=common["unsubscribe"],
        unsubscribe_url=unsubscribe_url,
        sender=common["sender"],
        action=words.get("action", ""),
        link=link,
    )


def kinds() -> set[str]:
    """Every notice that has words."""
    return set(_texts("de")) - {"common"}


def one_line(text: str) -> str:
    """Text without control characters and line breaks, so that nothing of it can become a header of its own."""
    visible = "".join(" " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char for char in text)
    return " ".join(visible.split())


def shortened(text: str, length: int) -> str:
    """At most `length` characters, cut at a word where one ends in the second half; `…` says that it was cut."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > length // 2 else cut).rstrip(" ,;-") + "…"


def _why(content: Mapping[str, Any], reasons: Sequence[Mapping[str, str]]) -> str:
    if reasons:
        return "reason"
    if "confirmation" in content:
        return "contact"
    return "office" if "organisation" in content or "search" in content else "service"


@cache
def _texts(language: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("norda_notifications.mail").joinpath(f"texts/{language}.toml").read_text("utf-8"))


@cache
def _template(source: str) -> Template:
    return _WORDS.from_string(source)
