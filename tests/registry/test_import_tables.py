"""Reading tables as offices make them, and what their columns and cells mean; no server is needed."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from datetime import date

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st
from norda_common.addresses import usual_address
from norda_common.contracts.competences import competences
from norda_common.errors import InvalidInput
from norda_common.states import State
from norda_registry.rules.cell_values import Draft, euros
from norda_registry.rules.classifications import competence
from norda_registry.rules.fields import normalised
from norda_registry.rules.findings import Findings
from norda_registry.rules.import_cells import read_row
from norda_registry.rules.import_fields import FIELDS
from norda_registry.rules.import_headings import find_heading, propose, same_headings
from norda_registry.rules.spreadsheet_cells import guarded, unguarded
from norda_registry.rules.words import KINDS, ROLES, SIZES, VALUE_CHAIN, competence_words, named
from norda_registry.tables.reading import delimiter_of, encoding_of, open_upload

from .staged import ods_of, xlsx_of

Rows = list[tuple[int, int, list[str]]]


def read(content: bytes) -> tuple[str, list[str], Rows]:
    """Kind, names of sheets, rows."""
    upload = open_upload(io.BytesIO(content))
    try:
        return upload.kind, list(upload.sheets), list(upload.rows())
    finally:
        upload.close()


def refusal(content: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(content)
    return caught.value.errors[0].code


def draft(columns: str, *cells: str, own: State = State.BREMEN, clears: bool = False) -> Draft:
    return read_row(2, cells, columns.split(), own=own, clears=clears)


def faults(found: Draft) -> list[tuple[str, str]]:
    return [(error.field, error.code) for error in found.findings.errors]


@pytest.mark.parametrize(
    ("text", "encoding", "delimiter"),
    [
        ("Firma;PLZ\r\nÜberseehafen;28195\r\n", "utf-8", ";"),
        ("Firma,PLZ\nÜberseehafen,28195\n", "utf-8-sig", ","),
        ("Firma\tPLZ\nÜberseehafen\t28195\n", "utf-16", "\t"),
        ("Firma;PLZ\nÜberseehafen;28195\n", "utf-16-le", ";"),
        ("Firma|PLZ\nÜberseehafen|28195\n", "cp1252", "|"),
        ("Firma;PLZ\nU\u0308berseehafen;28195\n", "utf-8", ";"),
        ("sep=,\nFirma,PLZ\nÜberseehafen,28195\n", "cp1252", ","),
        ("Liste, Stand heute\nFirma;PLZ\nÜberseehafen;28195\nÜberseehafen;28195\n", "utf-8", ";"),
    ],
)
def test_encoding_and_delimiter_are_found_out(text: str, encoding: str, delimiter: str) -> None:
    upload = open_upload(io.BytesIO(text.encode(encoding)))
    rows = list(upload.rows())
    assert delimiter_of(upload) == delimiter
    assert encoding_of(upload) in {encoding, encoding.removesuffix("-sig")}
    assert [unicodedata.normalize("NFC", cell) for cell in rows[-1][2]] == ["Überseehafen", "28195"]


def test_a_workbooks_cells_are_read_as_somebody_would_type_them() -> None:
    content = [
        ["Firma", "PLZ", "Umsatz", "seit"],
        ["Beispiel A", 1067, 6.25, date(2026, 2, 1)],
        [],
        ["Beispiel B", 12.345],
    ]
    kind, sheets, rows = read(xlsx_of(("Firmen", content), ("Leer", [])))
    assert (kind, sheets) == ("xlsx", ["Firmen", "Leer"])
    assert rows == [
        (0, 1, ["Firma", "PLZ", "Umsatz", "seit"]),
        (0, 2, ["Beispiel A", "1067", "6.25", "2026-02-01"]),
        # Three digits after a point would be thousands to whoever reads it.
        (0, 4, ["Beispiel B", "12.3450"]),
    ]


def test_errors_of_formulas_are_no_empty_cells() -> None:
    _, _, rows = read(xlsx_of(("A", [["Firma", "Umsatz"], ["Beispiel A", "=1/0"]])))
    assert rows[1][2] == ["Beispiel A", "#DIV/0!"]
    kind, _, rows = read(ods_of("A", [["Firma", "Umsatz"], ["Beispiel & Söhne", "!#DIV/0!"]]))
    assert kind == "ods"
    assert rows[1][2] == ["Beispiel & Söhne", "#DIV/0!"]
    for cell in ("#DIV/0!", "#NV", "#WERT!", "Err:508"):
        assert faults(draft("legal_name turnover_eur", "Beispiel A", cell)) == [("turnover_eur", "formula_error")]


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(410):
                sheet.write(b" " * 1_000_000)
    return file.getvalue()


def liar() -> bytes:
    """An archive that says its member is short."""
    whole = xlsx_of(("A", [["Firma"] * 50] * 500))
    file = bytearray(whole)
    place = whole.rindex(b"PK\x01\x02", 0, whole.rindex(b"xl/worksheets/sheet1.xml"))
    file[place + 24 : place + 28] = (100).to_bytes(4, "little")
    return bytes(file)


def test_what_is_made_to_exhaust_is_refused() -> None:
    assert refusal(bomb()) == "unpacked"
    # Two cells, and seventeen thousand million between them.
    far = io.BytesIO()
    import xlsxwriter  # noqa: PLC0415 - for this alone

    with xlsxwriter.Workbook(far) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "Firma")
        sheet.write(1_048_575, 16_383, "weit weg")
    assert refusal(far.getvalue()) == "unpacked"
    assert refusal(liar()) == "no_workbook"
    assert refusal(b"PK\x03\x04zip") == "no_workbook"
    assert refusal(b"\xd0\xcf\x11\xe0" + bytes(100)) == "password"
    assert refusal(b"\n\n") == "empty"
    assert refusal(b"a;b\n" * 200_001) == "too_many_rows"


def test_a_heading_of_merged_cells_below_a_title_is_found() -> None:
    rows: list[tuple[int, list[str]]] = [
        (1, ["Mitgliederliste 2026"]),
        (3, ["Firma", "Sitz", "", "Register", "", "Umsatz in Mio. Euro (2024)", "Bemerkung"]),
        (4, ["", "PLZ", "Ort", "Gericht", "Nummer"]),
        (5, ["Beispiel A", "28195", "Bremen", "Bremen", "HRB 1"]),
    ]
    heading = find_heading(rows)
    assert heading is not None
    assert (heading.first, heading.last) == (3, 4)
    assert propose(heading.texts) == [
        "legal_name", "postal_code", "place", "register_court", "register_number", "turnover_meur", "note",
    ]  # fmt: skip


def test_a_heading_nobody_understands_is_the_first_full_row() -> None:
    heading = find_heading([(1, ["Übersicht"]), (2, ["Spalte A", "Spalte B", "Spalte A"]), (3, ["x", "y", "z"])])
    assert heading is not None
    assert heading.texts == ("Spalte A", "Spalte B", "Spalte A (2)")
    assert propose(heading.texts) == ["", "", ""]


def test_headings_are_proposed_in_two_languages_and_each_field_once() -> None:
    assert propose(["Firma", "Name", "E-Mail", "Straße", "USt.-ID-Nr.", "Umsatz (EUR)", "Wirtschaftszweig"]) == [
        "legal_name", "", "email", "street", "vat_id", "turnover_eur", "",
    ]  # fmt: skip
    assert propose(["Company", "ZIP code", "City", "Headcount", "VAT number"]) == [
        "legal_name", "postal_code", "place", "employees", "vat_id",
    ]  # fmt: skip
    assert propose(["Firma", "Code"], {"Code": "own_id", "Firma": ""}) == ["", "own_id"]
    for language in ("de", "en"):
        assert propose([field.label.in_language(language) for field in FIELDS]) == [field.name for field in FIELDS]


@pytest.mark.parametrize(
    ("field", "headings"),
    [
        ("turnover_eur", "Umsatz|Umsatz in €|Umsatz EUR 2024|Jahresumsatz (Euro)|Turnover in EUR|Annual revenue"),
        ("turnover_teur", "Umsatz in T€|Umsatz [TEUR] 2023|T€ Umsatz|Umsatz in 1.000 €|Umsatz 1000 EUR|Revenue (€k)"),
        ("turnover_teur", "Umsatz ('000 €)|Umsatz in Tsd. Euro"),
        ("turnover_meur", "Umsatz in Mio €|Umsatz (Mio. EUR)|Umsatz [Mio. €]|Umsatz in Mio. Euro (2024)|Turnover (€m)"),
        ("balance_eur", "Bilanzsumme|Bilanzsumme in Euro|Balance sheet total (EUR)"),
        ("balance_teur", "Bilanzsumme TEUR|Bilanzsumme 31.12.2023 (T€)"),
        ("balance_meur", "Bilanzsumme in Mio €|Balance sheet total in EUR million"),
        ("employees", "MA|MA 2024|Mitarbeiter (VZÄ)|Mitarbeiter:innen|Beschäftigte 2023|Anzahl der Beschäftigten"),
        ("employees", "Employees (FTE)|Number of employees|Kennzahlen Mitarbeiter"),
        # In what nobody knows, of part of it, or in relation to something: somebody has to say.
        ("", "Umsatz $|USD Umsatz|Umsatz in Mrd. €|Umsatz %|Anteil Umsatz|Umsatz pro Mitarbeiter|Umsatz T Mio"),
        ("", "Umsatz in 1 000 000 €|Umsatz 2022/23|Mitarbeiter Deutschland|Mitarbeiter in T€|Umsatz (VZÄ)"),
    ],
)  # fmt: skip
def test_headings_of_figures_are_understood_with_their_unit_or_not_at_all(field: str, headings: str) -> None:
    for heading in headings.split("|"):
        assert propose([heading]) == [field], heading


def test_a_remembered_heading_in_another_currency_is_another_one() -> None:
    assert propose(["Umsatz $", "Umsatz €"], {"Umsatz €": "turnover_eur", "Umsatz $": ""}) == ["", "turnover_eur"]
    assert not same_headings(["Umsatz €"], ["Umsatz $"])


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1.234", 123_400_000),
        ("1.234,5 T€", 123_450_000),
        ("6200", 620_000_000),
        ("0,5 TEUR", 50_000),
        ("12.3450", 1_234_500),
    ],
)
def test_sums_in_thousands_of_euros_are_read(text: str, cents: int) -> None:
    found = draft("legal_name turnover_teur balance_teur", "Beispiel A", text, text)
    assert faults(found) == []
    assert (found.figures.turnover_cents, found.figures.balance_cents) == (cents, cents)
    # In whole euros it would be a thousand times as much.
    for other in ("1 Mio.", "6.200.000 €", "6200 EUR"):
        assert faults(draft("turnover_teur", other)) == [("turnover_teur", "decimal_parsing")]


def test_cells_are_read_as_offices_write_them() -> None:
    found = draft(
        "legal_name postal_code place state register_number register_court wz2025 turnover_eur employees "
        "clusters_since",
        "Beispiel A", "1067", "Dresden", "Sachsen", "HRB 77 HB", "Amtsgericht Bremen", "29.20.0, 29.32.0",
        "1.234.567,89 €", "1.234", "31.12.2024",
    )  # fmt: skip
    assert faults(found) == []
    assert found.seat == {"postal_code": "01067", "place": "Dresden", "state": "DE-SN"}
    assert found.figures.turnover_cents == 123_456_789
    assert found.figures.employees == 1234
    assert found.clusters_since == date(2024, 12, 31)
    entry = found.given["register_entry"]
    assert (entry.type, entry.number, entry.suffix) == ("HRB", "77", "HB")
    assert found.given["activities"] == [("WZ2025", "29.20.0"), ("WZ2025", "29.32.0")]
    assert draft("legal_name state", "Beispiel A", "Deutschland").states == ()
    assert draft("legal_name", "Beispiel A", own=State.HAMBURG).states == ("DE-HH",)


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("oem TIER1", ["oem", "tier1"]),
        ("tier1,service", ["tier1", "service"]),
        ("Zulieferer, Tier 1, Dienstleister", ["tier1", "service"]),
        ("Zulieferer, Tier 2", ["tier2"]),
        ("Supplier, tier 2\nService provider", ["tier2", "service"]),
        ("Hersteller (OEM)/Forschung | Verband;tier3", ["oem", "research", "association", "tier3"]),
    ],
)
def test_roles_are_read_as_the_pages_show_them_or_by_code(cell: str, codes: list[str]) -> None:
    found = draft("legal_name roles", "Beispiel A", cell)
    assert faults(found) == []
    assert list(found.given["roles"]) == codes


def test_competences_stages_and_sizes_are_read_in_words_or_by_code() -> None:
    for cell in (
        "BAT-02 PRD-02",
        "bat-02\nprd-02",
        "Module und Packs (BAT-02), Zerspanung",
        "Modules and packs/PRD 02",
    ):
        findings = Findings()
        given = draft("legal_name competences", "Beispiel A", cell).given
        assert normalised(given, findings)["competences"] == ("BAT-02", "PRD-02"), cell
        assert findings.errors == []
    for language in ("de", "en"):
        for texts, column in ((VALUE_CHAIN, "value_chain"), (SIZES, "size_class"), (KINDS, "kind"), (ROLES, "roles")):
            for code in texts:
                value = draft(f"legal_name {column}", "Beispiel A", named(texts, code, language)).given[column]
                assert value in {code, (code,)}
        for code in competences():
            assert competence(competence_words(code, language)) == code


def test_words_nobody_knows_are_refused_with_those_that_are_allowed() -> None:
    found = draft("legal_name roles value_chain", "Beispiel A", "Dienstleister Zulieferer", "Teile, Module")
    assert faults(found) == [("roles.0", "role"), ("value_chain", "value_chain")]
    role, stage = found.findings.errors
    assert "Hersteller (OEM); Zulieferer, Tier 1;" in role.text.de
    assert "Materials; Parts;" in stage.text.en


def test_a_cell_too_many_is_told_and_one_too_few_is_empty() -> None:
    assert faults(draft("legal_name place", "Beispiel A", "Bremen", "Rest")) == [("row", "cell_count")]
    assert faults(draft("legal_name place", "Beispiel A")) == []


def test_empty_cells_empty_fields_only_when_that_is_asked_for() -> None:
    columns = "legal_name vat_id competences employees street place"
    assert "vat_id" not in draft(columns, "Beispiel A", "", "", "", "", "").given
    cleared = draft(columns, "Beispiel A", "", "", "", "", "", clears=True)
    assert cleared.given["vat_id"] is None
    assert cleared.given["competences"] == ()
    assert cleared.cleared == {"employees"}
    # A place is never emptied.
    assert cleared.seat == {"street": None}


@pytest.mark.parametrize(
    ("text", "cents"),
    [("1.234,5", 123_450), ("1234.50", 123_450), ("1.000", 100_000), ("0", 0), ("1.234.567", 123_456_700)],
)
def test_sums_of_money_are_read_in_both_notations(text: str, cents: int) -> None:
    findings = Findings()
    assert euros(text, "turnover_eur", findings) == cents
    assert findings.errors == []


@given(
    st.from_regex(r"[a-z0-9._-]{1,12}@[a-z0-9-]{1,10}(\.[a-z0-9-]{1,8}){0,2}\.(de|com|example|test)", fullmatch=True)
)
def test_a_usual_address_is_one_to_the_library_too(address: str) -> None:
    if usual_address(address):
        assert validate_email(address, check_deliverability=False).normalized == address


def test_most_addresses_are_usual() -> None:
    assert usual_address("kontakt@beispiel-werft.de")
    assert not any(map(usual_address, ("Kontakt@beispiel.de", "a..b@c.de", "a@b", "a@-b.de", "ä@b.de", "a@b.de\n")))


@given(st.text())
def test_what_is_guarded_comes_back_and_begins_no_formula(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    assert cell[:1] not in set("=+-@\t\r\n")


@given(st.text(alphabet=st.sampled_from("'=+-@a\t"), max_size=6))
def test_what_looks_guarded_already_comes_back_too(text: str) -> None:
    assert unguarded(guarded(text)) == text
