"""A contestant of `bench write`: the registry's own use case and tables behind an endpoint of FastAPI alone.

What it lacks of the registry is the platform around a command: sign-in, problem documents, limits and headers of the
web edge, telemetry, relay and consumers. So it sets the price of validating, looking up and storing apart from theirs.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI, Request, Response
from norda_common.auth import Caller
from norda_common.database import Database
from norda_common.rights import Role
from norda_common.service import spare_the_collector
from norda_common.states import ALL_STATES, State
from norda_registry.api.views import OrganisationView, outcome
from norda_registry.usecases.commands import RegisterOrganisation
from norda_registry.usecases.organisations import register_organisation

OFFICE = Caller(subject="bench", name="bench", roles=frozenset({Role.OFFICE}), state=State("hb"))


@asynccontextmanager
async def _database(app: FastAPI) -> AsyncIterator[None]:
    app.state.database = Database(sys.argv[2], schema="registry", application="norda-bench")
    await app.state.database.start()
    yield
    await app.state.database.stop()


app = FastAPI(lifespan=_database)


@app.post("/organisations", status_code=201, response_model_exclude_none=True)
async def register(command: RegisterOrganisation, request: Request, response: Response) -> OrganisationView:
    """Enter an organisation as the registry does, for anybody who asks."""
    database: Database = request.app.state.database
    async with database.transaction(OFFICE) as connection:
        result = await register_organisation(
            connection, command, caller=OFFICE, served=ALL_STATES, now=datetime.now(UTC)
        )
    return outcome(result, response)


@app.get("/")
async def ready() -> dict[str, str]:
    """Whether it is there."""
    return {"status": "ready"}


if __name__ == "__main__":
    spare_the_collector()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
