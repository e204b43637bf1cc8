"""What rows would do: a batch at a time, with a handful of statements however many rows it has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from norda_common.contracts.registry import Membership
from norda_common.database import Connection
from norda_common.identifiers import new_id

from ...rules.figures import newest
from ...rules.findings import Findings
from ...rules.handovers import open_offer
from ...rules.import_rows import Current, Planned, leave_alone, plan, take_form_of_name
from ...rules.profile import ACTIVE
from ...store import figures, imports, matches, organisations
from ...store.matches import Cluster, Match
from .. import sizing
from ..organisations import unknown_cluster
from ..recording import taken_error
from .doubting import refuse_doubtful, trust_former_names
from .further import leave_out_known
from .leaving_out import leave_out_cells
from .matching import (
    by_number,
    choose,
    follow_mergers,
    known_of,
    leave_foreign,
    leave_other_states,
    refuse_repeated_numbers,
    refuse_repeats,
    suspect,
)
from .rows import Desk, Mode, Number, Outcome, Row


async def plan_rows(connection: Connection, rows: Sequence[Row], desk: Desk, *, lock: bool) -> None:
    """Plan every row: its outcome, and what it makes of which organisation. Faults and remarks are in its findings.

    `lock` keeps the organisations from being changed until the transaction ends.
    """
    await leave_out_cells(connection, rows, desk)
    for row in rows:
        if row.draft.findings.errors and desk.staged:
            leave_other_states(row, desk)
            row.outcome = row.outcome or Outcome.ERROR
    refuse_repeats(rows, desk)
    found = await matches.find(connection, [number for row in rows for number in _asked(row)])
    numbers = by_number(await follow_mergers(connection, found))
    known = await _known(connection, rows)
    for row in rows:
        if row.outcome is None:
            choose(row, numbers, known, desk)
    if doubted := [row for row in rows if row.doubted is not None and row.outcome is None]:
        await trust_former_names(connection, doubted)
        if not desk.staged:
            refuse_doubtful(doubted)
    if desk.suspecting:
        await suspect(connection, rows, desk)
    await _read(connection, rows, desk, lock=lock)
    if desk.staged:
        await _read_figures(connection, rows)
        await leave_out_known(connection, [row for row in rows if row.outcome is None], desk)
    clusters = await _clusters(connection, rows)
    await asyncio.to_thread(_plan_all, rows, desk, clusters, numbers)
    await _size_anew(connection, rows, desk)


def _asked(row: Row) -> list[Number]:
    return [] if row.outcome is not None else [*row.numbers, *row.claimed]


async def _known(connection: Connection, rows: Sequence[Row]) -> dict[UUID, Match]:
    ids = [row.draft.organisation_id for row in rows if row.draft.organisation_id is not None]
    return await known_of(connection, ids) if ids else {}


async def _read(connection: Connection, rows: Sequence[Row], desk: Desk, *, lock: bool) -> None:
    """What is stored of the organisations the rows mean."""
    ids = [row.match.organisation_id for row in rows if row.match is not None]
    if not ids:
        return
    stored = await (organisations.lock_many if lock else imports.current)(connection, ids)
    emails = await organisations.contacts(connection, list(stored))
    for row in rows:
        if row.match is None:
            continue
        row.before = stored.get(row.match.organisation_id)
        row.email = emails.get(row.match.organisation_id)
        if row.before is None:
            # It has moved to another state since it was found.
            leave_foreign(row, "einem anderen Land", "another state")
        elif desk.staged and not row.match.merged:
            first = desk.seen.setdefault(hash(("means", row.match.organisation_id)), row.draft.row)
            if first != row.draft.row:
                row.draft.findings.refuse(
                    "row",
                    "repeated_row",
                    f"meint dieselbe Organisation wie Zeile {first}",
                    f"means the same organisation as row {first}",
                )


async def _read_figures(connection: Connection, rows: Sequence[Row]) -> None:
    """The dated figures of the organisations of which rows say some."""
    saying = [row for row in rows if row.before is not None and row.draft.figures_on]
    ids = [row.before.organisation.organisation_id for row in saying if row.before]
    known = await figures.of(connection, ids) if ids else {}
    for row in saying:
        if row.before:
            row.known = known.get(row.before.organisation.organisation_id, [])


async def _clusters(connection: Connection, rows: Sequence[Row]) -> dict[str, Cluster]:
    codes = sorted({code for row in rows for code in row.draft.clusters if row.outcome is None})
    if not codes:
        return {}
    return {item.code: item for item in await matches.clusters(connection, codes=codes)}


def _plan_all(
    rows: Sequence[Row], desk: Desk, clusters: dict[str, Cluster], numbers: dict[Number, list[Match]]
) -> None:
    for row in rows:
        if row.outcome is not None:
            continue
        if not row.draft.findings.errors:
            row.planned = _planned(row, desk, clusters)
        if row.planned is not None and row.planned.public_change:
            refuse_repeated_numbers(row, desk)
            _refuse_taken(row, row.planned, numbers)
        row.outcome = _outcome(row, desk)


async def _size_anew(connection: Connection, rows: Sequence[Row], desk: Desk) -> None:
    """Of organisations whose figures change the class with whom they are linked, and over the years that are known."""
    changed = [
        (row, row.before, row.planned)
        for row in rows
        if row.before is not None
        and row.planned is not None
        and (row.planned.said or row.planned.figures != row.before.figures)
    ]
    if not changed:
        return
    known = await figures.of(connection, [before.organisation.organisation_id for _, before, _ in changed])
    for row, before, planned in changed:
        organisation = planned.organisation
        said = known.get(organisation.organisation_id, [])
        rows_then = [*said, *planned.said]
        dated = sizing.with_todays(rows_then, newest(rows_then), planned.figures, now=desk.now)
        held = (await sizing.size_of(connection, organisation, dated)).held
        declared = row.fields.get("size_class") or organisation.size_class
        size = sizing.told(held, declared, row.draft.findings if "size_class" in row.fields else Findings())
        if size != organisation.size_class:
            organisation = organisation.model_copy(update={"size_class": size})
            changes = organisation != before.organisation
            row.planned = replace(planned, organisation=organisation, public_change=changes)
            row.outcome = _outcome(row, desk)


def _planned(row: Row, desk: Desk, clusters: dict[str, Cluster]) -> Planned | None:
    current = None
    if row.before is not None:
        current = Current(row.before.organisation, row.before.figures, row.email, row.known)
        merged = row.match is not None and row.match.merged
        if merged or row.before.organisation.status != ACTIVE or open_offer(row.before.organisation):
            leave_alone(row.before.organisation, row.draft.findings, merged=merged)
            row.person = row.note = None
            return Planned(row.before.organisation, row.before.figures, row.email, False, False)
    elif desk.staged:
        take_form_of_name(row.fields, row.draft.findings)
    return plan(
        row.draft,
        row.fields,
        current,
        new_id=row.new_id or new_id(),
        state=desk.state.value,
        memberships=_memberships(row, clusters),
        now=desk.now,
        today=desk.today,
        source=desk.source,
    )


def _memberships(row: Row, clusters: dict[str, Cluster]) -> tuple[Membership, ...]:
    draft = row.draft
    held = row.before.organisation.memberships if row.before else ()
    # A cluster that ended goes on standing in the lists of its members.
    here = {item.cluster_code for item in held}
    for code in draft.clusters:
        if code not in clusters and code not in here:
            unknown_cluster(code, draft.findings)
    return tuple(
        Membership(
            cluster_id=clusters[code].cluster_id,
            cluster_code=code,
            kind=draft.clusters_kind,
            valid_from=draft.clusters_since,
            valid_to=draft.clusters_until,
        )
        for code in dict.fromkeys(draft.clusters)
        if code in clusters
    )


def _refuse_taken(row: Row, planned: Planned, numbers: dict[Number, list[Match]]) -> None:
    """Note numbers that belong to another organisation."""
    for number in row.claimed:
        for match in numbers.get(number, ()):
            if match.current and match.organisation_id != planned.organisation.organisation_id:
                row.draft.findings.errors.append(taken_error(match, row=row.draft.row))


def _outcome(row: Row, desk: Desk) -> Outcome:
    planned = row.planned
    if row.draft.findings.errors or planned is None:
        return Outcome.ERROR
    if row.before is None:
        return Outcome.SKIPPED if desk.mode is Mode.UPDATE else Outcome.CREATE
    if not (planned.public_change or planned.private_change or row.person or row.note):
        return Outcome.UNCHANGED
    return Outcome.SKIPPED if desk.mode is Mode.CREATE else Outcome.CHANGE
