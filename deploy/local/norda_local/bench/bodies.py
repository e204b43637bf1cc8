"""Bodies of commands for measurements: as an office would send them, each with numbers of its own."""

from __future__ import annotations

import json

CLUSTER = {
    "kind": "cluster",
    "legal_name": "Beispiel Cluster Messung e.V.",
    "cluster_code": "ANW",
    "legal_form": "590",
    "seat": {"place": "Bremen", "state": "DE-HB"},
}


def organisation(number: int) -> str:
    """A company of Bremen as the registry's own example has it; `number` (up to 99,999,999) makes it another one."""
    digits = f"{10_000_000 + number}"[-8:]
    vat_id = f"DE{digits}{_check_digit(digits)}"
    return json.dumps(
        {
            "legal_name": f"Beispiel Weser Karosserie {number} GmbH",
            "legal_form": "350",
            "own_id": f"bench-{number}",
            "seat": {"place": "Bremen", "postal_code": "28197", "state": "DE-HB", "ags": "04011", "nuts": "DE501"},
            "register_entry": {"court": "Amtsgericht Bremen", "type": "hrb", "number": str(number)},
            "vat_id": vat_id,
            "widnr": f"{vat_id}-00001",
            "activities": [{"edition": "WZ2025", "code": "29.20.0"}],
            "competences": ["PRD-01", "LWT-03"],
            "clusters": ["ANW"],
            "employees": 240,
            "turnover_eur": "48000000.00",
        },
        ensure_ascii=False,
    )


def draft_event(title: str) -> str:
    """A draft of Bremen's alone, without a limit of seats."""
    return json.dumps(
        {"title": title, "starts": "2035-02-10T10:00+01:00", "ends": "2035-02-10T16:00+01:00", "online": True}
    )


def registration(email: str) -> str:
    """Somebody from Bremen takes part."""
    return json.dumps({"participant_state": "hb", "name": "Beispiel Messung", "email": email, "language": "de"})


def _check_digit(digits: str) -> int:
    """The last digit of a VAT number (ISO 7064 mod 11,10)."""
    rest = 5
    for digit in digits:
        rest = (((rest or 10) * 2) % 11 + int(digit)) % 10
    return (1 - ((rest or 10) * 2) % 11) % 10
