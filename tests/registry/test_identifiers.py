"""Numbers: what is accepted and normalised, and what is refused for exactly which reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_registry.rules.findings import Refused
from norda_registry.rules.identifiers import lei, vat_id, widnr
from stdnum.iso7064 import mod_11_10, mod_97_10

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(st.integers(10_000_000, 99_999_999))
def test_every_vat_number_with_its_check_digit_is_accepted_and_with_another_refused(base: int) -> None:
    digit = mod_11_10.calc_check_digit(str(base))
    assert vat_id(f"de {base}{digit}") == f"DE{base}{digit}"
    wrong = str((int(digit) + 1) % 10)
    with pytest.raises(Refused) as refusal:
        vat_id(f"DE{base}{wrong}")
    assert refusal.value.code == "vat_checksum"


@given(st.integers(10_000_000, 99_999_999), st.integers(0, 8), st.integers(1, 9))
def test_any_single_wrong_digit_of_a_vat_number_is_found(base: int, place: int, added: int) -> None:
    number = f"{base}{mod_11_10.calc_check_digit(str(base))}"
    wrong = number[:place] + str((int(number[place]) + added) % 10) + number[place + 1 :]
    with pytest.raises(Refused):
        vat_id(f"DE{wrong}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "vat_form"),
        ("DE12345678", "vat_form"),
        ("DE1234567890", "vat_form"),
        ("ATU12345678", "vat_form"),
        ("DE٩٩٩٠٠٠٠١٧", "vat_form"),
        ("DE012345679", "vat_first_digit"),
        ("DE999000018", "vat_checksum"),
    ],
)
def test_a_wrong_vat_number_is_refused_with_the_reason(text: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        vat_id(text)
    assert refusal.value.code == code
    assert refusal.value.text.de != refusal.value.text.en


@pytest.mark.parametrize("text", ["DE999000017-00001", "de99900001700001", " DE 999 000 017 - 00001 "])
def test_a_widnr_is_normalised(text: str) -> None:
    assert widnr(text) == "DE999000017-00001"


@pytest.mark.parametrize(
    ("text", "code"),
    [("DE999000017", "widnr_form"), ("DE999000017-1", "widnr_form"), ("DE999000017-00000", "widnr_suffix")],
)
def test_a_wrong_widnr_is_refused_with_the_reason(text: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        widnr(text)
    assert refusal.value.code == code


@given(st.text(LETTERS, min_size=18, max_size=18))
def test_every_lei_with_its_check_digits_is_accepted(base: str) -> None:
    number = base + mod_97_10.calc_check_digits(base)
    assert lei(number.lower()) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5299000J2N45DDNE4Y2", "lei_length"),
        ("5299000J2N45DDNE4Y288", "lei_length"),
        ("5299000J2N45DDNE4Y2X", "lei_form"),
        ("5299000J2N45DDNE4Y29", "lei_checksum"),
    ],
)
def test_a_wrong_lei_is_refused_with_the_reason(text: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        lei(text)
    assert refusal.value.code == code
