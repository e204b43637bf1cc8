"""What a merger would do, before anybody does it: the two side by side, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import FieldError

from ..rules import merging as rules
from ..rules.duplicates import candidate_of, judge
from ..rules.findings import Findings
from ..rules.merging import Beside, MergerKind
from ..rules.profile import identifiers
from ..rules.rights import MERGE
from ..store import duplicates, mergers
from .merging import Both, read_both
from .merging_beside import beside

_FOUND_BY = frozenset({"euid", "register", "vat", "widnr", "lei", "own", "cluster"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a merger would do. `proposed` are the fields taken over unless somebody chooses otherwise."""

    both: Both
    beside: tuple[Beside, Beside] | None
    """What stands beside the documents, of the one that goes first, where the caller's office keeps both."""
    kind: MergerKind
    proposed: tuple[str, ...]
    participations: int
    notes: int
    memberships: int
    numbers: tuple[str, ...]
    warnings: Sequence[FieldError]

    @property
    def by_proposal(self) -> bool:
        """Whether another state's office has to agree."""
        return self.both.merged_state is not self.both.kept_state

    @property
    def differing(self) -> tuple[str, ...]:
        """The fields that may be taken over and differ."""
        kept, merged = self.both.kept.organisation, self.both.merged.organisation
        found = tuple(
            name
            for name in rules.offered(self.kind)
            if getattr(merged, name) and getattr(merged, name) != getattr(kept, name)
        )
        if self.beside is None:
            return found
        theirs, ours = self.beside
        return (*found, *rules.differing_beside(ours, theirs))

    def value(self, name: str, *, of_kept: bool) -> Any:
        """A field's value as it is published; of what stands beside the document as the office reads it, now."""
        if self.beside is not None and name in rules.BESIDE:
            each = self.beside[1 if of_kept else 0]
            if name == rules.ADDRESS:
                return each.address
            value = next((row.value for row in each.holding(name)), None)
            return value if name == "employees" or value is None else str(Decimal(value) / 100)
        organisation = (self.both.kept if of_kept else self.both.merged).organisation
        return organisation.model_dump(mode="json", include={name}, exclude_none=True).get(name)


async def preview_merger(
    connection: Connection, merged_id: UUID, kept_id: UUID, kind: MergerKind, *, caller: Caller
) -> Preview:
    """What merging one organisation into another would do; stores nothing.

    Raises NotFound, Forbidden (neither is the caller's state's), Conflict (kept by another instance) and InvalidInput.
    """
    own = caller.require_own_state(MERGE)
    both = await read_both(connection, merged_id, kept_id)
    if own is not both.merged_state:
        caller.require(MERGE, both.kept_state)
    kept, merged = both.kept.organisation, both.merged.organisation
    found = await mergers.counts(connection, merged_id)
    several = await beside(connection, both.merged, both.kept) if both.merged_state is both.kept_state else None
    proposed = rules.proposed(kept, merged, kind)
    if several is not None:
        theirs, ours = several
        proposed += rules.proposed_beside(ours, theirs, kind)
    apart = merged_id in await duplicates.told_apart(connection, kept_id, [merged_id])
    return Preview(
        both=both,
        beside=several,
        kind=kind,
        proposed=proposed,
        participations=found["participations"],
        notes=found["notes"],
        memberships=sum(item.valid_to is None for item in merged.memberships),
        numbers=tuple(item.value for item in identifiers(merged) if item.kind in _FOUND_BY),
        warnings=_warnings(both, kind, apart=apart),
    )


def _warnings(both: Both, kind: MergerKind, *, apart: bool) -> Sequence[FieldError]:
    """What a person should look at once more; it refuses nothing."""
    findings = Findings()
    if kind is MergerKind.DUPLICATE:
        judgement = judge(candidate_of(both.kept.organisation), candidate_of(both.merged.organisation))
        if judgement.rule is None:
            said_de, said_en = (
                " ".join(text.in_language(language) for text in judgement.reasons) for language in ("de", "en")
            )
            findings.warn(
                "kind",
                "unlike",
                f"nichts spricht dafür, dass es dieselbe ist: {said_de}",
                f"nothing says that they are the same: {said_en}",
            )
        if apart:
            findings.warn(
                "kind",
                "told_apart",
                "eine Stelle hat gesagt, dass es zwei Unternehmen sind",
                "an office said that these are two companies",
            )
    return findings.warnings
