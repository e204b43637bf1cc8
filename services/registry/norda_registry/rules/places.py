"""Seats and sites: municipality key (AGS), NUTS code and postal code against the federal state.

AGS and NUTS say the state, so a contradiction refuses. A postal code gives no state (19273, 21039 and 22113 lie in or
near two), so it only warns, as does what the lists here do not know.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from norda_common.contracts.registry import Address
from norda_common.states import FEDERAL_STATES

from .code_lists import ags_prefixes, federal_states, nuts_prefixes, nuts_regions, postal_areas
from .findings import Findings, Refused
from .identifiers import plain
from .names import fold

_NUTS_2 = {"DE5": {"DE50"}, "DE6": {"DE60"}, "DE9": {"DE91", "DE92", "DE93", "DE94"}}
_WHOLLY_KNOWN = frozenset({"DE-HB", "DE-HH", "DE-NI"})
"""States of which the list has every district."""


def federal_state(text: str) -> str:
    """An ISO 3166-2 code of one of the 16 states, `DE-HB`; also written `hb`, `DE HB` or `Bremen`. Raises Refused."""
    found = state_code(text)
    if found is None:
        raise Refused(
            "federal_state", "ist kein Bundesland (ISO 3166-2, z. B. DE-HB)", "is no German state (e.g. DE-HB)"
        )
    return found


@lru_cache(maxsize=1_000)
def state_code(text: str) -> str | None:
    """The same; None for what names no state."""
    code = "-".join(re.split(r"[\s_–-]+", plain(text).upper()))
    if len(code) == 2:
        code = f"DE-{code}"
    return code if code in FEDERAL_STATES else _by_name().get(fold(text))


@lru_cache(maxsize=16_384)
def plain_postal_code(text: str) -> str:
    """A postal code as it is written: without blanks and the country before it, `28195` for `D-28 195`."""
    return re.sub(r"^DE?-?(?=\d)", "", plain(text).replace(" ", "").upper(), flags=re.ASCII)


@lru_cache(maxsize=16_384)
def plain_key(text: str) -> str:
    """An AGS or NUTS code as it is written: in capitals, without blanks, dots and dashes."""
    return re.sub(r"[\s./–-]", "", plain(text)).upper()


def states_of_postal_code(postal_code: str) -> frozenset[str]:
    """The states in which places with that postal code may lie, by its first digits; empty if not known."""
    areas = postal_areas()
    return areas.get(postal_code[:3]) or areas.get(postal_code[:2]) or frozenset()


def check_address(address: Address, name: str, findings: Findings) -> None:
    """Check codes of an address against each other and its state; `name` is the field, e.g. `seat`."""
    findings.checked(f"{name}.state", address.state, federal_state)
    if address.postal_code is not None:
        _check_postal_code(address.postal_code, address.state, name=name, findings=findings)
    if address.ags is not None:
        _check_ags(address.ags, address.state, name=name, findings=findings)
    if address.nuts is not None:
        _check_nuts(address.nuts, address.state, name=name, findings=findings)
        _hint_nuts(address.nuts, address.ags, name=name, findings=findings)


def _check_postal_code(postal_code: str, state: str, *, name: str, findings: Findings) -> None:
    if not re.fullmatch(r"\d{5}", postal_code, re.ASCII):
        lost = bool(re.fullmatch(r"[1-9]\d{3}", postal_code, re.ASCII))
        findings.refuse(
            f"{name}.postal_code",
            "postal_code",
            "ist keine Postleitzahl (5 Ziffern)" + ("; fehlt die 0 am Anfang?" if lost else ""),
            "is no postal code (5 digits)" + ("; is the leading 0 missing?" if lost else ""),
        )
        return
    states = states_of_postal_code(postal_code)
    if not states:
        findings.warn(
            f"{name}.postal_code",
            "postal_code_unknown",
            f"{postal_code} gehört zu keinem bekannten Zustellbereich; bitte prüfen",
            f"{postal_code} belongs to no postal area that is known; please check",
        )
    elif state not in states:
        likely = sorted(federal_states()[code].name for code in states)
        findings.warn(
            f"{name}.postal_code",
            "postal_code_elsewhere",
            f"{postal_code} liegt sonst nicht in {state}, eher in {' oder '.join(likely)}; bitte prüfen",
            f"{postal_code} is not usually in {state}, rather in {' or '.join(likely)}; please check",
        )


def _check_ags(ags: str, state: str, *, name: str, findings: Findings) -> None:
    if not re.fullmatch(r"\d{5}(\d{3})?", ags, re.ASCII):
        lost = bool(re.fullmatch(r"[1-9](\d{3}|\d{6})", ags, re.ASCII))
        findings.refuse(
            f"{name}.ags",
            "ags_form",
            "ist kein Amtlicher Gemeindeschlüssel (5 Ziffern für den Kreis oder 8)"
            + ("; fehlt die 0 am Anfang?" if lost else ""),
            "is no municipality key (5 digits for the district, or 8)"
            + ("; is the leading 0 missing?" if lost else ""),
        )
    elif ags_prefixes().get(state, ags[:2]) != ags[:2]:
        findings.refuse(f"{name}.ags", "ags_state", f"gehört nicht zu {state}", f"does not belong to {state}")
    elif state in _WHOLLY_KNOWN and ags[:5] not in nuts_regions():
        findings.warn(
            f"{name}.ags",
            "ags_unknown",
            f"nennt einen Kreis ({ags[:5]}), den die Liste nicht kennt; bitte prüfen",
            f"names a district ({ags[:5]}) that the list does not know; please check",
        )


def _check_nuts(nuts: str, state: str, *, name: str, findings: Findings) -> None:
    prefix = nuts_prefixes().get(state, nuts[:3])
    if not re.fullmatch(r"DE[0-9A-G][0-9A-Z]{0,2}", nuts, re.ASCII):
        findings.refuse(f"{name}.nuts", "nuts_form", "ist kein NUTS-Code (z. B. DE501)", "is no NUTS code (e.g. DE501)")
    elif nuts[:3] != prefix or (len(nuts) > 3 and nuts[:4] not in _NUTS_2.get(prefix, {nuts[:4]})):
        findings.refuse(f"{name}.nuts", "nuts_state", f"gehört nicht zu {state}", f"does not belong to {state}")


def _hint_nuts(nuts: str, ags: str | None, *, name: str, findings: Findings) -> None:
    region = nuts_regions().get((ags or "")[:5])
    if region is not None and not region.startswith(nuts):
        findings.warn(
            f"{name}.nuts",
            "nuts_of_ags",
            f"passt nicht zum Gemeindeschlüssel: zu {ags} gehört {region}; bitte prüfen",
            f"does not fit the municipality key: {region} belongs to {ags}; please check",
        )


@cache
def _by_name() -> dict[str, str]:
    return {fold(state.name): code for code, state in federal_states().items()}
