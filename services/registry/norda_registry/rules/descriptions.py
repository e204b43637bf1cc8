"""How an organisation describes itself: roles, value-chain stage, website, English name and texts, certificates.

All of it is public data about an organisation; what is said of persons does not belong in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import idna
from norda_common.contracts.registry import Certificate, Organisation

from . import words
from .findings import Findings, Refused
from .names import fold

ROLES, VALUE_CHAIN = tuple(words.ROLES), tuple(words.VALUE_CHAIN)
DESCRIBING = ("roles", "value_chain", "website", "name_en", "profile", "profile_en", "certificates")
"""The fields of an organisation that are checked here."""
ENDS_SOON_DAYS = 90
"""So early an office learns that a certificate ends."""
_STAGES = words.by_word(words.VALUE_CHAIN)
_ROLES = words.by_word(words.ROLES) | {
    "hersteller": "oem", "zulieferer": "tier1", "supplier": "tier1", "tier 1": "tier1", "tier 2": "tier2",
    "tier 3": "tier3", "zulieferer stufe 1": "tier1", "zulieferer stufe 2": "tier2", "zulieferer stufe 3": "tier3",
    "oem": "oem", "dienstleistung": "service",
}  # fmt: skip
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+", re.ASCII)
LONGEST_ADDRESS = 500


def role(text: str) -> str:
    """A role's code; also as pages and offices write it, `Zulieferer, Tier 1` or `Tier 1`. Raises Refused."""
    found = _ROLES.get(fold(text))
    if found is None:
        known = words.listed(words.ROLES)
        raise Refused("role", f"ist keine Rolle ({known.de})", f"is no role ({known.en})")
    return found


def value_chain_stage(text: str) -> str:
    """The code of a stage of the value chain (Wertschöpfungsstufe); also as pages write it. Raises Refused."""
    found = _STAGES.get(fold(text))
    if found is None:
        known = words.listed(words.VALUE_CHAIN)
        raise Refused(
            "value_chain",
            f"ist keine Stufe der Wertschöpfung ({known.de})",
            f"is no stage of the value chain ({known.en})",
        )
    return found


def website(text: str) -> str:
    """The address of a website, `https://www.ex-001.example/`; without a scheme it is https. Raises Refused."""
    value = text.strip()
    if not re.match(r"[a-z][a-z0-9+.-]*://", value, re.IGNORECASE):
        value = f"https://{value}"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _no_website() from error
    if parts.scheme.lower() not in {"http", "https"}:
        raise Refused(
            "website_scheme",
            "muss mit https:// oder http:// beginnen",
            "must begin with https:// or http://",
        )
    if parts.username is not None or parts.password is not None:
        raise Refused("website_sign_in", "darf keine Anmeldung enthalten", "must not hold a sign-in")
    name = _ascii_host(host)
    if not _HOST.fullmatch(name) or len(name) > 253 or any(char.isspace() for char in value):
        raise _no_website()
    made = urlunsplit(
        (parts.scheme.lower(), name if port is None else f"{name}:{port}", parts.path or "/", parts.query, "")
    )
    if len(made) > LONGEST_ADDRESS:
        raise Refused(
            "website_length",
            f"ist zu lang (höchstens {LONGEST_ADDRESS} Zeichen)",
            f"is too long (at most {LONGEST_ADDRESS} characters)",
        )
    return made


def described(given: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """Of what was given the fields checked here, normalised; faults are noted. What is None is emptied."""
    fields: dict[str, Any] = {name: given[name] for name in ("name_en", "profile", "profile_en") if name in given}
    if "roles" in given:
        fields["roles"] = _in_order(findings.each("roles", given["roles"] or (), role), ROLES)
    for name, rule in (("value_chain", value_chain_stage), ("website", website)):
        if name in given:
            fields[name] = None if given[name] is None else findings.checked(name, given[name], rule)
    if "certificates" in given:
        fields["certificates"] = _certificates(given["certificates"] or (), findings)
    return fields


def warn_of_description(organisation: Organisation, findings: Findings) -> None:
    """What is merely unlikely: roles that do not fit the kind."""
    own = {"cluster": "cluster", "research": "research", "association": "association", "public_body": "administration"}
    expected = own.get(organisation.kind)
    if organisation.roles and expected is not None and expected not in organisation.roles:
        findings.warn(
            "roles",
            "role_of_kind",
            f"lassen „{expected}“ aus, wie es die Art der Organisation erwarten lässt",
            f"leave out “{expected}”, which the kind of organisation lets expect",
        )


def ending_certificates(
    organisation: Organisation, *, today: date, within_days: int = ENDS_SOON_DAYS
) -> list[Certificate]:
    """Certificates that end within so many days, and those that have ended, the first to end first."""
    ending = [
        item
        for item in organisation.certificates
        if item.valid_to is not None and (item.valid_to - today).days <= within_days
    ]
    return sorted(ending, key=lambda item: (item.valid_to or date.max, item.name))


def _certificates(entered: Any, findings: Findings) -> tuple[Certificate, ...]:
    kept: dict[tuple[str, str], Certificate] = {}
    for place, item in enumerate(entered):
        certificate = Certificate.model_validate(item if isinstance(item, Mapping) else dict(item))
        if certificate.valid_from and certificate.valid_to and certificate.valid_to < certificate.valid_from:
            findings.refuse(
                f"certificates.{place}.valid_to",
                "before_begin",
                "liegt vor dem Beginn der Gültigkeit",
                "lies before the beginning of its validity",
            )
        key = (fold(certificate.name), certificate.number or "")
        if key in kept:
            findings.refuse(
                f"certificates.{place}.name",
                "repeated",
                "steht mit dieser Nummer schon da",
                "is there with this number",
            )
        kept[key] = certificate
    return tuple(sorted(kept.values(), key=lambda item: (fold(item.name), item.number or "")))


def _in_order(codes: tuple[str, ...], order: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code for code in order if code in codes)


def _ascii_host(host: str) -> str:
    """A host's name as it is asked for (IDNA 2008); empty for what is none."""
    if host.isascii():
        return host.lower().removesuffix(".")
    try:
        return idna.encode(host, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return ""


def _no_website() -> Refused:
    return Refused(
        "website", "ist keine Adresse einer Website (z. B. https://www.ex-001.example)", "is no address of a website"
    )
