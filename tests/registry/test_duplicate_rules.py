"""When two names mean one company: measured on a labelled set, and what must hold whatever the names are.

The set is `data/name_pairs.csv`: `same` is 1 for one company and 0 for two, whatever the rules make of it; `=` stands
for the value of the first entry. All names are invented.
"""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass, replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_registry.rules.company_names import company_name, edits, likeness
from norda_registry.rules.duplicates import Candidate, Judgement, RuleClass, blocking_keys, judge, name_hash
from norda_registry.rules.names import fold
from norda_registry.rules.phonetics import sound

from .conftest import DATA

NARROW, WARNED = {RuleClass.NARROW}, {RuleClass.NARROW, RuleClass.BROAD}


@dataclass(frozen=True)
class Pair:
    """A labelled pair."""

    same: bool
    case: str
    one: Candidate
    other: Candidate

    @property
    def judgement(self) -> Judgement:
        return judge(self.one, self.other)

    def __str__(self) -> str:
        found = self.judgement
        return f"{self.case}: {self.one.name} | {self.other.name} ({found.score}, {found.rule})"


@cache
def pairs() -> list[Pair]:
    """The labelled set."""
    with (DATA / "name_pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return [Pair(row["same"] == "1", row["case"], candidate(row, "a"), candidate(row, "b")) for row in rows]


def candidate(row: dict[str, str], side: str) -> Candidate:
    values = {
        name: row[f"a_{name}"] if row[f"{side}_{name}"] == "=" else row[f"{side}_{name}"]
        for name in ("name", "place", "plz", "numbers")
    }
    numbers = dict(part.split("=") for part in values["numbers"].split())
    return Candidate(
        name=values["name"],
        place=values["place"] or None,
        postal_code=values["plz"] or None,
        entry=numbers.get("euid"),
        vat_id=numbers.get("vat"),
        widnr=numbers.get("widnr"),
        lei=numbers.get("lei"),
    )


def measured(classes: set[RuleClass]) -> tuple[float, float]:
    """Precision and recall of these classes; the misses are printed."""
    hits = [pair for pair in pairs() if pair.judgement.rule in classes]
    right = [pair for pair in hits if pair.same]
    same = [pair for pair in pairs() if pair.same]
    for pair in hits:
        if not pair.same:
            print("wrongly found:", pair)
    for pair in same:
        if pair.judgement.rule not in classes:
            print("missed:", pair)
    precision, recall = len(right) / len(hits), len(right) / len(same)
    print(f"{len(pairs())} pairs, {len(hits)} found: precision {precision:.3f}, recall {recall:.3f}")
    return precision, recall


def test_the_set_is_large_and_has_both_kinds() -> None:
    assert len(pairs()) >= 300
    assert min(sum(pair.same for pair in pairs()), sum(not pair.same for pair in pairs())) >= 140


def test_the_automatic_class_is_right() -> None:
    precision, recall = measured(NARROW)
    assert precision >= 0.98
    assert recall >= 0.45, "what is certain must not become so little that imports enter everything anew"


def test_the_warning_class_misses_little() -> None:
    precision, recall = measured(WARNED)
    assert recall >= 0.95
    assert precision >= 0.85, "who is warned of everything reads no warning"


def test_what_is_warned_of_is_looked_for() -> None:
    """Those that share no key are never compared; equal numbers are looked up by themselves."""
    found = [
        pair
        for pair in pairs()
        if pair.same
        and pair.judgement.rule in WARNED
        and (pair.case == "ids" or set(blocking_keys(pair.one)) & set(blocking_keys(pair.other)))
    ]
    assert len(found) / sum(pair.same for pair in pairs()) >= 0.95


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: f"{pair.one.name[:30]}")
def test_a_judgement_is_the_same_the_other_way_round(pair: Pair) -> None:
    there, back = judge(pair.one, pair.other), judge(pair.other, pair.one)
    assert (there.score, there.rule) == (back.score, back.rule)
    for text in there.reasons:
        assert text.de != text.en


def test_numbers_decide_whatever_the_names_say() -> None:
    one = Candidate(name="Beispiel Zwilling GmbH", place="Bremen", postal_code="28195")
    for name, value, other in (
        ("vat_id", "DE999000017", "DE999000025"),
        ("lei", "5299000J2N45DDNE4Y28", "529900W18LQJJN6SJ336"),
        ("entry", "euid|DEH1101.HRB1HB", "euid|DEH1101.HRB2HB"),
        ("widnr", "DE999000017-00001", "DE999000025-00001"),
        ("cluster_code", "ITS", "ANW"),
    ):
        mine = replace(one, **{name: value})
        unlike = replace(mine, name="Völlig anders AG", place="Emden", postal_code="26721")
        assert judge(mine, unlike).rule is RuleClass.NARROW, name
        assert judge(mine, replace(one, **{name: other})).rule is None, name
        assert judge(mine, one).rule is RuleClass.NARROW, "one of them has no number"


