"""Contact persons: what they are to their organisation, and why, on which basis and how long an office keeps them.

Purpose, legal basis and last day are mandatory per record (Art. 5 and 6 GDPR). Inviting by e-mail is advertising, which
needs consent before (section 7 UWG), so that purpose asks when and to which words the person agreed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date

from norda_common.errors import Text

from .findings import Findings
from .names import fold, query_words

ROLES: Mapping[str, Text] = {
    "management": Text("Geschäftsführung", "Management"),
    "assistance": Text("Assistenz", "Assistance"),
    "purchasing": Text("Einkauf", "Purchasing"),
    "sales": Text("Vertrieb", "Sales"),
    "technology": Text("Technik und Entwicklung", "Technology and development"),
    "production": Text("Produktion", "Production"),
    "quality": Text("Qualität", "Quality"),
    "hr": Text("Personal", "Human resources"),
    "finance": Text("Finanzen", "Finance"),
    "press": Text("Presse und Öffentlichkeitsarbeit", "Press and public relations"),
    "sustainability": Text("Nachhaltigkeit", "Sustainability"),
    "works_council": Text("Betriebsrat", "Works council"),
}
"""Open: a record may hold a code of a later release."""
INVITATIONS = "invitations"
PURPOSES: Mapping[str, Text] = {
    "support": Text("Betreuung der Organisation", "Support of the organisation"),
    "funding": Text("Förderverfahren", "Funding procedures"),
    "cooperation": Text("Vermittlung von Partnern", "Matching of partners"),
    INVITATIONS: Text("Einladungen zu Veranstaltungen", "Invitations to events"),
}
CONSENT = "consent"
LEGAL_BASES: Mapping[str, Text] = {
    CONSENT: Text("Einwilligung (Art. 6 Abs. 1 lit. a DSGVO)", "Consent (Art. 6 (1) (a) GDPR)"),
    "contract": Text("Vertrag (lit. b)", "Contract (b)"),
    "public_task": Text("öffentliche Aufgabe (lit. e)", "Public task (e)"),
    "legitimate_interest": Text("berechtigtes Interesse (lit. f)", "Legitimate interest (f)"),
}
LONGEST_NAME = 200
PHONE = r"^\+?[0-9 ()/.\-]{3,40}( ?(ext\.?|Durchwahl) ?[0-9]{1,6})?$"
"""What a phone number looks like."""
LONGEST_YEARS = 10
"""A record without a near end is one without a purpose; it can be prolonged when it is looked at again."""


_NATIONAL = re.compile(r"\(0\)")
_NO_DIGIT = re.compile(r"[^0-9]+")
_DIALLED = re.compile(r"\(?[+0][0-9 ()/.\-]{3,40}")


def phone_key(phone: str) -> str | None:
    """What tells phone numbers apart: the digits with the country's code, those of an extension last; None without any.

    `+49 (0)421 555-01`, `0049 421 55501` and `0421/55501` are one number. Without code and zero it is its digits.
    """
    international = phone.lstrip(" (").startswith(("+", "00"))
    # The zero in brackets is dialled at home only, where nobody dials the country's code.
    digits = _NO_DIGIT.sub("", _NATIONAL.sub("", phone, count=1) if international else phone)
    if international:
        return digits.removeprefix("00") or None
    return f"49{digits[1:]}" if digits.startswith("0") else digits or None


def person_words(text: str) -> list[str]:
    """The words by which contact persons are looked for; a phone number with its code, or its beginning, is one word,
    however it is written.
    """
    key = phone_key(text) if _DIALLED.fullmatch(text.strip()) else None
    return [key] if key else query_words(text)


def known_phone(phone: str) -> str | None:
    """How a phone number stands among the keys by which a person is known; no address looks so."""
    key = phone_key(phone)
    return f"tel:{key}" if key else None


def name_key(name: str) -> str:
    """What tells the names of persons apart who share an address or a phone number: the folded name, and after it the
    letters that folding drops, which are those of other scripts.
    """
    folded = fold(name)
    if not name.isascii():
        plain = unicodedata.normalize("NFKC", name).casefold()
        folded += "".join(letter for letter in plain if letter.isalpha() and not fold(letter))
    return folded[:LONGEST_NAME]


def under_name(key: str, name: str) -> str:
    """The key of one of those who have this address or number: the one who is called so."""
    return f"{key}\n{name_key(name)}"


def check_codes(name: str, codes: Collection[str], known: Mapping[str, Text], findings: Findings) -> None:
    """Each code must be one of the list."""
    for place, code in enumerate(codes):
        if code not in known:
            findings.refuse(
                f"{name}.{place}" if len(codes) > 1 else name,
                "unknown_code",
                f"steht nicht in der Liste: {', '.join(known)}",
                f"is not in the list: {', '.join(known)}",
            )


def check_retention(retain_until: date, *, today: date, findings: Findings) -> None:
    """The last day lies ahead, by ten years at most."""
    if retain_until < today:
        findings.refuse("retain_until", "in_the_past", "liegt in der Vergangenheit", "is in the past")
    elif retain_until > _years_after(today, LONGEST_YEARS):
        findings.refuse(
            "retain_until",
            "too_far_ahead",
            f"liegt mehr als {LONGEST_YEARS} Jahre in der Zukunft",
            f"is more than {LONGEST_YEARS} years ahead",
        )


def check_consent(
    *,
    legal_basis: str,
    purposes: Collection[str],
    given_on: date | None,
    wording: str | None,
    today: date,
    findings: Findings,
) -> None:
    """Whether consent is proven where it is needed (Art. 7 (1) GDPR): the day, not ahead, and the words."""
    why = None
    if legal_basis == CONSENT:
        why = Text("fehlt: Die Rechtsgrundlage ist Einwilligung", "is missing: the legal basis is consent")
    elif INVITATIONS in purposes:
        why = Text(
            "fehlt: Einladungen brauchen eine Einwilligung (§ 7 UWG)",
            "is missing: invitations need consent (section 7 UWG)",
        )
    for name, value in (("consent_given_on", given_on), ("consent_wording", wording)):
        other = wording if name == "consent_given_on" else given_on
        if value is None and (why or other is not None):
            said = why or Text("fehlt zur Einwilligung", "is missing for the consent")
            findings.refuse(name, "consent_missing", said.de, said.en)
    if given_on is not None and given_on > today:
        findings.refuse("consent_given_on", "in_the_future", "liegt in der Zukunft", "is in the future")


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
