"""Rules of profiles: identifiers in any notation, hints, descriptions, enterprises, codes, links, lists of members."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from string import ascii_uppercase, digits
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from norda_common.contracts import competences
from norda_common.contracts.registry import EXAMPLE, Activity, Address, Certificate, Membership, Organisation
from norda_registry.rules import classifications, signed_links
from norda_registry.rules.activities import activity, means_otherwise, normal_code, successors, title_of
from norda_registry.rules.activity_mapping import proposals, with_chosen
from norda_registry.rules.code_lists import courts
from norda_registry.rules.completeness import WEIGHTS, completeness
from norda_registry.rules.corrections import corrected
from norda_registry.rules.descriptions import ROLES, described, ending_certificates, role, website
from norda_registry.rules.enterprise import ORDER, Member, class_over_years, total
from norda_registry.rules.figures import Figure, FigureKind, by_year, newest
from norda_registry.rules.findings import Findings, Refused
from norda_registry.rules.identifiers import bare, check_widnr, lei, vat_id, widnr
from norda_registry.rules.limits import Limit
from norda_registry.rules.places import (
    check_address,
    federal_state,
    plain_key,
    plain_postal_code,
    states_of_postal_code,
)
from norda_registry.rules.profile import check_whole
from norda_registry.rules.reconciling import (
    ListRow,
    Matched,
    columns_of,
    membership_kind,
    reconcile,
    same_place,
)
from norda_registry.rules.register_entries import court_state, entry_of_euid, register_entry
from norda_registry.rules.size_class import Figures, SizeClass, size_class
from stdnum.iso7064 import mod_11_10, mod_97_10

ALNUM = ascii_uppercase + digits
NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
MILLION = 100_000_000
SEPARATORS = st.sampled_from(["", " ", "\u00a0", "-", "–", "\u2011", ".", "/", "\u200b", "\u00ad"])

vats = st.integers(10_000_000, 99_999_999).map(lambda base: f"{base}{mod_11_10.calc_check_digit(str(base))}")
leis = st.text(ALNUM, min_size=18, max_size=18).map(lambda base: base + mod_97_10.calc_check_digits(base))


@st.composite
def written(draw: st.DrawFn, value: str) -> str:
    """A number as somebody may write it: set apart anywhere, in any case."""
    text = "".join(char + draw(SEPARATORS) for char in value)
    return draw(SEPARATORS) + (text.lower() if draw(st.booleans()) else text)


@given(vats, st.data())
def test_a_vat_number_is_accepted_in_any_notation_and_normalising_is_idempotent(
    digits: str, data: st.DataObject
) -> None:
    label = data.draw(st.sampled_from(["", "USt-IdNr.: ", "USt-ID-Nr. ", "VAT ID ", "UID: "]))
    value = vat_id(label + data.draw(written(f"DE{digits}")))
    assert value == f"DE{digits}"
    assert vat_id(value) == value


@given(vats, st.integers(1, 99_999), st.data())
def test_a_widnr_is_accepted_in_any_notation_and_normalising_is_idempotent(
    digits: str, suffix: int, data: st.DataObject
) -> None:
    value = widnr(data.draw(written(f"DE{digits}{suffix:05}")))
    assert value == f"DE{digits}-{suffix:05}"
    assert widnr(value) == value


@given(leis, st.data())
def test_an_lei_is_accepted_in_any_notation_and_normalising_is_idempotent(number: str, data: st.DataObject) -> None:
    value = lei(data.draw(st.sampled_from(["", "LEI: ", "lei "])) + data.draw(written(number)))
    assert value == number
    assert lei(value) == value


@given(vats, st.integers(0, 8), st.integers(1, 9))
def test_each_single_changed_digit_of_a_vat_number_is_refused(digits: str, place: int, added: int) -> None:
    wrong = digits[:place] + str((int(digits[place]) + added) % 10) + digits[place + 1 :]
    with pytest.raises(Refused):
        vat_id(f"DE{wrong}")


@given(leis, st.integers(0, 19), st.integers(1, 25))
def test_each_single_changed_digit_or_letter_of_an_lei_is_refused(number: str, place: int, added: int) -> None:
    # Of a letter where a digit was, which counts as two digits, the standard misses one in 97.
    alike = digits if number[place] in digits else ascii_uppercase
    other = alike[(alike.index(number[place]) + added) % len(alike)]
    assume(other != number[place])
    with pytest.raises(Refused):
        lei(number[:place] + other + number[place + 1 :])


@given(vats, st.integers(0, 8), st.integers(1, 9))
def test_each_single_changed_digit_of_a_widnr_beside_a_vat_number_is_refused(
    digits: str, place: int, added: int
) -> None:
    wrong = digits[:place] + str((int(digits[place]) + added) % 10) + digits[place + 1 :]
    findings = Findings()
    check_widnr(f"DE{wrong}-00001", f"DE{digits}", findings)
    assert [error.code for error in findings.errors] == ["widnr_differs"]


@given(st.text(max_size=40))
def test_bare_numbers_stay_as_they_are(text: str) -> None:
    assert bare(bare(text)) == bare(text)


def test_the_reason_of_a_refusal_is_exact() -> None:
    for text, said in (
        ("ATU12345678", "beginnt mit AT"),
        ("DE12345678", "es sind 8 Ziffern"),
        ("999000017", "DE fehlt"),
    ):
        with pytest.raises(Refused) as refusal:
            vat_id(text)
        assert said in refusal.value.text.de
    with pytest.raises(Refused) as missing:
        widnr("DE999000017")
    assert "-00001" in missing.value.text.de
    # 01 leaves the same remainder as 98, but the standard never makes it.
    base = next(b for b in (f"AAAA{n:014}" for n in range(2_000)) if mod_97_10.calc_check_digits(b) == "98")
    with pytest.raises(Refused) as never:
        lei(f"{base}01")
    assert never.value.code == "lei_checksum"


def test_a_widnr_without_a_vat_number_is_warned_of_when_it_is_unlikely() -> None:
    for number, codes in (("DE999000017-00001", []), ("DE999000018-00001", ["widnr_unlikely"])):
        findings = Findings()
        check_widnr(number, None, findings)
        assert findings.errors == []
        assert [warning.code for warning in findings.warnings] == codes


@pytest.mark.parametrize(
    ("postal_code", "states"),
    [
        ("19273", {"DE-NI", "DE-MV"}),
        ("21039", {"DE-HH", "DE-SH"}),
        ("22113", {"DE-HH", "DE-SH"}),
        ("28816", {"DE-NI"}),
        ("28195", {"DE-HB"}),
        ("27568", {"DE-HB", "DE-NI"}),
        ("27499", {"DE-HH", "DE-NI", "DE-SH"}),
    ],
)
def test_a_postal_code_gives_no_state_but_a_hint(postal_code: str, states: set[str]) -> None:
    assert states_of_postal_code(postal_code) == states
    for state in ("DE-HB", "DE-HH", "DE-NI", "DE-SH", "DE-MV"):
        findings = Findings()
        check_address(Address(place="X", state=state, postal_code=postal_code), "seat", findings)
        assert findings.errors == []
        assert bool(findings.warnings) is (state not in states), (postal_code, state)


def test_every_postal_area_names_states_that_exist_and_the_three_states_are_whole() -> None:
    findings = Findings()
    for number in range(1_000, 99_999, 7):
        check_address(Address(place="X", state="DE-NI", postal_code=f"{number:05}"), "seat", findings)
    assert findings.errors == []


@given(st.from_regex(r"[0-9]{5}", fullmatch=True), st.sampled_from(["", "D-", "DE-", "d ", "D"]), st.integers(0, 5))
def test_a_postal_code_is_known_in_any_notation(code: str, country: str, gap: int) -> None:
    assert plain_postal_code(f" {country}{code[:gap]} {code[gap:]} ") == code
    assert plain_postal_code(code) == code


@pytest.mark.parametrize("text", ["03 2 51", "03.251", "03251", "03-251"])
def test_a_municipality_key_is_known_in_any_notation(text: str) -> None:
    assert plain_key(text) == "03251"
    assert plain_key("de 922") == plain_key("DE922") == "DE922"


@pytest.mark.parametrize(("text", "code"), [("hb", "DE-HB"), ("DE HB", "DE-HB"), ("bremen", "DE-HB"),
                                            ("Baden-Wuerttemberg", "DE-BW"), ("de-th", "DE-TH")])  # fmt: skip
def test_a_state_is_known_by_code_and_name(text: str, code: str) -> None:
    assert federal_state(text) == code
    assert federal_state(federal_state(text)) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ags": "03251", "nuts": "DE911"}, "nuts_of_ags"),
        ({"ags": "03999"}, "ags_unknown"),
        ({"postal_code": "00500"}, "postal_code_unknown"),
    ],
)
def test_what_the_lists_do_not_know_is_a_warning(fields: dict[str, str], code: str) -> None:
    findings = Findings()
    check_address(Address.model_validate({"place": "X", "state": "DE-NI"} | fields), "seat", findings)
    assert findings.errors == []
    assert [warning.code for warning in findings.warnings] == [code]


@pytest.mark.parametrize(("field", "value"), [("postal_code", "1067"), ("ags", "3251"), ("ags", "3251000")])
def test_a_zero_a_spreadsheet_lost_is_named(field: str, value: str) -> None:
    findings = Findings()
    check_address(Address.model_validate({"place": "X", "state": "DE-NI", field: value}), "seat", findings)
    assert "fehlt die 0" in findings.errors[0].text.de


def test_a_court_of_another_state_is_warned_of_also_beyond_the_list() -> None:
    entry = register_entry("F1103R", "HRB", number="77", court_name="Charlottenburg")
    assert court_state(entry) == "DE-BE"
    findings = Findings()
    check_whole(EXAMPLE.model_copy(update={"register_entries": (entry,)}), findings)
    assert [warning.code for warning in findings.warnings] == ["court_elsewhere"]


@given(st.sampled_from(sorted(courts())), st.sampled_from(["HRA", "HRB", "VR"]), st.integers(1, 99_999_999), st.data())
def test_an_euid_is_accepted_in_any_notation(court: str, kind: str, number: int, data: st.DataObject) -> None:
    entry = register_entry(court, kind, number=str(number))
    gap = data.draw(st.sampled_from(["", " ", "."]))
    text = f"de{court}{data.draw(st.sampled_from(['.', ' ', '. ']))}{kind}{gap}{number} {entry.suffix}"
    assert entry_of_euid(text) == entry


@pytest.mark.parametrize("text", ["29320", "29.32.0", "C29.32.0", "C 29.32.0", "29 32 0"])
def test_a_code_of_an_activity_is_known_in_any_notation(text: str) -> None:
    assert activity("WZ 2025", text) == Activity(edition="WZ2025", code="29.32.0")
    assert normal_code(normal_code(text)) == "29.32.0"


def test_five_hundred_and_seventy_two_codes_are_in_both_editions_and_178_mean_something_else() -> None:
    from wz_code import WZ  # noqa: PLC0415 - the list itself, to count it

    old, new = WZ(version="2008"), WZ(version="2025")
    both = [code for code in old.get_all_codes() if new.exists(code) and old.get(code).level == 5]
    assert len(both) == 572
    assert sum(means_otherwise(code) for code in both) == 178
    assert all(successors(code) for code in old.get_all_codes())


def test_a_code_that_means_something_else_shows_both_meanings_and_is_not_applied() -> None:
    it = EXAMPLE.model_copy(update={"activities": (Activity(edition="WZ2008", code="25.61.0"),)})
    (proposal,) = proposals(it, decided=())
    assert proposal.means_otherwise
    assert (proposal.title, proposal.other_title) == (title_of("WZ2008", "25.61.0"), title_of("WZ2025", "25.61.0"))
    assert [target.code for target in proposal.targets] == ["25.51.0", "25.52.0", "25.53.0"]
    assert proposal.ticked == ()
    assert means_otherwise("38.31.0")
    findings = Findings()
    chosen = with_chosen(it.activities, "25.61.0", ["25510"], findings)
    assert chosen == (*it.activities, Activity(edition="WZ2025", code="25.51.0"))
    assert proposals(it, decided={"25.61.0"}) == []
    with_chosen(it.activities, "29.10.1", ["25.51.0"], findings)
    assert [error.code for error in findings.errors] == ["no_activity"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("www.ex-001.example", "https://www.ex-001.example/"),
        ("HTTP://WWW.EX-001.example/über?x=1#teil", "http://www.ex-001.example/über?x=1"),
        ("https://größe.example", "https://xn--gre-6ka8i.example/"),
        ("ex-001.example:8443/a", "https://ex-001.example:8443/a"),
    ],
)
def test_a_website_is_normalised(text: str, address: str) -> None:
    assert website(text) == address
    assert website(address) == address


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("javascript://alert(1)", "website_scheme"),
        ("ftp://ex-001.example", "website_scheme"),
        ("https://user:geheim@ex-001.example", "website_sign_in"),
        ("nichts", "website"),
        ("https://ex 001.example", "website"),
        ("https://ex-001.example:99999", "website"),
        ("", "website"),
    ],
)
def test_what_is_no_website_is_refused_with_the_reason(text: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        website(text)
    assert refusal.value.code == code


@given(st.text(max_size=60))
def test_whatever_is_typed_a_website_is_refused_or_stays_as_normalised(text: str) -> None:
    try:
        address = website(text)
    except Refused:
        return
    assert website(address) == address
    assert address.startswith(("https://", "http://"))


def test_roles_are_known_by_code_and_spelling_and_kept_in_order() -> None:
    assert (role("Tier 2"), role("OEM"), role("Forschung")) == ("tier2", "oem", "research")
    findings = Findings()
    fields = described({"roles": ["service", "Tier 1", "service"], "website": None, "name_en": "X"}, findings)
    assert fields == {"roles": ("tier1", "service"), "website": None, "name_en": "X"}
    described({"roles": ["chef"]}, findings)
    assert [error.field for error in findings.errors] == ["roles.0"]


def test_certificates_are_checked_and_those_that_end_are_found() -> None:
    findings = Findings()
    fields = described(
        {
            "certificates": [
                {"name": "ISO 9001", "valid_to": "2027-02-24"},
                {"name": "IATF 16949", "number": "1", "valid_from": "2024-01-01", "valid_to": "2026-01-01"},
                {"name": "ISO 14001", "valid_to": "2027-02-25"},
            ]
        },
        findings,
    )
    assert findings.errors == []
    it = EXAMPLE.model_copy(update=fields)
    ending = ending_certificates(it, today=date(2026, 11, 26))
    assert [item.name for item in ending] == ["IATF 16949", "ISO 9001"]
    described(
        {"certificates": [{"name": "A", "valid_from": "2026-02-01", "valid_to": "2026-01-01"}, {"name": "a"}]}, findings
    )
    assert [error.code for error in findings.errors] == ["before_begin", "repeated"]


OLD_LIST = """id,broader,label_de,label_en,status,successor
X,,Neu,New,active,
X-01,X,Alt,Old,deprecated,X-02
X-02,X,Besser,Better,active,
X-03,X,Fort,Gone,deprecated,
"""


def test_a_deprecated_competence_is_kept_but_not_given_and_its_successor_is_proposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = competences.read(OLD_LIST)
    monkeypatch.setattr(classifications, "competences", lambda: known)
    assert classifications.competence("x_02") == "X-02"
    assert classifications.competence("X-01", held=("X-01",)) == "X-01"
    with pytest.raises(Refused) as refusal:
        classifications.competence("X-01")
    assert refusal.value.code == "competence_deprecated"
    assert "Besser (X-02)" in refusal.value.text.de
    findings = Findings()
    kept = corrected(EXAMPLE.model_copy(update={"competences": ("X-03",)}), {"competences": ["X-03", "X-02"]}, findings)
    assert kept.competences == ("X-03", "X-02")
    assert findings.errors == []


def test_a_successor_has_to_be_one_that_can_be_chosen() -> None:
    for wrong in ("X-03", "X-99"):
        with pytest.raises(ValueError, match=wrong):
            competences.read(OLD_LIST.replace("deprecated,X-02", f"deprecated,{wrong}"))


def figure(kind: str, on: str, value: int | None, *, source: str = "s", second: int = 0) -> Figure:
    return Figure(
        kind=FigureKind(kind),
        on=date.fromisoformat(on),
        source=source,
        value=value,
        recorded_at=NOW + timedelta(seconds=second),
    )


def test_of_a_day_and_source_the_last_row_holds_and_of_a_kind_the_newest_day() -> None:
    rows = [
        figure("employees", "2024-12-31", 9),
        figure("employees", "2024-12-31", 12, second=1),
        figure("employees", "2025-12-31", 14, source="other"),
        figure("turnover", "2024-12-31", 5),
        figure("employees", "2023-12-31", 99, second=9),
    ]
    assert newest(rows) == Figures(14, 5, None)
    assert by_year(rows) == [
        (2023, Figures(99, None, None)),
        (2024, Figures(12, 5, None)),
        (2025, Figures(14, 5, None)),
    ]
    assert newest([*rows, figure("employees", "2026-01-01", None)]).employees is None


@given(
    st.lists(st.tuples(st.sampled_from(["employees", "turnover"]), st.dates(date(2020, 1, 1), date(2026, 1, 1)),
                       st.integers(0, 300), st.integers(0, 50)), max_size=12)
)  # fmt: skip
def test_the_newest_figures_do_not_depend_on_the_order_of_rows(rows: list[Any]) -> None:
    made = [
        figure(kind, day.isoformat(), value, source=str(place), second=second)
        for place, (kind, day, value, second) in enumerate(rows)
    ]
    ordered = sorted(made, key=lambda row: (row.on, row.recorded_at))
    instants = {(row.kind, row.on, row.recorded_at) for row in made}
    if len(instants) == len(made):
        assert newest(made) == newest(ordered) == newest(reversed(ordered))


def enterprise(employees: int | None, turnover: int | None, **links: Any) -> Member:
    return Member(Figures(employees, turnover), **links)


def test_linked_enterprises_count_whole_and_partners_by_their_share() -> None:
    members = {
        "a": enterprise(40, 5 * MILLION, linked=["b"], partners={"p": 25}),
        "b": enterprise(30, 1 * MILLION, linked=["c"], partners={"q": 50}),
        "c": enterprise(20, 1 * MILLION),
        "p": enterprise(100, 8 * MILLION, linked=["pp"], partners={"never": 50}),
        "pp": enterprise(100, 8 * MILLION),
        "q": enterprise(10, 2 * MILLION),
        "never": enterprise(1_000, 900 * MILLION),
    }
    found = total("a", members)
    assert found.figures == Figures(40 + 30 + 20 + 50 + 5, 5 * MILLION + 2 * MILLION + 4 * MILLION + 1 * MILLION, None)
    assert found.counted == 6
    assert (found.unknown, found.cycles) == ((), ())
    assert found.size == "medium"


def test_a_cycle_is_said_and_everybody_counted_once() -> None:
    members = {
        "a": enterprise(6, MILLION, linked=["b"]),
        "b": enterprise(3, MILLION, linked=["c"]),
        "c": enterprise(2, MILLION, linked=["a"], partners={"b": 30}),
    }
    found = total("a", members)
    assert found.figures == Figures(11, 3 * MILLION, None)
    assert found.cycles == ("a", "b", "c")
    assert found.size == "small"


def test_what_is_not_known_is_said_and_not_guessed() -> None:
    small = enterprise(5, MILLION, linked=["gone"], partners={"p": None})
    found = total("a", {"a": small, "p": enterprise(1, 1)})
    assert set(found.unknown) == {"gone", "p"}
    assert found.size is None
    large = total("a", {"a": enterprise(300, MILLION, linked=["gone"])})
    assert large.unknown == ("gone",)
    assert large.size == "large", "whatever is missing can only add"


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60 * MILLION)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(["linked", "partner"])), max_size=10),
)
def test_a_further_enterprise_never_makes_it_smaller_and_counting_ends(
    figures: list[tuple[int, int]], links: list[tuple[int, int, str]]
) -> None:
    linked: dict[int, list[str]] = {}
    partners: dict[int, dict[str, int | None]] = {}
    for one, other, kind in links:
        if kind == "linked":
            linked.setdefault(one, []).append(str(other))
        else:
            partners.setdefault(one, {})[str(other)] = 30
    members = {
        str(place): enterprise(*values, linked=linked.get(place, ()), partners=partners.get(place))
        for place, values in enumerate(figures)
    }
    found, alone = total("0", members), size_class(Figures(*figures[0]))
    assert alone is not None
    assert found.counted <= max(len(figures), 6) + 1
    if found.size is not None:
        assert ORDER.index(found.size) >= ORDER.index(alone)
    if not found.unknown:
        assert found.size is not None


MICRO, SMALL, MEDIUM, LARGE = ORDER


@pytest.mark.parametrize(
    ("years", "held"),
    [
        ([], None),
        ([(2025, SMALL)], SMALL),
        ([(2024, SMALL), (2025, MEDIUM)], SMALL),
        ([(2023, SMALL), (2024, MEDIUM), (2025, MEDIUM)], MEDIUM),
        ([(2023, SMALL), (2024, MEDIUM), (2025, LARGE)], MEDIUM),
        ([(2023, SMALL), (2024, MEDIUM), (2025, MICRO)], SMALL),
        ([(2022, LARGE), (2023, SMALL), (2024, MICRO)], SMALL),
        ([(2021, SMALL), (2023, MEDIUM), (2025, MEDIUM)], SMALL),
        ([(2022, SMALL), (2023, MEDIUM), (2024, None), (2025, MEDIUM)], SMALL),
    ],
)
def test_a_class_changes_after_two_consecutive_years(
    years: list[tuple[int, SizeClass | None]], held: SizeClass | None
) -> None:
    assert class_over_years(years)[0] == held


@given(st.lists(st.sampled_from(ORDER), min_size=1, max_size=8))
def test_the_class_held_is_one_the_years_said_and_one_year_changes_nothing(classes: list[SizeClass]) -> None:
    years = list(enumerate(classes, start=2015))
    held, last = class_over_years(years)
    assert held in classes
    assert last == classes[-1]
    before = class_over_years(years[:-1])[0] if len(years) > 1 else held
    if len(years) > 1 and classes[-2] == before:
        assert held == before


def test_completeness_says_what_is_missing_and_grows_with_what_is_there() -> None:
    for kind in WEIGHTS:
        empty = Organisation(
            organisation_id=uuid4(), responsible_state="hb", kind=kind, status="active", legal_name="X",
            seat=Address(state="DE-HB"), changed_at=NOW,
        )  # fmt: skip
        found = completeness(empty)
        assert found.percent == 0
        assert {name for name, _ in found.missing} == set(WEIGHTS[kind])
        described_one = empty.model_copy(update={"website": "https://x.example/"})
        assert completeness(described_one).percent > 0
        assert "website" not in dict(completeness(described_one).missing)


KEY = b"k" * 32


@given(st.uuids(), st.integers(0, 60 * 86_400 * 365), st.integers(0, 63))
def test_a_link_says_what_was_signed_and_nothing_else_is_taken(key: UUID, seconds: int, place: int) -> None:
    expires = NOW + timedelta(seconds=seconds)
    text = signed_links.sign(key, expires_at=expires, purpose="confirmation", key=KEY)
    assert len(text) == 64
    assert signed_links.read(text, purpose="confirmation", key=KEY) == signed_links.Signed(key, expires)
    assert signed_links.read(text, purpose="other", key=KEY) is None
    assert signed_links.read(text, purpose="confirmation", key=b"x" * 32) is None
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    assert signed_links.read(changed, purpose="confirmation", key=KEY) is None


@given(st.text(max_size=80))
def test_no_other_text_is_a_link(text: str) -> None:
    assert signed_links.read(text, purpose="confirmation", key=KEY) is None


def test_a_limit_counts_within_its_while_and_by_key() -> None:
    limit = Limit(2, timedelta(minutes=1))
    assert [limit.allows("a", now=NOW) for _ in range(3)] == [True, True, False]
    assert limit.allows("b", now=NOW)
    assert limit.allows("a", now=NOW + timedelta(seconds=61))


CLUSTER = uuid4()


def member(name: str, *, state: str = "hb", joined: bool = True, place: str = "Bremen") -> Organisation:
    memberships = (Membership(cluster_id=CLUSTER, cluster_code="ANW"),) if joined else ()
    return Organisation(
        organisation_id=uuid4(), responsible_state=state, kind="company", status="active", legal_name=name,
        seat=Address(place=place, state="DE-HB"), memberships=memberships, changed_at=NOW,
    )  # fmt: skip


def test_a_list_is_sorted_by_what_it_changes_and_doubt_changes_nothing() -> None:
    stays, leaves, doubtful, joins = (
        member("Bleibt"), member("Geht"), member("Zweifel"), member("Kommt", joined=False)
    )  # fmt: skip
    found = reconcile(
        [
            Matched(ListRow(2, "Bleibt"), (stays,), "name"),
            Matched(ListRow(3, "Kommt"), (joins,), "number"),
            Matched(ListRow(4, "Kommt GmbH"), (joins,), "name"),
            Matched(ListRow(5, "Zweifel"), (doubtful, member("Zweifel")), "name"),
            Matched(ListRow(6, "Niemand")),
        ],
        [stays, leaves, doubtful],
        cluster_id=CLUSTER,
    )
    assert [item.row.row for item in found.stays] == [2]
    assert [item.row.row for item in found.joins] == [3]
    assert [item.row.row for item in found.repeated] == [4]
    assert [item.row.row for item in found.ambiguous] == [5]
    assert [item.row.row for item in found.unknown] == [6]
    assert found.leaves == [leaves], "whom a doubtful row may mean has perhaps not left"
    assert found.members == 4


def test_columns_places_and_kinds_of_lists_are_understood() -> None:
    assert columns_of(["firma", "ort", "ust-idnr.", "mitgliedsart"]) == {
        "name": ["firma"], "place": ["ort"], "number": ["ust-idnr."], "kind": ["mitgliedsart"],
    }  # fmt: skip
    assert same_place("Oldenburg", "Oldenburg (Oldb)")
    assert same_place("", "Bremen")
    assert not same_place("Bremen", "Bremerhaven")
    assert membership_kind("Fördermitglied") == "sponsor"
    assert membership_kind("???") is None


def test_every_role_has_a_weight_of_words() -> None:
    from norda_registry.pages import texts  # noqa: PLC0415 - the pages' words for the rules' codes
    from norda_registry.rules.descriptions import VALUE_CHAIN  # noqa: PLC0415
    from norda_registry.rules.reconciling import MEMBERSHIP_KINDS  # noqa: PLC0415
    from norda_registry.rules.releases import GROUPS  # noqa: PLC0415

    assert set(texts.ROLES) == set(ROLES)
    assert set(texts.VALUE_CHAIN) == set(VALUE_CHAIN)
    assert set(texts.MEMBERSHIPS) == set(MEMBERSHIP_KINDS)
    assert set(texts.GROUPS) == set(GROUPS)
    assert Certificate(name="x")
