"""Whether two entries mean the same company: a score from 0 to 1, the rule class it falls in, and why.

Numbers decide: the same register entry, LEI, VAT number or W-IdNr is one company, another one of the same kind is
another company, whatever the names say. Only where no number speaks do name, legal form and place.

Three classes, after CiviCRM's rules. `narrow` is certain enough to be acted on without asking: the same name but for
its spelling at the same place, which section 30 HGB allows nobody else. `broad` warns whoever enters a company.
`general` is what a search for suspects shows beside them. What was measured stands in docs/decisions/0094.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from norda_common.contracts.registry import Organisation
from norda_common.errors import Text

from .classifications import legal_form
from .company_names import CompanyName, company_name, edits, likeness, weight
from .findings import Refused
from .identifiers import lei, vat_id, widnr
from .names import fold
from .phonetics import sound, sound_of_all
from .profile import entry_key
from .register_entries import entry_of_euid

BROAD, GENERAL = 0.72, 0.55
"""From these scores on a pair is of that class."""
MOST_WORDS, MOST_NAMES = 8, 4
"""Of a name so many words are compared, of an organisation so many names."""
_PLACE_WORDS = re.compile(r"\b(?:freie|und|hansestadt|stadt|gemeinde|samtgemeinde|flecken|landeshauptstadt|bad)\b")


class RuleClass(StrEnum):
    """How sure a suspicion is."""

    NARROW = "narrow"
    BROAD = "broad"
    GENERAL = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What of an entry says who is meant. Numbers are normalised; entries are keys of register entries, as stored."""

    name: str
    former_names: tuple[str, ...] = ()
    legal_form: str | None = None
    kind: str = "company"
    place: str | None = None
    postal_code: str | None = None
    entry: str | None = None
    former_entries: tuple[str, ...] = ()
    vat_id: str | None = None
    widnr: str | None = None
    lei: str | None = None
    cluster_code: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be thought of a pair; `rule` is None where nothing speaks for it."""

    score: float
    rule: RuleClass | None
    reasons: tuple[Text, ...]


def candidate_of(organisation: Organisation) -> Candidate:
    """What of an organisation says who is meant."""
    entries = [("|".join(entry_key(entry)), entry.valid_to is None) for entry in organisation.register_entries]
    return Candidate(
        name=organisation.legal_name,
        former_names=tuple(former.legal_name for former in organisation.former_names)[-MOST_NAMES + 1 :],
        legal_form=organisation.legal_form,
        kind=organisation.kind,
        place=organisation.seat.place,
        postal_code=organisation.seat.postal_code,
        entry=next((key for key, current in entries if current), None),
        former_entries=tuple(key for key, current in entries if not current),
        vat_id=organisation.vat_id,
        widnr=organisation.widnr,
        lei=organisation.lei,
        cluster_code=organisation.cluster_code,
    )


def candidate_of_texts(texts: Mapping[str, str | None]) -> Candidate:
    """A candidate of what somebody typed; what is no number of its kind says nothing."""

    def read(name: str, rule: Callable[[str], str]) -> str | None:
        text = texts.get(name)
        try:
            return rule(text) if text else None
        except Refused:
            return None

    return Candidate(
        name=texts.get("legal_name") or "",
        legal_form=read("legal_form", legal_form),
        place=texts.get("place"),
        postal_code=texts.get("postal_code"),
        entry=read("euid", lambda text: "|".join(entry_key(entry_of_euid(text)))),
        vat_id=read("vat_id", vat_id),
        widnr=read("widnr", widnr),
        lei=read("lei", lei),
    )


def judge(one: Candidate, other: Candidate) -> Judgement:
    """Whether these two mean the same; symmetric. Pure."""
    same, different, hints = _numbers(one, other)
    if same and not different:
        return Judgement(1.0, RuleClass.NARROW, (*same, *hints))
    if different and not same:
        return Judgement(0.0, None, tuple(different))
    if same:
        return Judgement(0.75, RuleClass.BROAD, (*same, *different))
    best = max(
        (_by_name(mine, theirs, one, other) for mine, theirs in _name_pairs(one, other)),
        key=lambda found: (found.score, found.rule is RuleClass.NARROW),
    )
    return replace(best, reasons=(*best.reasons, *hints))


def _numbers(one: Candidate, other: Candidate) -> tuple[list[Text], list[Text], list[Text]]:
    """What numbers say: for one company, for two, and what only hints."""
    same, different, hints = list[Text](), list[Text](), list[Text]()
    for label, mine, theirs in (
        (Text("Der Registereintrag", "The register entry"), one.entry, other.entry),
        (Text("Der LEI", "The LEI"), one.lei, other.lei),
        (Text("Die USt-IdNr.", "The VAT number"), one.vat_id, other.vat_id),
        (Text("Das Clusterkürzel", "The cluster code"), one.cluster_code, other.cluster_code),
    ):
        if mine and theirs and mine == theirs:
            same.append(Text(f"{label.de} ist gleich.", f"{label.en} is the same."))
        elif mine and theirs and not (mine == one.entry and _moved(one, other)):
            different.append(Text(f"{label.de} ist verschieden.", f"{label.en} is another one."))
    if _moved(one, other):
        same.append(
            Text("Ein früherer Registereintrag ist der heutige.", "A former register entry is the present one.")
        )
    if one.widnr and other.widnr:
        if one.widnr == other.widnr:
            same.append(Text("Die W-IdNr. ist gleich.", "The W-IdNr is the same."))
        elif one.widnr[:11] != other.widnr[:11]:
            different.append(Text("Die W-IdNr. ist verschieden.", "The W-IdNr is another one."))
        else:
            hints.append(_branch())
    for number, suffixed in ((one.vat_id, other.widnr), (other.vat_id, one.widnr)):
        if number and suffixed and suffixed.startswith(number) and not (one.widnr and other.widnr):
            same.append(Text("W-IdNr. und USt-IdNr. gehören zusammen.", "W-IdNr and VAT number belong together."))
    return same, different, hints


def _moved(one: Candidate, other: Candidate) -> bool:
    """Whether one has an entry that the other had before: it moved its seat or changed its form."""
    return one.entry != other.entry and bool(
        (one.entry and one.entry in other.former_entries) or (other.entry and other.entry in one.former_entries)
    )


def _branch() -> Text:
    return Text(
        "Die W-IdNr. unterscheidet sich nur im Zusatz: vielleicht eine weitere Betriebsstätte.",
        "The W-IdNr differs in its suffix only: perhaps another place of business.",
    )


def _name_pairs(one: Candidate, other: Candidate) -> Iterator[tuple[CompanyName, CompanyName]]:
    mine, theirs = names_of(one), names_of(other)
    yield mine[0], theirs[0]
    # A former name against a former one says nothing of today.
    yield from ((mine[0], former) for former in theirs[1:])
    yield from ((former, theirs[0]) for former in mine[1:])


def names_of(candidate: Candidate) -> list[CompanyName]:
    """The present name and the former ones, taken apart."""
    return [
        company_name(candidate.name, candidate.legal_form),
        *(company_name(former) for former in candidate.former_names),
    ]


def _by_name(mine: CompanyName, theirs: CompanyName, one: Candidate, other: Candidate) -> Judgement:
    if mine.key == theirs.key:
        score, spelled = 1.0, True
        reasons = [Text("Die Namen sind bis auf die Schreibweise gleich.", "The names are the same but for spelling.")]
    else:
        score, spelled = alike(mine, theirs), False
        percent = round(100 * score)
        reasons = [Text(f"Die Namen ähneln einander ({percent} %).", f"The names are alike ({percent} %).")]
    marked = 1.0 if spelled else _marks(mine, theirs, reasons)
    formed = _forms(mine.form, theirs.form, reasons)
    placed, here = _places(one, other, reasons)
    if one.kind != other.kind:
        formed *= 0.8
        reasons.append(Text("Die Art ist verschieden.", "They are of different kinds."))
    score = round(min(score, marked) * formed * placed, 3)
    narrow = spelled and here and formed == 1.0 and len(mine.key) >= 4 and mine.little == theirs.little
    return Judgement(score, _class_of(score, narrow=narrow), tuple(reasons))


def _class_of(score: float, *, narrow: bool) -> RuleClass | None:
    if narrow:
        return RuleClass.NARROW
    if score >= BROAD:
        return RuleClass.BROAD
    return RuleClass.GENERAL if score >= GENERAL else None


def alike(mine: CompanyName, theirs: CompanyName) -> float:
    """How alike two names are, word by word whatever their order, and as a whole where blanks stand elsewhere."""
    longest = max(len(mine.key), len(theirs.key))
    distance = edits(mine.key, theirs.key, most=2)
    blanks_differ = len(mine.words) != len(theirs.words)
    whole = 1 - distance / longest if longest >= 6 and distance <= (2 if blanks_differ and longest > 9 else 1) else 0.0
    return max(_word_by_word(mine.words[:MOST_WORDS], theirs.words[:MOST_WORDS]), whole)


def _word_by_word(mine: Sequence[str], theirs: Sequence[str]) -> float:
    """Each word's best partner; a word that only one has weighs less than two that contradict each other."""
    pairs = sorted(
        ((likeness(one, other), place, there) for place, one in enumerate(mine) for there, other in enumerate(theirs)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    left, right = set(range(len(mine))), set(range(len(theirs)))
    matched = shared = 0.0
    for found, place, there in pairs:
        if found and place in left and there in right:
            left.discard(place)
            right.discard(there)
            both = (weight(mine[place]) + weight(theirs[there])) / 2
            matched, shared = matched + found * both, shared + both
    if not shared:
        return 0.0
    mine_alone, theirs_alone = sum(weight(mine[place]) for place in left), sum(weight(theirs[there]) for there in right)
    score = matched / shared
    if mine_alone and theirs_alone:
        return score * shared / (shared + max(mine_alone, theirs_alone))
    alone = mine_alone + theirs_alone
    return score * (1 - 0.3 * alone / (shared + alone))


def _marks(mine: CompanyName, theirs: CompanyName, reasons: list[Text]) -> float:
    """How high the score may be: numbers, directions and roles tell companies of one group from each other."""
    most = 1.0
    if mine.numbers != theirs.numbers:
        most = 0.35 if mine.numbers and theirs.numbers else 0.6
        reasons.append(Text("Zahlen im Namen unterscheiden sie.", "Numbers in the name set them apart."))
    if mine.letters and theirs.letters and mine.letters != theirs.letters:
        most = min(most, 0.5)
        reasons.append(Text("Buchstaben im Namen unterscheiden sie.", "Letters in the name set them apart."))
    if mine.directions != theirs.directions:
        most = min(most, 0.4 if mine.directions and theirs.directions else 0.8)
        reasons.append(Text("Eine Himmelsrichtung oder Lage unterscheidet sie.", "A direction sets them apart."))
    if mine.roles != theirs.roles:
        most = min(most, 0.5)
        reasons.append(
            Text("Die Rolle im Konzern ist eine andere (Holding, Verwaltung …).", "The role in the group is another.")
        )
    return most


_NEAR = (
    {"gmbh", "ug"},
    {"gmbh", "co_kg"},
    {"kg", "co_kg"},
    {"gmbh", "ag"},
    {"ek", "gmbh"},
    {"ohg", "kg"},
    {"ag", "se"},
)
"""Forms of which one becomes the other, or which one group often has side by side."""


def _forms(mine: str, theirs: str, reasons: list[Text]) -> float:
    if mine == theirs or not mine or not theirs:
        return 1.0
    reasons.append(Text("Die Rechtsform ist eine andere.", "The legal form is another one."))
    return 0.9 if {mine, theirs} in _NEAR else 0.7


def _places(one: Candidate, other: Candidate, reasons: list[Text]) -> tuple[float, bool]:
    """What the places say, and whether they are the same for certain."""
    mine, theirs = place_key(one.place), place_key(other.place)
    if one.postal_code and one.postal_code == other.postal_code:
        reasons.append(Text("Die Postleitzahl ist dieselbe.", "The postal code is the same."))
        return 1.0, True
    near = bool(one.postal_code and other.postal_code and one.postal_code[:2] == other.postal_code[:2])
    apart = bool(one.postal_code and other.postal_code) and not near
    # Oldenburg and Oldenburg in Holstein are two towns; a part of a town has the postal codes of its area.
    if mine and theirs and (mine == theirs or (_same_place(mine, theirs) and not apart)):
        reasons.append(Text("Der Ort ist derselbe.", "The place is the same."))
        return 1.0, True
    if not (mine and theirs) and not (one.postal_code and other.postal_code):
        return 0.95, False
    reasons.append(Text("Der Ort ist ein anderer.", "The place is another one."))
    return (0.9 if near else 0.8), False


def place_key(place: str | None) -> str:
    """A place as it is compared: `Freie Hansestadt Bremen` and `Bremen` are one."""
    folded = fold(place or "")
    return " ".join(_PLACE_WORDS.sub(" ", folded).split()) or folded


def _same_place(mine: str, theirs: str) -> bool:
    shorter, longer = sorted((mine, theirs), key=len)
    return longer == shorter or longer.startswith(f"{shorter} ")


def name_hash(candidate: Candidate) -> int:
    """The hash of the present name's key: equal for names that differ in spelling only."""
    return _hash(f"n{names_of(candidate)[0].key}")


def name_hashes(candidate: Candidate) -> list[int]:
    """The same of all its names, the present one first."""
    return [_hash(f"n{name.key}") for name in names_of(candidate)]


def numbers_of(candidate: Candidate) -> list[tuple[str, str]]:
    """The numbers a candidate has, as (kind, value) of the directory's numbers; the entry's key is both in one."""
    entries = [entry for entry in (candidate.entry, *candidate.former_entries) if entry]
    numbers = [tuple(entry.split("|", 1)) for entry in entries]
    for kind, value in (("vat", candidate.vat_id), ("widnr", candidate.widnr), ("lei", candidate.lei)):
        if value:
            numbers.append((kind, value))
    return [(number[0], number[1]) for number in numbers if len(number) == 2]


def _hash(text: str) -> int:
    return zlib.crc32(text.encode()) - 2**31


def blocking_keys(candidate: Candidate) -> list[int]:
    """Under which keys an entry is looked for: who shares none with another is not compared with it.

    Keys are hashes of 32 bits; two that collide cost a comparison. A name may differ in spelling (how it sounds),
    in a word's end or beginning (the first and the last letters of all words), in words left out (pairs of words, and
    single ones together with the postal code). The first key is the present name's own, `name_hash`.
    """
    keys: dict[str, None] = {}
    for name in names_of(candidate):
        for key in _keys_of(name, candidate.postal_code, place_key(candidate.place)):
            keys[key] = None
    return [_hash(key) for key in keys]


def _keys_of(name: CompanyName, postal_code: str | None, place: str) -> Iterator[str]:
    words = name.words[:6]
    yield f"n{name.key}"
    yield f"s{sound_of_all(name.words)}"
    yield "b" + " ".join(sorted(word[:4] for word in words))
    yield "e" + " ".join(sorted(word[-4:] for word in words))
    # A name of trades alone, `Kuhlenkabelwerk`, is told by its longest word.
    telling = [word for word in words if weight(word) >= 1 and len(word) > 3] or sorted(words, key=len)[-1:]
    sounds = {word: sound(word) for word in words}
    for place_of, word in enumerate(telling):
        for other, heard in sounds.items():
            if len(other) > 3 and (other not in telling or other in telling[place_of + 1 :]):
                yield "p" + " ".join(sorted((sounds[word], heard)))
    town = place.partition(" ")[0]
    for word in telling:
        if postal_code:
            yield f"z{postal_code}{sounds[word]}"
            yield f"z{postal_code}{word[:5]}"
        if town:
            yield f"o{town} {sounds[word]}"
    if len(telling) == 1 and town:
        yield f"o{town} {telling[0][:5]}"
