"""Confirmation by a link: who gets one, what it shows, that it is used once, and what becomes of proposals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from norda_common.contracts.registry import CONFIRMATION, ORGANISATION, Confirmation, Organisation
from norda_common.states import State
from norda_registry.rules import signed_links
from norda_registry.usecases.confirming import PURPOSE
from support.forms import form_of
from support.installation import LINK_KEY, Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import in_stuhr, registered, relocated
from .test_pages import follow, path

EMAIL = "kontakt@ex-800.example"


async def asked(
    registry: Running, installation: Installation, *, email: str = EMAIL, **fields: Any
) -> tuple[dict[str, Any], Confirmation]:
    """An organisation whose contact was sent a link, and what was said of it on the private topic."""
    async with registry.client() as office:
        made = await registered(office, contact_email=email, **fields)
        key = made["organisation_id"]
        answer = await office.post(f"/api/v1/organisations/{key}/confirmation")
        assert answer.status_code == 201, answer.text
    return made, await said_of(installation, key)


async def said_of(
    installation: Installation, organisation_id: str, *, after: Confirmation | None = None
) -> Confirmation:
    """The request for the organisation on the private topic; a newer one than that."""

    async def look() -> Confirmation:
        records = await installation.read_topic(CONFIRMATION, State.BREMEN, minimum=1)
        said = [record.data for record in records if isinstance(record.data, Confirmation)]
        mine = [data for data in said if str(data.organisation_id) == organisation_id and data != after]
        assert mine, "not said yet"
        return mine[-1]

    return await eventually(look)


@asynccontextmanager
async def contact(registry: Running) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody with a browser and without a session."""
    headers = {"accept": "text/html", "origin": registry.url, "sec-fetch-site": "same-origin"}
    async with httpx2.AsyncClient(base_url=registry.url, headers=headers, timeout=30) as client:
        yield client


def token_of(said: Confirmation) -> str:
    return urlsplit(said.link).path


async def test_a_contact_confirms_by_a_link_that_is_used_once(
    registry: Running, module_installation: Installation
) -> None:
    made, said = await asked(registry, module_installation, employees=12)
    assert (said.email, said.state, said.legal_name) == (EMAIL, "hb", made["legal_name"])
    assert timedelta(days=59) < said.expires_at - datetime.now(UTC) <= timedelta(days=60)
    link = token_of(said)
    async with contact(registry) as browser:
        page = await browser.get(link)
        assert page.status_code == 200
        told = text_of(page)
        assert made["legal_name"] in told
        assert made["vat_id"] in told
        assert EMAIL not in page.text
        assert "noindex" in page.text
        for _ in range(2):
            assert (await browser.get(link)).status_code == 200, "looking changes nothing"
        done = await browser.post(link, data={"version": "1", "step": "confirm"})
        assert done.status_code == 200, text_of(done)
        assert "bestätigt" in text_of(done)
        assert (await browser.get(link)).status_code == 404
        assert (await browser.post(link, data={"version": "2", "step": "confirm"})).status_code == 404
    key = made["organisation_id"]
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=key, minimum=2)
    assert records[1].change == "confirmed"
    assert isinstance(records[1].data, Organisation)
    assert records[1].data.confirmed_at is not None
    gone = await module_installation.read_topic(CONFIRMATION, State.BREMEN, key=str(said.confirmation_id), minimum=2)
    assert gone[-1].data is None, "the address leaves the private topic"
    async with signed_in(registry) as person:
        assert "die Organisation, über ihren Link" in text_of(await person.get(path(made)))
        assert "bestätigt" in text_of(await person.get("/registry/confirmations"))
    connection = await module_installation.connect()
    entries = await connection.fetch("select subject, action from registry.audit_log where item = $1 order by id", key)
    await connection.close()
    assert [entry["action"] for entry in entries][-2:] == ["organisation.ask_to_confirm", "organisation.confirm"]
    assert entries[-1]["subject"] == f"confirmation:{said.confirmation_id}"


