"""People at a service's pages: a session in its schema, and a browser without scripts that sends forms as one does."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import asyncpg
import httpx2
from norda_common.auth import Caller
from norda_common.rights import Role
from norda_common.signin import sessions
from norda_common.states import State
from norda_common.web.pages import session_cookie

from .installation import Running


@dataclass
class Person:
    """Somebody signed in at one service. `client` carries the session's cookie; `csrf` is the token of their forms."""

    client: httpx2.AsyncClient
    caller: Caller
    csrf: str
    secret: str

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        """A page; redirects are not followed."""
        return await self.client.get(path, **options)

    async def post(
        self, path: str, form: Mapping[str, str | Sequence[str]] | None = None, **options: Any
    ) -> httpx2.Response:
        """A form sent from the person's own page, with its token."""
        return await self.client.post(path, data={"csrf": self.csrf, **(form or {})}, **options)


@asynccontextmanager
async def signed_in(
    running: Running,
    *,
    state: str | None = "hb",
    roles: Sequence[str] = ("office",),
    name: str = "Beispiel Person",
    language: str = "de",
    lifetime: timedelta = timedelta(hours=10),
) -> AsyncIterator[Person]:
    """A person with a session of their own at this service."""
    secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    caller = Caller(
        subject=f"{'-'.join(roles)}-{state or 'all'}",
        name=name,
        roles=frozenset(Role(role) for role in roles),
        state=State(state) if state else None,
    )
    connection = await asyncpg.connect(running.database_url, server_settings={"norda.roles": "system"})
    try:
        await connection.execute(f'set search_path = "{running.name}", public')
        await sessions.create(
            connection,
            secret=secret,
            caller=caller,
            provider_session=f"sid-{secret[:8]}",
            csrf=csrf,
            id_token="none",
            now=datetime.now(UTC),
            lifetime=lifetime,
        )
    finally:
        await connection.close()
    headers = {
        "cookie": f"{session_cookie(running.name)}={secret}; norda-language={language}",
        "accept": "text/html",
        "origin": running.url,
        "sec-fetch-site": "same-origin",
    }
    async with httpx2.AsyncClient(base_url=running.url, headers=headers, timeout=30) as client:
        yield Person(client, caller, csrf, secret)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(response: httpx2.Response) -> str:
    """What a page says, without its markup, blanks as one."""
    parser = _Text()
    parser.feed(response.text)
    return " ".join(" ".join(parser.parts).split())
