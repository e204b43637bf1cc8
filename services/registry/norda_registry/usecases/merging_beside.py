"""What stands beside the documents of two organisations that become one: dated figures and the contact address.

Only the office that keeps both sees both, so where two states merge it stays with the record that goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.states import State

from ..rules import merging as rules
from ..rules.figures import Figure, FigureKind, newest
from ..rules.findings import Findings
from ..rules.merging import ADDRESS, FIGURES, Beside
from ..rules.size_class import Figures
from ..store import figures as store
from ..store import mergers, organisations
from ..store.mergers import Merger, acting_for
from ..store.organisations import Stored
from .links import end_links_of
from .sizing import size_of, told

_HELD = {
    FigureKind.EMPLOYEES: "employees",
    FigureKind.TURNOVER: "turnover_cents",
    FigureKind.BALANCE: "balance_cents",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """The one that stays, with what came or went beside the document; `touched` if its address did."""

    organisation: Organisation
    figures: Figures
    touched: tuple[str, ...] = ()


async def beside(connection: Connection, merged: Stored, kept: Stored) -> tuple[Beside, Beside]:
    """What is kept beside the two documents, of the one that goes first; what the caller may not see is not there."""
    ids = [each.organisation.organisation_id for each in (merged, kept)]
    rows = await store.of(connection, ids)
    addresses = await organisations.contacts(connection, ids)
    of_merged, of_kept = (Beside(rows.get(key, []), addresses.get(key)) for key in ids)
    return of_merged, of_kept


async def bring(
    connection: Connection,
    merger: Merger,
    organisation: Organisation,
    *,
    merged: Stored,
    kept: Stored,
    findings: Findings,
    now: datetime,
) -> Kept:
    """Carry along what was chosen, before `organisation`, the kept one with what it takes over, is recorded."""
    chosen = [name for name in rules.BESIDE if name in merger.taken]
    if not chosen:
        return Kept(organisation, kept.figures)
    key = organisation.organisation_id
    theirs, ours = await beside(connection, merged, kept)
    carried = rules.carried(ours, theirs, chosen)
    for row in carried:
        await store.add(connection, key, row, merger_id=merger.id)
    touched: tuple[str, ...] = ()
    if ADDRESS in chosen and theirs.address and theirs.address != ours.address:
        if ours.address is not None:
            await mergers.keep_replaced(connection, merger.id, key, ours.address)
            await end_links_of(connection, [key], now=now)
        await organisations.set_contacts(connection, {key: theirs.address})
        touched = (ADDRESS,)
    if not carried:
        return Kept(organisation, kept.figures, touched)
    rows = [*ours.figures, *carried]
    return await _sized(connection, organisation, kept.figures, rows, [row.kind for row in carried], touched, findings)


async def give_back(
    connection: Connection,
    merger: Merger,
    organisation: Organisation,
    *,
    merged: Stored,
    kept: Stored,
    caller: Caller,
    findings: Findings,
    now: datetime,
) -> Kept:
    """Take out what a merger carried along, before `organisation`, the kept one without the other, is recorded.

    Figures that were entered since stay, and so does an address that was changed since.
    """
    chosen = [name for name in rules.BESIDE if name in merger.taken]
    if not chosen:
        return Kept(organisation, kept.figures)
    key = organisation.organisation_id
    touched: tuple[str, ...] = ()
    async with _for_office(connection, caller, merged):
        came = (await organisations.contacts(connection, [merger.merged_id])).get(merger.merged_id)
    async with _for_office(connection, caller, kept):
        if ADDRESS in chosen:
            before = await mergers.take_replaced(connection, merger.id)
            present = (await organisations.contacts(connection, [key])).get(key)
            if present != came:
                findings.warn(
                    ADDRESS,
                    "changed_since",
                    "wurde seit der Zusammenführung geändert und bleibt so",
                    "was changed since the merger and stays so",
                )
            elif before != present:
                touched = (ADDRESS,)
                await end_links_of(connection, [key], now=now)
                if before is None:
                    await organisations.remove_contacts(connection, [key])
                else:
                    await organisations.set_contacts(connection, {key: before})
        if not await store.take_back_merger(connection, key, merger.id):
            return Kept(organisation, kept.figures, touched)
        rows = (await store.of(connection, [key])).get(key, [])
        kinds = [FIGURES[name] for name in chosen if name in FIGURES]
        return await _sized(connection, organisation, kept.figures, rows, kinds, touched, findings)


async def _sized(
    connection: Connection,
    organisation: Organisation,
    held: Figures,
    rows: Sequence[Figure],
    kinds: Sequence[FigureKind],
    touched: tuple[str, ...],
    findings: Findings,
) -> Kept:
    """The newest figures of these kinds, and the class that they make."""
    found = newest(rows)
    figures = replace(held, **{_HELD[kind]: getattr(found, _HELD[kind]) for kind in set(kinds)})
    size = told((await size_of(connection, organisation, rows)).held, organisation.size_class, findings)
    return Kept(organisation.model_copy(update={"size_class": size}), figures, touched)


def _for_office(connection: Connection, caller: Caller, stored: Stored) -> AbstractAsyncContextManager[None]:
    """Act for the office that keeps the organisation, which the caller's may be."""
    state = State(stored.organisation.responsible_state)
    return acting_for(connection, state) if state is not caller.state else nullcontext()
