"""What an office keeps for itself: contact persons, requests, confirmations; and searches, which are a person's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from norda_common.contracts.privacy import ANSWERS, PrivacyAnswer
from norda_common.contracts.registry import CONFIRMATION, Confirmation
from norda_common.states import ALL_STATES, State
from support.installation import Installation
from support.waiting import eventually

from .base import Clients, some


async def contact_person(clients: Clients, state: str, organisation_id: str) -> dict[str, str]:
    """A contact person."""
    body = {
        "name": "Beispiel Kontakt",
        "email": f"kontakt-{state}@person.example",
        "source": "Visitenkarte",
        "purposes": ["support"],
        "legal_basis": "public_task",
        "retain_until": (datetime.now(UTC).date() + timedelta(days=365)).isoformat(),
    }
    made = await clients.call(state, "POST", f"/api/v1/organisations/{organisation_id}/people", body)
    return {"key": made["id"]}


async def search(clients: Clients, state: str, *, name: str, shared: bool) -> dict[str, str]:
    """A saved search of somebody of case work."""
    made = await clients.call(state, "POST", "/api/v1/searches", {"name": name, "q": "Beispiel", "shared": shared})
    return {"search_id": made["id"]}


async def met_request(clients: Clients, installation: Installation, state: str) -> dict[str, str]:
    """An access request to which everybody has answered; for the other services, which do not run, the test speaks."""
    requests = "/api/v1/privacy-requests"
    body = {"kind": "access", "email": f"anfrage-{state}@person.example"}
    request_id = str((await clients.call(state, "POST", requests, body))["id"])
    for service in ("events", "notifications"):
        for answering in ALL_STATES:
            data = PrivacyAnswer(
                request_id=UUID(request_id), state=answering.value, service=service, kind="access",
                found=0, changed=0, records=(), answered_at=datetime.now(UTC),
            )  # fmt: skip
            topic = ANSWERS[service]
            await installation.publish(
                topic.event("answered", data, state=answering, key=data.request_id, sequence=1, time=data.answered_at)
            )

    async def met() -> None:
        assert (await clients.call(state, "GET", f"{requests}/{request_id}"))["completed_at"], "somebody is silent"

    await eventually(met, within=20)
    return {"request_id": request_id}


async def answered_confirmation(
    clients: Clients, installation: Installation, state: str, organisation_id: str
) -> dict[str, str]:
    """A link to which the organisation answered with a proposal."""
    await clients.call(state, "POST", f"/api/v1/organisations/{organisation_id}/confirmation")

    async def said() -> Confirmation:
        records = await installation.read_topic(CONFIRMATION, State(state), minimum=1)
        data = [record.data for record in records if isinstance(record.data, Confirmation)]
        (mine,) = [each for each in data if str(each.organisation_id) == organisation_id]
        return mine

    link, url = (await eventually(said)).link, clients.running.url
    headers = {"accept": "text/html", "origin": url, "sec-fetch-site": "same-origin"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as contact:
        typed = {"version": "1", "step": "propose", "website": "https://www.ex-900.example/"}
        answer = await contact.post(urlsplit(link).path, data=typed)
        assert answer.status_code == 200, answer.text
    (one,) = await some(clients, f"/api/v1/confirmations?organisation={organisation_id}", state)
    return {"confirmation_id": one["confirmation_id"]}
