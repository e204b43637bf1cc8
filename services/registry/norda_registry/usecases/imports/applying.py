"""The worker's second step: do what was planned, a batch in a transaction.

What is written, what is noted of it, and how far the import is are one commit: a process that dies repeats nothing and
leaves nothing out. An organisation that changed since it was planned is planned anew from the row, and left alone where
the row would now do something else than a person saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Text
from norda_common.states import State

from ...rules.findings import Findings
from ...rules.import_changes import mark
from ...rules.import_rows import Planned
from ...rules.profile import ACTIVE, Identifier, identifiers
from ...rules.rights import IMPORT
from ...rules.size_class import Figures
from ...store import import_known, import_rows, imports, likenesses, matches, organisations
from ...store.import_rows import Plan, Result
from ...store.imports import Import
from ...store.matches import Match
from ...store.organisations import Stored
from ..recording import raced_error
from ..recording_many import Written, record_many
from ..sizing import resize_counting_in
from .further import NOTHING, Entered, Further, enter_further, further_of, unpacked_further
from .matching import by_number
from .plan_batch import changes_of, packed, plan_stale, unreadable
from .rows import Number, Outcome, Row

BATCH_ROWS = 2_000
_ELSE = Text("täte seit der Vorschau etwas anderes", "would do something else since the preview")
_ANOTHER = Text("meint seit der Vorschau eine andere Organisation", "means another organisation since the preview")
_OVER = Text(
    "änderte seit der Vorschau andere Werte: was sie ändert, wurde inzwischen von Hand geändert",
    "would change other values since the preview: what it changes was changed by hand meanwhile",
)
_AGAIN = Text(
    "bitte mit der Datei der fehlgeschlagenen Zeilen noch einmal importieren",
    "please import the file of failed rows again",
)


@dataclass(slots=True)
class ApplyRun:
    """One import being applied, for whoever asked for it."""

    found: Import
    caller: Caller
    served: Collection[State]
    looking: Callable[[], AbstractAsyncContextManager[Connection]]
    """A transaction of its own, to look ahead in."""
    after: int
    done: int
    limit: int = BATCH_ROWS
    taken: set[Number] = field(default_factory=set)
    """Numbers somebody took while a batch was being written; the rows that want them fail."""
    upcoming: asyncio.Task[_Ahead] | None = None
    """The rows after `after`, and who has what they want, which are looked for while those before them are written."""

    def forget_upcoming(self) -> None:
        """Look anew for what comes next."""
        if self.upcoming is not None:
            self.upcoming.cancel()
            self.upcoming = None


@dataclass(slots=True)
class _Item:
    """A planned row, ready to be written."""

    plan: Plan
    planned: Organisation | None
    """As it is to be; None where a person was taken out of the row: it is planned anew."""
    numbers: list[Number]
    """Those that it would hold."""
    identifiers: Sequence[Identifier] | None
    """All of them; None once it was planned anew."""
    document: str | None = None
    """A new organisation as it is stored, if it is as it was planned."""
    before: Stored | None = None
    email: str | None = None
    figures: Figures = field(default_factory=Figures)
    new_email: str | None = None
    further: Further = NOTHING
    refused: str | None = None
    unchanged: bool = False

    @property
    def organisation(self) -> Organisation:
        """As it is to be, once that is planned."""
        assert self.planned is not None  # noqa: S101 - one without is planned anew or refused before it is asked
        return self.planned


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Rows to be written, and what the directory said a moment ago of those who might be meant."""

    items: list[_Item]
    namesakes: set[int | None]
    """Hashes of names of new organisations that are borne by now, but by those that this import made."""
    holders: dict[Number, list[Match]]


async def apply_batch(connection: Connection, run: ApplyRun, *, now: datetime) -> bool:
    """Write the next rows; False when none is left, and the import is applied.

    Raises `organisations.NumberTaken`: the caller rolls back, notes the number in `run.taken`, and tries again.
    """
    await matches.plan_every_statement(connection)
    ahead = await (run.upcoming or _look(connection, run, run.after, now=now))
    run.upcoming = None
    items = ahead.items
    if not items:
        await imports.change(connection, run.found.id, status="applied", ended_at=now, done=run.done)
        return False
    after, done = items[-1].plan.row, run.done + len(items)
    upcoming = asyncio.create_task(_look_ahead(run, after, now=now))
    try:
        await _apply(connection, ahead, run, now=now)
        await imports.change(connection, run.found.id, done=done, cursor_row=after)
    except BaseException:
        upcoming.cancel()
        raise
    run.after, run.done, run.upcoming = after, done, upcoming
    return True


async def _look_ahead(run: ApplyRun, after: int, *, now: datetime) -> _Ahead:
    """Look beside the batch that is being written. What somebody else writes until these are written is not seen: the
    numbers are held by an index, and those of one name are found as suspects later.
    """
    async with run.looking() as connection:
        await matches.plan_every_statement(connection)
        return await _look(connection, run, after, now=now)


