"""Releasing an organisation for the public."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from norda_common.auth import Caller
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel

from ..rules.rights import RELEASE
from ..usecases.profile_commands import ReleaseFields
from ..usecases.releasing import end_release, release_organisation

router = APIRouter(prefix="/api/v1/organisations/{organisation_id}/release", tags=["releases"])
Releaser = Annotated[Caller, caller_with(RELEASE)]


class ReleaseView(BaseModel):
    """Since when an organisation is shown to everybody; `released_by` is a pseudonymous subject."""

    organisation_id: UUID
    state: str
    fields: list[str]
    released_at: datetime
    released_by: str | None


@router.put("", summary="Release for the public")
async def release(
    organisation_id: UUID, caller: Releaser, runtime: RuntimeDep, command: ReleaseFields | None = None
) -> ReleaseView:
    """Show the organisation to everybody, also without signing in, as long as it is active. Again changes nothing.

    Name and seat are shown always, of the rest the groups that are named.
    """
    async with runtime.database.transaction(caller) as connection:
        held = await release_organisation(
            connection,
            organisation_id,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
            fields=command.fields if command is not None and "fields" in command.model_fields_set else None,
        )
    return ReleaseView.model_validate(held, from_attributes=True)


@router.delete("", status_code=204, summary="End the release")
async def withdraw(organisation_id: UUID, caller: Releaser, runtime: RuntimeDep) -> None:
    """Show the organisation to the public no longer. Again changes nothing."""
    async with runtime.database.transaction(caller) as connection:
        await end_release(
            connection, organisation_id, caller=caller, served=runtime.settings.states, now=datetime.now(UTC)
        )
