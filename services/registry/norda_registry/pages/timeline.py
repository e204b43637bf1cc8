"""Identity over time on an organisation's page: what was when, known from where; and how it was on one day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from norda_common.contracts.registry import Organisation
from norda_common.errors import Text
from norda_common.web.pages import Page
from norda_common.web.site import day_in

from ..rules import identity
from ..rules.as_of import as_of
from ..rules.identity import Span
from ..usecases.organisations import local_day
from . import texts
from .texts import STATUSES, named


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; days in words, `holds` for what holds now."""

    what: str
    value: str
    begin: str
    end: str
    source: str
    holds: bool


def lines(organisation: Organisation, language: str) -> list[Line]:
    """Names, legal forms, seats and register entries, each kind with what holds now first."""
    former = organisation
    groups: list[tuple[str, list[Span[str]]]] = [
        (
            "legal_name",
            [*_undated((item.legal_name, item) for item in former.former_names), *identity.names(organisation)],
        ),
        (
            "legal_form",
            [
                *_undated((texts.legal_form_label(item.legal_form), item) for item in former.former_legal_forms),
                *_said(identity.legal_forms(organisation), texts.legal_form_label),
            ],
        ),
        (
            "seat",
            [
                *_undated((texts.address_line(item.address), item) for item in former.former_seats),
                *_said(identity.seats(organisation), texts.address_line),
            ],
        ),
        ("register_entry", _said(identity.entries(organisation), lambda entry: texts.entry_line(entry, language))),
    ]
    return [
        _line(named(texts.FIELDS, name, language), span, language)
        for name, spans in groups
        for span in reversed(spans)
        if span.value
    ]


_NEVER = date.max
"""Stands for an end that nobody knows, of what no longer holds."""


def _undated(former: Any) -> list[Span[str]]:
    return [Span(value, item.valid_from, _NEVER, item.source) for value, item in former if item.valid_to is None]


def _said(spans: Sequence[Span[Any]], in_words: Any) -> list[Span[str]]:
    return [Span(in_words(span.value), span.begin, span.end, span.source) for span in spans]


def _line(what: str, span: Span[str], language: str) -> Line:
    unknown = Text("nicht bekannt", "not known").in_language(language)
    end = Text("gilt", "holds").in_language(language) if span.end is None else unknown
    return Line(
        what=what,
        value=span.value,
        begin=day_in(language, span.begin) if span.begin else unknown,
        end=day_in(language, span.end) if span.end not in {None, _NEVER} and span.end else end,
        source=span.source or "",
        holds=span.end is None,
    )


def on_day(page: Page, organisation: Organisation, text: str) -> dict[str, Any] | None:
    """How it was on the day that somebody asked for; None without a day, `wrong` for what is none."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return {"wrong": True, "text": text}
    then = as_of(organisation, day, today=local_day(page.now))
    language = page.language
    return {
        "wrong": False,
        "text": text,
        "day": day,
        "legal_name": then.legal_name,
        "legal_form": texts.legal_form_label(then.legal_form),
        "seat": texts.address_line(then.seat) if then.seat else "",
        "entries": [texts.entry_line(entry, language) for entry in then.register_entries],
        "clusters": [item.cluster_code for item in then.memberships],
        "status": named(STATUSES, then.status, language),
        "unknown": [
            f"{texts.field_label(item.field, language)}: {item.text.in_language(language)}" for item in then.unknown
        ],
    }
