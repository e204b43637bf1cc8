"""The histories of events and registrations: who changed what, when, and how it was before; another state's people by
their office, and what the service does by itself by its name.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from asyncpg import Record
from norda_common.audit import BY_ITSELF
from norda_common.errors import Text
from norda_common.states import ALL_STATES, State
from norda_common.web.pages import Page
from norda_common.web.site import instant_in

from ..rules.event import EventStatus
from ..rules.registration import RegistrationStatus
from .words import REGISTRATION_STATUSES, STATUSES

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
}
REGISTRATION_ACTIONS = {
    "registration.register": Text("Angemeldet", "Registered"),
    "registration.withdraw": Text("Abgemeldet", "Withdrawn"),
    "registration.promote": Text("Nachgerückt", "Moved up from the waiting list"),
    "registration.erase": Text("Person gelöscht", "Person erased"),
    "event.cancel": Text("Veranstaltung abgesagt", "Event cancelled"),
}
REGISTRATION_FIELDS = {
    "status": Text("Stand", "Status"),
    "participant_state": Text("Land der Person", "The person's state"),
    "position": Text("Stelle in der Reihenfolge", "Place in the order"),
}
PERSON_FIELDS = {
    "name": Text("Name", "Name"),
    "email": Text("E-Mail-Adresse", "E-mail address"),
    "language": Text("Sprache der Nachrichten", "Language of messages"),
}
"""Of persons only which fields were touched is known."""
UNTOLD = frozenset({"sequence", "version"})
INSTANTS = frozenset({"starts_at", "ends_at", "quota_release_at", "released_at"})


def entry(row: Record, page: Page) -> dict[str, Any]:
    """An entry of an event as the macro `history` shows it."""
    before, after = _sides(row)
    name = str(row["action"]).removeprefix("event.")
    return {
        "who": _who(row, page),
        "when": row["at"],
        "what": ACTIONS[name].in_language(page.language) if name in ACTIONS else row["action"],
        "changes": [
            (
                FIELDS[field].in_language(page.language) if field in FIELDS else field,
                _text(field, before.get(field), page),
                _text(field, after.get(field), page),
            )
            for field in {**before, **after}
            if field not in UNTOLD and (before.get(field) or after.get(field))
        ]
        if before
        else [],
    }


def registration_entry(row: Record, page: Page) -> dict[str, Any]:
    """An entry of a registration; of its person which fields were touched."""
    before, after = _sides(row)
    action, own = row["action"], str(row["action"]).startswith("registration.")
    changes = [
        (
            label.in_language(page.language),
            _registration_text(field, before.get(field), page),
            _registration_text(field, after.get(field), page),
        )
        for field, label in REGISTRATION_FIELDS.items()
        if own and (before.get(field) or after.get(field))
    ]
    touched = [PERSON_FIELDS[field].in_language(page.language) for field in after.get("touched", ())]
    if touched:
        changes.append((page.t("Angaben zur Person", "Personal data"), None, ", ".join(touched)))
    known = REGISTRATION_ACTIONS.get(action)
    return {
        "who": _who(row, page),
        "when": row["at"],
        "what": known.in_language(page.language) if known else action,
        "changes": changes,
    }


def _sides(row: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = (json.loads(row[side]) if row[side] else {} for side in ("before", "after"))
    return before, after


def _who(row: Record, page: Page) -> str:
    """A person's name, where they may be named; else their office; else the service itself."""
    named = row["name"] or row["subject"]
    if named:
        return str(named)
    if row["state"] is None:
        return BY_ITSELF
    label = State(row["state"]).label
    return page.t(f"Dienststelle {label}", f"Office of {label}")


def _registration_text(field: str, value: Any, page: Page) -> str | None:
    if value is None:
        return None
    if field == "status":
        return REGISTRATION_STATUSES[RegistrationStatus(value)][0].in_language(page.language)
    if field == "participant_state" and value in set(ALL_STATES):
        return State(value).label
    return str(value)


def _text(field: str, value: Any, page: Page) -> str | None:
    """A field's value in few words, in the page's language; None when there is none."""
    if value is None or value in ("", []):
        return None
    if isinstance(value, bool):
        return page.t("ja", "yes") if value else page.t("nein", "no")
    if field == "status":
        return STATUSES[EventStatus(value)][0].in_language(page.language)
    if field in INSTANTS:
        return instant_in(page.language, datetime.fromisoformat(value))
    if isinstance(value, list):
        say = {"hosts": _host, "quotas": _quota}.get(field, lambda item, _page: str(item))
        return ", ".join(say(item, page) for item in value)
    return str(value)


def _host(host: dict[str, Any], page: Page) -> str:
    if host["state"] is None:
        return page.t(f"Organisation {host['organisation_id']}", f"organisation {host['organisation_id']}")
    agreed = page.t(" (zugestimmt)", " (agreed)") if host["agreed_at"] else ""
    return f"{State(host['state']).label}{agreed}"


def _quota(quota: dict[str, Any], page: Page) -> str:
    released = page.t(" (freigegeben)", " (released)") if quota["released_at"] else ""
    return f"{State(quota['state']).label} {quota['seats']}{released}"
