"""What holds of every identifier of the platform: one normal form, whatever it is written like, and plain refusals.

Each has three properties: the normal form stays as it is, every usual notation leads to it, and any other text is
refused in both languages or has a normal form that stays. Wrong check digits and the merely unlikely follow.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.competences import competences
from norda_common.contracts.registry import EXAMPLE as ORGANISATION
from norda_common.contracts.registry import Address, Organisation, RegisterEntry
from norda_registry.rules.activities import EDITIONS, activity
from norda_registry.rules.classifications import competence, legal_form
from norda_registry.rules.code_lists import ags_prefixes, courts, federal_states, legal_forms, nuts_regions
from norda_registry.rules.fields import address
from norda_registry.rules.findings import Findings, Refused
from norda_registry.rules.identifiers import check_widnr, lei, vat_id, widnr
from norda_registry.rules.places import check_address, federal_state, states_of_postal_code
from norda_registry.rules.profile import check_whole
from norda_registry.rules.register_entries import TYPES, entry_of_euid, entry_of_text, register_entry
from stdnum.iso7064 import mod_11_10, mod_97_10
from wz_code import WZ

BLANKS = " \t\u00a0\u2009\u202f\u3000"
"""What texts copied from web pages and office documents have for blanks."""
UNSEEN = "\u200b\u00ad\ufeff\u2060"
"""What nobody sees in them: a zero-width space, a soft hyphen, a byte order mark, a word joiner."""
DASHES = "-–—‑−"
BASE = st.integers(10_000_000, 99_999_999).map(str)
VAT = BASE.map(lambda base: f"DE{base}{mod_11_10.calc_check_digit(base)}")
LEI = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=18, max_size=18).map(
    lambda base: base + mod_97_10.calc_check_digits(base)
)


@dataclass(frozen=True)
class Kind:
    """An identifier: its rule, its normal forms, and between which characters blanks are usual."""

    rule: Callable[[str], str]
    normal: st.SearchStrategy[str]
    spaced: Callable[[str], list[str]] = list
    """The normal form cut where people put blanks; anywhere, if not said."""
    caseless: bool = True


def euid(text: str) -> str:
    """An EUID's normal form."""
    found = entry_of_euid(text).euid
    assert found is not None
    return found


def written_entry(text: str) -> str:
    """The normal form of an entry written out, as this test writes it."""
    entry = entry_of_text(text)
    if entry is None:
        raise Refused("none", "ist kein Registereintrag", "is no register entry")
    return words_of(entry)


def words_of(entry: RegisterEntry) -> str:
    former = f" (früher {entry.former_court})" if entry.former_court else ""
    return f"{entry.court} {entry.type} {entry.number}{' ' if entry.suffix else ''}{entry.suffix}{former}"


def part_of_address(name: str, state: str) -> Callable[[str], str]:
    """The rule of one field of an address in that state."""

    def rule(text: str) -> str:
        findings = Findings()
        made = address({"place": "Ort", "state": state, name: text})
        value = getattr(made, name)
        if value is None:
            raise Refused("empty", "ist leer", "is empty")
        check_address(made, "seat", findings)
        if findings.errors:
            raise Refused(findings.errors[0].code, findings.errors[0].text.de, findings.errors[0].text.en)
        return str(value)

    return rule


def code_of(edition: str) -> Callable[[str], str]:
    return lambda text: activity(edition, text).code


@cache
def codes(edition: str) -> list[str]:
    return sorted(WZ(version=EDITIONS[edition]).get_all_codes())


def groups(text: str) -> list[str]:
    """`DEH1101.HRB32581HB` in the parts it is built of."""
    country, court, rest = text[:2], text[2:].partition(".")[0], text.partition(".")[2]
    kind = next(name for name in TYPES.values() if rest.startswith(name))
    number = rest.removeprefix(kind).rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return [f"{country}{court}.", kind, number, rest.removeprefix(kind).removeprefix(number)]


