"""Names of German companies taken apart for comparing: the words that distinguish, the legal form, and what tells
companies of one group from each other. Storing and publishing keep the name as it is.

`Gebr. Tüdelkram Masch.-Bau GmbH + Co KG` and `Gebrueder Tuedelkram Maschinenbau GmbH & Co. KG` have the same key.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from .names import fold
from .phonetics import sound

_COMPANY = r"(?:\s*(?:&|\+|\bund\b|\bu\b\.?))?\s*\bco(?:mp|mpagnie)?\b\.?\s*,?\s*"
_LIMITED = r"(?:g?gmbh|ges\.? ?mbh|mbh|mit beschraenkter haftung)"
_KGAA, _KG, _OHG = r"(?:kgaa|kommanditgesellschaft auf aktien)", r"(?:kg|kommanditgesellschaft)", r"ohg"
_ENTREPRENEUR = r"(?:ug|unternehmergesellschaft)(?: ?haftungsbeschraenkt)?"
_FORMS = tuple(
    (form, tuple(hints.split()), re.compile(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])"))
    for form, hints, pattern in (
        ("kgaa", "co", rf"(?:ag|se|{_LIMITED}){_COMPANY}{_KGAA}"),
        ("co_kg", "co", rf"(?:ag|se|stiftung|{_LIMITED}|{_ENTREPRENEUR}){_COMPANY}(?:{_KG}|{_OHG})"),
        ("co_kg", "co", rf"{_COMPANY}{_KG}"),
        ("kgaa", "aktien kgaa", _KGAA),
        ("gmbh", "mbh haftung", rf"(?:gemeinnuetzige )?{_LIMITED}"),
        ("ug", "ug unternehmer", _ENTREPRENEUR),
        ("kg", "kg kommandit", _KG),
        ("ohg", "ohg offene", rf"(?:{_OHG}|offene handelsgesellschaft)"),
        ("ag", "ag aktien", r"(?:ag|aktiengesellschaft)"),
        ("ev", "ev verein", r"(?:ev|eingetragener verein)"),
        ("eg", "eg genossen", r"(?:eg|eingetragene genossenschaft)"),
        ("ek", "e kauf", r"(?:ek|e\.? ?kfr|e\.? ?kfm|eingetragene[rs]? (?:kaufmann|kauffrau|kaufleute))"),
        ("partg", "part", r"(?:(?:partg|partnerschaftsgesellschaft|partnerschaft)(?: ?mbb)?)"),
        ("gbr", "gbr buerger", r"(?:e?gbr|(?:eingetragene )?gesellschaft buergerlichen rechts)"),
        ("se", "se europaea", r"(?:se|societas europaea)"),
        ("other", "aoer l inc bv srl sarl", r"(?:aoer|ltd|limited|inc|bv|sarl|srl)"),
    )
)
_OF_CODE = {
    "170": "ek", "210": "ohg", "220": "kg", "230": "co_kg", "270": "gbr", "293": "partg", "310": "ag", "350": "gmbh",
    "351": "ug", "360": "se", "400": "eg", "590": "ev", "112212": "co_kg", "112221": "co_kg", "112222": "co_kg",
    "112500": "co_kg", "223100": "kgaa",
}  # fmt: skip
"""The FIM code lists' forms as names show them."""
_GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
_INITIALS = re.compile(
    r"(?<![a-z0-9])(?:[a-z]\.[ -]?){2,}(?![a-z0-9])|(?<![a-z0-9])[a-z]\.(?:[a-z]\.)*[a-z](?![a-z0-9.])"
)
_NO_LETTER, _NO_SIGN = re.compile("[^a-z]"), re.compile(r"[^a-z0-9.&+]+")
_TOKEN = re.compile(r"[a-z0-9]+\.?")
_TITLE = re.compile(r"(?<![a-z])(?:dr|dipl)\.?[ -]*ing(?![a-z])\.?")
_SHORT = {
    "gebr": "gebrueder", "masch": "maschinen", "dt": "deutsche", "nordd": "norddeutsche", "ing": "ingenieur",
    "st": "sankt", "int": "international", "intern": "international", "elektr": "elektro", "fzg": "fahrzeug",
    "kfz": "kraftfahrzeug",
}  # fmt: skip
"""What companies shorten in their names, with or without the full stop."""
_SAME = {
    "germany": "deutschland", "technologies": "technologie", "technologien": "technologie", "technology": "technologie",
    "internationale": "international", "internationaler": "international", "internationales": "international",
    "logistics": "logistik", "systems": "systeme", "system": "systeme", "battery": "batterie", "services": "service",
    "solutions": "loesungen", "group": "gruppe", "trading": "handel", "und": "", "and": "", "norddeutscher":
    "norddeutsche", "deutscher": "deutsche", "deutsches": "deutsche",
}  # fmt: skip
_NOTHING = frozenset({
    "u", "f", "und", "fuer", "von", "vom", "zur", "zum", "firma", "fa", "gesellschaft", "ges", "the", "of",
    "haftungsbeschraenkt", "beispiel",
})  # fmt: skip
"""Words that distinguish nobody; `beispiel` begins the names of all example companies."""
_LITTLE = frozenset({
    "der", "die", "das", "des", "dem", "den", "co", "cie", "inh", "inhaber", "dr", "prof", "dipl",
    "zweigniederlassung", "niederlassung", "il",
})  # fmt: skip
"""Words that are often left out, but must not be left out unseen: Murkel & Co. may be another company than Murkel."""
_NUMBERS = {
    word: str(number)
    for number, words in enumerate(
        (
            "eins erste erster erstes i", "zwei zweite zweiter zweites ii", "drei dritte dritter iii",
            "vier vierte vierter iv", "fuenf fuenfte fuenfter v", "sechs sechste vi", "sieben siebte vii",
            "acht achte viii", "neun neunte ix", "zehn zehnte x", "elf elfte xi", "zwoelf zwoelfte xii", "xiii", "xiv",
            "xv", "xvi", "xvii", "xviii", "xix", "xx",
        ),
        1,
    )
    for word in words.split()
}  # fmt: skip
_DIRECTIONS = frozenset({
    "nord", "sued", "ost", "west", "mitte", "nordost", "nordwest", "suedost", "suedwest", "links", "rechts",
    "alt", "neu", "alte", "neue", "ober", "unter",
})  # fmt: skip
_ROLES = {
    word: role
    for role, words in {
        "holding": "holding",
        "shares": "beteiligung beteiligungs beteiligungen",
        "administration": "verwaltung verwaltungs vermoegensverwaltung vermoegensverwaltungs komplementaer "
        "geschaeftsfuehrung geschaeftsfuehrungs haftungs management",
        "property": "grundstueck grundstuecks immobilien besitz grundbesitz",
        "money": "finanz finanzen finance leasing",
        "foundation": "stiftung foerderverein",
    }.items()
    for word in words.split()
}
"""What companies of one group call themselves beside the name they share."""
_TRADE = re.compile(
    r".*(?:technik|technologie|bau|werke?|fabrik|systeme|service|logistik|handel|handels|vertriebs?|produktions?|"
    r"spedition|software|elektronik|elektro|metall|stahl|kunststoff|industrie|anlagen|maschinen|motoren|teile|waren|"
    r"ingenieur|ingenieurbuero|consulting|engineering|international|deutschland|gruppe|nord|sued|automotive|gmbh|"
    r"betriebs?|verwaltungs?|holding|forschung|entwicklung|montage|gebrueder|soehne)"
)


