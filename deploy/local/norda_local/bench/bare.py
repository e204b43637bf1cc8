"""The contestants of `bench write` that one would write with FastAPI and asyncpg alone: store a body, and announce it.

One process, one pool of the services' size, the same settings of uvicorn, a pydantic model of the same fields. The
first inserts one row, which commits by itself; the second keeps row and event in one transaction, the least that an
outbox can cost. No sign-in, no rules, no relay, no telemetry, no error documents.
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

TABLES = """
create schema if not exists bare;
create table if not exists bare.organisation (id uuid primary key, legal_name text not null, data jsonb not null);
create table if not exists bare.outbox (
    id bigint generated always as identity primary key, topic text not null, key uuid not null, value bytea not null
)
"""
_INSERT = "insert into bare.organisation (id, legal_name, data) values ($1, $2, $3)"


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
    await request.app.state.pool.execute(_INSERT, stored.id, organisation.legal_name, organisation.model_dump_json())
    return stored


@app.post("/announced", status_code=201)
async def announce(organisation: Organisation, request: Request) -> Stored:
    """Store the body and an event that says it, both or neither."""
    stored = Stored(id=uuid4(), organisation=organisation)
    text = organisation.model_dump_json()
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await connection.execute(_INSERT, stored.id, organisation.legal_name, text)
        await connection.execute(
            "insert into bare.outbox (topic, key, value) values ($1, $2, $3)", "organisation", stored.id, text.encode()
        )
    return stored


@app.get("/")
async def ready() -> dict[str, str]:
    """Whether it is there."""
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