ENTRIES = st.builds(
    lambda court, kind, number, former: register_entry(court, kind, number=str(number), former_court=former),
    st.sampled_from(sorted(courts())),
    st.sampled_from(sorted(TYPES.values())),
    st.integers(1, 99_999_999),
    st.sampled_from(["", "Nordhorn", "Lingen (Ems)".partition(" (")[0], "Größenwörden"]),
)
KINDS: dict[str, Kind] = {
    "USt-IdNr": Kind(vat_id, VAT),
    "W-IdNr": Kind(widnr, st.builds(lambda vat, tail: f"{vat}-{tail:05}", VAT, st.integers(1, 99_999))),
    "LEI": Kind(lei, LEI),
    "EUID": Kind(euid, ENTRIES.map(lambda entry: str(entry.euid)), groups),
    "register entry": Kind(written_entry, ENTRIES.map(words_of), lambda text: text.split(" "), caseless=False),
    "state": Kind(federal_state, st.sampled_from(sorted(federal_states())), lambda text: [text]),
    "AGS": Kind(part_of_address("ags", "DE-NI"), st.integers(0, 99_999).map(lambda rest: f"031{rest:05}")),
    "NUTS": Kind(part_of_address("nuts", "DE-NI"), st.sampled_from(["DE9", "DE91", "DE922", "DE94H"])),
    "PLZ": Kind(part_of_address("postal_code", "DE-HB"), st.integers(0, 99_999).map(lambda code: f"{code:05}")),
    "legal form": Kind(legal_form, st.sampled_from(sorted(legal_forms())), lambda text: [text]),
    "competence": Kind(
        competence,
        st.sampled_from(sorted(code for code, known in competences().items() if known.active)),
        lambda text: [text],
    ),
    "WZ2008": Kind(code_of("WZ2008"), st.sampled_from(codes("WZ2008"))),
    "WZ2025": Kind(code_of("WZ2025"), st.sampled_from(codes("WZ2025"))),
}
each = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each
@given(data=st.data())
def test_the_normal_form_of_an_identifier_stays_as_it_is(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(kind.normal)
    assert kind.rule(value) == value


@each
@given(data=st.data())
def test_every_notation_of_an_identifier_has_the_same_normal_form(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(kind.normal)
    assert kind.rule(data.draw(notations(kind, value))) == value


@st.composite
def notations(draw: st.DrawFn, kind: Kind, value: str) -> str:
    """The value in other case, with blanks between its parts and around it, and with what nobody sees."""
    parts = [part for part in kind.spaced(value) if part]
    blank = st.sampled_from(BLANKS)
    optional = blank if kind is KINDS["register entry"] else st.one_of(st.just(""), blank, st.sampled_from(UNSEEN))
    text = draw(st.one_of(st.just(""), blank))
    for place, part in enumerate(parts):
        text += ("" if place == 0 else draw(optional)) + part
    text += draw(st.one_of(st.just(""), blank, st.sampled_from(UNSEEN)))
    if kind is KINDS["W-IdNr"]:
        text = text.replace("-", draw(st.sampled_from(["", *DASHES])))
    if kind.caseless and draw(st.booleans()):
        text = text.lower()
    return unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), text)


@each
@given(data=st.data())
def test_any_other_text_is_refused_in_both_languages_or_has_a_normal_form_that_stays(
    kind: Kind, data: st.DataObject
) -> None:
    text = data.draw(st.one_of(st.text(max_size=40), kind.normal.flatmap(damaged)))
    try:
        normal = kind.rule(text)
    except Refused as refusal:
        assert refusal.code
        assert refusal.text.de
        assert refusal.text.en
        assert refusal.text.de != refusal.text.en
    else:
        assert kind.rule(normal) == normal


def damaged(value: str) -> st.SearchStrategy[str]:
    """The value with one character replaced, taken out or put in."""
    return st.builds(
        lambda place, new, cut: value[:place] + new + value[place + cut :],
        st.integers(0, len(value)),
        st.sampled_from(["", "0", "9", "A", "ß", " ", "-", ".", "٣", "\x00", "🙂"]),
        st.integers(0, 2),
    )


