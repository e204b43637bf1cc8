"""Register entries and EUIDs: every usual notation leads to the same entry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_registry.rules.classifications import check_register_fits, legal_form
from norda_registry.rules.code_lists import courts
from norda_registry.rules.findings import Refused
from norda_registry.rules.register_entries import (
    check_euid,
    court_entered,
    entry_of_euid,
    entry_of_text,
    former_key,
    former_key_of_text,
    register_entry,
    register_key,
)

TYPES = ["HRA", "HRB", "GnR", "PR", "VR", "GsR"]


def test_the_euid_is_built_of_court_type_number_and_suffix() -> None:
    assert register_entry("K1101R", "HRB", number="170364").euid == "DEK1101R.HRB170364"


def test_bremen_appends_its_suffix_even_where_the_imprint_leaves_it_out() -> None:
    assert register_entry("Bremen", "HRB", number="32581").euid == "DEH1101.HRB32581HB"
    assert register_entry("Bremen", "HRB", number="32581 HB").euid == "DEH1101.HRB32581HB"
    assert register_entry("Bremen", "HRB", number="1234", suffix="bhv").suffix == "BHV"


@pytest.mark.parametrize(
    ("court", "type_", "number"),
    [
        ("K1101R", "HRB", "100"),
        ("k1101r", "hrb", "HRB100"),
        ("Amtsgericht Hamburg", "Hrb", " 00100 "),
        ("AMTSGERICHT HAMBURG", "HRB", "HRB 100"),
        ("AG Hamburg", "HRB", "100"),
    ],
)
def test_spellings_of_court_type_and_number_do_not_matter(court: str, type_: str, number: str) -> None:
    assert register_entry(court, type_, number=number).euid == "DEK1101R.HRB100"


def test_a_court_is_known_without_what_tells_it_apart() -> None:
    assert register_entry("Oldenburg", "HRB", number="1").court_code == "P3210"
    assert register_entry("Lueneburg", "VR", number="1").court_code == "P2507"


def test_merged_courts_make_entries_of_their_own() -> None:
    plain = register_entry("Osnabrück", "HRB", number="100")
    former = register_entry("Osnabrück", "HRB", number="100", former_court="Amtsgericht Nordhorn")
    assert former.former_court == "Nordhorn"
    assert plain.euid == former.euid
    assert register_key(plain) != register_key(former)


def test_a_court_beyond_the_list_is_taken_by_its_code() -> None:
    entry = register_entry("F1103R", "HRB", number="77 B", court_name="Amtsgericht Charlottenburg")
    assert (entry.court, entry.euid) == ("Charlottenburg", "DEF1103R.HRB77B")


@pytest.mark.parametrize("text", ["AG Stuttgart HRB 4711", "HRB 4711, Amtsgericht Stuttgart", "HRB 4711 AG Stuttgart"])
def test_a_court_that_no_list_knows_is_taken_by_its_name_and_has_no_euid(text: str) -> None:
    entry = entry_of_text(text)
    assert entry is not None
    assert (entry.court, entry.court_code, entry.number, entry.euid) == ("Stuttgart", "", "4711", None)
    assert register_key(entry) == "stuttgart|HRB|4711||"
    again = register_entry(court_entered(entry), entry.type, number=entry.number)
    assert again == entry
    other = entry_of_text("AG Freiburg (Breisgau) HRB 4711")
    assert other is not None
    assert register_key(other) != register_key(entry)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"court": "Amtsgericht 12"}, "register_court"),
        ({"court": "Entenhausen"}, "register_court"),
        ({"type_": "HRC"}, "register_type"),
        ({"number": "0"}, "register_number"),
        ({"number": "12x34"}, "register_number"),
        ({"number": "123456789"}, "register_number"),
        ({"suffix": "H1"}, "register_suffix"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, str], code: str) -> None:
    given_ = {"court": "Bremen", "type_": "HRB", "number": "1", "suffix": ""} | changes
    with pytest.raises(Refused) as refusal:
        register_entry(given_["court"], given_["type_"], number=given_["number"], suffix=given_["suffix"])
    assert refusal.value.code == code
    assert refusal.value.part == code.removeprefix("register_")


@given(st.sampled_from(sorted(courts())), st.sampled_from(TYPES), st.integers(1, 99_999_999))
def test_an_euid_leads_back_to_its_entry(court: str, type_: str, number: int) -> None:
    entry = register_entry(court, type_, number=str(number))
    assert entry.euid is not None
    assert entry_of_euid(entry.euid.lower()) == entry
    assert check_euid(entry.euid, entry) == entry.euid


@given(st.sampled_from(sorted(courts())), st.sampled_from(TYPES), st.integers(1, 99_999_999))
def test_the_written_out_entry_leads_back_to_it(court: str, type_: str, number: int) -> None:
    entry = register_entry(court, type_, number=str(number))
    for text in (
        f"Amtsgericht {entry.court} {type_} {number}",
        f"{entry.court}, {type_.lower()} {number}",
        f"{type_}{number}{entry.suffix} {entry.court}",
        f"{type_} {number}, {entry.court}",
    ):
        assert entry_of_text(text) == entry, text


def test_the_old_notation_of_a_merged_court_is_found_by_its_parts() -> None:
    entry = register_entry("Osnabrück", "HRB", number="55", former_court="Amtsgericht Nordhorn")
    assert former_key(entry) == "HRB55|nordhorn" == former_key_of_text("AG Nordhorn HRB 0055")
    for text in ("Amtsgericht Osnabrück HRB 55", "Osnabrück HRB 55 (früher Nordhorn)", "HRB 55", "Nordhorn"):
        assert former_key_of_text(text) is None, text
    assert former_key(register_entry("Osnabrück", "HRB", number="55")) is None


def test_a_former_court_in_brackets_is_understood() -> None:
    entry = entry_of_text("Amtsgericht Osnabrück HRB 100 (früher Nordhorn)")
    assert entry is not None
    assert entry.former_court == "Nordhorn"


def test_an_euid_of_another_entry_is_refused() -> None:
    entry = register_entry("K1101R", "HRB", number="100")
    with pytest.raises(Refused) as refusal:
        check_euid("DEK1101R.HRB101", entry)
    assert refusal.value.code == "euid_differs"
    with pytest.raises(Refused):
        check_euid("FRK1101R.HRB100", entry)


@pytest.mark.parametrize(
    ("form", "type_"),
    [("170", "HRA"), ("210", "HRA"), ("220", "HRA"), ("230", "HRA"), ("310", "HRB"), ("350", "HRB"), ("351", "HRB"),
     ("360", "HRB"), ("400", "GnR"), ("293", "PR"), ("590", "VR"), ("270", "GsR")],
)  # fmt: skip
def test_every_legal_form_has_its_register(form: str, type_: str) -> None:
    for candidate in TYPES:
        entry = register_entry("Hannover", candidate, number="1")
        if candidate == type_:
            check_register_fits(form, entry)
        else:
            with pytest.raises(Refused):
                check_register_fits(form, entry)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("350", "350"),
        ("GmbH", "350"),
        ("gmbh & co. kg", "230"),
        ("GmbH + Co KG", "230"),
        ("E.V.", "590"),
        ("UG", "351"),
        ("gGmbH", "350"),
        ("eK", "170"),
        ("e. Kfm.", "170"),
        ("eGbR", "270"),
        ("Partnerschaft mbB", "293"),
        ("Genossenschaft", "400"),
        ("Einzelunternehmen", "180"),
        ("Stiftung", "611"),
        ("AG & Co. KG", "112221"),
        ("UG (haftungsbeschränkt) & Co. KG", "112212"),
        ("KGaA", "223100"),
        ("GmbH & Co. KGaA", "223100"),
        ("VVaG", "213100"),
        ("Verein altrechtlich", "210000"),
    ],
)
def test_a_legal_form_is_known_by_code_and_spelling(text: str, code: str) -> None:
    assert legal_form(text) == code
