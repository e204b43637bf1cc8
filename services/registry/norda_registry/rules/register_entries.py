"""Entries in German registers (Handelsregisternummer) and the EUID made of them.

An entry is unique only as court, type, number, suffix and former court together, because courts were merged and kept
their numbers. The EUID is built from the entry (Regulation (EU) 2021/1042), never trusted by itself; a court that the
list does not know is taken by its name, and then there is none.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache, lru_cache
from typing import NamedTuple

from norda_common.contracts.registry import RegisterEntry

from .code_lists import Court, courts, federal_states
from .findings import Refused
from .identifiers import plain
from .names import fold

TYPES = {name.casefold(): name for name in ("HRA", "HRB", "GnR", "PR", "VR", "GsR")}
_COURT_CODE = re.compile(r"[A-Z]\d{4}[A-Z]?", re.ASCII)
_COURT_WORDS = re.compile(
    r"^\s*(?:das\s+|beim\s+)?(?:(?:amtsgericht|registergericht)(?:s)?|amtsger\.|ag\b)\s*:?\s*", re.IGNORECASE
)
_NUMBER = re.compile(r"(\d{1,8})\s*([A-Za-z]{0,4})", re.ASCII)
_TYPES = "|".join(TYPES)
_ONCE = r"(?:früher|frueher|vormals|vorm\.|ehemals|ehem\.)\s*:?\s*"
_FORMER = re.compile(rf"\(\s*{_ONCE}([^)]+)\)|(?<!\w){_ONCE}([^,;()]+)", re.IGNORECASE)
"""The former court in brackets or without, before the number or after it."""
_FORMER_NUMBER = re.compile(rf"\s*\b(?:{_TYPES})\s*[:.]?\s*\d.*$", re.IGNORECASE)
_EUID = re.compile(
    rf"DE[.\s]*([A-Z]\d{{4}}[A-Z]?)[.\s]*({_TYPES})[\s.]*(\d{{1,8}})\s*([A-Z]{{0,4}})", re.ASCII | re.IGNORECASE
)
_TEXT = re.compile(
    rf"(?P<before>.*?)[\s,;]*\b(?P<type>{_TYPES})\s*[:.]?\s*(?P<number>\d{{1,8}})"
    r"(?P<suffix>(?!ag\b)[a-z]{1,4}(?![a-zäöüß]))?(?P<after>.*)",
    re.IGNORECASE,
)
"""Letters that follow the number without a blank are its suffix, however they are written."""


def register_entry(
    court: str,
    type: str,  # noqa: A002 - the register's own word
    *,
    number: str,
    suffix: str = "",
    former_court: str = "",
    court_name: str = "",
    valid_from: date | None = None,
) -> RegisterEntry:
    """The normalised entry with its EUID. `court` is a code or a name, also with `Amtsgericht`. Raises Refused.

    With it, the name may be any: the entry then has neither a court's code nor an EUID.
    """
    known = _court(court, court_name)
    kind = TYPES.get(plain(type).casefold())
    if kind is None:
        allowed = ", ".join(TYPES.values())
        raise Refused(
            "register_type",
            f"ist keine Registerart ({allowed})",
            f"is no type of register ({allowed})",
            part="type",
        )
    digits, tail = _digits(number, kind)
    ending = (plain(suffix) or tail).upper() or known.number_suffix
    if ending and not re.fullmatch("[A-Z]{1,4}", ending):
        raise Refused(
            "register_suffix",
            "ist kein Zusatz einer Registernummer (Buchstaben wie HB)",
            "is no suffix of a register number (letters like HB)",
            part="suffix",
        )
    return RegisterEntry(
        court_code=known.code,
        court=known.name,
        type=kind,
        number=digits,
        suffix=ending,
        former_court=_former(former_court),
        euid=f"DE{known.code}.{kind}{digits}{ending}" if known.code else None,
        valid_from=valid_from,
    )


def entry_of_euid(text: str) -> RegisterEntry:
    """The entry an EUID speaks of, in whatever case and spacing it is written. Raises Refused."""
    match = _EUID.fullmatch(plain(text))
    if match is None:
        raise Refused(
            "euid_form",
            "ist keine deutsche EUID (z. B. DEK1101R.HRB170364)",
            "is no German EUID (e.g. DEK1101R.HRB170364)",
        )
    return register_entry(match[1].upper(), match[2], number=match[3], suffix=match[4])


def check_euid(text: str, entry: RegisterEntry) -> str:
    """The EUID, when it is the one the entry has. Raises Refused."""
    if text != entry.euid and entry_of_euid(text).euid != entry.euid:
        raise Refused(
            "euid_differs",
            f"passt nicht zum Registereintrag: daraus ergibt sich {entry.euid}",
            f"does not fit the register entry, which makes {entry.euid}",
        )
    return str(entry.euid)


def register_key(entry: RegisterEntry) -> str:
    """The key under which an entry is unique."""
    former = fold(entry.former_court) if entry.former_court else ""
    return "|".join([entry.court_code or fold(entry.court), entry.type, entry.number, entry.suffix, former])


def court_entered(entry: RegisterEntry) -> str:
    """How the entry's court is entered and exported: by its code, else by its name."""
    return entry.court_code or titled(entry.court)


def is_court(text: str) -> bool:
    """Whether a text is a court's code or, with its title, a name that may be one's."""
    try:
        _court(text, "")
    except Refused:
        return False
    return True


def court_of_suffix(suffix: str) -> str:
    """The one court whose numbers carry that suffix, as Bremen's carry `HB`; empty where none or several do."""
    found = [court.name for court in courts().values() if suffix and court.number_suffix == suffix.upper()]
    return found[0] if len(found) == 1 else ""