async def _look(connection: Connection, run: ApplyRun, after: int, *, now: datetime) -> _Ahead:
    plans = await import_rows.to_apply(connection, run.found.id, after, limit=run.limit)
    items = await asyncio.to_thread(_items, plans, now=now)
    namesakes = await _namesakes(connection, items, run)
    holders = await matches.find(connection, [number for item in items for number in item.numbers])
    return _Ahead(items, namesakes, by_number(holders))


async def _apply(connection: Connection, ahead: _Ahead, run: ApplyRun, *, now: datetime) -> None:
    items = ahead.items
    await _read(connection, items)
    for item in items:
        if item.plan.email is not None:
            item.new_email = item.plan.email or None
    # No index holds own ids: whoever got one since the look ahead, the batch before among them, is seen only now. Those
    # of other states are no news, and the state's own have their rows here.
    own_ids = await matches.find_own(connection, [number for item in items for number in _own_id(item)])
    stale = _stale(items, ahead, ahead.holders | by_number(own_ids), run)
    if stale:
        again = await plan_stale(connection, run.found, [item.plan for item in stale], now=now)
        for item in stale:
            _replan(item, again[item.plan.row])
    written = [item for item in items if item.refused is None and not item.unchanged]
    versions = await record_many(
        connection,
        [_written(item, run, now) for item in written],
        state=State(run.found.state),
        caller=run.caller,
        action=IMPORT.name,
        now=now,
        of_import=(run.found.id, run.found.source),
    )
    entered = await enter_further(
        connection,
        [(item.plan.row, item.organisation.organisation_id, item.further) for item in written],
        run.found,
        caller=run.caller,
        served=run.served,
        now=now,
    )
    known = {bytes.fromhex(item.further.key): item.organisation.organisation_id for item in written if item.further.key}
    await import_known.remember(connection, run.found.state, run.found.source, known, by=run.caller.subject, now=now)
    await import_rows.put_results(
        connection, run.found.id, run.found.state, [_result(item, versions, entered) for item in items]
    )
    await _resize(connection, written, run, now=now)


async def give_up_row(connection: Connection, run: ApplyRun) -> None:
    """Pass over the next row, which cannot be written: an error of the program, told as one of the row."""
    for plan in await import_rows.to_apply(connection, run.found.id, run.after, limit=1):
        result = Result(plan.row, "failed", None, None, None, None, None, None, None, None, unreadable())
        await import_rows.put_results(connection, run.found.id, run.found.state, [result])
        await imports.change(connection, run.found.id, done=run.done + 1, cursor_row=plan.row)
        run.after, run.done = plan.row, run.done + 1


async def _resize(connection: Connection, written: Sequence[_Item], run: ApplyRun, *, now: datetime) -> None:
    """Compute anew the classes of enterprises that count in whose figures changed; those versions are the import's."""
    changed = [
        item.organisation.organisation_id
        for item in written
        if item.before is not None and item.figures != item.before.figures
    ]
    resized = await resize_counting_in(
        connection, changed, state=State(run.found.state), caller=run.caller, served=run.served, now=now
    )
    await import_rows.follow_versions(connection, run.found.id, resized)


def _items(plans: Sequence[Plan], *, now: datetime) -> list[_Item]:
    """Rows ready to be written; new organisations are dated here, so that their documents are made beforehand."""
    items = []
    for plan in plans:
        figures = Figures(plan.employees, plan.turnover_cents, plan.balance_cents)
        if plan.document is None:
            items.append(_Item(plan, None, [], None, figures=figures))
            continue
        document = organisations.dated_document(plan.document, now) if plan.outcome == Outcome.CREATE else None
        organisation = Organisation.model_validate_json(document or plan.document)
        known = identifiers(organisation)
        numbers = [(item.kind, item.value) for item in known if item.current and organisation.status == ACTIVE]
        further = unpacked_further(plan.further)
        items.append(_Item(plan, organisation, numbers, known, document, figures=figures, further=further))
    return items


async def _read(connection: Connection, items: Sequence[_Item]) -> None:
    """Lock what is to be changed, and read what it is now."""
    ids = [key for item in items if (key := _known(item)) is not None]
    if not ids:
        return
    stored = await organisations.lock_many(connection, ids)
    emails = await organisations.contacts(connection, list(stored))
    for item in items:
        if (key := _known(item)) is not None:
            item.before, item.email = stored.get(key), emails.get(key)
            item.new_email = item.email


def _known(item: _Item) -> UUID | None:
    """Whom the row changes."""
    return item.plan.organisation_id if item.plan.outcome == Outcome.CHANGE else None


