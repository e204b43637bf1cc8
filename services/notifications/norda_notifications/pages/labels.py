"""How pages name what the service knows by codes, in both languages; and where what a notice is about is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from norda_common.contracts.competences import competences
from norda_common.errors import Text
from norda_common.settings import ServiceSettings
from norda_common.states import ALL_STATES, State

from ..rules.topics import TopicKind, label_of

NOTICES: Mapping[str, Text] = {
    "event_published": Text("Neue Veranstaltung", "New event"),
    "event_changed": Text("Veranstaltung geändert", "Event changed"),
    "event_rescheduled": Text("Veranstaltung verlegt", "Event rescheduled"),
    "event_cancelled": Text("Veranstaltung abgesagt", "Event cancelled"),
    "participation_confirmed": Text("Anmeldung bestätigt", "Registration confirmed"),
    "participation_waitlisted": Text("Auf der Warteliste", "On the waiting list"),
    "participation_promoted": Text("Nachgerückt", "Moved up from the waiting list"),
    "participation_withdrawn": Text("Abgemeldet", "Registration withdrawn"),
    "participation_event_rescheduled": Text("Verlegt (an Angemeldete)", "Rescheduled (to participants)"),
    "participation_event_cancelled": Text("Abgesagt (an Angemeldete)", "Cancelled (to participants)"),
    "organisation_relocated": Text("Sitz verlegt", "Seat relocated"),
    "organisation_offered": Text("Verlegung angeboten", "Relocation offered"),
    "organisation_refused": Text("Verlegung abgelehnt", "Relocation refused"),
    "organisation_confirmation": Text("Bitte um Bestätigung", "Request to confirm"),
    "search_matched": Text("Neue Treffer einer Suche", "New matches of a search"),
}
STATUSES: Mapping[str, tuple[Text, str]] = {
    "due": (Text("wartet", "waiting"), "info"),
    "delivered": (Text("zugestellt", "delivered"), "success"),
    "failed": (Text("gescheitert", "failed"), "danger"),
    "dropped": (Text("unterblieben", "not sent"), "neutral"),
}
"""What became of a delivery: its name, and the kind of its badge."""
CHANNELS: Mapping[str, Text] = {"email": Text("E-Mail", "E-mail"), "inbox": Text("Eingang", "Inbox")}
TOPICS: Mapping[str, Text] = {
    TopicKind.STATE: Text("Land", "State"),
    TopicKind.COMPETENCE: Text("Kompetenz", "Competence"),
    TopicKind.CLUSTER: Text("Cluster", "Cluster"),
    TopicKind.EVENT: Text("Einzelne Veranstaltung", "Single event"),
}
LANGUAGES: Mapping[str, Text] = {"de": Text("Deutsch", "German"), "en": Text("Englisch", "English")}
STATES = {state.value: Text(state.label, state.label) for state in ALL_STATES}


def named(labels: Mapping[str, Text], code: str, language: str) -> str:
    """The name of a code; one this release does not know stands for itself."""
    return labels[code].in_language(language) if code in labels else code


def options(labels: Mapping[str, Text], language: str) -> list[tuple[str, str]]:
    """Codes and names for a select."""
    return [(str(code), text.in_language(language)) for code, text in labels.items()]


def topic_name(kind: str, value: str, language: str) -> str:
    """What is subscribed to. A single event is known here by its id alone."""
    if kind == TopicKind.EVENT:
        return Text(f"Veranstaltung {value[:8]}…", f"event {value[:8]}…").in_language(language)
    text = label_of(kind, value).in_language(language)
    return text[:1].upper() + text[1:]


def values_of(kind: TopicKind, language: str) -> list[tuple[str, str]]:
    """What can be chosen of this kind; empty where it has to be typed."""
    if kind is TopicKind.STATE:
        return options(STATES, language)
    if kind is TopicKind.COMPETENCE:
        return [
            (code, f"{code} {entry.label.in_language(language)}")
            for code, entry in competences().items()
            if entry.active
        ]
    return []


def subject_address(settings: ServiceSettings, kind: str, subject_id: UUID | str) -> str:
    """Where what a notice is about is shown: in the pages of the service that owns it."""
    if kind.startswith("organisation"):
        return f"{settings.address_of('registry')}/registry/organisations/{subject_id}"
    if kind == "search_matched":
        return f"{settings.address_of('registry')}/registry/searches/{subject_id}"
    return f"{settings.address_of('events')}/events/{subject_id}"


def state_name(code: str) -> str:
    """A state's name by its code."""
    return State(code).label if code in STATES else code


def outcomes(counted: Mapping[str, Any], language: str) -> list[tuple[str, str, int]]:
    """How many deliveries stand where, as (name, kind of badge, number), in the order of STATUSES."""
    return [
        (text.in_language(language), kind, int(counted[status]))
        for status, (text, kind) in STATUSES.items()
        if counted.get(status)
    ]