def titled(name: str) -> str:
    """A court's name with its title, by which a name that no list knows is taken for a court's."""
    return name if _COURT_WORDS.match(name) else f"Amtsgericht {name}"


def former_key(entry: RegisterEntry) -> str | None:
    """Under which it is found by its court's old notation: type, number and former court; None where it has none."""
    return _former_key(entry.type, entry.number, entry.former_court) if entry.former_court else None


def former_key_of_text(text: str) -> str | None:
    """The same of `Amtsgericht Nordhorn HRB 55`, whose court is none any more; None for other texts."""
    said = _read(text)
    if said is None or said.former_court:
        return None
    try:
        if _court(said.court, "").code:
            return None
    except Refused:
        # Without its title a court that no list knows is a word like others.
        pass
    return _former_key(TYPES[said.type.casefold()], said.number.lstrip("0"), _former(said.court))


def _former_key(kind: str, number: str, former_court: str) -> str:
    return f"{kind}{number}|{fold(former_court)}"


def entry_of_text(text: str) -> RegisterEntry | None:
    """Read `Amtsgericht Hamburg HRB 170364` or `HRB 99 HB, Bremen (früher Bremerhaven)`; None for other texts.

    Raises Refused when it is one and something in it is wrong.
    """
    said = _read(text)
    if said is None:
        return None
    return register_entry(said.court, said.type, number=said.number, suffix=said.suffix, former_court=said.former_court)


class _Said(NamedTuple):
    """The parts of an entry as a text says them."""

    court: str
    type: str
    number: str
    suffix: str
    former_court: str


def _read(text: str) -> _Said | None:
    text = plain(text)
    former = _FORMER.search(text)
    rest = f"{text[: former.start()]} {text[former.end() :]}" if former else text
    match = _TEXT.fullmatch(rest.strip(" ,;"))
    if match is None:
        return None
    before, after = match["before"].strip(" ,;"), match["after"].strip(" ,;")
    suffix = match["suffix"] or ""
    # `HRB 100 AG Bremen` has no suffix: that is the court's title.
    if not suffix and (tail := re.match(r"(?!AG\b)([A-Z]{1,4}|hb|bhv)\b", after)):
        suffix, after = tail[1], after[tail.end() :].strip(" ,;")
    court = before or after
    if not court:
        return None
    return _Said(court, match["type"], match["number"], suffix, (former[1] or former[2]) if former else "")


@lru_cache(maxsize=1_000)
def _former(text: str) -> str:
    """A former court's name alone: `Nordhorn` for `(früher Amtsgericht Nordhorn HRB 55)`."""
    name = plain(text)
    if told := _FORMER.fullmatch(name):
        name = told[1] or told[2]
    return _COURT_WORDS.sub("", _FORMER_NUMBER.sub("", name)).strip()


def number_of_text(text: str) -> tuple[str, str, str] | None:
    """Type, number and suffix of a text that names no court (`HRB 990001`); None when it is no such text."""
    match = re.fullmatch(rf"\s*({_TYPES})\s*(\d{{1,8}})\s*([A-Za-z]{{0,4}})\s*", plain(text), re.IGNORECASE)
    if match is None:
        return None
    return TYPES[match[1].casefold()], match[2].lstrip("0"), match[3].upper()


def court_state(entry: RegisterEntry) -> str | None:
    """The federal state of the entry's court: by the list, else by the letter its code begins with."""
    court = courts().get(entry.court_code)
    if court is not None:
        return court.state
    return next((code for code, state in federal_states().items() if state.courts == entry.court_code[:1]), None)


def _digits(number: str, kind: str) -> tuple[str, str]:
    """Digits without leading zeros, and letters that follow them; the type may stand before (`HRB100`)."""
    text = plain(number)
    if text.casefold().startswith(kind.casefold()):
        text = text[len(kind) :].lstrip(" .:")
    match = _NUMBER.fullmatch(text)
    if match is None or not match[1].strip("0"):
        raise Refused(
            "register_number",
            "ist keine Registernummer (bis zu 8 Ziffern, nicht 0)",
            "is no register number (up to 8 digits, not 0)",
            part="number",
        )
    return match[1].lstrip("0"), match[2]


@lru_cache(maxsize=1_000)
def _court(text: str, name: str) -> Court:
    given = _COURT_WORDS.sub("", plain(text)).strip()
    code = given.upper()
    if code in courts():
        return courts()[code]
    if found := _courts_by_name().get(fold(given)):
        return found
    if _COURT_CODE.fullmatch(code):
        named = _COURT_WORDS.sub("", plain(name)).strip()
        return Court(code, named or code, "", "")
    if _COURT_WORDS.match(plain(text)) and _is_place(given):
        # Companies with a site here have their seat anywhere.
        return Court("", given, "", "")
    raise Refused(
        "register_court",
        "ist kein bekanntes Registergericht (XJustiz-Code oder Name; von einem anderen „Amtsgericht“ und der Ort)",
        "is no known register court (XJustiz code or name; of another one “Amtsgericht” and the place)",
        part="court",
    )


def _is_place(text: str) -> bool:
    """Whether a place may be called so: `Freiburg (Breisgau)`, `Weiden i.d. OPf.`."""
    return 2 <= len(text) <= 60 and text[0].isalpha() and all(char.isalpha() or char in " .()/-" for char in text)


@cache
def _courts_by_name() -> dict[str, Court]:
    names = {fold(court.name): court for court in courts().values()}
    return names | {fold(court.name.partition("(")[0]): court for court in courts().values()}