@dataclass(frozen=True, slots=True)
class CompanyName:
    """A name taken apart: the words that distinguish, what is often left out, the form, and what tells companies of one
    group from each other.
    """

    words: tuple[str, ...]
    little: frozenset[str]
    form: str
    numbers: frozenset[str]
    letters: frozenset[str]
    directions: frozenset[str]
    roles: frozenset[str]

    @property
    def key(self) -> str:
        """Equal for names that differ in spelling only."""
        return "".join(self.words)


@lru_cache(maxsize=16_384)
def company_name(text: str, form_code: str | None = None) -> CompanyName:
    """Take a name apart; `form_code` is the legal form where the name shows none. Never fails, whatever the text."""
    plain = _plain(text)
    form, rest = _form(plain)
    words, little, numbers, letters = list[str](), set[str](), set[str](), set[str]()
    for place, token in enumerate(_TOKEN.findall(rest)):
        word = _word(token)
        if not word:
            continue
        if word in _LITTLE:
            little.add(word)
            continue
        if place and word in _NUMBERS:
            word = _NUMBERS[word]
        if place == 0 and word in _NUMBERS and len(word) > 4:
            word = _NUMBERS[word]
        if not word.isalpha():
            numbers.add(word)
        elif len(word) == 1:
            letters.add(word)
        words.append(word)
    kept = tuple(words) or tuple(fold(text).split())
    return CompanyName(
        kept,
        frozenset(little),
        form or _OF_CODE.get(form_code or "", ""),
        frozenset(numbers),
        frozenset(letters),
        frozenset(word for word in kept if word in _DIRECTIONS),
        frozenset(_ROLES[word] for word in kept if word in _ROLES),
    )