def test_a_branch_has_another_suffix_and_a_moved_company_another_entry() -> None:
    one = Candidate(name="Beispiel Roland GmbH", place="Bremen", widnr="DE999000050-00001", entry="euid|A")
    branch = judge(one, replace(one, widnr="DE999000050-00002", entry=None))
    assert branch.rule is RuleClass.NARROW
    assert any("Betriebsstätte" in text.de for text in branch.reasons)
    elsewhere = Candidate(name="Ganz anders", place="Stuhr", widnr="DE999000050-00002")
    assert judge(one, elsewhere).rule is None, "a suffix alone is no proof"
    moved = Candidate(name="Beispiel Roland GmbH", place="Stuhr", entry="euid|B", former_entries=("euid|A",))
    assert judge(one, moved).rule is RuleClass.NARROW
    shared = judge(replace(one, vat_id="DE1"), replace(moved, vat_id="DE1", former_entries=()))
    assert shared.rule is RuleClass.BROAD, "one VAT number and two entries: a person decides"


def test_a_former_name_is_found() -> None:
    now = Candidate(
        name="Niedersachsen.next GmbH", place="Hannover", former_names=("Innovationszentrum Trullala GmbH",)
    )
    entered = Candidate(name="Innovationszentrum Trullala", place="Hannover")
    assert judge(now, entered).rule is RuleClass.NARROW
    assert set(blocking_keys(now)) & set(blocking_keys(entered))


@pytest.mark.parametrize(
    ("word", "digits"),
    [
        ("Müller-Lüdenscheidt", "65752682"), ("Wikipedia", "3412"), ("Breschnew", "17863"), ("Heinz", "068"),
        ("Classen", "4586"), ("Meier", "67"), ("Mayr", "67"), ("Phonetik", "3624"), ("Xaver", "4837"), ("", ""),
    ],
)  # fmt: skip
def test_words_sound_as_published(word: str, digits: str) -> None:
    assert sound(fold(word).replace(" ", "")) == digits


texts = st.text(max_size=60)
words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=14)


@given(words)
def test_a_sound_has_digits_and_takes_double_letters_for_one(word: str) -> None:
    digits = sound(word)
    assert set(digits) <= set("012345678")
    assert "0" not in digits[1:]
    assert sound(word.replace("n", "nn")) == digits
    assert sound(word.replace("ph", "f")) == digits


@given(words, words)
def test_likeness_and_edits_are_symmetric_and_bounded(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, one) == 1
    assert edits(one, other, most=3) == edits(other, one, most=3)
    assert (edits(one, other, most=3) == 0) == (one == other)


@given(texts, texts, st.sampled_from([None, "Bremen", "Emden"]), st.sampled_from([None, "28195", "26721"]))
def test_any_text_is_judged(one: str, other: str, place: str | None, code: str | None) -> None:
    mine, theirs = Candidate(name=one, place=place, postal_code=code), Candidate(name=other)
    found = judge(mine, theirs)
    assert 0 <= found.score <= 1
    assert found.reasons
    assert found.score == judge(theirs, mine).score
    assert all(-(2**31) <= key < 2**31 for key in [*blocking_keys(mine), name_hash(mine)])


@given(
    st.lists(st.sampled_from(["Überseehafen", "Größe", "Hühnerbrück", "Maß", "Ähre", "Löß"]), min_size=1, max_size=4)
)
def test_spelling_makes_no_difference(parts: list[str]) -> None:
    name = " ".join(parts)
    plain = company_name(f"{name} GmbH")
    for spelled in (
        unicodedata.normalize("NFD", name),
        name.upper(),
        name.replace("ß", "ss"),
        "".join({"ü": "ue", "ö": "oe", "ä": "ae", "Ü": "Ue", "Ä": "Ae"}.get(sign, sign) for sign in name),
        name.replace(" ", "-"),
        f"Firma {name}",
    ):
        for form in ("GmbH", "G.m.b.H.", "mbH", "Gesellschaft mit beschränkter Haftung", "gmbh"):
            other = company_name(f"{spelled} {form}")
            assert (other.key, other.form) == (plain.key, "gmbh"), (spelled, form)
            assert name_hash(Candidate(name=f"{spelled} {form}")) == name_hash(Candidate(name=f"{name} GmbH"))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Beispiel GmbH & Co. KG", "co_kg"), ("Beispiel + Co KG", "co_kg"), ("Beispiel GmbH und Co. KG", "co_kg"),
        ("Beispiel UG (haftungsbeschränkt) & Co. KG", "co_kg"), ("Beispiel AG & Co. KGaA", "kgaa"),
        ("Beispiel UG (haftungsbeschränkt)", "ug"), ("Beispiel e. V.", "ev"), ("Beispiel e.Kfr.", "ek"),
        ("Beispiel eG", "eg"), ("Beispiel SE", "se"), ("Beispiel PartG mbB", "partg"), ("Beispiel GbR", "gbr"),
        ("Beispiel gGmbH", "gmbh"), ("Beispiel Co-Pilot Systeme AG", "ag"), ("Beispiel Agentur", ""),
    ],
)  # fmt: skip
def test_legal_forms_are_read_from_names(name: str, form: str) -> None:
    assert company_name(name).form == form


def test_the_long_name_of_the_starter_data_is_compared() -> None:
    long = (
        "Beispiel Gesellschaft für die Entwicklung, Erprobung, Herstellung und den weltweiten Vertrieb von "
        "hochvoltfesten Kabelbaum-, Steckverbinder- und Sicherungskomponenten für batterieelektrische sowie "
        "wasserstoffbetriebene Nutzfahrzeuge, Sonderfahrzeuge und Anhänger in Nord- und Mitteleuropa mit "
        "beschränkter Haftung"
    )
    one = Candidate(name=long, place="Hannover")
    assert judge(one, Candidate(name=long.upper(), place="Hannover")).rule is RuleClass.NARROW
    assert len(blocking_keys(one)) < 40
