"""Names, sizes, activities and places."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.registry import Address
from norda_registry.rules.activities import activity
from norda_registry.rules.findings import Findings, Refused
from norda_registry.rules.names import fold, query_words, search_text
from norda_registry.rules.places import check_address
from norda_registry.rules.size_class import Figures, size_class

EUR = 100
MILLION = 1_000_000 * EUR


@pytest.mark.parametrize(
    "spelling",
    ["Überseehafen Größenmeßtechnik", "Ueberseehafen Groessenmesstechnik", "ÜBERSEEHAFEN  GRÖSSENMESSTECHNIK"],
)
def test_german_spellings_fold_to_the_same_words(spelling: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, spelling)) == "ueberseehafen groessenmesstechnik"


@given(st.text(max_size=60))
def test_folding_is_stable_and_the_same_for_composed_and_decomposed_text(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
    assert all(word.isalnum() and word.isascii() for word in query_words(text))


def test_who_leaves_the_umlaut_out_finds_it_too() -> None:
    assert " uberseehafen" in search_text("Überseehafen")
    assert " ueberseehafen" in search_text("Überseehafen")


@pytest.mark.parametrize(
    ("employees", "turnover", "balance", "expected"),
    [
        (9, 2 * MILLION, None, "micro"),
        (10, 2 * MILLION, None, "small"),
        (9, 2 * MILLION + 1, None, "small"),
        (49, 10 * MILLION, None, "small"),
        (50, 10 * MILLION, None, "medium"),
        (49, 10 * MILLION + 1, None, "medium"),
        (249, 50 * MILLION, None, "medium"),
        (250, 50 * MILLION, None, "large"),
        (249, 50 * MILLION + 1, None, "large"),
        (249, 51 * MILLION, 43 * MILLION, "medium"),
        (249, 51 * MILLION, 43 * MILLION + 1, "large"),
        (249, None, 43 * MILLION, "medium"),
        (0, 0, 0, "micro"),
        (5, None, None, None),
        (None, 1, 1, None),
    ],
)
def test_size_classes_have_the_limits_of_the_recommendation(
    employees: int | None, turnover: int | None, balance: int | None, expected: str | None
) -> None:
    assert size_class(Figures(employees, turnover, balance)) == expected


@given(st.integers(0, 500), st.integers(0, 60 * MILLION))
def test_growing_never_makes_an_enterprise_smaller(employees: int, turnover: int) -> None:
    order = ["micro", "small", "medium", "large"]
    smaller, larger = size_class(Figures(employees, turnover)), size_class(Figures(employees + 1, turnover + 1))
    assert smaller is not None
    assert larger is not None
    assert order.index(smaller) <= order.index(larger)


def test_an_activity_needs_a_code_of_its_edition() -> None:
    assert activity("wz 2025", "25.51.0").edition == "WZ2025"
    assert activity("WZ2008", "62.01.9").code == "62.01.9"
    with pytest.raises(Refused) as refusal:
        activity("WZ2025", "62.01.9")
    assert refusal.value.text.de == "gibt es in WZ2025 nicht, nur in WZ2008"
    with pytest.raises(Refused) as unknown:
        activity("WZ1993", "29.10")
    assert unknown.value.part == "edition"


def _check(**fields: str) -> Findings:
    findings = Findings()
    check_address(Address.model_validate({"place": "X", "state": "DE-HB"} | fields), "seat", findings)
    return findings


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ags": "03101"}, "seat.ags"),
        ({"ags": "0401"}, "seat.ags"),
        ({"ags": "040110"}, "seat.ags"),
        ({"nuts": "DE911"}, "seat.nuts"),
        ({"nuts": "FR1"}, "seat.nuts"),
        ({"state": "DE-NI", "nuts": "DE95"}, "seat.nuts"),
        ({"state": "DE-XX"}, "seat.state"),
        ({"postal_code": "2819"}, "seat.postal_code"),
        ({"postal_code": "２８１９７"}, "seat.postal_code"),
    ],
)
def test_codes_that_contradict_the_state_are_refused(fields: dict[str, str], field: str) -> None:
    assert [error.field for error in _check(**fields).errors] == [field]


@pytest.mark.parametrize(
    "fields",
    [
        {"ags": "04011", "nuts": "DE501", "postal_code": "28197"},
        {"ags": "04011000", "nuts": "DE50"},
        {"state": "DE-HH", "postal_code": "27499"},
        {"state": "DE-HH", "postal_code": "22113"},
        {"state": "DE-NI", "postal_code": "19273", "nuts": "DE935"},
        {"state": "DE-NI", "postal_code": "28816"},
        {"state": "DE-BY", "postal_code": "80331", "ags": "09162", "nuts": "DE212"},
    ],
)
def test_addresses_that_are_right_are_not_even_warned_of(fields: dict[str, str]) -> None:
    findings = _check(**fields)
    assert findings.errors == []
    assert findings.warnings == []


def test_a_postal_code_elsewhere_is_a_warning_only() -> None:
    findings = _check(state="DE-HB", postal_code="80331")
    assert findings.errors == []
    assert [warning.code for warning in findings.warnings] == ["postal_code_elsewhere"]
