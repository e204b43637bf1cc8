"""What a column of an import can mean: the fields, what they are called, and by which headings they are recognised.

Headings are compared folded (rules/names.py), in German and English. Ambiguous ones are not guessed: `Wirtschaftszweig`
says no edition, and codes of the two editions mean other things; `Nr.` and `Lfd. Nr.` number rows and mean nobody.
Headings of figures have units, and no list of them would be long enough: import_units.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product

from norda_common.errors import Text

from .names import fold


@dataclass(frozen=True, slots=True)
class ImportField:
    """A field: `clearable` says whether an empty cell may empty it, `exported` whether tables that leave have it."""

    name: str
    label: Text
    synonyms: str = ""
    clearable: bool = True
    exported: bool = True


def _field(
    name: str, de: str, en: str, synonyms: str = "", *, clearable: bool = True, exported: bool = True
) -> ImportField:
    return ImportField(name, Text(de, en), synonyms, clearable, exported)


def _beside(whose: str, what: str) -> str:
    """Headings of two parts, in either order: `Ansprechpartner Telefon`, `Telefon Ansprechpartner`."""
    pairs: Iterable[tuple[str, str]] = product(whose.split("|"), what.split("|"))
    return "|".join(f"{one} {other}|{other} {one}" for one, other in pairs)


_PERSON = (
    "ansprechpartner|ansprechpartnerin|ansprechpartner in|ansprechperson|kontaktperson|kontaktpartner|ap|contact person"
)
_SITE = "standort|betriebsstaette|niederlassung|zweigstelle|werk|site|branch"
FIELDS: tuple[ImportField, ...] = (
    _field("organisation_id", "Norda-Kennung", "Norda id", "organisation id", clearable=False),
    _field("responsible_state", "Zuständiges Land", "Responsible state", "zustaendig", clearable=False),
    _field(
        "own_id", "Eigene Kennung", "Own id",
        "id|kennung|own id|kundennummer|kunden nr|mitgliedsnummer|mitglieds nr|mitgliedsnr|identnummer|"
        "ident nr|ihk nr|ihk nummer|firmennummer|firmen nr",
        clearable=False,
    ),
    _field(
        "legal_name", "Name (Firma)", "Legal name",
        "name|firma|firmenname|unternehmen|unternehmensname|company|company name|firmierung|"
        "name der firma|firmenbezeichnung|organisation|name des unternehmens|firma name|firma unternehmen|"
        "unternehmen firma|name unternehmen|name firma|name of company|organisation name",
        clearable=False,
    ),
    _field("kind", "Art", "Kind", "organisationsart|art der organisation|typ|type", clearable=False),
    _field("cluster_code", "Clusterkürzel", "Cluster code", "kuerzel", clearable=False),
    _field("legal_form", "Rechtsform", "Legal form", "gesellschaftsform"),
    _field(
        "street", "Straße und Hausnummer", "Street and number",
        "strasse|str|strasse hausnummer|strasse nr|strasse hnr|strasse hausnr|strasse und hausnr|strasse u hausnummer|"
        "strasse und nr|str nr|str hausnr|anschrift|adresse|street|street no|address",
    ),
    _field("postal_code", "Postleitzahl", "Postal code", "plz|zip|zip code|postcode"),
    _field("place", "Ort", "Place", "stadt|sitz|city|town|standort|gemeinde|firmensitz", clearable=False),
    _field("state", "Bundesland", "Federal state", "land|state|region", clearable=False),
    _field(
        "states", "Länder, für die sie arbeitet", "States it works for",
        "states|laender",
        clearable=False, exported=False,
    ),
    _field(
        "ags", "Gemeindeschlüssel (AGS)", "Municipality key (AGS)",
        "ags|ags5|ags8|gemeindeschluessel|amtlicher gemeindeschluessel|municipality key",
    ),
    _field("nuts", "NUTS-Code", "NUTS code", "nuts|nuts3"),
    _field(
        "register_entry", "Registereintrag", "Register entry",
        "handelsregister|handelsregistereintrag|hr eintrag|register",
        clearable=False, exported=False,
    ),
    _field("register_court", "Registergericht", "Register court", "amtsgericht|gericht|court", clearable=False),
    _field("register_type", "Registerart", "Type of register", "register type|hr art|registertyp", clearable=False),
    _field(
        "register_number", "Registernummer", "Register number",
        "register nummer|handelsregisternummer|hrb|hr nummer|hr nr|hrnr|handelsregister nr|registernr|register nr|"
        "hrb nr|hrb nummer",
        clearable=False,
    ),
    _field("register_suffix", "Zusatz zur Nummer", "Number suffix", "register suffix|zusatz", clearable=False),
    _field("register_former_court", "Früheres Gericht", "Former court", "register former court", clearable=False),
    _field(
        "register_valid_from", "Eingetragen seit", "Entered since",
        "register valid from|eintragungsdatum",
        clearable=False,
    ),
    _field("euid", "EUID", "EUID", clearable=False),
    _field(
        "vat_id", "USt-IdNr.", "VAT number",
        "ust idnr|ustidnr|ust id|ust id nr|ustid|umsatzsteuer id|umsatzsteuer idnr|"
        "umsatzsteuer identifikationsnummer|umsatzsteueridentifikationsnummer|ust id nummer|umsatzsteuer id nr|"
        "umsatzsteuer id nummer|vat id|vat|vat no|vat id no",
    ),
    _field(
        "widnr", "Wirtschafts-IdNr.", "Business id (W-IdNr)",
        "w idnr|widnr|w id nr|wirtschafts idnr|wirtschaftsidnr|wirtschafts identifikationsnummer|"
        "business id",
    ),
    _field("lei", "LEI", "LEI", "legal entity identifier"),
    _field("wz2025", "Wirtschaftszweige (WZ 2025)", "Activities (WZ 2025)", "wz2025|wz 2025|wz 2025 code"),
    _field("wz2008", "Wirtschaftszweige (WZ 2008)", "Activities (WZ 2008)", "wz2008|wz 2008|wz08|wz 08|wz 2008 code"),
    _field("competences", "Kompetenzen", "Competences", "kompetenz|competence|kompetenzcodes"),
    _field("roles", "Rollen", "Roles", "rolle|role"),
    _field("value_chain", "Wertschöpfungsstufe", "Value-chain stage", "value chain"),
    _field("clusters", "Cluster", "Clusters", "cluster mitgliedschaft|netzwerk|cluster", clearable=False),
    _field(
        "clusters_since", "Cluster seit", "Clusters since",
        "mitglied seit|clusters since",
        clearable=False, exported=False,
    ),
    _field(
        "clusters_kind", "Art der Mitgliedschaft", "Type of membership",
        "mitgliedschaftsart|mitgliedsart|mitgliedstyp|membership type|mitgliedschaft art",
        clearable=False, exported=False,
    ),
    _field(
        "clusters_until", "Cluster bis", "Clusters until",
        "mitglied bis|mitgliedschaft bis|ende der mitgliedschaft|austritt|austrittsdatum|ausgetreten am|member until",
        clearable=False, exported=False,
    ),
    _field(
        "certificates", "Zertifikate", "Certificates",
        "zertifikat|zertifizierung|zertifizierungen|certificate",
        clearable=False,
    ),
    _field(
        "certificates_until", "Zertifikat gültig bis", "Certificate valid until",
        "zertifikat bis|zertifikate gueltig bis|zertifikat ablauf|zertifikat ablaufdatum|zertifizierung bis",
        clearable=False, exported=False,
    ),
    _field(
        "site_name", "Weiterer Standort", "Further site",
        "betriebsstaette|niederlassung|zweigstelle|zweitstandort|site name|" + _beside(_SITE, "name|bezeichnung"),
        clearable=False, exported=False,
    ),
    _field(
        "site_place", "Ort des weiteren Standorts", "Place of the further site",
        _beside(_SITE, "ort|stadt|place|city"),
        clearable=False, exported=False,
    ),
    _field(
        "site_postal_code", "PLZ des weiteren Standorts", "Postal code of the further site",
        _beside(_SITE, "plz|postleitzahl|zip|postal code"),
        clearable=False, exported=False,
    ),
    _field(
        "site_street", "Straße des weiteren Standorts", "Street of the further site",
        _beside(_SITE, "strasse|anschrift|adresse|street"),
        clearable=False, exported=False,
    ),
    _field("size_class", "Größenklasse", "Size class", "unternehmensgroesse|kmu|groesse"),
    _field(
        "website", "Website", "Website",
        "internet|homepage|web|url|webseite|internetadresse|www|internetseite|webadresse|website url|web site",
    ),
    _field("name_en", "Name (englisch)", "English name", "name en"),
    _field(
        "profile", "Profil", "Profile",
        "kurzprofil|beschreibung|unternehmensprofil|firmenprofil|kurzbeschreibung|unternehmensbeschreibung|description",
    ),
    _field(
        "profile_en", "Profil (englisch)", "English profile",
        "profile en|profil en|beschreibung englisch|kurzprofil englisch|description en|english description",
    ),
    _field("employees", "Beschäftigte", "Employees", "mitarbeiter|mitarbeitende|headcount"),
    _field("turnover_eur", "Jahresumsatz in Euro", "Annual turnover in euros", "umsatz|jahresumsatz|turnover"),
    _field("turnover_teur", "Jahresumsatz in Tausend Euro", "Annual turnover in thousands of euros", exported=False),
    _field("turnover_meur", "Jahresumsatz in Mio. Euro", "Annual turnover in millions of euros", exported=False),
    _field("balance_eur", "Bilanzsumme in Euro", "Balance sheet total in euros", "bilanzsumme"),
    _field("balance_teur", "Bilanzsumme in Tausend Euro", "Balance sheet total in thousands of euros", exported=False),
    _field("balance_meur", "Bilanzsumme in Mio. Euro", "Balance sheet total in millions of euros", exported=False),
    _field(
        "email", "Kontaktadresse (E-Mail)", "Contact address (e-mail)",
        "e mail|email|mail|e mail adresse|emailadresse|kontakt e mail|contact email|mailadresse|"
        "email adresse",
    ),
    _field(
        "figures_on", "Stand der Zahlen", "Figures as of",
        "stand|stichtag|stand zahlen|zahlen stand|as of|berichtsjahr|geschaeftsjahr",
        clearable=False, exported=False,
    ),
    _field(
        "person_name", "Ansprechperson", "Contact person",
        "ansprechpartner|ansprechpartnerin|kontaktperson|kontaktpartner|ansprechpersonen|" + _beside(_PERSON, "name"),
        clearable=False, exported=False,
    ),
    _field(
        "person_first_name", "Vorname der Ansprechperson", "Contact person's first name",
        "vorname|first name|given name|" + _beside(_PERSON, "vorname|first name"),
        clearable=False, exported=False,
    ),
    _field(
        "person_last_name", "Nachname der Ansprechperson", "Contact person's last name",
        "nachname|familienname|last name|surname|" + _beside(_PERSON, "nachname|familienname|last name"),
        clearable=False, exported=False,
    ),
    _field(
        "person_role", "Funktion der Ansprechperson", "Contact person's role",
        "funktion|position|job title|" + _beside(_PERSON, "funktion|position|rolle|role"),
        clearable=False, exported=False,
    ),
    _field(
        "person_email", "E-Mail der Ansprechperson", "Contact person's e-mail",
        _beside(_PERSON, "e mail|email|mail|e mail adresse"),
        clearable=False, exported=False,
    ),
    _field(
        "person_phone", "Telefon der Ansprechperson", "Contact person's phone",
        "telefon|tel|telefonnummer|tel nr|durchwahl|phone|telefon durchwahl|"
        + _beside(_PERSON, "telefon|tel|telefonnummer|durchwahl|phone|mobil"),
        clearable=False, exported=False,
    ),
    _field(
        "note", "Vermerk", "Note",
        "bemerkung|bemerkungen|notiz|notizen|anmerkung|anmerkungen|kommentar|vermerke|notes|comment|comments|remark",
        clearable=False, exported=False,
    ),
)  # fmt: skip
BY_NAME = {field.name: field for field in FIELDS}
EUROS = ("eur", "teur", "meur")
"""In what fields of money are: euros, thousands, millions."""
IGNORED = ""
"""The meaning of a column that is left alone."""
PRIVATE = ("employees", "turnover_eur", "balance_eur", "email")
"""What stays with the office."""
PERSON = ("person_name", "person_first_name", "person_last_name", "person_role", "person_email", "person_phone")
"""What says who a contact person is: with any of them it is asked why the list's persons are kept, and how long."""
PERSON_NAMES = frozenset(PERSON[:3])


def figure_of(name: str) -> str:
    """The figure a field says, whatever its unit: `turnover` for `turnover_meur`."""
    stem, _, unit = name.rpartition("_")
    return stem if unit in EUROS else name


@cache
def by_heading() -> dict[str, str]:
    """The field by its folded heading; a field's own name and labels are the strongest."""
    found: dict[str, str] = {}
    for field in FIELDS:
        for text in (field.label.de, field.label.en, field.name):
            found.setdefault(fold(text), field.name)
    for field in FIELDS:
        for text in filter(None, field.synonyms.split("|")):
            found.setdefault(text, field.name)
    return found
