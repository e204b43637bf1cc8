"""What codes of an organisation are called, on pages and in tables for people, which an import understands again."""

from __future__ import annotations

from collections.abc import Mapping

from norda_common.contracts.competences import competences
from norda_common.errors import Text

from .names import fold

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
    "dissolved": Text("aufgelöst", "dissolved"),
    "merged": Text("aufgegangen", "merged"),
}
SIZES: Mapping[str, Text] = {
    "micro": Text("Kleinstunternehmen", "Micro"),
    "small": Text("Kleines Unternehmen", "Small"),
    "medium": Text("Mittleres Unternehmen", "Medium"),
    "large": Text("Großes Unternehmen", "Large"),
}
ROLES: Mapping[str, Text] = {
    "oem": Text("Hersteller (OEM)", "Manufacturer (OEM)"),
    "tier1": Text("Zulieferer, Tier 1", "Supplier, tier 1"),
    "tier2": Text("Zulieferer, Tier 2", "Supplier, tier 2"),
    "tier3": Text("Zulieferer, Tier 3", "Supplier, tier 3"),
    "service": Text("Dienstleister", "Service provider"),
    "research": Text("Forschung", "Research"),
    "cluster": Text("Cluster", "Cluster"),
    "association": Text("Verband", "Association"),
    "administration": Text("Verwaltung", "Administration"),
}
VALUE_CHAIN: Mapping[str, Text] = {
    "materials": Text("Werkstoffe", "Materials"),
    "parts": Text("Teile", "Parts"),
    "modules": Text("Module", "Modules"),
    "systems": Text("Systeme", "Systems"),
    "vehicles": Text("Fahrzeuge", "Vehicles"),
    "software": Text("Software", "Software"),
    "trade": Text("Handel", "Trade"),
    "aftermarket": Text("Ersatzteile und Service", "Aftermarket"),
    "recycling": Text("Verwertung", "Recycling"),
}


def named(texts: Mapping[str, Text], code: str | None, language: str) -> str:
    """What a code is called; the code itself when nobody here knows it, since lists of codes are open."""
    if code is None:
        return ""
    found = texts.get(code)
    return found.in_language(language) if found else code


def listed(texts: Mapping[str, Text]) -> Text:
    """What there is to choose from, for whoever said something else."""
    return Text("; ".join(text.de for text in texts.values()), "; ".join(text.en for text in texts.values()))


def by_word(texts: Mapping[str, Text]) -> dict[str, str]:
    """Codes by what they are called in either language, folded, and by themselves."""
    return {fold(word): code for code, text in texts.items() for word in (code, text.de, text.en)}


def competence_words(code: str, language: str) -> str:
    """`Module und Packs (BAT-02)`."""
    known = competences().get(code)
    return f"{known.label.in_language(language)} ({code})" if known else code
