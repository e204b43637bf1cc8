"""The size class of an organisation as an enterprise, with whom it is linked, over the years that are known.

What another state's office knows of a linked organisation stays with it: then the class is said not to be known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.states import State

from ..rules.enterprise import LINKED, PARTNER, Member, Total, class_over_years, total
from ..rules.figures import OFFICE, Figure, FigureKind, by_year
from ..rules.findings import Findings
from ..rules.handovers import open_offer
from ..rules.profile import ACTIVE
from ..rules.size_class import Figures, SizeClass
from ..store import documents, organisations
from ..store import figures as store
from ..store.organisations import Stored
from .days import local_day
from .recording import record

MOST_MEMBERS = 200
MOST_RESIZED = 50
_VALUES = {
    FigureKind.EMPLOYEES: "employees",
    FigureKind.TURNOVER: "turnover_cents",
    FigureKind.BALANCE: "balance_cents",
}


@dataclass(frozen=True, slots=True)
class Sized:
    """An enterprise's size: `held` after the rule of two years, `last` of the last year alone, and each year's sums."""

    held: SizeClass | None
    last: SizeClass | None
    years: tuple[tuple[int, Total], ...]
    names: Mapping[str, Organisation]

    @property
    def now(self) -> Total | None:
        """The sums of the last year."""
        return self.years[-1][1] if self.years else None


async def size_of(connection: Connection, organisation: Organisation, rows: Sequence[Figure] | None = None) -> Sized:
    """What the known figures make; `rows` are the organisation's own, where the caller has them already."""
    own = organisation.organisation_id
    if rows is not None and not organisation.links:
        return _sized(own, {own: organisation}, {own: rows})
    known = await _enterprise(connection, organisation)
    figures: dict[UUID, Sequence[Figure]] = {**await store.of(connection, [*known])}
    if rows is not None:
        figures[own] = rows
    return _sized(own, known, figures)


def _sized(own: UUID, known: Mapping[UUID, Organisation], figures: Mapping[UUID, Sequence[Figure]]) -> Sized:
    """The size of an enterprise of whom all that is known is here. Pure."""
    yearly = {key: by_year(found) for key, found in figures.items()}
    years: list[tuple[int, Total]] = []
    for year in sorted({year for known_years in yearly.values() for year, _ in known_years}):
        members = {
            str(key): Member(
                _at(yearly.get(key, ()), year),
                [str(link.organisation_id) for link in item.links if link.kind == LINKED],
                {str(link.organisation_id): link.share_percent for link in item.links if link.kind == PARTNER},
            )
            for key, item in known.items()
        }
        years.append((year, total(str(own), members)))
    held, last = class_over_years([(year, found.size) for year, found in years])
    return Sized(held, last, tuple(years), {str(key): item for key, item in known.items()})


async def class_after(
    connection: Connection,
    organisation: Organisation,
    *,
    before: Stored,
    figures: Figures,
    declared: str | None,
    findings: Findings,
    now: datetime,
) -> str | None:
    """The class once `figures` hold, else the declared one; a contradiction is a warning, the figures win."""
    same = organisation.links == before.organisation.links
    if same and figures == before.figures and declared == before.organisation.size_class:
        return declared
    known = (await store.of(connection, [organisation.organisation_id])).get(organisation.organisation_id, [])
    rows = with_todays(known, before.figures, figures, now=now)
    return told((await size_of(connection, organisation, rows)).held, declared, findings)


def with_todays(known: Sequence[Figure], before: Figures, figures: Figures, *, now: datetime) -> list[Figure]:
    """The dated figures once the office says `figures` today, where it said `before`. Pure."""
    said = [
        Figure(kind=kind, on=local_day(now), source=OFFICE, value=getattr(figures, name), recorded_at=now)
        for kind, name in _VALUES.items()
        if getattr(figures, name) != getattr(before, name)
    ]
    return [*known, *said]


def told(computed: SizeClass | None, declared: str | None, findings: Findings) -> str | None:
    """The class the figures make, else the declared one; a contradiction is a warning."""
    if computed is None:
        return declared
    if declared is not None and declared != computed:
        findings.warn(
            "size_class",
            "size_class_differs",
            f"die Zahlen ergeben {computed.value}, angegeben ist {declared}",
            f"the figures make {computed.value}, {declared} was given",
        )
    return computed.value


async def resize_others(
    connection: Connection, changed: UUID, *, state: State, caller: Caller, served: Collection[State], now: datetime
) -> list[UUID]:
    """Compute anew the classes of own organisations that count this one in, also through others; which changed."""
    waiting, seen, resized = deque([changed]), {changed}, list[UUID]()
    while waiting and len(seen) <= MOST_RESIZED:
        for other in await store.counting_in(connection, waiting.popleft(), state=state):
            if other in seen:
                continue
            seen.add(other)
            waiting.append(other)
            if await resize(connection, other, caller=caller, served=served, now=now):
                resized.append(other)
    return resized


async def resize_counting_in(
    connection: Connection,
    changed: Sequence[UUID],
    *,
    state: State,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> list[UUID]:
    """The same after many have changed: one look-up, since few are linked. `changed` have other figures by now."""
    if not changed:
        return []
    resized: dict[UUID, None] = {}
    for each in await store.counted_in(connection, changed, state=state):
        resized |= dict.fromkeys(
            await resize_others(connection, each, state=state, caller=caller, served=served, now=now)
        )
    return list(resized)


async def resize(
    connection: Connection, organisation_id: UUID, *, caller: Caller, served: Collection[State], now: datetime
) -> bool:
    """Compute an organisation's class anew and store it if it is another one; whether it was.

    One that is not active or on its way to another state stays as it is.
    """
    before = await organisations.lock(connection, organisation_id)
    if before is None or State(before.organisation.responsible_state) not in served:
        return False
    if before.organisation.status != ACTIVE or open_offer(before.organisation) is not None:
        return False
    held = (await size_of(connection, before.organisation)).held
    if held is None or held == before.organisation.size_class:
        return False
    await record(
        connection,
        before.organisation.model_copy(update={"size_class": held.value}),
        before=before,
        change="changed",
        action="organisation.resize",
        caller=caller,
        now=now,
        figures=before.figures,
    )
    return True


async def _enterprise(connection: Connection, start: Organisation) -> dict[UUID, Organisation]:
    """The organisation and whom it is linked with or has a partner in, and whom those are; bounded."""
    known = {start.organisation_id: start}
    wanted = {link.organisation_id for link in start.links}
    while wanted and len(known) < MOST_MEMBERS:
        found = await documents.of(connection, wanted)
        known |= found
        wanted = {link.organisation_id for item in found.values() for link in item.links} - known.keys()
    return known


def _at(years: Sequence[tuple[int, Figures]], year: int) -> Figures | None:
    """The figures as they were known for that year; None when nothing was."""
    until = [figures for known, figures in years if known <= year]
    return replace(until[-1]) if until else None
