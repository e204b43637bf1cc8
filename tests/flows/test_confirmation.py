"""The yearly confirmation from the office's button to the delivered mail, and by its link back to the registry."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx2
from norda_common.contracts.registry import CONFIRMATION, ORGANISATION, Organisation
from norda_common.states import State
from norda_local.mail import Mail, list_mails
from support.forms import form_of
from support.installation import Installation
from support.people import signed_in, text_of
from support.waiting import eventually

COMPANY = {
    "legal_name": "Beispiel Roland Batteriesysteme GmbH",
    "seat": {"place": "Bremen", "postal_code": "28197", "state": "DE-HB"},
    "own_id": "ex-005",
}
EMAIL = "kontakt@ex-005-bestaetigt.example"


async def test_who_gets_the_mail_confirms_by_its_link(installation: Installation) -> None:
    registry = installation.start("registry", wait=False)
    notifications = installation.start("notifications", wait=False)
    registry.wait_ready()
    notifications.wait_ready()
    seen = {mail.id for mail in list_mails(installation.servers.mail, recipient=EMAIL)}
    async with registry.client() as office:
        made = (await office.post("/api/v1/organisations", json=COMPANY | {"contact_email": EMAIL})).json()
        path = f"/organisations/{made['organisation_id']}"
        async with signed_in(registry) as person:
            asked = await person.post(f"/registry{path}/confirmation")
            assert asked.status_code == 303, text_of(asked)
        mail = await eventually(delivered(installation, seen), within=20)
        assert COMPANY["legal_name"] in mail.text
        (link,) = set(re.findall(r"http\S+/registry/confirm/[\w.~-]+", mail.text))
        headers = {"accept": "text/html", "origin": registry.url, "sec-fetch-site": "same-origin"}
        async with httpx2.AsyncClient(base_url=registry.url, headers=headers, timeout=30) as browser:
            here = link[link.index("/registry/") :]
            page = await browser.get(here)
            assert page.status_code == 200
            version = form_of(page, here)["version"]
            done = await browser.post(here, data={"version": version, "step": "confirm"})
            assert done.status_code == 200, text_of(done)
            assert (await browser.get(here)).status_code == 404
        assert (await office.get(f"/api/v1{path}")).json()["confirmed_at"]
    key = made["organisation_id"]
    record = (await installation.read_topic(ORGANISATION, State.BREMEN, key=key, minimum=2))[-1]
    assert isinstance(record.data, Organisation)
    assert (record.change, record.data.confirmed_at is not None) == ("confirmed", True)
    said = await installation.read_topic(CONFIRMATION, State.BREMEN, minimum=2)
    assert said[-1].data is None, "the address is off the private topic"
    for service in (registry, notifications):
        assert EMAIL not in service.log.read_text()
        assert link not in service.log.read_text()


def delivered(installation: Installation, seen: set[str]) -> Callable[[], Awaitable[Mail]]:
    async def look() -> Mail:
        found = [mail for mail in list_mails(installation.servers.mail, recipient=EMAIL) if mail.id not in seen]
        assert len(found) == 1, [mail.subject for mail in found]
        return found[0]

    return look
