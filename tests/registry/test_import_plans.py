"""What a row makes of an organisation; rules alone, no server is needed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.registry import EXAMPLE, Organisation
from norda_common.states import State
from norda_registry.rules.classifications import form_of_name
from norda_registry.rules.import_cells import read_row
from norda_registry.rules.import_rows import Current, Planned, plan
from norda_registry.rules.size_class import Figures
from norda_registry.store.organisations import dated_document, document_of
from norda_registry.usecases.imports.rows import row_of

ROLAND = EXAMPLE.model_copy(
    update={
        "activities": Organisation.model_validate(
            EXAMPLE.model_dump()
            | {"activities": [{"edition": "WZ2008", "code": "27.20.0"}, {"edition": "WZ2025", "code": "27.20.0"}]}
        ).activities
    }
)
FIGURES = Figures(employees=12, turnover_cents=1_000_000_00)


def planned(
    columns: str, *cells: str, of: Organisation | None = ROLAND, clears: bool = False, email: str | None = None
) -> tuple[Planned | None, list[tuple[str, str]]]:
    """The plan, and the faults of the row."""
    row = row_of(read_row(2, cells, columns.split(), own=State.NIEDERSACHSEN, clears=clears))
    made = plan(
        row.draft,
        row.fields,
        Current(of, FIGURES, email) if of else None,
        new_id=EXAMPLE.organisation_id,
        state="ni",
        memberships=(),
        now=EXAMPLE.changed_at,
        today=EXAMPLE.changed_at.date(),
    )
    return made, [(error.field, error.code) for error in row.draft.findings.errors]


def changed(made: Planned | None) -> dict[str, Any]:
    """The fields that are others than Roland's."""
    assert made is not None
    return {name: value for name, value in made.organisation if value != getattr(ROLAND, name)}


def test_codes_of_an_edition_the_row_does_not_name_stay() -> None:
    made, _ = planned("wz2025", "29.32.0")
    assert [(item.edition, item.code) for item in changed(made)["activities"]] == [
        ("WZ2008", "27.20.0"), ("WZ2025", "29.32.0"),
    ]  # fmt: skip
    same, _ = planned("wz2025 wz2008", "27.20.0", "27.20.0")
    assert changed(same) == {}


def test_another_order_of_codes_is_no_change() -> None:
    made, _ = planned("competences", "BAT-03 BAT-02")
    assert changed(made) == {}


def test_a_part_of_the_seat_changes_alone_and_another_place_takes_nothing_along() -> None:
    made, _ = planned("street", "Hafenstraße 1")
    assert changed(made)["seat"].model_dump() == ROLAND.seat.model_dump() | {"street": "Hafenstraße 1"}
    other, _ = planned("place postal_code", "Weyhe", "28844")
    seat = changed(other)["seat"]
    assert (seat.place, seat.postal_code, seat.ags, seat.state) == ("Weyhe", "28844", None, "DE-NI")


def test_no_seat_moves_to_another_state_by_an_import() -> None:
    made, faults = planned("place state", "Bremen", "Bremen")
    assert made is None
    assert faults == [("seat.state", "relocation")]


def test_a_former_register_entry_leaves_seat_and_register_as_they_are() -> None:
    made, faults = planned("euid place state", "DEH1101.HRB990005HB", "Bremen", "Bremen")
    assert faults == []
    assert changed(made) == {}


def test_figures_that_stay_leave_the_size_class() -> None:
    linked = ROLAND.model_copy(update={"size_class": "large"})
    made, _ = planned("employees turnover_eur", "12", "1000000", of=linked)
    assert made is not None
    assert made.organisation.size_class == "large"
    more, _ = planned("employees", "60", of=linked)
    assert more is not None
    # For others more must be known than the row: whom it counts in, and earlier years (usecases/imports/planning.py).
    assert (more.organisation.size_class, more.figures) == ("large", replace(FIGURES, employees=60))


def test_a_contact_address_is_emptied_only_when_that_is_asked_for() -> None:
    kept, _ = planned("legal_name email", ROLAND.legal_name, "", email="a@b.example")
    assert kept is not None
    assert (kept.email, kept.private_change) == ("a@b.example", False)
    emptied, _ = planned("legal_name email", ROLAND.legal_name, "", email="a@b.example", clears=True)
    assert emptied is not None
    assert (emptied.email, emptied.private_change) == (None, True)


def test_a_new_company_needs_a_name_and_a_place_and_other_bodies_no_place() -> None:
    assert planned("vat_id", "DE999000050", of=None) == (
        None,
        [("legal_name", "missing"), ("place", "missing")],
    )
    made, faults = planned("legal_name kind", "Beispiel Amt", "Öffentliche Stelle", of=None)
    assert faults == []
    assert made is not None
    assert (made.organisation.kind, made.organisation.seat.state) == ("public_body", "DE-NI")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Beispiel GmbH", "350"), ("Beispiel G.m.b.H.", "350"), ("Verkehrsgesellschaft Bremen mbH", "350"),
        ("Beispiel GmbH & Co. KG", "230"), ("Beispiel GmbH + Co KG", "230"), ("Murkel & Co. KG", "220"),
        ("Beispiel AG & Co. KGaA", "223100"), ("Beispiel e. V.", "590"), ("Beispiel UG (haftungsbeschränkt)", "351"),
        # Of two, of another country's, of what is a word of names, and in the midst nothing is taken.
        ("Beispiel GmbH & Co. Beteiligungs KG", None), ("Beispiel Ltd. & Co. KG", None), ("Beispiel Stiftung", None),
        ("Allianz Wasserstoff Partnerschaft", None),        ("Beispiel GmbH Bremen", None), ("GmbH", None), ("", None),
    ],
)  # fmt: skip
def test_the_legal_form_of_a_name_is_the_one_it_ends_with(name: str, code: str | None) -> None:
    assert form_of_name(name) == code


def test_what_an_organisation_is_does_not_change_by_a_list_of_companies() -> None:
    made, _ = planned("kind", "Cluster")
    assert changed(made) == {}


@given(
    name=st.text() | st.just('","changed_at":"2026-01-01T00:00:00Z"}'),
    # Bounds without a zone, as hypothesis takes them.
    at=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC) | st.timezones()),  # noqa: DTZ001
)
def test_a_document_with_another_day_is_what_would_be_written_anew(name: str, at: datetime) -> None:
    named = EXAMPLE.model_copy(update={"legal_name": name})
    anew = document_of(named.model_copy(update={"changed_at": at}))
    assert dated_document(document_of(named), at) == anew
    # As an earlier release may have written it.
    in_another_order = json.dumps(dict(reversed(json.loads(document_of(named)).items())))
    assert dated_document(in_another_order, at) == anew


def test_documents_end_with_their_day_so_that_none_is_written_anew_for_it() -> None:
    assert list(json.loads(document_of(EXAMPLE)))[-1] == "changed_at"
