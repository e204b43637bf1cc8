"""The contestant of `bench write`: what one would write with FastAPI and asyncpg to store a body, and nothing more.

One process, one pool of the services' size, the same settings of uvicorn, a pydantic model of the same fields, and one
insert that commits by itself. No sign-in, no rules, no event, no telemetry, no error documents.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel

TABLE = """
create schema if not exists bare;
create table if not exists bare.organisation (id uuid primary key, legal_name text not null, data jsonb not null)
"""


class Address(BaseModel):
    """A seat."""

    place: str
    postal_code: str | None = None
    state: str
    ags: str | None = None
    nuts: str | None = None


class RegisterEntry(BaseModel):
    """A register entry."""

    court: str
    type: str
    number: str


class Activity(BaseModel):
    """An economic activity."""

    edition: str
    code: str


class Organisation(BaseModel):
    """The body, field by field as the registry takes it."""

    legal_name: str
    legal_form: str | None = None
    own_id: str | None = None
    seat: Address
    register_entry: RegisterEntry | None = None
    vat_id: str | None = None
    widnr: str | None = None
    activities: list[Activity] = []
    competences: list[str] = []
    clusters: list[str] = []
    employees: int | None = None
    turnover_eur: str | None = None


class Stored(BaseModel):
    """The answer."""

    id: UUID
    organisation: Organisation


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(sys.argv[2], min_size=0, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_pool)


@app.post("/organisations", status_code=201)
async def store(organisation: Organisation, request: Request) -> Stored:
    """Store the body."""
    stored = Stored(id=uuid4(), organisation=organisation)
    await request.app.state.pool.execute(
        "insert into bare.organisation (id, legal_name, data) values ($1, $2, $3)",
        stored.id,
        organisation.legal_name,
        organisation.model_dump_json(),
    )
    return stored


@app.get("/")
async def ready() -> dict[str, str]:
    """Whether it is there."""
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
