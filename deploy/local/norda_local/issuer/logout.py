"""Signing out everywhere: whoever took part in a session is told by the back channel that it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import httpx2

from norda_local.issuer.clients import Client
from norda_local.issuer.sessions import Memory
from norda_local.issuer.signing import Signer

SECONDS = 5
log = logging.getLogger(__name__)


async def end_everywhere(
    sid: str, subject: str, *, memory: Memory, clients: Mapping[str, Client], signer: Signer
) -> None:
    """End the session and tell its clients, side by side; one that does not answer is logged and not waited for.

    A session that a restart made us forget may have been used anywhere, so everybody is told. Idempotent.
    """
    session = memory.end(sid)
    concerned = session.clients if session else clients.keys()
    told = [clients[name] for name in sorted(concerned) if clients[name].back_channel_logout_uri]
    async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as http:
        await asyncio.gather(*(_tell(http, each, signer.logout_token(each, sid=sid, subject=subject)) for each in told))


async def _tell(http: httpx2.AsyncClient, client: Client, logout_token: str) -> None:
    try:
        answer = await http.post(client.back_channel_logout_uri, data={"logout_token": logout_token})
    except (httpx2.HTTPError, OSError) as error:
        log.warning("%s was not told of a sign-out: %s", client.id, type(error).__name__)
        return
    if answer.is_error:
        log.warning("%s answered %d to a sign-out", client.id, answer.status_code)
