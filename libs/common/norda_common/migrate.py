"""Setting a service's schema up: roles, schema, extensions, migrations, grants. One job, safe to run twice and at once.

The owner role owns everything and cannot log in; the service's own role may use, not alter; no role may look into
another service's schema. Plain numbered SQL, each file once, in one transaction, under an advisory lock; a file that
changed after it ran is refused (docs/decisions/0006-migrations.md).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

ROLE_ATTEMPTS = 10
COMMON = Path(__file__).parent / "migrations"


class SetupError(Exception):
    """Setting up cannot go on; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    source: str
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(service: str, directory: Path) -> list[Migration]:
    """The common migrations, then the service's, each in the order of its numbers."""
    found: list[Migration] = []
    for source, folder in (("common", COMMON), (service, directory)):
        for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            number, _, name = file.stem.partition("_")
            found.append(Migration(source, int(number), name, file.read_text(encoding="utf-8")))
    return found


async def set_up_schema(
    *,
    admin_dsn: str,
    service_dsn: str,
    schema: str,
    migrations: Sequence[Migration],
    extensions: Sequence[str],
) -> list[Migration]:
    """Bring the schema up to date; returns what was applied. Raises SetupError. Idempotent."""
    parts = urlsplit(service_dsn)
    role, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not role or not password:
        raise SetupError("NORDA_DATABASE_URL must name the service's role and password")
    try:
        connection = await asyncpg.connect(admin_dsn, timeout=10, server_settings={"timezone": "UTC"})
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise SetupError(f"cannot reach the database with NORDA_ADMIN_DATABASE_URL: {error}") from error
    try:
        await connection.execute("select pg_advisory_lock(7023648, 1)")
        await _ensure_roles(connection, role=role, password=password)
        await _ensure_schema(connection, owner=f"{role}_owner", schema=schema, extensions=extensions)
        applied = await _migrate(connection, owner=f"{role}_owner", schema=schema, migrations=migrations)
        await _grant(connection, role=role, schema=schema)
    except asyncpg.PostgresError as error:
        raise SetupError(f"setting up schema {schema}: {error}") from error
    finally:
        await connection.close()
    return applied


async def pending(connection: asyncpg.Connection[asyncpg.Record], migrations: Sequence[Migration]) -> list[Migration]:
    """Migrations not yet applied, seen by the service's own role. Everything, when there is no record of any."""
    try:
        rows = await connection.fetch("select source, version from schema_migration")
    except asyncpg.UndefinedTableError:
        return list(migrations)
    done = {(row["source"], row["version"]) for row in rows}
    return [migration for migration in migrations if (migration.source, migration.version) not in done]


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    if "\x00" in text:
        raise SetupError("a password holds a NUL character")
    return "'" + text.replace("'", "''") + "'"


async def _ensure_roles(connection: asyncpg.Connection[asyncpg.Record], *, role: str, password: str) -> None:
    """Roles belong to the whole cluster, advisory locks to a database: who collides with another tries again."""
    owner = f"{role}_owner"
    for attempt in range(ROLE_ATTEMPTS):
        known = await connection.fetch("select rolname from pg_roles where rolname = any($1)", [role, owner])
        existing = {row["rolname"] for row in known}
        try:
            async with connection.transaction():
                if owner not in existing:
                    await connection.execute(f"create role {_quoted(owner)} nologin")
                # Role statements take no parameters; the literal is quoted for standard_conforming_strings.
                verb = "alter" if role in existing else "create"
                await connection.execute(f"{verb} role {_quoted(role)} login password {_literal(password)}")
                if not await connection.fetchval("select pg_has_role(current_user, $1, 'MEMBER')", owner):
                    await connection.execute(f"grant {_quoted(owner)} to current_user")
        except (asyncpg.InternalServerError, asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError):
            if attempt == ROLE_ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.1 * (attempt + 1))
        else:
            return


async def _ensure_schema(
    connection: asyncpg.Connection[asyncpg.Record], *, owner: str, schema: str, extensions: Sequence[str]
) -> None:
    await connection.execute(f"create schema if not exists {_quoted(schema)} authorization {_quoted(owner)}")
    await connection.execute("revoke create on schema public from public")
    for extension in extensions:
        await connection.execute(f"create extension if not exists {_quoted(extension)} with schema public")


async def _migrate(
    connection: asyncpg.Connection[asyncpg.Record],
    *,
    owner: str,
    schema: str,
    migrations: Sequence[Migration],
) -> list[Migration]:
    await connection.execute(f"set role {_quoted(owner)}")
    await connection.execute(f"set search_path = {_quoted(schema)}, public")
    await connection.execute(
        """create table if not exists schema_migration (
               source text not null, version int not null, name text not null, checksum text not null,
               applied_at timestamptz not null default now(), primary key (source, version))"""
    )
    done = {
        (row["source"], row["version"]): row["checksum"]
        for row in await connection.fetch("select source, version, checksum from schema_migration")
    }
    applied: list[Migration] = []
    for migration in migrations:
        known = done.get((migration.source, migration.version))
        if known == migration.checksum:
            continue
        if known is not None:
            raise SetupError(
                f"migration {migration.source}/{migration.version:04} changed after it ran; add a new one instead"
            )
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into schema_migration (source, version, name, checksum) values ($1, $2, $3, $4)",
                migration.source,
                migration.version,
                migration.name,
                migration.checksum,
            )
        applied.append(migration)
    await connection.execute("reset role")
    return applied


async def _grant(connection: asyncpg.Connection[asyncpg.Record], *, role: str, schema: str) -> None:
    name, user, owner = _quoted(schema), _quoted(role), _quoted(f"{role}_owner")
    await connection.execute(f"grant usage on schema {name} to {user}")
    await connection.execute(f"set role {owner}")
    await connection.execute(f"grant select, insert, update, delete on all tables in schema {name} to {user}")
    await connection.execute(f"grant usage, select on all sequences in schema {name} to {user}")
    await connection.execute(f"grant execute on all functions in schema {name} to {user}")
    await connection.execute(f"revoke insert, update, delete on {name}.schema_migration from {user}")
    if await connection.fetchval("select to_regclass($1)", f"{name}.audit_log"):
        await connection.execute(f"revoke update, delete on {name}.audit_log from {user}")
    await connection.execute("reset role")
