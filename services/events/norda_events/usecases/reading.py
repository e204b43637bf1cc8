"""From a command's texts to the values of an event: instants in UTC, hosts and quotas. Collects every field's fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from norda_common.database import Connection
from norda_common.errors import FieldError, InvalidInput, Text
from norda_common.states import State

from ..rules.event import Host, Quota
from ..rules.times import TimeRefused, read_time, zone_fault
from ..store import organisations
from .commands import HostInput


def read_moments(texts: Mapping[str, str | None], *, zone: str) -> dict[str, datetime | None]:
    """Each field's instant in UTC, None where the text is None. Raises InvalidInput with every fault."""
    fault = zone_fault(zone, field="time_zone")
    if fault:
        raise InvalidInput.of([fault])
    moments: dict[str, datetime | None] = {}
    faults: list[FieldError] = []
    for field, text in texts.items():
        try:
            moments[field] = None if text is None else read_time(text, zone=zone, field=field)
        except TimeRefused as refusal:
            faults.append(refusal.fault)
    if faults:
        raise InvalidInput.of(faults)
    return moments


async def read_hosts(
    connection: Connection, hosts: Sequence[HostInput], *, lead: State, known: Sequence[Host] = (), now: datetime
) -> tuple[Host, ...]:
    """The hosts, with the agreements already given; the lead agrees by naming itself. Raises InvalidInput.

    A hosting organisation must be known here and active; for one that was merged stands the one that took it in.
    """
    if not hosts:
        return (Host(state=lead, agreed_at=now),)
    hosts = await _succeeded(connection, hosts)
    await _require_active(connection, hosts)
    agreed = {host.same_as: host.agreed_at for host in known}
    return tuple(
        Host(
            state=host.state,
            organisation_id=host.organisation_id,
            agreed_at=agreed.get((host.state, host.organisation_id)) or (now if host.state is lead else None),
        )
        for host in hosts
    )


def read_quotas(quotas: Mapping[State, int], *, known: Sequence[Quota] = ()) -> tuple[Quota, ...]:
    """The quotas in the states' order; those released before stay released."""
    released = {quota.state: quota.released_at for quota in known}
    return tuple(Quota(state=state, seats=quotas[state], released_at=released.get(state)) for state in sorted(quotas))


async def _succeeded(connection: Connection, hosts: Sequence[HostInput]) -> Sequence[HostInput]:
    """The hosts, where one has been merged the organisation that took it in."""
    ids = [host.organisation_id for host in hosts if host.organisation_id is not None]
    successors = await organisations.successors(connection, ids) if ids else {}
    return [
        host.model_copy(update={"organisation_id": successors[host.organisation_id]}) if host.organisation_id else host
        for host in hosts
    ]


async def _require_active(connection: Connection, hosts: Sequence[HostInput]) -> None:
    ids = [host.organisation_id for host in hosts if host.organisation_id is not None]
    found = await organisations.known(connection, ids) if ids else {}
    faults = [
        FieldError(field=f"hosts.{index}.organisation_id", code=code, text=text)
        for index, host in enumerate(hosts)
        if host.organisation_id is not None
        and (fault := organisation_fault(found.get(host.organisation_id))) is not None
        for code, text in [fault]
    ]
    if faults:
        raise InvalidInput.of(faults)


def organisation_fault(organisation: organisations.KnownOrganisation | None) -> tuple[str, Text] | None:
    """Why an organisation cannot take part or host; None when it can."""
    if organisation is None:
        return "unknown_organisation", Text(
            "diese Organisation ist hier (noch) nicht bekannt", "this organisation is not known here (yet)"
        )
    if organisation.status != "active":
        return "inactive_organisation", Text(
            "diese Organisation ist nicht mehr aktiv", "this organisation is no longer active"
        )
    return None
