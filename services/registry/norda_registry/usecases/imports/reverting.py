"""The worker's third step: take back what an import did, but for what somebody changed since.

What it created is withdrawn, as if it had never been entered; where somebody refers to it by now, it is deactivated
instead. What it changed gets its earlier values back. See docs/decisions/0092-imports-that-stay.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from norda_common import audit, outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.database import Connection
from norda_common.states import State

from ...rules import profile
from ...rules.figures import FIELDS, Figure, FigureKind, newest
from ...rules.findings import Findings
from ...rules.import_rows import held_numbers
from ...rules.size_class import Figures
from ...store import figures, import_known, import_rows, imports, matches, organisations
from ...store.import_rows import Result
from ...store.imports import Import
from ...store.organisations import Stored
from ..days import local_day
from ..organisations import memberships_ended
from ..recording import ITEM
from ..recording_many import Written, record_many
from ..sizing import resize_counting_in, size_of, told
from .further import take_back_further
from .rows import Number

BATCH_ROWS = 500
ACTION = "organisation.import_revert"
WITHDRAWN, DEACTIVATED, RESTORED, LEFT = "withdrawn", "deactivated", "restored", "left"
Mark = tuple[int, str, str | None]


@dataclass(slots=True)
class RevertRun:
    """One import being taken back, for whoever asked for it."""

    found: Import
    caller: Caller
    served: Collection[State]
    after: int
    done: int
    limit: int = BATCH_ROWS
    taken: set[Number] = field(default_factory=set)


async def revert_batch(connection: Connection, run: RevertRun, *, now: datetime) -> bool:
    """Take back the next rows; False when none is left. Raises `organisations.NumberTaken` as `apply_batch` does."""
    await matches.plan_every_statement(connection)
    results = await import_rows.to_revert(connection, run.found.id, run.after, limit=run.limit)
    if not results:
        fault = None if await import_rows.any_taken_back(connection, run.found.id) else imports.NOTHING_TAKEN_BACK
        await imports.change(connection, run.found.id, status="reverted", fault=fault, ended_at=now, done=run.done)
        return False
    stored = await organisations.lock_many(
        connection, [result.organisation_id for result in results if result.organisation_id]
    )
    marks: list[Mark] = []
    created, changed = list[tuple[Result, Stored]](), list[tuple[Result, Stored]]()
    for result in results:
        held = stored.get(result.organisation_id or UUID(int=0))
        if held is None or held.version != result.version:
            marks.append((result.row, LEFT, "gone" if held is None else "changed_since"))
        else:
            (created if result.result == "created" else changed).append((result, held))
    marks += await _withdraw(connection, created, run, now=now)
    marks += await _restore(connection, changed, run, now=now)
    await import_rows.mark_reverted(connection, run.found.id, marks)
    after, done = results[-1].row, run.done + len(results)
    await imports.change(connection, run.found.id, done=done, cursor_row=after)
    run.after, run.done = after, done
    return True


async def give_up_row(connection: Connection, run: RevertRun) -> None:
    """Leave the next row's organisation as it is: it cannot be taken back."""
    for result in await import_rows.to_revert(connection, run.found.id, run.after, limit=1):
        await import_rows.mark_reverted(connection, run.found.id, [(result.row, LEFT, "internal")])
        await imports.change(connection, run.found.id, done=run.done + 1, cursor_row=result.row)
        run.after, run.done = result.row, run.done + 1


async def _withdraw(
    connection: Connection, created: Sequence[tuple[Result, Stored]], run: RevertRun, *, now: datetime
) -> list[Mark]:
    if not created:
        return []
    # What it entered itself refers to nobody. Its figures go with who is withdrawn; who is deactivated keeps them.
    await take_back_further(connection, [result for result, _ in created], caller=run.caller)
    ids = [held.organisation.organisation_id for _, held in created]
    referred = await imports.referred_to(connection, ids, but_by=run.found.id)
    alone = [held for _, held in created if held.organisation.organisation_id not in referred]
    await imports.withdraw(connection, [held.organisation.organisation_id for held in alone])
    await import_known.forget_organisations(connection, [held.organisation.organisation_id for held in alone])
    state = State(run.found.state)
    await outbox.append(
        connection,
        *(
            ORGANISATION.event(
                "erased",
                None,
                state=state,
                key=held.organisation.organisation_id,
                sequence=held.version + 1,
                time=now,
            )
            for held in alone
        ),
    )
    entries = [
        audit.Entry(
            ACTION,
            ITEM,
            str(held.organisation.organisation_id),
            before={"legal_name": held.organisation.legal_name, "version": held.version},
        )
        for held in alone
    ]
    await audit.record(connection, run.caller, *entries)
    await _deactivate(
        connection, [held for _, held in created if held.organisation.organisation_id in referred], run, now=now
    )
    return [
        (result.row, DEACTIVATED if held.organisation.organisation_id in referred else WITHDRAWN, None)
        for result, held in created
    ]


