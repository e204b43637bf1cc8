"""What codes and fields are called on the pages, in both languages; an organisation in words: `organisation_words`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Address, RegisterEntry
from norda_common.errors import Text
from norda_common.states import ALL_STATES
from norda_common.web.site import day_in

from ..rules import words
from ..rules.activities import title_of
from ..rules.code_lists import legal_forms

KINDS, STATUSES, SIZES = words.KINDS, words.STATUSES, words.SIZES
ROLES, VALUE_CHAIN = words.ROLES, words.VALUE_CHAIN
named = words.named
MEMBERSHIPS: Mapping[str, Text] = {
    "full": Text("ordentliches Mitglied", "full member"),
    "associated": Text("assoziiert", "associated"),
    "sponsor": Text("förderndes Mitglied", "sponsor"),
    "honorary": Text("Ehrenmitglied", "honorary member"),
}
LINKS: Mapping[str, Text] = {
    "partner": Text("Partnerunternehmen (25 bis 50 %)", "Partner (25 to 50 %)"),
    "linked": Text("Verbundenes Unternehmen", "Linked enterprise"),
}
INDICATORS: Mapping[str, Text] = {"members": Text("Mitglieder", "Members")}
FIGURES: Mapping[str, Text] = {
    "employees": Text("Beschäftigte", "Employees"),
    "turnover": Text("Jahresumsatz", "Annual turnover"),
    "balance": Text("Bilanzsumme", "Balance sheet total"),
}
GROUPS: Mapping[str, Text] = {
    "website": Text("Website", "Website"),
    "profile": Text("Profil, Rollen und Stufe der Wertschöpfung", "Profile, roles and value chain"),
    "competences": Text("Kompetenzen", "Competences"),
    "activities": Text("Wirtschaftszweige", "Economic activities"),
    "sites": Text("Standorte", "Sites"),
    "certificates": Text("Zertifikate", "Certificates"),
    "memberships": Text("Mitgliedschaften", "Memberships"),
    "size_class": Text("Größenklasse", "Size class"),
    "english": Text("Englisches Profil", "English profile"),
}
"""What can be shown to everybody."""
CHANGES: Mapping[str, Text] = {
    "registered": Text("Angelegt", "Registered"),
    "changed": Text("Geändert", "Changed"),
    "renamed": Text("Umfirmiert", "Renamed"),
    "converted": Text("Rechtsform gewechselt", "Legal form changed"),
    "seat_relocated": Text("Sitz verlegt", "Seat relocated"),
    "relocation_offered": Text("Verlegung angeboten", "Relocation offered"),
    "relocation_withdrawn": Text("Angebotene Verlegung beendet", "Offered relocation ended"),
    "split": Text("Teil abgespalten", "Part split off"),
    "dissolved": Text("Aufgelöst", "Dissolved"),
    "reopened": Text("Wieder geöffnet", "Reopened"),
    "deactivated": Text("Deaktiviert", "Deactivated"),
    "merged": Text("In einer anderen aufgegangen", "Merged into another"),
    "absorbed": Text("Eine andere aufgenommen", "Took in another"),
    "merge_undone": Text("Zusammenführung rückgängig gemacht", "Merger undone"),
    "confirmed": Text("Vom Unternehmen bestätigt", "Confirmed by the organisation"),
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
    "on": Text("Ab wann", "Since when"),
    "source": Text("Quelle", "Source"),
    "correction": Text("Nur eine Berichtigung", "Only a correction"),
    "reason": Text("Grund", "Reason"),
    "as_of": Text("Stichtag", "Day"),
    "handover": Text("Angebotene Verlegung", "Offered relocation"),
    "former_legal_forms": Text("Frühere Rechtsform", "Former legal form"),
    "former_seats": Text("Früherer Sitz", "Former seat"),
    "dissolved_on": Text("Aufgelöst am", "Dissolved on"),
    "roles": Text("Rollen", "Roles"),
    "value_chain": Text("Stufe der Wertschöpfung", "Stage of the value chain"),
    "website": Text("Website", "Website"),
    "name_en": Text("Name auf Englisch", "English name"),
    "profile": Text("Profil", "Profile"),
    "profile_en": Text("Profil auf Englisch", "English profile"),
    "certificates": Text("Zertifikat", "Certificate"),
    "links": Text("Verbundenes Unternehmen", "Linked enterprise"),
    "indicators": Text("Kennzahl", "Indicator"),
    "confirmed_at": Text("Vom Unternehmen bestätigt", "Confirmed by the organisation"),
    "address": Text("Anschrift", "Address"),
    "remark": Text("Bemerkung", "Remark"),
    "value": Text("Wert", "Value"),
    "fields": Text("Was gezeigt wird", "What is shown"),
    "share_percent": Text("Anteil in Prozent", "Share in per cent"),
    "organisation_id": Text("Organisation", "Organisation"),
    "chosen": Text("Codes der WZ 2025", "Codes of WZ 2025"),
    "list": Text("Mitgliederliste", "List of members"),
    "text": Text("Vermerk", "Note"),
    "visibility": Text("Sichtbar für", "Visible to"),
    "file": Text("Tabelle (CSV)", "Table (CSV)"),
    "into": Text("Geht auf in", "Becomes part of"),
    "take": Text("Übernommenes", "What is taken over"),
    "absorbed": Text("Aufgenommen", "Took in"),
}


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


def code_title(edition: str, code: str) -> str:
    """What a code of an activity means, in German as published."""
    return title_of(edition, code)


def competence_label(code: str, language: str) -> str:
    """`Module und Packs (BAT-02)`."""
    known, label = competences().get(code), words.competence_words(code, language)
    if known is None or known.active:
        return label
    old = Text("veraltet", "deprecated").in_language(language)
    instead = Text("stattdessen", "instead").in_language(language)
    return f"{label}, {old}" + (f", {instead} {competence_label(known.successor, language)}" if known.successor else "")


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