async def test_corrections_change_nothing_until_the_office_takes_them_over(
    registry: Running, module_installation: Installation
) -> None:
    made, said = await asked(registry, module_installation)
    link, key = token_of(said), made["organisation_id"]
    async with contact(registry) as browser:
        form = form_of(await browser.get(link), link)
        # The page has two forms with the same address; what a browser sends of the second is what is in it.
        typed = form | {
            "step": "propose", "website": "nichts", "name_en": "Example", "roles": ["tier1"],
            "remark": "Neue Anschrift", "competences": ["BAT-02"],
        }  # fmt: skip
        wrong = await browser.post(link, data=typed)
        assert wrong.status_code == 422
        assert form_of(wrong, link)["name_en"] == ["Example"]
        sent = await browser.post(link, data=typed | {"website": "www.ex-800.example"})
        assert sent.status_code == 200, text_of(sent)
        assert (await browser.get(link)).status_code == 404
    async with registry.client() as office:
        assert (await office.get(f"/api/v1/organisations/{key}")).json()["version"] == 1
        (item,) = (await office.get("/api/v1/confirmations", params={"organisation": key})).json()["items"]
        assert item["proposal"] == {
            "website": "https://www.ex-800.example/", "name_en": "Example", "roles": ["tier1"],
            "competences": ["BAT-02"], "remark": "Neue Anschrift",
        }  # fmt: skip
        assert item["shown"]["competences"] == ["PRD-01"]
        decision = f"/api/v1/confirmations/{item['confirmation_id']}/decision"
        assert (await office.post(decision, json={"take": ["vat_id"]})).status_code == 422
    async with registry.client(state="ni") as other:
        assert (await other.get(f"/api/v1/confirmations/{item['confirmation_id']}")).status_code == 404
        assert (await other.post(decision, json={"take": []})).status_code == 404
        assert (await other.get("/api/v1/confirmations", params={"organisation": key})).json()["items"] == []
    async with signed_in(registry) as person:
        assert made["legal_name"] in text_of(await person.get("/registry/confirmations?undecided=yes"))
        page = await person.get(f"/registry/confirmations/{item['confirmation_id']}")
        told = text_of(page)
        assert "Neue Anschrift" in told
        assert "Vorschlag der Organisation" in told
        here = f"/registry/confirmations/{item['confirmation_id']}"
        proposed = form_of(page, here)
        assert proposed["choice-website"] == ["mine"]
        settled = await person.post(here, proposed | {"choice-competences": "theirs"})
        assert "3 von 4 Änderungen sind übernommen." in await follow(person, settled)
        assert (await person.post(here, proposed)).status_code in {409, 412}
    async with registry.client() as office:
        now = (await office.get(f"/api/v1/organisations/{key}")).json()
        assert (now["website"], now["roles"], now["competences"]) == (
            "https://www.ex-800.example/", ["tier1"], ["PRD-01"],
        )  # fmt: skip
        assert "confirmed_at" not in now, "what was refused is not confirmed"
        assert (await office.post(decision, json={"take": []})).json()["code"] == "decided"


async def test_taking_everything_over_confirms(registry: Running, module_installation: Installation) -> None:
    made, said = await asked(registry, module_installation)
    link, key = token_of(said), made["organisation_id"]
    async with contact(registry) as browser:
        form = form_of(await browser.get(link), link)
        assert (await browser.post(link, data=form | {"step": "propose"})).status_code == 422, "nothing was changed"
        await browser.post(link, data=form | {"step": "propose", "profile": "Neu"})
    async with registry.client() as office:
        (item,) = (await office.get("/api/v1/confirmations", params={"organisation": key})).json()["items"]
        taken = await office.post(
            f"/api/v1/confirmations/{item['confirmation_id']}/decision", json={"take": ["profile"]}
        )
        assert taken.json()["profile"] == "Neu"
        assert taken.json()["confirmed_at"]


async def test_a_remark_alone_confirms_nothing(registry: Running, module_installation: Installation) -> None:
    made, said = await asked(registry, module_installation)
    link, key = token_of(said), made["organisation_id"]
    async with contact(registry) as browser:
        form = form_of(await browser.get(link), link)
        sent = await browser.post(link, data=form | {"step": "propose", "remark": "Wir sind umgezogen."})
        assert sent.status_code == 200, text_of(sent)
    async with registry.client() as office:
        (item,) = (await office.get("/api/v1/confirmations", params={"organisation": key})).json()["items"]
        settled = await office.post(f"/api/v1/confirmations/{item['confirmation_id']}/decision", json={"take": []})
        assert settled.status_code == 200, settled.text
        now = (await office.get(f"/api/v1/organisations/{key}")).json()
        assert (now["version"], now.get("confirmed_at")) == (1, None)
        (item,) = (await office.get("/api/v1/confirmations", params={"organisation": key})).json()["items"]
        assert item["decided_at"]


