"""The one way a route changes an organisation: who asks, for which version, in one transaction.

What is the same for every write stands here, so that a route says only its address, its body and its use case.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVarTuple
from uuid import UUID

from fastapi import Depends, Response
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.requests import ExpectedVersion
from norda_common.runtime import Runtime
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with

from ..rules.rights import CHANGE, TAKE_OVER
from ..usecases.recording import Outcome
from .views import OrganisationView, outcome

Asked = TypeVarTuple("Asked")


class Change(Protocol[*Asked]):
    """A use case that changes one organisation: what it asks for beside the organisation stands in between."""

    async def __call__(
        self,
        connection: Connection,
        organisation_id: UUID,
        /,
        *asked: *Asked,
        caller: Caller,
        served: Collection[State],
        now: datetime,
        expected_version: int | None = None,
    ) -> Outcome:
        """Change the organisation, or raise."""


@dataclass(frozen=True, slots=True)
class Target:
    """The organisation a request changes, as its path and `If-Match` name it, and who asks."""

    organisation_id: UUID
    caller: Caller
    runtime: Runtime
    response: Response
    expected_version: int | None

    async def apply(self, change: Change[*Asked], *asked: *Asked) -> OrganisationView:
        """Run the use case in a transaction of its own and answer with the new version and its ETag."""
        now = datetime.now(UTC)
        async with self.runtime.database.transaction(self.caller) as connection:
            result = await change(
                connection,
                self.organisation_id,
                *asked,
                caller=self.caller,
                served=self.runtime.settings.states,
                now=now,
                expected_version=self.expected_version,
            )
        return outcome(result, self.response)


async def get_target(
    organisation_id: UUID,
    caller: Annotated[Caller, caller_with(CHANGE)],
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> Target:
    """The request's target."""
    return Target(organisation_id, caller, runtime, response, expected_version)


async def get_offered_target(
    organisation_id: UUID,
    caller: Annotated[Caller, caller_with(TAKE_OVER)],
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> Target:
    """The target of a request that answers an offer; it is another state's until then."""
    return Target(organisation_id, caller, runtime, response, expected_version)


TargetDep = Annotated[Target, Depends(get_target)]
OfferedTargetDep = Annotated[Target, Depends(get_offered_target)]
