"""Keeping the read model of organisations: a copy of what their topic says, each record once, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from norda_common.contracts.envelope import Received
from norda_common.contracts.model import EventData, StateCode
from norda_common.database import Connection

from ..store import organisations
from ..store.organisations import ERASED, KnownOrganisation
from .following import follow_mergers


class OrganisationFacts(EventData):
    """What this service reads of an organisation; the other thirty fields are none of its business."""

    responsible_state: StateCode
    kind: str
    status: str
    legal_name: str
    competences: tuple[str, ...] = ()
    merged_into: UUID | None = None


def known(record: Received) -> KnownOrganisation:
    """What the read model keeps of a record; of a withdrawn organisation only that it was."""
    data = record.data
    if data is None:
        return KnownOrganisation(
            id=record.key,
            state=record.state.value,
            name="",
            status=ERASED,
            kind="",
            competences=(),
            sequence=record.sequence,
        )
    assert isinstance(data, OrganisationFacts)  # noqa: S101 - what the consumer reads
    return KnownOrganisation(
        id=record.key,
        state=data.responsible_state,
        name=data.legal_name,
        status=data.status,
        kind=data.kind,
        competences=data.competences,
        sequence=record.sequence,
        merged_into=data.merged_into,
    )


async def copy_organisations(connection: Connection, versions: Sequence[KnownOrganisation], now: datetime) -> None:
    """Bring the read model up to these versions: only newer ones count, one statement for all. Idempotent.

    Registrations follow an organisation into what it has become part of, and back where that is undone. After a
    relocation both states' topics carry the same sequence and the same content, so either may come first.
    """
    newest: dict[UUID, KnownOrganisation] = {}
    for version in versions:
        latest = newest.get(version.id)
        if latest is None or version.sequence > latest.sequence:
            newest[version.id] = version
    if newest:
        merged = await organisations.upsert(connection, list(newest.values()))
        if merged:
            await follow_mergers(connection, merged, now=now)