async def _deactivate(connection: Connection, referred: Sequence[Stored], run: RevertRun, *, now: datetime) -> None:
    """Deactivate them from today, as `deactivate_organisation` does with one."""
    written = [
        Written(
            organisation=held.organisation.model_copy(
                update={
                    "status": profile.DEACTIVATED,
                    "memberships": memberships_ended(held.organisation.memberships, local_day(now)),
                }
            ),
            figures=held.figures,
            before=held,
            old_email=None,
            email=None,
            change="deactivated",
        )
        for held in referred
    ]
    await record_many(
        connection,
        written,
        state=State(run.found.state),
        caller=run.caller,
        action="organisation.deactivate",
        now=now,
    )


async def _restore(
    connection: Connection, changed: Sequence[tuple[Result, Stored]], run: RevertRun, *, now: datetime
) -> list[Mark]:
    if not changed:
        return []
    earlier = await _earlier(connection, changed)
    taken = run.taken | await _taken(connection, earlier)
    # Who is left is left whole: with its figures, contact person and note.
    left = {
        key for key, document in earlier.items() if taken & {(item.kind, item.value) for item in held_numbers(document)}
    }
    marks: list[Mark] = [
        (result.row, LEFT, "number_taken") for result, held in changed if held.organisation.organisation_id in left
    ]
    restored = [(result, held) for result, held in changed if held.organisation.organisation_id not in left]
    marks += [(result.row, RESTORED, None) for result, _ in restored]
    await take_back_further(connection, [result for result, _ in restored], caller=run.caller)
    ids = [held.organisation.organisation_id for _, held in restored]
    emails = await organisations.contacts(connection, ids)
    gone = await figures.take_back_import(connection, run.found.id, ids)
    known = await figures.of(connection, list(gone)) if gone else {}
    written = []
    for result, held in restored:
        key = held.organisation.organisation_id
        email = emails.get(key)
        document, had = earlier[key], Figures(result.employees, result.turnover_cents, result.balance_cents)
        if key in gone:
            document, had = await _of_what_remains(connection, document, had, known.get(key, []), gone[key])
        written.append(
            Written(
                organisation=document,
                figures=had,
                before=held,
                old_email=email,
                # An address that somebody changed since is theirs.
                email=result.old_email if email == result.new_email else email,
            )
        )
    state = State(run.found.state)
    await record_many(connection, written, state=state, caller=run.caller, action=ACTION, now=now)
    recounted = [
        item.organisation.organisation_id for item in written if item.before and item.figures != item.before.figures
    ]
    resized = await resize_counting_in(
        connection, recounted, state=state, caller=run.caller, served=run.served, now=now
    )
    # What follows from a revert must not keep it from going on.
    await import_rows.follow_versions(connection, run.found.id, resized)
    return marks


async def _of_what_remains(
    connection: Connection,
    earlier: Organisation,
    had: Figures,
    rows: Sequence[Figure],
    kinds: Collection[FigureKind],
) -> tuple[Organisation, Figures]:
    """The figures without the import's rows of these kinds, and the class that they make.

    Somebody may have entered others since, of a day before the import's: they hold now, and what held before the import
    does not.
    """
    found = newest(rows)
    held = replace(had, **{FIELDS[kind]: getattr(found, FIELDS[kind]) for kind in kinds})
    size = told((await size_of(connection, earlier, rows)).held, earlier.size_class, Findings())
    return earlier.model_copy(update={"size_class": size}), held


async def _earlier(connection: Connection, changed: Sequence[tuple[Result, Stored]]) -> dict[UUID, Organisation]:
    """What the organisations were before the import."""
    wanted = [(held.organisation.organisation_id, result.old_version or 0) for result, held in changed]
    found = await import_rows.versions_before(connection, wanted)
    documents = {key: Organisation.model_validate_json(data) for key, data in found.items()}
    # What changed only beside the document is no version of its own.
    return {held.organisation.organisation_id: _as_it_was(documents, result, held) for result, held in changed}


def _as_it_was(documents: Mapping[UUID, Organisation], result: Result, held: Stored) -> Organisation:
    if result.old_version == held.version:
        return held.organisation
    return documents[held.organisation.organisation_id]


async def _taken(connection: Connection, earlier: Mapping[UUID, Organisation]) -> set[Number]:
    """The numbers they had, and somebody else has by now."""
    numbers = {(item.kind, item.value): key for key, document in earlier.items() for item in held_numbers(document)}
    return {
        (match.kind, match.value)
        for match in await matches.find(connection, list(numbers))
        if match.current and match.organisation_id != numbers[match.kind, match.value]
    }