@given(LEI, st.integers(0, 19), st.integers(1, 35))
def test_any_single_wrong_digit_or_letter_of_a_lei_is_found(number: str, place: int, added: int) -> None:
    """A digit in the place of a letter makes another length of the number that is divided: that may go unnoticed."""
    letters = string.digits if number[place].isdigit() else string.ascii_uppercase
    wrong = letters[(letters.index(number[place]) + 1 + added % (len(letters) - 1)) % len(letters)]
    assert wrong != number[place]
    with pytest.raises(Refused):
        lei(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize(
    ("rule", "text", "de", "en"),
    [
        (
            vat_id,
            "DE999000018",
            "hat eine falsche Prüfziffer (ISO 7064 Mod 11,10)",
            "has a wrong check digit (ISO 7064 mod 11,10)",
        ),
        (
            vat_id,
            "DE099000017",
            "ist keine USt-IdNr: die erste Ziffer darf nicht 0 sein",
            "is no VAT number: the first digit must not be 0",
        ),
        (
            vat_id,
            "DE99900001",
            "ist keine deutsche USt-IdNr (DE und 9 Ziffern): es sind 8 Ziffern",
            "is no German VAT number (DE and 9 digits): there are 8 digits",
        ),
        (
            vat_id,
            "999000017",
            "ist keine deutsche USt-IdNr (DE und 9 Ziffern): DE fehlt",
            "is no German VAT number (DE and 9 digits): DE is missing",
        ),
        (
            vat_id,
            "ATU12345678",
            "ist keine deutsche USt-IdNr (DE und 9 Ziffern): sie beginnt mit AT",
            "is no German VAT number (DE and 9 digits): it begins with AT",
        ),
        (
            lei,
            "5299000J2N45DDNE4Y29",
            "hat eine falsche Prüfsumme (ISO 7064 Mod 97-10)",
            "has a wrong checksum (ISO 7064 mod 97-10)",
        ),
        (
            lei,
            "5299000J2N45DDNE4Y2",
            "ist kein LEI: 20 Zeichen sind nötig, es sind 19",
            "is no LEI: 20 characters are needed, there are 19",
        ),
        (
            widnr,
            "DE999000017-00000",
            "ist keine W-IdNr: das Unterscheidungsmerkmal beginnt bei 00001",
            "is no W-IdNr: the suffix starts at 00001",
        ),
        (
            widnr,
            "DE999000017",
            "ist keine W-IdNr (DE, 9 Ziffern, Bindestrich, 5 Ziffern); es fehlt das Unterscheidungsmerkmal wie -00001",
            "is no W-IdNr (DE, 9 digits, hyphen, 5 digits); the suffix like -00001 is missing",
        ),
        (
            euid,
            "HRB 170364",
            "ist keine deutsche EUID (z. B. DEK1101R.HRB170364)",
            "is no German EUID (e.g. DEK1101R.HRB170364)",
        ),
        (
            euid,
            "DEK1101R.HRB0",
            "ist keine Registernummer (bis zu 8 Ziffern, nicht 0)",
            "is no register number (up to 8 digits, not 0)",
        ),
        (federal_state, "DE-XX", "ist kein Bundesland (ISO 3166-2, z. B. DE-HB)", "is no German state (e.g. DE-HB)"),
        (
            part_of_address("postal_code", "DE-SN"),
            "1067",
            "ist keine Postleitzahl (5 Ziffern); fehlt die 0 am Anfang?",
            "is no postal code (5 digits); is the leading 0 missing?",
        ),
        (
            part_of_address("ags", "DE-NI"),
            "3241",
            "ist kein Amtlicher Gemeindeschlüssel (5 Ziffern für den Kreis oder 8); fehlt die 0 am Anfang?",
            "is no municipality key (5 digits for the district, or 8); is the leading 0 missing?",
        ),
        (part_of_address("ags", "DE-HB"), "03241", "gehört nicht zu DE-HB", "does not belong to DE-HB"),
        (part_of_address("nuts", "DE-HB"), "DE922", "gehört nicht zu DE-HB", "does not belong to DE-HB"),
        (
            part_of_address("nuts", "DE-HB"),
            "Bremen",
            "ist kein NUTS-Code (z. B. DE501)",
            "is no NUTS code (e.g. DE501)",
        ),
        (
            code_of("WZ2025"),
            "62.01.9",
            "gibt es in WZ2025 nicht, nur in WZ2008",
            "does not exist in WZ2025, only in WZ2008",
        ),
        (code_of("WZ2008"), "99.99.9", "gibt es in WZ2008 nicht", "does not exist in WZ2008"),
    ],
)
def test_a_refusal_says_exactly_why_in_both_languages(rule: Callable[[str], str], text: str, de: str, en: str) -> None:
    with pytest.raises(Refused) as refusal:
        rule(text)
    assert (refusal.value.text.de, refusal.value.text.en) == (de, en)


def whole(**changes: object) -> Findings:
    """What checking a company in Bremen says, of which nothing is unusual but the changes."""
    plain = Organisation.model_validate(
        ORGANISATION.model_dump()
        | {
            "kind": "company",
            "cluster_code": None,
            "legal_form": "350",
            "seat": {"place": "Bremen", "postal_code": "28195", "state": "DE-HB"},
            "register_entries": [register_entry("Bremen", "HRB", number="1").model_dump()],
            "vat_id": None,
            "widnr": None,
            "sites": [],
        }
    )
    findings = Findings()
    check_whole(plain.model_copy(update=changes), findings)
    return findings


def test_a_company_of_which_nothing_is_unusual_is_not_warned_of() -> None:
    found = whole()
    assert (found.errors, found.warnings) == ([], [])


@given(
    st.sampled_from(sorted(courts().values(), key=lambda court: court.code)), st.sampled_from(sorted(federal_states()))
)
def test_a_court_elsewhere_is_warned_of_and_never_refused(court: object, state: str) -> None:
    entry = register_entry(court.code, "HRB", number="1")  # type: ignore[attr-defined]
    found = whole(seat=Address(place="Ort", state=state), register_entries=(entry,))
    assert found.errors == []
    expected = [] if court.state == state else ["court_elsewhere"]  # type: ignore[attr-defined]
    assert [warning.code for warning in found.warnings] == expected


@given(st.integers(0, 99_999).map(lambda code: f"{code:05}"), st.sampled_from(sorted(federal_states())))
def test_a_postal_code_is_warned_of_at_most_and_only_where_its_area_is_elsewhere(code: str, state: str) -> None:
    found = whole(seat=Address(place="Ort", postal_code=code, state=state), register_entries=())
    assert found.errors == []
    states = states_of_postal_code(code)
    expected = [] if state in states else ["postal_code_elsewhere" if states else "postal_code_unknown"]
    assert [warning.code for warning in found.warnings] == expected
    assert all(warning.text.de != warning.text.en for warning in found.warnings)


@given(st.sampled_from(sorted(nuts_regions().items())))
def test_a_district_fits_its_region_and_is_warned_of_with_another(district: tuple[str, str]) -> None:
    ags, region = district
    state = next(code for code, prefix in ags_prefixes().items() if ags.startswith(prefix))
    seat = Address(place="Ort", state=state, ags=ags, nuts=region)
    assert whole(seat=seat, register_entries=()).warnings == []
    other = next((code for code in sorted(nuts_regions().values()) if code[:3] == region[:3] and code != region), None)
    if other is not None:
        found = whole(seat=seat.model_copy(update={"nuts": other}), register_entries=())
        assert found.errors == []
        assert [warning.code for warning in found.warnings] == ["nuts_of_ags"]


@given(VAT, BASE, st.integers(1, 99_999))
def test_a_widnr_of_other_digits_is_unlikely_alone_and_wrong_beside_a_vat_number(
    vat: str, base: str, tail: int
) -> None:
    digit = mod_11_10.calc_check_digit(base)
    wrong = f"DE{base}{(int(digit) + 1) % 10}-{tail:05}"
    alone, beside, right = Findings(), Findings(), Findings()
    check_widnr(wrong, None, alone)
    check_widnr(wrong, vat, beside)
    check_widnr(f"{vat}-{tail:05}", vat, right)
    assert ([warning.code for warning in alone.warnings], alone.errors) == (["widnr_unlikely"], [])
    assert [error.code for error in beside.errors] == ["widnr_differs"]
    assert (right.warnings, right.errors) == ([], [])
