"""Which codes of WZ 2025 are proposed for those of WZ 2008: a person confirms each, none is applied by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from norda_common.contracts.registry import Activity, Organisation

from .activities import NEW, OLD, Target, activity, means_otherwise, successors, title_of
from .findings import Findings


@dataclass(frozen=True, slots=True)
class Proposal:
    """A code of WZ 2008 with its meaning, and what it may be in WZ 2025.

    `means_otherwise`: WZ 2025 has the same code with another meaning, `other_title`. `present` are those of the targets
    that the organisation has already.
    """

    code: str
    title: str
    targets: tuple[Target, ...]
    means_otherwise: bool
    other_title: str
    present: tuple[str, ...]

    @property
    def ticked(self) -> tuple[str, ...]:
        """What is proposed to a person: what is there already, else the only thing it became."""
        if self.present:
            return self.present
        return tuple(target.code for target in self.targets if target.whole)


def proposals(organisation: Organisation, *, decided: Collection[str]) -> list[Proposal]:
    """The proposals for which nobody has decided yet, in the order of the organisation's activities."""
    has = {item.code for item in organisation.activities if item.edition == NEW}
    return [
        _proposal(item.code, has)
        for item in organisation.activities
        if item.edition == OLD and item.code not in decided
    ]


def with_chosen(
    activities: Sequence[Activity], code: str, chosen: Sequence[str], findings: Findings
) -> tuple[Activity, ...]:
    """The activities with the codes of WZ 2025 chosen for one of WZ 2008, which stays. Faults are noted."""
    old = findings.checked("code", code, lambda text: activity(OLD, text))
    new = findings.each("chosen", chosen, lambda text: activity(NEW, text))
    if old is not None and old not in activities:
        findings.refuse(
            "code", "no_activity", "ist kein Wirtschaftszweig der Organisation", "is no activity of the organisation"
        )
    return (*activities, *(item for item in new if item not in activities))


def _proposal(code: str, has: Collection[str]) -> Proposal:
    targets = successors(code)
    return Proposal(
        code=code,
        title=title_of(OLD, code),
        targets=targets,
        means_otherwise=means_otherwise(code),
        other_title=title_of(NEW, code),
        present=tuple(target.code for target in targets if target.code in has),
    )