def _stale(
    items: Sequence[_Item], ahead: _Ahead, holders: Mapping[Number, Sequence[Match]], run: ApplyRun
) -> list[_Item]:
    """Those that the plan does not fit any more: the organisation has changed, a number has been given out, or somebody
    who is called so has come.
    """
    claimed: set[Number | UUID] = set()
    stale = []
    for item in items:
        # First of all: whoever means the same organisation also wants its numbers.
        if (key := _known(item)) in claimed:
            item.refused = packed(_meant_twice(item))
            continue
        wanted = [*item.numbers, *_own_id(item)]
        if raced := next((number for number in wanted if number in run.taken or number in claimed), None):
            findings = Findings(row=item.plan.row)
            findings.errors.append(raced_error(raced))
            item.refused = packed(findings)
            continue
        claimed.update(wanted)
        if key is not None:
            claimed.add(key)
        if (
            item.planned is None
            or _moved_on(item)
            or item.plan.name_hash in ahead.namesakes
            or any(_is_news(item, match) for number in wanted for match in holders.get(number, ()))
        ):
            stale.append(item)
    return stale


def _meant_twice(item: _Item) -> Findings:
    findings = Findings(row=item.plan.row)
    findings.refuse(
        "row", "repeated_row", "meint dieselbe Organisation wie eine frühere", "means the same organisation as another"
    )
    return findings


async def _namesakes(connection: Connection, items: Sequence[_Item], run: ApplyRun) -> set[int | None]:
    """Whoever was there when it was planned was seen then, and is judged once more with the newcomers."""
    hashes = [item.plan.name_hash for item in items if item.plan.name_hash is not None]
    called = await likenesses.called(connection, hashes) if hashes else []
    if not called:
        return set()
    own = await import_rows.made_by(connection, run.found.id, [key for _, key in called])
    return {hashed for hashed, key in called if key not in own}


def _own_id(item: _Item) -> list[Number]:
    """That of a new organisation."""
    new = item.planned is not None and item.plan.outcome == Outcome.CREATE
    return [("own", item.planned.own_id)] if new and item.planned and item.planned.own_id else []


def _moved_on(item: _Item) -> bool:
    """Whether the organisation has changed, or its contact address, which makes no version."""
    if item.plan.outcome != Outcome.CHANGE:
        return False
    if item.before is None or item.before.version != item.plan.base_version:
        return True
    plan = item.plan
    return plan.email is not None and mark("email", item.email, plan.email or None) not in _shown(plan)


def _shown(plan: Plan) -> set[str]:
    """Marks of what a person saw that the row changes."""
    return set((plan.changes or "").split())


def _is_news(item: _Item, match: Match) -> bool:
    if match.kind == "own":
        return match.responsible_state == item.organisation.responsible_state
    return match.current and match.organisation_id != item.organisation.organisation_id


def _replan(item: _Item, row: Row) -> None:
    """Take over what the row would do now, unless that is something else than was seen.

    Less is nothing else: somebody may have entered a part of it by hand, and a person may have been taken out of it.
    """
    if row.outcome is Outcome.UNCHANGED:
        item.unchanged = True
        return
    planned = row.planned
    unseen = _ELSE if planned is None else _unseen(item, row, planned)
    if planned is not None and unseen is None:
        item.planned, item.figures, item.new_email = planned.organisation, planned.figures, planned.email
        item.before, item.email, item.identifiers, item.document = row.before, row.email, None, None
        item.further = further_of(row)
        return
    if unseen is not None and not row.draft.findings.errors:
        row.draft.findings.refuse("row", "changed_since", f"{unseen.de}; {_AGAIN.de}", f"{unseen.en}; {_AGAIN.en}")
    item.refused = packed(row.draft.findings)


def _unseen(item: _Item, row: Row, planned: Planned) -> Text | None:
    """What the row would do now that nobody saw."""
    if row.outcome is None or row.outcome.value != item.plan.outcome:
        return _ELSE
    if row.outcome is not Outcome.CHANGE:
        return None
    if planned.organisation.organisation_id != item.plan.organisation_id:
        return _ANOTHER
    return None if changes_of(row) <= _shown(item.plan) else _OVER


def _written(item: _Item, run: ApplyRun, now: datetime) -> Written:
    return Written(
        organisation=item.organisation,
        figures=item.figures,
        before=item.before,
        old_email=item.email,
        email=item.new_email,
        numbers=item.identifiers,
        document=item.document,
        said=item.further.dated(run.found, by=run.caller.subject, now=now) if item.further.figures else (),
    )


def _result(item: _Item, versions: Mapping[UUID, int], entered: Entered) -> Result:
    before = item.before
    if item.refused is not None or item.unchanged:
        result = "unchanged" if item.unchanged else "failed"
        return Result(item.plan.row, result, None, None, None, None, None, None, None, None, item.refused)
    person, note = entered.get(item.plan.row, (None, None))
    return Result(
        row=item.plan.row,
        result="changed" if before else "created",
        organisation_id=item.organisation.organisation_id,
        version=versions[item.organisation.organisation_id],
        old_version=before.version if before else None,
        employees=before.figures.employees if before else None,
        turnover_cents=before.figures.turnover_cents if before else None,
        balance_cents=before.figures.balance_cents if before else None,
        old_email=item.email,
        new_email=item.new_email,
        findings=None,
        person=person,
        note=note,
    )
