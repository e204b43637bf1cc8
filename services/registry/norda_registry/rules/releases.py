"""What of an organisation an office may show to everybody: groups of fields, each shown only where it was chosen.

`released_part` in migrations/0017_profile.sql takes the same out of a document; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .findings import Findings

ALWAYS = frozenset(
    {"organisation_id", "responsible_state", "kind", "status", "legal_name", "legal_form", "seat", "changed_at"}
)
"""Who it is and where: shown of whatever is released."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "website": ("website",),
    "profile": ("profile", "roles", "value_chain"),
    "competences": ("competences",),
    "activities": ("activities",),
    "sites": ("sites",),
    "certificates": ("certificates",),
    "memberships": ("memberships",),
    "size_class": ("size_class",),
    "english": ("name_en", "profile_en"),
}
DEFAULT = ("competences",)
"""What was shown before one could choose."""


def chosen_groups(entered: Iterable[str], findings: Findings) -> tuple[str, ...]:
    """The groups that were chosen, in their own order; unknown ones are noted as errors."""
    wanted = {text.strip().casefold() for text in entered}
    for unknown in sorted(wanted - GROUPS.keys()):
        known = ", ".join(GROUPS)
        findings.refuse(
            "fields",
            "unknown_group",
            f"{unknown[:40]} kann nicht freigegeben werden (möglich: {known})",
            f"{unknown[:40]} cannot be released (possible: {known})",
        )
    return tuple(group for group in GROUPS if group in wanted)


def shown_fields(groups: Iterable[str]) -> frozenset[str]:
    """The fields of a document that are shown with these groups."""
    return ALWAYS | {name for group in groups for name in GROUPS.get(group, ())}
