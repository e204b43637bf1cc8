"""What codes and fields are called on the pages, in both languages, and an organisation as its fields in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Address, Membership, Organisation, RegisterEntry
from norda_common.errors import Text
from norda_common.states import ALL_STATES
from norda_common.web.site import day_in

from ..rules.code_lists import legal_forms

KINDS: Mapping[str, Text] = {
    "company": Text("Unternehmen", "Company"),
    "cluster": Text("Cluster", "Cluster"),
    "research": Text("Forschungseinrichtung", "Research institution"),
    "association": Text("Verband", "Association"),
    "public_body": Text("Öffentliche Stelle", "Public body"),
}
STATUSES: Mapping[str, Text] = {
    "active": Text("aktiv", "active"),
    "deactivated": Text("deaktiviert", "deactivated"),
}
SIZES: Mapping[str, Text] = {
    "micro": Text("Kleinstunternehmen", "Micro"),
    "small": Text("Kleines Unternehmen", "Small"),
    "medium": Text("Mittleres Unternehmen", "Medium"),
    "large": Text("Großes Unternehmen", "Large"),
}
CHANGES: Mapping[str, Text] = {
    "registered": Text("Angelegt", "Registered"),
    "changed": Text("Geändert", "Changed"),
    "seat_relocated": Text("Sitz verlegt", "Seat relocated"),
    "deactivated": Text("Deaktiviert", "Deactivated"),
}
PARTICIPATIONS: Mapping[str, Text] = {
    "confirmed": Text("zugesagt", "confirmed"),
    "waitlisted": Text("Warteliste", "waiting list"),
    "withdrawn": Text("zurückgezogen", "withdrawn"),
    "event_cancelled": Text("Veranstaltung abgesagt", "event cancelled"),
}
NOTE_KINDS: Mapping[str, Text] = {
    "note": Text("Vermerk", "Note"),
    "visit": Text("Besuch", "Visit"),
    "settlement_case": Text("Ansiedlungsfall", "Settlement case"),
}
VISIBILITIES: Mapping[str, Text] = {
    "alliance": Text("alle Länder", "all states"),
    "office": Text("eigene Stelle", "own office"),
    "confidential": Text("vertraulich", "confidential"),
}
VISIBILITY_MEANS: Mapping[str, Text] = {
    "alliance": Text("Beschäftigte der Stellen aller drei Länder", "Staff of the offices of all three states"),
    "office": Text("Beschäftigte Ihrer eigenen Stelle", "Staff of your own office"),
    "confidential": Text(
        "nur Sie und die Leitung Ihrer Stelle; Pflicht bei einem Ansiedlungsfall",
        "only you and the head of your office; needed for a settlement case",
    ),
}
FEDERAL: Mapping[str, str] = {
    "DE-HB": "Bremen", "DE-HH": "Hamburg", "DE-NI": "Niedersachsen", "DE-BW": "Baden-Württemberg", "DE-BY": "Bayern",
    "DE-BE": "Berlin", "DE-BB": "Brandenburg", "DE-HE": "Hessen", "DE-MV": "Mecklenburg-Vorpommern",
    "DE-NW": "Nordrhein-Westfalen", "DE-RP": "Rheinland-Pfalz", "DE-SL": "Saarland", "DE-SN": "Sachsen",
    "DE-ST": "Sachsen-Anhalt", "DE-SH": "Schleswig-Holstein", "DE-TH": "Thüringen",
}  # fmt: skip
"""The federal states; the three the platform serves come first."""
STATES: Mapping[str, str] = {state.value: state.label for state in ALL_STATES}
EDITIONS = ("WZ2025", "WZ2008")

FIELDS: Mapping[str, Text] = {
    "kind": Text("Art", "Kind"),
    "status": Text("Status", "Status"),
    "responsible_state": Text("Zuständiges Land", "Responsible state"),
    "legal_name": Text("Name (Firma)", "Legal name"),
    "legal_form": Text("Rechtsform", "Legal form"),
    "own_id": Text("Eigene Kennung", "Own id"),
    "cluster_code": Text("Clusterkürzel", "Cluster code"),
    "seat": Text("Sitz", "Seat"),
    "place": Text("Ort", "Place"),
    "postal_code": Text("Postleitzahl", "Postal code"),
    "street": Text("Straße und Hausnummer", "Street and number"),
    "state": Text("Bundesland", "Federal state"),
    "ags": Text("Gemeindeschlüssel (AGS)", "Municipality key (AGS)"),
    "nuts": Text("NUTS-Code", "NUTS code"),
    "register_entry": Text("Registereintrag", "Register entry"),
    "register_entries": Text("Registereintrag", "Register entry"),
    "court": Text("Registergericht", "Register court"),
    "type": Text("Registerart", "Type of register"),
    "number": Text("Registernummer", "Register number"),
    "suffix": Text("Zusatz zur Nummer", "Number suffix"),
    "former_court": Text("Früheres Gericht", "Former court"),
    "court_name": Text("Name des Gerichts", "Name of the court"),
    "euid": Text("EUID", "EUID"),
    "vat_id": Text("USt-IdNr.", "VAT number"),
    "widnr": Text("Wirtschafts-IdNr.", "Business id (W-IdNr)"),
    "lei": Text("LEI", "LEI"),
    "activities": Text("Wirtschaftszweig", "Economic activity"),
    "edition": Text("Ausgabe", "Edition"),
    "code": Text("Code", "Code"),
    "competences": Text("Kompetenzen", "Competences"),
    "clusters": Text("Cluster", "Clusters"),
    "memberships": Text("Mitgliedschaft", "Membership"),
    "sites": Text("Standort", "Site"),
    "former_names": Text("Früherer Name", "Former name"),
    "size_class": Text("Größenklasse", "Size class"),
    "employees": Text("Beschäftigte", "Employees"),
    "turnover_eur": Text("Jahresumsatz in Euro", "Annual turnover in euros"),
    "balance_eur": Text("Bilanzsumme in Euro", "Balance sheet total in euros"),
    "contact_email": Text("Kontaktadresse (E-Mail)", "Contact address (e-mail)"),
    "name": Text("Bezeichnung", "Name"),
    "date": Text("Datum", "Date"),
    "valid_from": Text("gültig ab", "valid from"),
    "valid_to": Text("Ende der Mitgliedschaft", "End of the membership"),
    "text": Text("Vermerk", "Note"),
    "visibility": Text("Sichtbar für", "Visible to"),
    "file": Text("Tabelle (CSV)", "Table (CSV)"),
}
_SEVERAL = frozenset({"sites", "register_entries", "activities", "competences", "memberships", "former_names"})
"""Fields of which an organisation may have several; each is added or removed by itself."""


def named(texts: Mapping[str, Text], code: str | None, language: str) -> str:
    """What a code is called; the code itself when nobody here knows it, since lists of codes are open."""
    if code is None:
        return ""
    found = texts.get(code)
    return found.in_language(language) if found else code


def field_label(name: str, language: str) -> str:
    """What a field is called, by the last part of its name that is one: `seat.place`, `activities.0.code`."""
    parts = [part for part in name.split(".") if not part.isdigit()]
    if parts[:1] in (["seat"], ["register_entry"], ["address"]) and len(parts) > 1:
        return named(FIELDS, parts[1], language)
    if parts[:1] == ["activities"] and len(parts) > 1:
        number = next((f" {int(part) + 1}" for part in name.split(".") if part.isdigit()), "")
        return f"{named(FIELDS, 'activities', language)}{number}, {named(FIELDS, parts[1], language)}"
    return named(FIELDS, parts[0], language) if parts else name


def legal_form_label(code: str | None) -> str:
    """`GmbH` for `350`."""
    if code is None:
        return ""
    form = legal_forms().get(code)
    return form.label if form else code


def competence_label(code: str, language: str) -> str:
    """`Module und Packs (BAT-02)`."""
    known = competences().get(code)
    return f"{known.label.in_language(language)} ({code})" if known else code


def address_line(address: Address) -> str:
    """An address in one line."""
    town = " ".join(part for part in (address.postal_code, address.place) if part)
    state = FEDERAL.get(address.state, address.state)
    return ", ".join(part for part in (address.street, town, state if state != address.place else "") if part)


def entry_line(entry: RegisterEntry, language: str) -> str:
    """`Amtsgericht Bremen, HRB 990005 HB`."""
    number = " ".join(part for part in (entry.type, entry.number, entry.suffix) if part)
    was = Text("früher", "formerly").in_language(language)
    former = f" ({was} {entry.former_court})" if entry.former_court else ""
    return f"Amtsgericht {entry.court}, {number}{former}"


def span(begin: date | None, end: date | None, language: str) -> str:
    """From when to when; empty when neither is known."""
    since = Text("seit", "since") if end is None else Text("ab", "from")
    parts = [f"{since.in_language(language)} {day_in(language, begin)}"] if begin else []
    if end:
        parts.append(f"{Text('bis', 'until').in_language(language)} {day_in(language, end)}")
    return " ".join(parts)


def differences(before: Organisation, after: Organisation, language: str) -> list[tuple[str, str | None, str | None]]:
    """What changed from one version to the next: (field, before, after) in words."""
    old, new = _in_words(before, language), _in_words(after, language)
    found: list[tuple[str, str | None, str | None]] = []
    for name, values in new.items():
        label = named(FIELDS, name, language)
        if name in _SEVERAL:
            found += [(label, value, None) for value in old[name] if value not in values]
            found += [(label, None, value) for value in values if value not in old[name]]
        elif old[name] != values:
            found.append((label, next(iter(old[name]), None), next(iter(values), None)))
    return found


def _in_words(organisation: Organisation, language: str) -> dict[str, list[str]]:
    """Each field's values as a person reads them; an empty field has none."""
    seat = organisation.seat
    codes = ", ".join(part for part in (seat.ags and f"AGS {seat.ags}", seat.nuts and f"NUTS {seat.nuts}") if part)
    single = {
        "legal_name": organisation.legal_name,
        "status": named(STATUSES, organisation.status, language),
        "kind": named(KINDS, organisation.kind, language),
        "responsible_state": STATES.get(organisation.responsible_state, organisation.responsible_state),
        "legal_form": legal_form_label(organisation.legal_form),
        "own_id": organisation.own_id,
        "cluster_code": organisation.cluster_code,
        "seat": "; ".join(part for part in (address_line(seat), codes) if part),
        "vat_id": organisation.vat_id,
        "widnr": organisation.widnr,
        "lei": organisation.lei,
        "size_class": named(SIZES, organisation.size_class, language),
    }
    several = {
        "register_entries": [
            _dated(entry_line(entry, language), span(entry.valid_from, entry.valid_to, language))
            for entry in organisation.register_entries
        ],
        "sites": [f"{site.name}: {address_line(site.address)}" for site in organisation.sites],
        "activities": [f"{item.code} ({item.edition})" for item in organisation.activities],
        "competences": [competence_label(code, language) for code in organisation.competences],
        "memberships": [_membership(item, language) for item in organisation.memberships],
        "former_names": [item.legal_name for item in organisation.former_names],
    }
    return {name: [value] if value else [] for name, value in single.items()} | several


def _membership(item: Membership, language: str) -> str:
    return _dated(item.cluster_code, span(item.valid_from, item.valid_to, language))


def _dated(text: str, when: str) -> str:
    return f"{text}, {when}" if when else text
