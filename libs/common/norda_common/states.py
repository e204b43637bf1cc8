"""The three states: tenants of the platform, named by their lower-case code.

ISO 3166-2 has `DE-HB`, `DE-HH`, `DE-NI`; topics, tokens and settings carry the short form. Seats may lie in all 16
federal states, responsibility only in these three.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """A responsible state (tenant, `Mandant`)."""

    BREMEN = "hb"
    HAMBURG = "hh"
    NIEDERSACHSEN = "ni"

    @property
    def iso(self) -> str:
        """The ISO 3166-2 code, `DE-HB`."""
        return f"DE-{self.value.upper()}"

    @property
    def label(self) -> str:
        """The state's own name, the same in German and English text."""
        return {"hb": "Bremen", "hh": "Hamburg", "ni": "Niedersachsen"}[self.value]

    @classmethod
    def from_iso(cls, code: str) -> State:
        """Read `DE-HB` (any case). Raises ValueError for a state that is no tenant."""
        prefix, _, short = code.partition("-")
        if prefix.upper() != "DE":
            raise ValueError(f"{code!r} is not an ISO 3166-2 code of a German state")
        return cls(short.lower())


ALL_STATES: tuple[State, ...] = tuple(State)
FEDERAL_STATES: frozenset[str] = frozenset(
    f"DE-{code}"
    for code in ["BW", "BY", "BE", "BB", "HB", "HH", "HE", "MV", "NI", "NW", "RP", "SL", "SN", "ST", "SH", "TH"]
)
"""ISO 3166-2 codes of all 16 federal states, in which a seat may lie."""
