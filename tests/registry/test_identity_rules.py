"""Identity over time, by rules alone: each day has one name, legal form and seat, whatever is told, in any order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.registry import Address, FormerName, FormerSeat, Organisation, RegisterEntry, Since
from norda_common.identifiers import new_id
from norda_registry.rules import identity
from norda_registry.rules.as_of import as_of, held_number
from norda_registry.rules.fields import onto
from norda_registry.rules.findings import Findings
from norda_registry.rules.identity import Span, Told, ended, entered, held_again, moved, replace_entry, said_of
from norda_registry.rules.register_entries import register_entry

FIRST = date(2020, 1, 1)
TODAY = date(2026, 11, 26)
DAYS = st.dates(FIRST, TODAY)
PLACES = ("Bremen", "Bremerhaven", "Stuhr")


def organisation(**changes: Any) -> Organisation:
    fields: dict[str, Any] = {
        "organisation_id": new_id(),
        "responsible_state": "hb",
        "kind": "company",
        "status": "active",
        "legal_name": "Beispiel 0 GmbH",
        "legal_form": "350",
        "seat": Address(place="Bremen", state="DE-HB"),
        "changed_at": "2026-11-01T08:00:00Z",
    }
    return Organisation.model_validate(fields | changes)


CHANGES = st.lists(
    st.tuples(
        st.one_of(
            st.builds(lambda n: {"legal_name": f"Beispiel {n} GmbH"}, st.integers(0, 3)),
            st.builds(lambda form: {"legal_form": form}, st.sampled_from(("350", "310", "230"))),
            st.builds(lambda place: {"seat": Address(place=place, state="DE-HB")}, st.sampled_from(PLACES)),
        ),
        st.one_of(st.none(), DAYS),
        st.booleans(),
    ),
    max_size=12,
)


def told(changes: list[tuple[dict[str, Any], date | None, bool]], start: Organisation) -> Organisation:
    """The organisation after these changes; one that is refused changes nothing."""
    current = start
    for fields, day, correction in changes:
        findings = Findings()
        about = Told(on=day, source="Handelsregister", correction=correction)
        update = onto(current, fields, findings, today=TODAY, told=about)
        if not findings.errors:
            current = current.model_copy(update=update)
    return current


def timelines(current: Organisation) -> list[tuple[Span[Any], ...]]:
    return [identity.names(current), identity.legal_forms(current), identity.seats(current)]


@given(CHANGES, st.one_of(st.none(), st.just(FIRST)))
def test_each_day_has_one_name_form_and_seat_without_a_gap(
    changes: list[tuple[dict[str, Any], date | None, bool]], since: date | None
) -> None:
    start = organisation(since=Since(legal_name=since, legal_form=since, seat=since) if since else None)
    current = told(changes, start)
    for spans in timelines(current):
        begins = [span.begin for span in spans]
        assert spans[-1].end is None
        assert [span.end for span in spans[:-1]] == begins[1:], "no gap and no overlap"
        known = [begin for begin in begins if begin is not None]
        assert known == sorted(known)
        for day in {*known, *(begin - timedelta(1) for begin in known), TODAY}:
            holding = [span for span in spans if span.holds_on(day)]
            assert len(holding) == (1 if begins[0] is None or day >= begins[0] else 0)


@given(CHANGES)
def test_a_change_keeps_what_was_before_it_and_is_what_holds_now(
    changes: list[tuple[dict[str, Any], date | None, bool]],
) -> None:
    current = told(changes, organisation())
    values = (current.legal_name, current.legal_form, current.seat)
    for spans, value in zip(timelines(current), values, strict=True):
        assert spans[-1].value == value
        if spans[-1].begin is None or spans[-1].begin <= TODAY:
            assert identity.on(spans, TODAY) == value
    then = as_of(current, TODAY, today=TODAY)
    assert (then.legal_name, then.legal_form, then.seat) == values


@given(
    st.lists(st.tuples(st.one_of(st.none(), DAYS), st.one_of(st.none(), DAYS)), max_size=5),
    st.one_of(st.none(), DAYS),
    DAYS,
)
def test_no_document_of_whatever_origin_gives_a_day_two_names(
    former: list[tuple[date | None, date | None]], since: date | None, day: date
) -> None:
    names = tuple(
        FormerName(legal_name=f"Beispiel {number}", valid_from=begin, valid_to=end)
        for number, (begin, end) in enumerate(former)
    )
    read = organisation(former_names=names, since=Since(legal_name=since))
    assert len([span for span in identity.names(read) if span.holds_on(day)]) <= 1
    as_of(read, day, today=TODAY)


def test_a_change_ends_what_was_on_its_day_and_says_who_knows() -> None:
    before = organisation(since=Since(legal_name=FIRST, legal_name_source="Gesellschaftsvertrag"))
    after = told([({"legal_name": "Beispiel Neu GmbH"}, date(2024, 5, 1), False)], before)
    assert after.former_names == (
        FormerName(
            legal_name="Beispiel 0 GmbH",
            valid_from=FIRST,
            valid_to=date(2024, 5, 1),
            source="Gesellschaftsvertrag",
        ),
    )
    assert after.since is not None
    assert (after.since.legal_name, after.since.legal_name_source) == (date(2024, 5, 1), "Handelsregister")
    assert identity.on(identity.names(after), date(2024, 4, 30)) == "Beispiel 0 GmbH"
    assert identity.on(identity.names(after), date(2024, 5, 1)) == "Beispiel Neu GmbH"


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"legal_name": "Beispiel Neu GmbH"}, date(2019, 12, 31)),
        ({"seat": Address(place="Stuhr", state="DE-NI")}, date(2019, 12, 31)),
    ],
)
def test_what_would_begin_before_what_it_replaces_is_refused(fields: dict[str, Any], day: date) -> None:
    findings = Findings()
    before = organisation(since=Since(legal_name=FIRST, seat=FIRST))
    onto(before, fields, findings, today=TODAY, told=Told(on=day))
    assert [(error.field, error.code) for error in findings.errors] == [("on", "before_present")]


def test_a_correction_keeps_nothing_and_may_date_what_is_corrected() -> None:
    wrong = organisation(legal_name="Beispeil GmbH")
    right = told([({"legal_name": "Beispiel GmbH"}, FIRST, True)], wrong)
    assert (right.legal_name, right.former_names) == ("Beispiel GmbH", ())
    assert right.since is not None
    assert right.since.legal_name == FIRST
    assert said_of(wrong, right) == "changed"


@pytest.mark.parametrize(
    ("old", "new", "is_a_move"),
    [
        ({"place": "Bremen"}, {"place": "Bremen", "postal_code": "28197", "ags": "04011"}, False),
        ({"place": "Lüneburg"}, {"place": "Lueneburg"}, False),
        ({"place": "Bremen", "ags": "04011"}, {"place": "Bremen", "ags": "04012"}, False),
        ({"place": "Bremen", "street": "Kai 1"}, {"place": "Bremen", "street": "Kai 2"}, True),
        ({"place": "Bremen"}, {"place": "Bremerhaven"}, True),
        ({"place": None}, {"place": "Bremen"}, False),
    ],
)
def test_telling_an_address_in_full_is_no_move(old: dict[str, Any], new: dict[str, Any], is_a_move: bool) -> None:
    before, after = Address(state="DE-HB", **old), Address(state="DE-HB", **new)
    assert moved(before, after) is is_a_move
    now = told([({"seat": after}, None, False)], organisation(seat=before))
    assert (now.seat, bool(now.former_seats)) == (after, is_a_move)


def test_one_version_says_the_weightiest_thing() -> None:
    before = organisation()
    converted = told([({"legal_form": "310", "legal_name": "Beispiel 1 AG"}, None, False)], before)
    assert said_of(before, converted) == "converted"
    assert (len(converted.former_names), len(converted.former_legal_forms)) == (1, 1)
    assert said_of(before, told([({"legal_name": "Beispiel 1 GmbH"}, None, False)], before)) == "renamed"
    away = {"seat": Address(place="Bremerhaven", state="DE-HB")}
    assert said_of(before, told([(away, None, False)], before)) == "seat_relocated"
    form_found_out = told([({"legal_form": "310"}, None, False)], organisation(legal_form=None))
    assert form_found_out.former_legal_forms == ()


def entry(number: str, begin: date | None = None, end: date | None = None) -> RegisterEntry:
    return register_entry("Bremen", "HRB", number=number, valid_from=begin).model_copy(update={"valid_to": end})


@given(st.lists(st.tuples(st.integers(1, 4), DAYS), min_size=1, max_size=8))
def test_of_register_entries_one_holds_and_none_is_lost(changes: list[tuple[int, date]]) -> None:
    held: tuple[RegisterEntry, ...] = ()
    for number, day in changes:
        now = replace_entry(held, entry(str(number)), on=day) if held else (entry(str(number), day),)
        assert {item.euid for item in held} <= {item.euid for item in now}
        held = now
    assert [item.number for item in held if item.valid_to is None] == [held[-1].number]
    assert all(item.valid_from is None or item.valid_to is None or item.valid_from <= item.valid_to for item in held)


def test_a_dissolved_entry_ends_and_holds_again() -> None:
    held = (entry("1", FIRST, date(2022, 1, 1)), entry("2", date(2022, 1, 1)))
    over = ended(held, on=date(2025, 3, 1))
    assert [item.valid_to for item in over] == [date(2022, 1, 1), date(2025, 3, 1)]
    assert held_again(over, ended_on=date(2025, 3, 1)) == held
    assert held_again(over, ended_on=date(2025, 3, 2)) == over


def test_a_new_organisation_says_since_when_only_where_it_was_told() -> None:
    fields = {"legal_name": "Beispiel GmbH", "seat": Address(place="Bremen", state="DE-HB"), "legal_form": None}
    assert "since" not in entered(fields, Told())
    since = entered(fields, Told(on=FIRST, source="Handelsregister"))["since"]
    assert (since.legal_name, since.seat, since.legal_form) == (FIRST, FIRST, None)
    assert since.seat_source == "Handelsregister"


def notes(then: Any) -> dict[str, str]:
    return {item.field: item.code for item in then.unknown}


def test_as_of_names_what_nobody_knows() -> None:
    known = organisation(
        since=Since(legal_name=date(2024, 5, 1), seat=date(2021, 1, 1)),
        former_names=(FormerName(legal_name="Beispiel Alt GmbH", valid_from=FIRST, valid_to=date(2024, 5, 1)),),
        register_entries=(entry("1", FIRST, date(2023, 1, 1)), entry("2", date(2023, 1, 1))),
        vat_id="DE999000017",
    )
    then = as_of(known, date(2022, 6, 1), today=TODAY)
    assert (then.legal_name, then.legal_form) == ("Beispiel Alt GmbH", "350")
    assert [item.number for item in then.register_entries] == ["1"]
    assert notes(then) == {"legal_form": "since_unknown", "vat_id": "undated"}
    before = as_of(known, date(2019, 12, 31), today=TODAY)
    assert (before.legal_name, before.seat, before.register_entries) == (None, None, ())
    assert notes(before) | {} == {
        "legal_name": "not_known",
        "legal_form": "since_unknown",
        "seat": "not_known",
        "register_entries": "not_known",
        "vat_id": "undated",
    }


def test_a_former_name_without_days_makes_the_present_one_uncertain() -> None:
    read = organisation(former_names=(FormerName(legal_name="Beispiel Alt GmbH"),))
    assert notes(as_of(read, FIRST, today=TODAY))["legal_name"] == "undated_former"


def test_what_is_dissolved_holds_no_number_from_that_day_on() -> None:
    gone = organisation(
        status="dissolved",
        dissolved_on=date(2025, 3, 1),
        register_entries=(entry("1", FIRST, date(2025, 3, 1)),),
        vat_id="DE999000017",
    )
    euid = str(entry("1").euid)
    assert [held_number(gone, "euid", euid, day) for day in (date(2019, 1, 1), FIRST, date(2025, 3, 1))] == [
        False, True, False,
    ]  # fmt: skip
    assert held_number(gone, "vat", "DE999000017", date(2025, 2, 28)) is None
    assert held_number(gone, "vat", "DE999000017", date(2025, 3, 1)) is False
    assert as_of(gone, date(2025, 2, 28), today=TODAY).status == "active"
    assert as_of(gone, date(2025, 3, 1), today=TODAY).status == "dissolved"


def test_an_entry_of_unknown_begin_may_have_been_held() -> None:
    known = organisation(register_entries=(entry("1", None, date(2023, 1, 1)), entry("2", date(2023, 1, 1))))
    assert held_number(known, "number", "HRB1HB", FIRST) is None
    assert held_number(known, "number", "HRB1HB", date(2023, 1, 1)) is False
    assert held_number(known, "number", "HRB2HB", date(2023, 1, 1)) is True


def test_seats_of_before_are_kept_with_their_days() -> None:
    first = told([({"seat": Address(place="Bremerhaven", state="DE-HB")}, date(2022, 1, 1), False)], organisation())
    assert first.former_seats == (
        FormerSeat(address=Address(place="Bremen", state="DE-HB"), valid_to=date(2022, 1, 1)),
    )


def test_correcting_a_first_day_moves_the_end_of_what_was_before() -> None:
    named = told([({"legal_name": "Beispiel 1 GmbH"}, date(2022, 1, 1), False)], organisation())
    right = told([({"legal_name": "Beispiel 1 GmbH"}, date(2022, 3, 1), True)], named)
    assert [(item.legal_name, item.valid_to) for item in right.former_names] == [("Beispiel 0 GmbH", date(2022, 3, 1))]
    assert identity.on(identity.names(right), date(2022, 2, 1)) == "Beispiel 0 GmbH"
