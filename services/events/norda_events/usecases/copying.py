"""Keeping the read model of organisations: a copy of what their topic says, each record once, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from norda_common.contracts.envelope import Received
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..store import organisations
from ..store.organisations import ERASED, KnownOrganisation


async def copy_organisations(connection: Connection, records: Sequence[Received], now: datetime) -> None:  # noqa: ARG001 - a consumer's signature
    """Bring the read model up to these records: only newer ones count, one statement per batch. Idempotent.

    After a relocation both states' topics carry the same sequence and the same content, so either may come first.
    """
    newest: dict[UUID, Received] = {}
    for record in records:
        known = newest.get(record.key)
        if known is None or record.sequence > known.sequence:
            newest[record.key] = record
    if newest:
        await organisations.upsert(connection, [_known(record) for record in newest.values()])


def _known(record: Received) -> KnownOrganisation:
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
    assert isinstance(data, Organisation)  # noqa: S101 - the topic's declared data
    return KnownOrganisation(
        id=record.key,
        state=data.responsible_state,
        name=data.legal_name,
        status=data.status,
        kind=data.kind,
        competences=data.competences,
        sequence=record.sequence,
    )
