"""Contact persons and requests of persons in words: what fields and codes are called, and a record for templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from norda_common.errors import Text
from norda_common.states import State
from norda_common.web.site import LABELS

from ..rules.people import LEGAL_BASES, PURPOSES, ROLES
from ..rules.requests import KINDS
from ..store.people import Person
from .texts import STATES, named

PEOPLE = Text("Ansprechpersonen", "Contact persons")
LANGUAGES: Mapping[str, Text] = {"de": Text("Deutsch", "German"), "en": Text("Englisch", "English")}
FIELDS: Mapping[str, Text] = {
    "name": Text("Name", "Name"),
    "email": Text("E-Mail-Adresse", "E-mail address"),
    "phone": Text("Telefon", "Phone"),
    "language": Text("Sprache", "Language"),
    "roles": Text("Funktion", "Role"),
    "source": Text("Woher die Angaben stammen", "Where the data come from"),
    "purposes": Text("Zweck", "Purpose"),
    "legal_basis": Text("Rechtsgrundlage", "Legal basis"),
    "consent_given_on": Text("Einwilligung am", "Consent given on"),
    "consent_wording": Text("Wortlaut der Einwilligung", "Wording of the consent"),
    "retain_until": Text("Aufbewahren bis", "Keep until"),
}
"""What an office enters of a contact person, in the order of the form."""
HINTS: Mapping[str, Text] = {
    "email": Text(
        "Adresse oder Telefonnummer wird gebraucht. Ohne Adresse stellt man einen Antrag der Person bei ihrem Eintrag.",
        "An address or a phone number is needed. Without an address, take a request of the person at their record.",
    ),
    "phone": Text("zum Beispiel +49 421 5550100", "for example +49 421 5550100"),
    "source": Text("zum Beispiel: Visitenkarte, Messe im November", "for example: business card, fair in November"),
    "purposes": Text("Einladungen brauchen eine Einwilligung (§ 7 UWG).", "Invitations need consent (section 7 UWG)."),
    "consent_wording": Text(
        "Der Text, dem die Person zugestimmt hat, oder sein Kürzel.", "The text the person agreed to, or its code."
    ),
    "retain_until": Text("Am Tag danach wird der Eintrag gelöscht.", "The record is deleted on the day after."),
}
CODES: Mapping[str, Mapping[str, Text]] = {
    "roles": ROLES,
    "purposes": PURPOSES,
    "legal_basis": LEGAL_BASES,
    "language": LANGUAGES,
}
LISTS = frozenset({"roles", "purposes"})
_RECORDS: Mapping[str, Text] = {
    "contact_person": Text("Ansprechperson einer Organisation", "Contact person of an organisation"),
    "general_address": Text("Allgemeine Adresse einer Organisation", "General address of an organisation"),
    "registration": Text("Anmeldung zu einer Veranstaltung", "Registration for an event"),
    "subscription": Text("Abonnement von Nachrichten", "Subscription to messages"),
    "delivery": Text("Nachricht", "Message"),
    "objection": Text("Widerspruch gegen Werbung", "Objection to advertising"),
    "restriction": Text("Einschränkung", "Restriction"),
    "import_row": Text("Zeile eines Imports", "Row of an import"),
    "confirmation": Text("Bitte um Bestätigung eines Profils", "Request to confirm a profile"),
    "report": Text("Frühere Auskunft", "Earlier access report"),
    "waiting": Text("Nachricht, die nicht verarbeitet ist", "Message that has not been handled"),
    "left_out": Text("Weitere Einträge, die nicht in die Antwort passten", "More records than the answer could hold"),
}
_RECORD_FIELDS: Mapping[str, Text] = {
    **FIELDS,
    "person_id": Text("Pseudonym", "Pseudonym"),
    "organisation_id": Text("Organisation (Kennung)", "Organisation (id)"),
    "registration_id": Text("Anmeldung (Kennung)", "Registration (id)"),
    "event_id": Text("Veranstaltung (Kennung)", "Event (id)"),
    "subject_id": Text("Worum es ging (Kennung)", "What it was about (id)"),
    "id": Text("Kennung", "Id"),
    "event": Text("Veranstaltung", "Event"),
    "starts_at": Text("Beginn", "Begins"),
    "status": Text("Stand", "Status"),
    "address": Text("E-Mail-Adresse", "E-mail address"),
    "topic_kind": Text("Art des Themas", "Kind of topic"),
    "topic_value": Text("Thema", "Topic"),
    "kind": Text("Art", "Kind"),
    "channel": Text("Weg", "Channel"),
    "file": Text("Datei", "File"),
    "row": Text("Zeile", "Row"),
    "cells": Text("Inhalt", "Content"),
    "until": Text("Gültig bis", "Valid until"),
    "consent_given_at": Text("Einwilligung am", "Consent given at"),
    "registered_at": Text("Angemeldet", "Registered"),
    "created_at": Text("Eingetragen", "Entered"),
    "changed_at": Text("Geändert", "Changed"),
    "ended_at": Text("Beendet", "Ended"),
    "settled_at": Text("Erledigt", "Settled"),
    "restricted_at": Text("Eingeschränkt seit", "Restricted since"),
    "objected_at": Text("Widerspruch seit", "Objection since"),
    "number": Text("Anzahl", "Number"),
}


def labels(name: str, codes: Sequence[str], language: str) -> str:
    """The codes of a field in words."""
    return ", ".join(named(CODES[name], code, language) for code in codes)


def shown(person: Person, language: str, organisation_name: str | None = None) -> dict[str, Any]:
    """A contact person as templates show it."""
    return {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "language": named(LANGUAGES, person.language, language),
        "roles": labels("roles", person.roles, language),
        "purposes": labels("purposes", person.purposes, language),
        "legal_basis": named(LEGAL_BASES, person.legal_basis, language),
        "source": person.source,
        "consent_given_on": person.consent_given_on,
        "retain_until": person.retain_until,
        "restricted": person.restricted_at is not None,
        "objected": person.objected_at is not None,
        "organisation_id": person.organisation_id,
        "organisation_name": organisation_name or str(person.organisation_id),
    }


def kind_label(kind: str, language: str) -> str:
    """What a person asks for, in words."""
    return named(KINDS, kind, language)


def answerer_label(service: str, state: State | str, language: str) -> str:
    """`Veranstaltungen, Bremen`."""
    return f"{named(LABELS, service, language)}, {STATES.get(state, state)}"


def record_in_words(record: Mapping[str, str], language: str) -> tuple[str, list[tuple[str, str]]]:
    """A record of a report: what it is, and its fields as (label, value)."""
    title = named(_RECORDS, record.get("record"), language)
    rows = [(named(_RECORD_FIELDS, name, language), _value(name, value, language)) for name, value in record.items()]
    return title, [row for row, name in zip(rows, record, strict=True) if name != "record"]


def _value(name: str, value: str, language: str) -> str:
    known = CODES.get(name)
    return ", ".join(named(known, code, language) for code in value.split(", ")) if known else value
