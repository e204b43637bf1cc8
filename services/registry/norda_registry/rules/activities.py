"""Economic activities (Wirtschaftszweig): edition and code, since 178 codes mean other things in WZ 2008 and 2025."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from norda_common.contracts.registry import Activity
from wz_code import WZ

from .findings import Refused
from .identifiers import plain

OLD, NEW = "WZ2008", "WZ2025"
EDITIONS = {OLD: "2008", NEW: "2025"}


@dataclass(frozen=True, slots=True)
class Target:
    """A code of WZ 2025 that a code of WZ 2008 may have become; `whole` when nothing else became of it."""

    code: str
    title: str
    whole: bool


# Read with the module, not at the first activity somebody enters: where no bytecode is kept these lists of 860 kB are
# compiled, for which a running service would stand still for a second and keep 20 MB.
_EDITIONS = {edition: WZ(version=year) for edition, year in EDITIONS.items()}


@lru_cache(maxsize=4_000)
def activity(edition: str, code: str) -> Activity:
    """The activity, when the edition has that code; also written `29320` or `C 29.32.0`. Raises Refused."""
    name = re.sub(r"[\s_-]", "", plain(edition)).upper()
    if name not in EDITIONS:
        raise Refused(
            "activity_edition",
            "ist keine bekannte Ausgabe (WZ2008 oder WZ2025)",
            "is no known edition (WZ2008 or WZ2025)",
            part="edition",
        )
    wanted = normal_code(code)
    if not _EDITIONS[name].exists(wanted):
        other = next((label for label, known in _EDITIONS.items() if label != name and known.exists(wanted)), None)
        raise Refused(
            "activity_code",
            f"gibt es in {name} nicht" + (f", nur in {other}" if other else ""),
            f"does not exist in {name}" + (f", only in {other}" if other else ""),
            part="code",
        )
    return Activity(edition=name, code=wanted)


def normal_code(text: str) -> str:
    """A code as the lists write it: `29.32.0` for `29320`, `29 32 0` or `C29.32.0`; a section is its letter."""
    value = plain(text).replace(" ", "").upper()
    if re.fullmatch(r"[A-V]\.?\d.*", value, re.ASCII):
        value = value[1:].lstrip(".")
    digits = value.replace(".", "")
    if not re.fullmatch(r"\d{2,5}", digits, re.ASCII):
        return value
    return ".".join(part for part in (digits[:2], digits[2:4], digits[4:]) if part)


def title_of(edition: str, code: str) -> str:
    """What a code means, in German as published; empty for what the edition does not have."""
    known = _EDITIONS.get(edition)
    return str(known.get(code).title) if known is not None and known.exists(code) else ""


def means_otherwise(code: str) -> bool:
    """Whether both editions have that code, with different titles, such as 25.61 and 38.31."""
    titles = {title_of(edition, code) for edition in EDITIONS}
    return len(titles) == len(EDITIONS) and "" not in titles


@lru_cache(maxsize=4_000)
def successors(code: str) -> tuple[Target, ...]:
    """What a code of WZ 2008 may be in WZ 2025, by the statistical office's correspondence; empty if not known.

    A code above the lowest level is proposed what its own codes became, at the same level.
    """
    old, new = _EDITIONS[OLD], _EDITIONS[NEW]
    if not old.exists(code):
        return ()
    level = old.get(code).level
    leaves = [code, *(item.code for item in old.get(code).descendants)]
    found: dict[str, None] = {}
    for leaf in leaves:
        for item in old.get_correspondences(leaf):
            target = new.get(item.code)
            while target.level > level and target.parent is not None:
                target = target.parent
            found[target.code] = None
    return tuple(Target(each, str(new.get(each).title), len(found) == 1) for each in found)
