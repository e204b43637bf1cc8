"""Addresses in what nobody has put in its normal form: found in any spelling, and never as a part of another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.addresses import address_key, mention_of, written

ADDRESS = "Erika.Muster@Müller.example"
BETWEEN = st.text(st.sampled_from(' ;,<>()[]|"\t\n:/=?'), min_size=1, max_size=3)


def test_a_domain_is_found_as_people_write_it_and_as_the_dns_does() -> None:
    assert written(ADDRESS) == ("erika.muster@xn--mller-kva.example", "erika.muster@müller.example")
    assert address_key(ADDRESS) in written(ADDRESS)
    assert written("kein@") == ("kein@",), "what is no address is looked for as it stands"


@given(before=BETWEEN, after=BETWEEN, way=st.sampled_from([*written(ADDRESS), ADDRESS, ADDRESS.upper()]))
def test_it_is_found_in_whatever_stands_around_it(before: str, after: str, way: str) -> None:
    assert mention_of(ADDRESS).search(f"Frau Muster{before}{way}{after}Einkauf")
    assert mention_of(ADDRESS).search(way)
    assert mention_of(ADDRESS).search(f"Bitte an {way}.")
    for several in (("neu@ex-1.example", ADDRESS), (ADDRESS, "neu@ex-1.example")):
        assert mention_of(*several).search(f"an{before}{way}{after}")
        assert not mention_of(*several).search("an alt@ex-1.example")


@pytest.mark.parametrize(
    "other",
    ["v.erika.muster@müller.example", "xerika.muster@müller.example", "erika.muster@müller.example.com",
     "erika.muster@müller.examples", "erika.muster@müller.example-2", "erika-muster@müller.example"],
)  # fmt: skip
def test_somebody_else_s_longer_address_is_not_hers(other: str) -> None:
    assert not mention_of(ADDRESS).search(f"an {other} und andere")
