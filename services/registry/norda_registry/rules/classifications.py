"""Codes that classify organisations: legal form (Rechtsform) and competences, each with its spelling normalised."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache

from norda_common.contracts.competences import competences
from norda_common.contracts.registry import RegisterEntry

from .code_lists import legal_forms
from .company_names import form_shown
from .findings import Refused
from .identifiers import plain
from .names import fold
from .words import competence_words

_LONGEST_FORM = 6
"""So many words a legal form has that is written out."""


@lru_cache(maxsize=1_000)
def legal_form(text: str) -> str:
    """The FIM code of a legal form, given as code or as its usual spelling (`GmbH`). Raises Refused."""
    value = plain(text)
    if value in legal_forms():
        return value
    found = _by_spelling().get(fold(value))
    if found is None:
        known = ", ".join(f"{form.code} {form.label}" for form in legal_forms().values())
        raise Refused(
            "legal_form",
            f"ist keine bekannte Rechtsform ({known})",
            f"is no known legal form ({known})",
        )
    return found


def form_of_name(name: str) -> str | None:
    """The code of the legal form with which a name ends, where it shows no other: none for `X GmbH & Co. Y KG`."""
    words = name.split()
    for place in range(max(1, len(words) - _LONGEST_FORM), len(words)):
        before, ending = " ".join(words[:place]), " ".join(words[place:])
        if (code := _by_spelling().get(fold(ending))) and fold(ending) != "partnerschaft":
            # Stiftung and Partnerschaft are words of names, too, and no sign of what somebody is.
            return code if form_shown(ending) and not form_shown(before) else None
    return None


@lru_cache(maxsize=2_000)
def _competence_code(text: str) -> str:
    code = re.sub(r"[\s_–-]+", "-", plain(text).upper())
    return code if code in competences() else _competences_by_word().get(fold(text), code)


def competence(text: str, *, held: Collection[str] = ()) -> str:
    """A competence's code in capitals; also as pages write it, `Module und Packs (BAT-02)`, or without the code.

    Raises Refused, also for a deprecated one, unless it is `held` already.
    """
    code = _competence_code(text)
    known = competences().get(code)
    if known is None:
        raise Refused("competence", "ist kein Code der Kompetenzliste", "is no code of the list of competences")
    if not known.active and code not in held:
        successor = competences().get(known.successor or "")
        raise Refused(
            "competence_deprecated",
            f"{code} wird nicht mehr vergeben"
            + (f"; stattdessen: {successor.label.de} ({successor.code})" if successor else ""),
            f"{code} is not given any more"
            + (f"; instead: {successor.label.en} ({successor.code})" if successor else ""),
        )
    return code


def with_broader(codes: tuple[str, ...]) -> list[str]:
    """The codes and what they belong to, so that a search for `BAT` finds `BAT-02`."""
    found: dict[str, None] = {}
    for code in codes:
        found[code] = None
        known = competences().get(code)
        if known and known.broader:
            found[known.broader] = None
    return list(found)


def check_register_fits(form_code: str, entry: RegisterEntry) -> None:
    """A legal form is entered in its own register: a GmbH in HRB, a cooperative in GnR. Raises Refused."""
    form = legal_forms().get(form_code)
    if form and form.register_types and entry.type not in form.register_types:
        allowed = ", ".join(sorted(form.register_types))
        raise Refused(
            "register_type_of_form",
            f"passt nicht zur Rechtsform {form.label}: sie steht in {allowed}, nicht in {entry.type}",
            f"does not fit the legal form {form.label}: it is entered in {allowed}, not in {entry.type}",
            part="type",
        )


def in_no_register(form_code: str) -> bool:
    """Whether nobody of that legal form is entered anywhere, such as a sole trader who is no registered merchant."""
    form = legal_forms().get(form_code)
    return form is not None and not form.register_types


@cache
def _competences_by_word() -> dict[str, str]:
    return {
        fold(word): code
        for code, known in competences().items()
        for language in ("de", "en")
        for word in (known.label.in_language(language), competence_words(code, language))
    }


@cache
def _by_spelling() -> dict[str, str]:
    return {fold(spelling): form.code for form in legal_forms().values() for spelling in (form.label, *form.spellings)}