async def test_what_changed_meanwhile_is_shown_again(registry: Running, module_installation: Installation) -> None:
    made, said = await asked(registry, module_installation)
    link = token_of(said)
    async with contact(registry) as browser, registry.client() as office:
        await office.patch(f"/api/v1/organisations/{made['organisation_id']}", json={"own_id": "anders"})
        stale = await browser.post(link, data={"version": "1", "step": "confirm"})
        assert stale.status_code == 412
        assert "inzwischen geändert" in text_of(stale)
        assert (await browser.post(link, data={"version": "2", "step": "confirm"})).status_code == 200


async def test_links_nobody_signed_used_expired_and_replaced_get_the_same_answer_and_then_none(
    registry: Running, module_installation: Installation
) -> None:
    made, said = await asked(registry, module_installation)
    key = LINK_KEY.encode()
    expired = signed_links.sign(
        said.confirmation_id, expires_at=datetime.now(UTC) - timedelta(days=1), purpose=PURPOSE, key=key
    )
    unknown = signed_links.sign(UUID(int=7), expires_at=datetime.now(UTC) + timedelta(days=1), purpose=PURPOSE, key=key)
    forged = signed_links.sign(said.confirmation_id, expires_at=said.expires_at, purpose=PURPOSE, key=b"x" * 32)
    connection = await module_installation.connect()
    await connection.execute(
        "update registry.confirmation set expires_at = now() - interval '1 hour' where id = $1", said.confirmation_id
    )
    await connection.close()
    async with contact(registry) as browser:
        answers = [await browser.get(f"/registry/confirm/{text}") for text in (expired, unknown, forged, "A" * 64)]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert len({text_of(answer).partition("Vorgangsnummer")[0] for answer in answers}) == 1
        foreign = await browser.post(token_of(said), data={"step": "confirm"}, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
    async with registry.client() as office:
        await office.post(f"/api/v1/organisations/{made['organisation_id']}/confirmation")
    newer = await said_of(module_installation, made["organisation_id"], after=said)
    async with contact(registry) as browser:
        assert (await browser.get(token_of(newer))).status_code == 200
        assert (await browser.get(token_of(said))).status_code == 404
        for _ in range(40):
            last = await browser.get(f"/registry/confirm/{forged}")
        assert last.status_code == 429
        assert last.headers["retry-after"]
        assert (await browser.get(token_of(newer))).status_code == 200, "who has a link is not kept out by others"


async def test_all_that_are_due_are_asked_and_nobody_twice(installation: Installation) -> None:
    registry = installation.start("registry", states="hb")
    async with registry.client() as office:
        with_contact = await registered(office, contact_email="a@ex-801.example")
        await registered(office)
        lately = await registered(office, contact_email="b@ex-802.example")
        await office.post(f"/api/v1/organisations/{lately['organisation_id']}/confirmation")
        said = await said_of(installation, lately["organisation_id"])
        async with contact(registry) as browser:
            await browser.post(token_of(said), data={"version": "1", "step": "confirm"})
        first = (await office.post("/api/v1/confirmations/due")).json()
        assert first == {"sent": 1, "more": False}
        assert (await office.post("/api/v1/confirmations/due")).json()["sent"] == 0
        assert (await said_of(installation, with_contact["organisation_id"])).email == "a@ex-801.example"
        none = await registered(office)
        refused = await office.post(f"/api/v1/organisations/{none['organisation_id']}/confirmation")
        assert (refused.status_code, refused.json()["code"]) == (409, "no_contact")
    connection = await installation.connect()
    stored = await connection.fetch("select * from registry.confirmation")
    log = await connection.fetch("select before, after from registry.audit_log")
    await connection.close()
    assert "ex-801" not in json.dumps([dict(row) for row in (*stored, *log)], default=str)
    assert "ex-801" not in registry.log.read_text()
    public = await installation.read_topic(ORGANISATION, State.BREMEN, minimum=1)
    assert all(record.value is None or b"ex-801" not in record.value for record in public)


async def test_several_who_ask_at_once_send_one_link(installation: Installation) -> None:
    registry = installation.start("registry", states="hb")
    async with registry.client() as office:
        keys = [
            (await registered(office, contact_email=f"c{number}@ex-803.example"))["organisation_id"]
            for number in range(12)
        ]
        answers = await asyncio.gather(
            *(office.post("/api/v1/confirmations/due") for _ in range(6)),
            *(office.post(f"/api/v1/organisations/{key}/confirmation") for key in keys[:6] * 2),
        )
        assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]
        for key in keys:
            items = (await office.get("/api/v1/confirmations", params={"organisation": key})).json()["items"]
            assert len([item for item in items if not item.get("ended_at")]) == 1
        assert sum(answer.json()["sent"] for answer in answers[:6]) <= len(keys)


