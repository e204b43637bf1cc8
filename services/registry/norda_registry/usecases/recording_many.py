"""Keeping many changes of organisations at once, the same way as `recording.record` keeps one: rows, numbers, versions,
events and audit entries, in the caller's transaction and in as few statements as one change takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common import audit, outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.states import State

from ..rules.figures import Figure
from ..rules.import_rows import said_of_row
from ..rules.profile import Identifier
from ..rules.size_class import Figures
from ..store import figures, organisations
from ..store.organisations import Change, Stored
from .links import end_links_of
from .recording import CONTACT, entry_of, event_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One organisation as it is to be kept; `before` is locked, None for a new one. `numbers` are all of its numbers,
    where the caller knows them already, and `document` is what is stored of one that is dated already; `change` is what
    its event says, unless that follows from what differs.
    """

    organisation: Organisation
    figures: Figures
    before: Stored | None
    old_email: str | None
    email: str | None
    numbers: Sequence[Identifier] | None = None
    document: str | None = None
    change: str | None = None
    said: Sequence[Figure] = ()
    """Figures of other days that an import adds; of the past they make no version."""

    @property
    def is_version(self) -> bool:
        """Whether it makes a version and an event; a contact address alone makes none."""
        return self.before is None or (
            self.organisation != self.before.organisation or self.figures != self.before.figures
        )


async def record_many(
    connection: Connection,
    written: Sequence[Written],
    *,
    state: State,
    caller: Caller,
    action: str,
    now: datetime,
    of_import: tuple[UUID, str] | None = None,
) -> dict[UUID, int]:
    """Keep them, and publish what makes a version; the versions they have now, by id. `of_import` is the import and its
    source, which figures are from; without one they are the office's.

    Raises `organisations.NumberTaken` when somebody else took a number a moment ago; part of it is written then.
    """
    changes = await asyncio.to_thread(_changes, written, caller.subject, now)
    if of_import is not None:
        await figures.begin_import(connection, *of_import)
    if changes:
        # What is said of them is made ready while PostgreSQL stores them.
        events = asyncio.create_task(asyncio.to_thread(_said, changes, state))
        try:
            await organisations.store(connection, changes)
        finally:
            said = await events
        await outbox.put(connection, said)
    if of_import is not None:
        dated = [(item.organisation.organisation_id, figure) for item in written for figure in item.said]
        await figures.end_import(connection, of_import[0], dated)
    renewed = await _keep_contacts(connection, written)
    had = {item.organisation.organisation_id for item in written if item.old_email is not None}
    await end_links_of(connection, renewed & had, now=now)
    entries = await asyncio.to_thread(_entries, written, changes, renewed, action)
    await audit.record(connection, caller, *entries)
    versions = {item.before.organisation.organisation_id: item.before.version for item in written if item.before}
    return versions | {change.stored.organisation.organisation_id: change.stored.version for change in changes}


def _changes(written: Sequence[Written], subject: str, now: datetime) -> list[Change]:
    return [_change(item, subject, now) for item in written if item.is_version]


def _change(item: Written, subject: str, now: datetime) -> Change:
    organisation, document = item.organisation, item.document
    if document is None:
        organisation = organisation.model_copy(update={"changed_at": now})
        document = organisations.document_of(organisation)
    return Change(
        stored=Stored(organisation, item.before.version + 1 if item.before else 1, item.figures),
        change=item.change
        or (said_of_row(item.before.organisation, item.organisation) if item.before else "registered"),
        changed_by=subject,
        changed_at=organisation.changed_at,
        created=item.before is None,
        document=document,
        numbers=item.numbers,
    )


def _said(changes: Sequence[Change], state: State) -> Sequence[Any]:
    events = [event_of(change.stored, change=change.change, state=state) for change in changes]
    return outbox.encoded(events, values=[change.document.encode() if change.document else None for change in changes])


async def _keep_contacts(connection: Connection, written: Sequence[Written]) -> set[UUID]:
    """Keep the addresses that are others now; whose they are."""
    given = {item.organisation.organisation_id: item.email for item in written if item.email != item.old_email}
    renewed: set[UUID] = set()
    if wanted := {key: email for key, email in given.items() if email is not None}:
        renewed |= set(await organisations.set_contacts(connection, wanted))
    if emptied := [key for key, email in given.items() if email is None]:
        renewed |= set(await organisations.remove_contacts(connection, emptied))
    return renewed


def _entries(
    written: Sequence[Written], changes: Sequence[Change], renewed: set[UUID], action: str
) -> list[audit.Entry]:
    """What the audit log gets: one entry for each organisation that changed, if only by its contact address."""
    kept: Mapping[UUID, Stored] = {change.stored.organisation.organisation_id: change.stored for change in changes}
    entries = []
    for item in written:
        key = item.organisation.organisation_id
        stored = kept.get(key) or item.before
        if stored is not None and (key in kept or key in renewed or item.said):
            touched = sorted({figure.kind.value for figure in item.said}) if key not in kept else []
            touched += [CONTACT] if key in renewed else []
            entries.append(entry_of(stored, before=item.before, action=action, touched=touched))
    return entries
