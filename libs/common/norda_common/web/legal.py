"""What the law asks every operator to say, per state: who is responsible, who supervises, whom to write to.

Sources: section 5 DDG (imprint), Art. 13 and 26 GDPR (privacy; the offices are joint controllers), sections 12b and 12d
BGG and the states' own acts (accessibility statement, feedback, arbitration). The offices' details are examples of this
installation: an operator replaces `legal.toml` by their own (NORDA_LEGAL_FILE).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import Text
from ..states import ALL_STATES, State

TITLES: Mapping[str, Text] = {
    "imprint": Text("Impressum", "Imprint"),
    "privacy": Text("Datenschutz", "Privacy"),
    "accessibility": Text("Barrierefreiheit", "Accessibility"),
    "feedback": Text("Barriere melden", "Report a barrier"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The office of one state, as its legal pages name it."""

    state: State
    office: str
    address: str
    email: str
    phone: str
    represented_by: str
    supervision: str
    data_protection_officer: str
    data_protection_authority: str
    arbitration: str
    arbitration_address: str


def read(path: Path) -> dict[State, Tenant]:
    """The tenants in a TOML file with a table per state. Raises ValueError naming what is missing."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return {state: Tenant(state=state, **tables[state.value]) for state in ALL_STATES}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


TENANTS: Mapping[State, Tenant] = read(Path(os.environ.get("NORDA_LEGAL_FILE") or Path(__file__).parent / "legal.toml"))