async def test_expired_links_leave_the_private_topic_by_themselves(installation: Installation) -> None:
    registry = installation.start("registry", states="hb")
    made, said = await asked(registry, installation)
    connection = await installation.connect()
    await connection.execute("update registry.confirmation set expires_at = now() - interval '1 hour'")
    await connection.close()
    registry.stop()
    installation.start("registry", states="hb")
    records = await installation.read_topic(CONFIRMATION, State.BREMEN, key=str(said.confirmation_id), minimum=2)
    assert records[-1].data is None
    del made


async def withdrawn(installation: Installation, said: Confirmation) -> None:
    """Wait until the link is off the private topic."""

    async def look() -> None:
        records = await installation.read_topic(CONFIRMATION, State.BREMEN, key=str(said.confirmation_id))
        assert records[-1].data is None

    await eventually(look, within=20)


async def test_a_link_ends_with_the_address_it_was_sent_to(installation: Installation) -> None:
    registry = installation.start("registry")
    made, said = await asked(registry, installation, email="alt@ex-803.example")
    path = f"/api/v1/organisations/{made['organisation_id']}"
    async with registry.client() as office, contact(registry) as browser:
        assert (await office.patch(path, json={"contact_email": "neu@ex-803.example"})).status_code == 200
        assert (await browser.get(token_of(said))).status_code == 404
        await withdrawn(installation, said)
        assert (await office.post(f"{path}/confirmation")).status_code == 201
        newer = await said_of(installation, made["organisation_id"], after=said)
        assert newer.email == "neu@ex-803.example"
        # The address was a person's, who has it erased.
        body = {"kind": "erasure", "email": "Neu@ex-803.example"}
        assert (await office.post("/api/v1/privacy-requests", json=body)).status_code == 202
        await withdrawn(installation, newer)
        assert (await browser.get(token_of(newer))).status_code == 404


async def test_a_link_ends_when_the_organisation_is_another_offices(installation: Installation) -> None:
    registry = installation.start("registry")
    made, said = await asked(registry, installation)
    other, its = await asked(registry, installation, email="kontakt@ex-804.example")
    link, path = token_of(said), f"/api/v1/organisations/{made['organisation_id']}"
    async with registry.client() as old, registry.client(state="ni") as new, contact(registry) as browser:
        form = form_of(await browser.get(token_of(its)), token_of(its))
        answer = await browser.post(token_of(its), data=form | {"step": "propose", "website": "www.ex-804.example"})
        assert answer.status_code == 200, text_of(answer)
        await old.post(f"{path}/relocation", json=in_stuhr())
        waiting = await browser.post(link, data={"version": "2", "step": "confirm"})
        assert waiting.status_code == 409, "its office has offered it, and nothing changes meanwhile"
        assert (await browser.get(link)).status_code == 200, "the link is not used up by that"
        await new.post(f"{path}/relocation/acceptance", json={})
        assert (await browser.get(link)).status_code == 404
        # The new office sends its own, whatever the old one has left; each sees but its own.
        sent = await new.post(f"{path}/confirmation")
        assert sent.status_code == 201, sent.text
        for client in (old, new):
            asked_for = {"organisation": made["organisation_id"]}
            assert len((await client.get("/api/v1/confirmations", params=asked_for)).json()["items"]) == 1
        # What a company proposed before it moved can only be refused by whom it was told.
        await relocated(old, new, f"/api/v1/organisations/{other['organisation_id']}")
        decision = f"/api/v1/confirmations/{its.confirmation_id}/decision"
        assert (await old.post(decision, json={"take": ["website"]})).json()["code"] == "foreign_state"
        assert (await old.post(decision, json={"take": []})).status_code == 200
        assert (await old.get("/api/v1/confirmations", params={"undecided": True})).json()["items"] == []
    registry.stop()
    installation.start("registry")
    await withdrawn(installation, said)


async def test_without_a_key_no_link_is_sent_nor_taken(installation: Installation) -> None:
    registry = installation.start("registry", states="hb", environment={"NORDA_LINK_KEY": ""})
    assert "NORDA_LINK_KEY is not set" in registry.log.read_text()
    async with registry.client() as office:
        made = await registered(office, contact_email=EMAIL)
        refused = await office.post(f"/api/v1/organisations/{made['organisation_id']}/confirmation")
        assert (refused.status_code, refused.json()["code"]) == (409, "links_not_set_up")
    async with contact(registry) as browser:
        assert (await browser.get(f"/registry/confirm/{'A' * 64}")).status_code == 409
