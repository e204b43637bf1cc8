"""The history of an event: who changed what, when, and how it was before; another state's people by their office."""

from __future__ import annotations

import json
from typing import Any

from asyncpg import Record
from norda_common.errors import Text
from norda_common.states import State
from norda_common.web.pages import Page

ACTIONS = {
    "draft": Text("Entwurf angelegt", "Draft made"),
    "change": Text("Geändert", "Changed"),
    "agree": Text("Zugestimmt", "Agreed"),
    "publish": Text("Veröffentlicht", "Published"),
    "reschedule": Text("Verlegt", "Rescheduled"),
    "cancel": Text("Abgesagt", "Cancelled"),
    "release_quotas": Text("Kontingente freigegeben", "Quotas released"),
    "release_quota": Text("Kontingent freigegeben", "Quota released"),
    "release": Text("Für alle freigegeben", "Released for the public"),
    "withdraw_release": Text("Freigabe für alle zurückgenommen", "Release for the public taken back"),
}
FIELDS = {
    "title": Text("Titel", "Title"),
    "title_en": Text("Englischer Titel", "English title"),
    "description": Text("Beschreibung", "Description"),
    "status": Text("Status", "Status"),
    "starts_at": Text("Beginn", "Start"),
    "ends_at": Text("Ende", "End"),
    "time_zone": Text("Zeitzone", "Time zone"),
    "venue": Text("Ort", "Venue"),
    "online": Text("Online", "Online"),
    "capacity": Text("Plätze", "Seats"),
    "hosts": Text("Ausrichter", "Hosts"),
    "quotas": Text("Kontingente", "Quotas"),
    "quota_release_at": Text("Freigabe der Kontingente", "Release of the quotas"),
    "competences": Text("Kompetenzen", "Competences"),
    "clusters": Text("Cluster", "Clusters"),
    "cancellation_reason": Text("Grund der Absage", "Reason of the cancellation"),
    "released_at": Text("Für alle freigegeben seit", "Released for the public since"),
    "version": Text("Version", "Version"),
}
UNTOLD = frozenset({"sequence"})


def entry(row: Record, page: Page) -> dict[str, Any]:
    """An entry as the macro `history` shows it."""
    before, after = (json.loads(row[side]) if row[side] else {} for side in ("before", "after"))
    name = str(row["action"]).removeprefix("event.")
    return {
        "who": row["name"] or row["subject"] or _office(row["state"], page),
        "when": row["at"],
        "what": ACTIONS[name].in_language(page.language) if name in ACTIONS else row["action"],
        "changes": [
            (FIELDS[field].in_language(page.language) if field in FIELDS else field, *_sides(before, after, field))
            for field in {**before, **after}
            if field not in UNTOLD and (before.get(field) or after.get(field))
        ]
        if before
        else [],
    }


def _office(state: str | None, page: Page) -> str:
    if state is None:
        return page.t("Norda", "Norda")
    return page.t(f"Dienststelle {State(state).label}", f"Office of {State(state).label}")


def _sides(before: dict[str, Any], after: dict[str, Any], field: str) -> tuple[str | None, str | None]:
    return _text(before.get(field)), _text(after.get(field))


def _text(value: Any) -> str | None:
    """A value in few words; None when there is none."""
    if value is None or value in ("", []):
        return None
    if isinstance(value, list):
        return ", ".join(filter(None, (_text(item) for item in value)))
    if isinstance(value, dict):
        return " ".join(str(item) for item in value.values() if item is not None)
    return str(value)
