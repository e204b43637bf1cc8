"""Seats and sites: municipality key (AGS), NUTS code and postal code against the federal state.

AGS and NUTS say the state, so a contradiction refuses. A postal code gives no state, so it only warns.
"""

from __future__ import annotations

import re

from norda_common.contracts.registry import Address
from norda_common.states import FEDERAL_STATES

from .code_lists import ags_prefixes, nuts_prefixes, postal_areas
from .findings import Findings, Refused

_NUTS_2 = {"DE5": {"DE50"}, "DE6": {"DE60"}, "DE9": {"DE91", "DE92", "DE93", "DE94"}}


def federal_state(text: str) -> str:
    """An ISO 3166-2 code of one of the 16 states, `DE-HB`. Raises Refused."""
    code = text.strip().upper()
    if len(code) == 2:
        code = f"DE-{code}"
    if code not in FEDERAL_STATES:
        raise Refused(
            "federal_state", "ist kein Bundesland (ISO 3166-2, z. B. DE-HB)", "is no German state (e.g. DE-HB)"
        )
    return code


def check_address(address: Address, name: str, findings: Findings) -> None:
    """Check codes of an address against each other and its state; `name` is the field, e.g. `seat`."""
    findings.checked(f"{name}.state", address.state, federal_state)
    if address.postal_code is not None and not re.fullmatch(r"\d{5}", address.postal_code, re.ASCII):
        findings.refuse(
            f"{name}.postal_code", "postal_code", "ist keine Postleitzahl (5 Ziffern)", "is no postal code (5 digits)"
        )
    elif address.postal_code is not None:
        _hint(address.postal_code, address, name=name, findings=findings)
    if address.ags is not None:
        _check_ags(address.ags, address.state, name=name, findings=findings)
    if address.nuts is not None:
        _check_nuts(address.nuts, address.state, name=name, findings=findings)


def _hint(postal_code: str, address: Address, *, name: str, findings: Findings) -> None:
    states = postal_areas().get(postal_code[:2])
    unexpected = address.state not in states if states else address.state in {"DE-HB", "DE-HH", "DE-NI"}
    if unexpected:
        findings.warn(
            f"{name}.postal_code",
            "postal_code_elsewhere",
            f"{postal_code} liegt sonst nicht in {address.state}; bitte prüfen",
            f"{postal_code} is not usually in {address.state}; please check",
        )


def _check_ags(ags: str, state: str, *, name: str, findings: Findings) -> None:
    if not re.fullmatch(r"\d{5}(\d{3})?", ags, re.ASCII):
        findings.refuse(
            f"{name}.ags",
            "ags_form",
            "ist kein Amtlicher Gemeindeschlüssel (5 Ziffern für den Kreis oder 8)",
            "is no municipality key (5 digits for the district, or 8)",
        )
    elif ags_prefixes().get(state, ags[:2]) != ags[:2]:
        findings.refuse(f"{name}.ags", "ags_state", f"gehört nicht zu {state}", f"does not belong to {state}")


def _check_nuts(nuts: str, state: str, *, name: str, findings: Findings) -> None:
    prefix = nuts_prefixes().get(state, nuts[:3])
    if not re.fullmatch(r"DE[0-9A-G][0-9A-Z]{0,2}", nuts, re.ASCII):
        findings.refuse(f"{name}.nuts", "nuts_form", "ist kein NUTS-Code (z. B. DE501)", "is no NUTS code (e.g. DE501)")
    elif nuts[:3] != prefix or (len(nuts) > 3 and nuts[:4] not in _NUTS_2.get(prefix, {nuts[:4]})):
        findings.refuse(f"{name}.nuts", "nuts_state", f"gehört nicht zu {state}", f"does not belong to {state}")
