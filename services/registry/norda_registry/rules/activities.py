"""Economic activities (Wirtschaftszweig): edition and code, since 178 codes mean other things in WZ 2008 and 2025."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from norda_common.contracts.registry import Activity
from wz_code import WZ

from .findings import Refused

EDITIONS = {"WZ2008": "2008", "WZ2025": "2025"}


@cache
def _edition(version: str) -> WZ:
    return WZ(version=version)


@lru_cache(maxsize=4_000)
def activity(edition: str, code: str) -> Activity:
    """The activity, when the edition has that code. Raises Refused."""
    name = re.sub(r"[\s_-]", "", edition).upper()
    if name not in EDITIONS:
        raise Refused(
            "activity_edition",
            "ist keine bekannte Ausgabe (WZ2008 oder WZ2025)",
            "is no known edition (WZ2008 or WZ2025)",
            part="edition",
        )
    wanted = code.strip().upper()
    if not _edition(EDITIONS[name]).exists(wanted):
        other = next(
            (label for label, year in EDITIONS.items() if label != name and _edition(year).exists(wanted)), None
        )
        raise Refused(
            "activity_code",
            f"gibt es in {name} nicht" + (f", nur in {other}" if other else ""),
            f"does not exist in {name}" + (f", only in {other}" if other else ""),
            part="code",
        )
    return Activity(edition=name, code=wanted)
