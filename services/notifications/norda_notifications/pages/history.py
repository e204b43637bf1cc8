"""Histories from the audit log: who did what to a subscription or a contact; of persons which fields were touched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record
from norda_common.audit import BY_ITSELF
from norda_common.errors import Text
from norda_common.web.pages import Page

from .labels import LANGUAGES, named, state_name

ENTERED, ENDED = "subscription.enter", "subscription.end"
ACTIONS: Mapping[str, Text] = {
    ENTERED: Text("Eingetragen", "Entered"),
    "subscription.correct": Text("Berichtigt", "Corrected"),
    ENDED: Text("Beendet", "Ended"),
    "office.contact": Text("Kontakt geändert", "Contact changed"),
}
FIELDS: Mapping[str, Text] = {
    "name": Text("Name", "Name"),
    "address": Text("E-Mail-Adresse", "E-mail address"),
    "language": Text("Sprache der Nachrichten", "Language of the messages"),
}
Entry = dict[str, Any]


def subscription_entries(
    row: Record, history: Sequence[Record], names: Mapping[str, str], page: Page
) -> Sequence[Entry]:
    """What happened to a subscription, newest first.

    What is older than the log is told from the row itself; `names` knows who entered it.
    """
    entries = [_subscription_entry(item, page) for item in history]
    known = {item["action"] for item in history}
    if row["ended_at"] is not None and ENDED not in known:
        who = _by_link(page) if row["ended_by"] == "recipient" else page.t("die Dienststelle", "the office")
        entries.insert(0, _entry(ENDED, who, row["ended_at"], page))
    if ENTERED not in known:
        entries.append(_entry(ENTERED, names.get(row["created_by"], _program(page)), row["created_at"], page))
    return entries


def contact_entry(item: Record, page: Page) -> Entry:
    """One change of an office's contact: its name and language before and after, of its address that it changed."""
    before, after = _sides(item)
    changes = [
        (FIELDS[name].in_language(page.language), _said(name, before, page), _said(name, after, page))
        for name in ("name", "language")
        if before.get(name) or after.get(name)
    ]
    changes += [
        (FIELDS[name].in_language(page.language), None, page.t("geändert", "changed")) for name in _touched(after)
    ]
    return _entry(item["action"], _who(item, page), item["at"], page, changes)


def _subscription_entry(item: Record, page: Page) -> Entry:
    _, after = _sides(item)
    by_link = item["action"] == ENDED and after.get("ended_by") == "recipient"
    who = _by_link(page) if by_link else _who(item, page)
    labels = [FIELDS[name].in_language(page.language) for name in _touched(after) if name in FIELDS]
    corrected = labels and item["action"] not in {ENTERED, ENDED}
    changes = [(page.t("Geändert", "Changed"), None, ", ".join(labels))] if corrected else []
    return _entry(item["action"], who, item["at"], page, changes)


def _entry(action: str, who: str, when: object, page: Page, changes: Sequence[object] = ()) -> Entry:
    what = ACTIONS[action].in_language(page.language) if action in ACTIONS else action
    return {"what": what, "who": who, "when": when, "changes": changes}


def _who(item: Record, page: Page) -> str:
    """A person's name, where they may be named; else their office; else the service itself."""
    if item["name"]:
        return str(item["name"])
    if item["subject"]:
        return _program(page)
    if item["state"]:
        label = state_name(item["state"])
        return page.t(f"Dienststelle {label}", f"Office of {label}")
    return BY_ITSELF


def _by_link(page: Page) -> str:
    return page.t("die Person selbst, über den Link", "the person, by the link")


def _program(page: Page) -> str:
    """Whoever never signed in to a page."""
    return page.t("ein Programm", "a program")


def _sides(item: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = (json.loads(item[side]) if item[side] else {} for side in ("before", "after"))
    return before, after


def _touched(after: Mapping[str, Any]) -> Sequence[str]:
    """Which fields were touched; the first entries of the log call them otherwise."""
    return after.get("touched") or after.get("fields") or ()


def _said(name: str, side: Mapping[str, Any], page: Page) -> str | None:
    value = side.get(name)
    if value is None:
        return None
    return named(LANGUAGES, value, page.language) if name == "language" else str(value)