def form_shown(text: str) -> str:
    """The legal form a name shows, by one code for all its spellings; empty for none."""
    return _form(_plain(text))[0]


def _plain(text: str) -> str:
    """Lower case without umlauts and accents; letters of `G.m.b.H.` together, full stops and joining signs kept."""
    lowered = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    if not lowered.isascii():
        for letter, letters in _GERMAN.items():
            lowered = lowered.replace(letter, letters)
    if not lowered.isascii():
        lowered = unicodedata.normalize("NFKD", lowered)
        lowered = "".join(sign for sign in lowered if not unicodedata.combining(sign))
    if "ing" in lowered:
        lowered = _TITLE.sub("dr ", lowered)
    if "." in lowered:
        lowered = _INITIALS.sub(lambda found: f"{_NO_LETTER.sub('', found[0])} ", lowered)
    return f" {_NO_SIGN.sub(' ', lowered)} "


def _form(plain: str) -> tuple[str, str]:
    """The legal form a name shows, empty for none, and the name without it."""
    for form, hints, pattern in _FORMS:
        # Most forms are not even mentioned, and looking for a word costs little.
        if not any(hint in plain for hint in hints):
            continue
        found = list(pattern.finditer(plain))
        if found:
            last = found[-1]
            return form, f"{plain[: last.start()]} {plain[last.end() :]}"
    return "", plain


@lru_cache(maxsize=65_536)
def _word(token: str) -> str:
    """A token as the word it stands for; empty for one that distinguishes nobody."""
    word, shortened = token.rstrip("."), token.endswith(".")
    word = _SHORT.get(word, word)
    if shortened and word.endswith("techn"):
        word += "ik"
    word = re.sub("technische[rsn]?$", "technik", word)
    if len(word) > 15 and word.endswith("gesellschaft"):
        word = word.removesuffix("gesellschaft")
    word = _SAME.get(word, word)
    return "" if word in _NOTHING else word


@lru_cache(maxsize=65_536)
def weight(word: str) -> float:
    """How much a word distinguishes: a trade is shared by thousands, initials may stand for the other words."""
    if word in _ROLES or word in _DIRECTIONS:
        return 0.3
    if _TRADE.fullmatch(word):
        return 0.45
    return 0.3 if len(word) < 4 else 1.0


@lru_cache(maxsize=65_536)
def bare(word: str) -> str:
    """A word as somebody writes it who leaves umlauts out: `grunspacht` for `gruenspaecht`; the same of both."""
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("ss", "s")


@lru_cache(maxsize=200_000)
def likeness(one: str, other: str) -> float:
    """How alike two words are: 1 for the same, 0 for what is no spelling of the other."""
    if one == other:
        return 1.0
    if bare(one) == bare(other):
        return 0.97
    shorter, longer = sorted((one, other), key=len)
    if not (one.isalpha() and other.isalpha()) or len(shorter) < 4:
        return 0.0
    return max(_spelled(one, other), _longer(shorter, longer))


def _spelled(one: str, other: str) -> float:
    """As far as one is a misspelling of the other: by its letters, or because it sounds the same."""
    distance, longest = edits(one, other, most=3), max(len(one), len(other))
    if distance <= 1 and longest >= 5:
        return 0.94
    if distance <= 2 and longest >= 9:
        return 0.9
    return 0.9 if distance <= 3 and longest >= 5 and sound(one) == sound(other) else 0.0


def _longer(shorter: str, longer: str) -> float:
    """As far as one has a part or an ending that the other leaves out."""
    if len(shorter) >= 5 and (longer.startswith(shorter) or longer.endswith(shorter)):
        return 0.85
    begins = _begin(shorter, longer)
    return 0.8 if begins >= 7 and begins / len(shorter) >= 0.8 else 0.0


def _begin(one: str, other: str) -> int:
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def edits(one: str, other: str, *, most: int) -> int:
    """Letters left out, put in, exchanged, or swapped with their neighbour; above `most` it says `most + 1`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    two_ago, before = list[int](), list(range(len(other) + 1))
    for row, mine in enumerate(one, 1):
        now = [row]
        for column, theirs in enumerate(other, 1):
            best = min(before[column] + 1, now[column - 1] + 1, before[column - 1] + (mine != theirs))
            if row > 1 and column > 1 and mine == other[column - 2] and theirs == one[row - 2]:
                best = min(best, two_ago[column - 2] + 1)
            now.append(best)
        two_ago, before = before, now
    return min(before[-1], most + 1)
