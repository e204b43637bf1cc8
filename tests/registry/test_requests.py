"""Requests of persons at the registry; for its fellow services the test speaks: progress, proof, forgetting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.privacy import ANSWERS, PRIVACY_REQUEST, PrivacyAnswer, PrivacyRequest
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.outbox import MAX_VALUE_BYTES
from norda_common.privacy import RequestKind, _fitting
from norda_common.states import ALL_STATES, State
from norda_registry.rules.requests import KINDS, LATE_AFTER, is_late, to_be_met_by
from norda_registry.usecases.people_commands import AskForPerson
from norda_registry.usecases.privacy import ask
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .test_audit import entries
from .test_people import INVITED, entered, path_of_one
from .test_rights import act_as, caller, database

REQUESTS = "/api/v1/privacy-requests"
INSTANTS = st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year < 9_998)


def address() -> str:
    return f"person-{new_id().hex[-10:]}@ex-540.example"


async def asked(client: httpx2.AsyncClient, kind: str, email: str) -> str:
    answer = await client.post(REQUESTS, json={"kind": kind, "email": email})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def answer_of(
    service: str, state: State, request_id: str, *, kind: str, records: Sequence[dict[str, str]] = ()
) -> Event:
    """What another service says of a request."""
    data = PrivacyAnswer(
        request_id=UUID(request_id),
        state=state.value,
        service=service,
        kind=kind,
        found=2,
        changed=1,
        records=tuple(records),
        answered_at=datetime.now(UTC),
    )
    return ANSWERS[service].event("answered", data, state=state, key=data.request_id, sequence=1, time=data.answered_at)


def answers_of_others(request_id: str, *, kind: str, records: Sequence[dict[str, str]] = ()) -> list[Event]:
    return [
        answer_of(service, state, request_id, kind=kind, records=records)
        for service in ("events", "notifications")
        for state in ALL_STATES
    ]


async def progress(client: httpx2.AsyncClient, request_id: str, *, answers: int) -> dict[str, Any]:
    """The request once so many answers are there."""

    async def there() -> dict[str, Any]:
        shown: dict[str, Any] = (await client.get(f"{REQUESTS}/{request_id}")).json()
        assert len(shown["answers"]) == answers, shown
        return shown

    return await eventually(there, within=20)


async def test_a_request_is_met_when_all_have_answered_and_then_its_address_is_forgotten(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as office:
        made = await entered(office, path)
        request_id = await asked(office, "erasure", made["email"])
        shown = await progress(office, request_id, answers=3)
        assert {(each["state"], each["found"], each["changed"]) for each in shown["answers"]} == {
            ("hb", 1, 1),
            ("hh", 0, 0),
            ("ni", 0, 0),
        }
        assert {each["service"] for each in shown["missing"]} == {"events", "notifications"}
        assert len(shown["missing"]) == 6
        assert (shown["completed_at"], shown["late"]) == (None, False)
        assert (await office.get(f"/api/v1/people/{made['id']}")).status_code == 404
        others = answers_of_others(request_id, kind="erasure")
        # Each comes twice: once redelivered as it was, once said again under another id.
        await module_installation.publish(*others, others[0], *answers_of_others(request_id, kind="erasure")[:2])
        shown = await progress(office, request_id, answers=9)
        assert shown["completed_at"]
        assert shown["missing"] == []
    records = await module_installation.read_topic(PRIVACY_REQUEST, State.BREMEN, key=request_id, minimum=2)
    assert [(record.change, record.sequence) for record in records] == [("asked", 1), ("erased", 2)]
    assert isinstance(records[0].data, PrivacyRequest)
    assert records[0].data.email == made["email"]
    assert records[1].data is None
    for state in ALL_STATES:
        said = await module_installation.read_topic(ANSWERS["registry"], state, key=request_id, minimum=2)
        assert [(record.change, record.data is None) for record in said] == [("answered", False), ("erased", True)]
    connection = await module_installation.connect()
    try:
        row = await connection.fetchrow("select * from registry.privacy_request where id = $1", UUID(request_id))
        assert (row["emails"], row["addresses"], row["person_id"]) == (None, 1, UUID(made["person_id"]))
        assert made["email"] not in str(dict(row))
        assert [len(hashed) for hashed in row["known_by"]] == [32]
    finally:
        await connection.close()
    said = [entry["action"] for entry in await entries(module_installation, request_id)]
    assert said == ["privacy.ask", "privacy.complete"]
    erased = await entries(module_installation, made["id"])
    assert [(entry["action"], entry["subject"]) for entry in erased][1:] == [("person.erase", "system")]
    assert made["email"] not in json.dumps([entry["after"] for entry in erased])


async def test_a_request_that_nobody_has_answered_is_taken_once(
    registry: Running, module_installation: Installation
) -> None:
    email, now = address(), datetime.now(UTC)
    assert registry.name == "registry"
    async with database(module_installation) as connection:

        async def take(kind: str, spelling: str, state: str = "hb") -> tuple[UUID, bool]:
            await act_as(connection, caller("office", state))
            command = AskForPerson.model_validate({"kind": kind, "email": spelling})
            request, new = await ask(connection, command, caller=caller("office", state), served=ALL_STATES, now=now)
            return request.id, new

        # Nobody hears of it before the commit.
        transaction = connection.transaction()
        await transaction.start()
        first, new = await take("restriction", email)
        assert new
        assert await take("restriction", email.upper()) == (first, False)
        assert (await take("access", email))[1]
        assert (await take("restriction", email, "ni"))[1]
        await transaction.rollback()


async def test_a_request_that_somebody_has_answered_is_taken_again_for_what_is_new(registry: Running) -> None:
    path = await path_of_one(registry)
    async with registry.client() as office:
        made = await entered(office, path)
        first = await asked(office, "erasure", made["email"])
        await progress(office, first, answers=3)
        again = await entered(office, path, email=made["email"])
        second = await asked(office, "erasure", made["email"].upper())
        assert second != first
        await progress(office, second, answers=3)
        assert (await office.get(f"/api/v1/people/{again['id']}")).status_code == 404
        listed = (await office.post(f"{REQUESTS}/search", json={"email": made["email"].title()})).json()["items"]
        assert [item["id"] for item in listed] == [second, first]


PHONE_ALONE = {"email": None, "phone": "+49 (0)421 555-0123"}


async def about_person(client: httpx2.AsyncClient, kind: str, person_id: str) -> str:
    answer = await client.post(REQUESTS, json={"kind": kind, "person_id": person_id})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_who_has_no_address_is_found_by_the_number_and_erased_by_the_pseudonym(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as office, registry.client(state="ni") as foreign:
        made = await entered(office, path, **PHONE_ALONE)
        other = await entered(office, path, **PHONE_ALONE)
        # By an address that nobody has, nothing is found: that proves nothing of who has none.
        blind = await progress(office, await asked(office, "erasure", address()), answers=3)
        assert {(each["found"], each["changed"]) for each in blind["answers"]} == {(0, 0)}
        assert (blind["addresses"], blind["person_id"]) == (1, None)
        found = (await office.post("/api/v1/people/search", json={"phone": "0421 5550123"})).json()["items"]
        assert {made["id"], other["id"]} <= {item["id"] for item in found}
        body = {"kind": "access", "person_id": made["person_id"]}
        for client, refused in ((foreign, body), (office, {"kind": "access", "person_id": str(new_id())})):
            answer = await client.post(REQUESTS, json=refused)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown_person")
        for named in ({}, {"email": address(), "person_id": made["person_id"]}):
            answer = await office.post(REQUESTS, json={"kind": "access", **named})
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "one_of_two")
        report = await about_person(office, "access", made["person_id"])
        await progress(office, report, answers=3)
        await module_installation.publish(*answers_of_others(report, kind="access"))
        await progress(office, report, answers=9)
        shown = (await office.get(f"{REQUESTS}/{report}/report")).json()
        mine = next(part for part in shown["parts"] if (part["service"], part["state"]) == ("registry", "hb"))
        assert [(each["record"], each.get("phone")) for each in mine["records"]] == [
            ("contact_person", PHONE_ALONE["phone"])
        ]
        await progress(office, await about_person(office, "restriction", made["person_id"]), answers=3)
        assert (await office.get(f"/api/v1/people/{made['id']}")).json()["restricted_at"]
        erasure = await about_person(office, "erasure", made["person_id"])
        proof = await progress(office, erasure, answers=3)
        # The record, and the report made before.
        assert {each["state"]: each["changed"] for each in proof["answers"]} == {"hb": 2, "hh": 0, "ni": 0}
        assert (proof["addresses"], proof["person_id"]) == (0, made["person_id"])
        assert (await office.get(f"/api/v1/people/{made['id']}")).status_code == 404
        assert (await office.get(f"/api/v1/people/{other['id']}")).status_code == 200, (
            "a number may be several persons'"
        )
        assert (await office.get(f"{REQUESTS}/{report}/report")).status_code == 404
        await module_installation.publish(*answers_of_others(erasure, kind="erasure"))
        await progress(office, erasure, answers=9)
        again = await office.post(f"{REQUESTS}/search", json={"phone": "0049 421 555 0123"})
        assert erasure in [item["id"] for item in again.json()["items"]]
    connection = await module_installation.connect()
    try:
        row = await connection.fetchrow("select * from registry.privacy_request where id = $1", UUID(erasure))
        assert "5550123" not in str(dict(row))
    finally:
        await connection.close()


async def test_a_request_by_one_address_reaches_the_other_one_of_the_same_person(
    registry: Running, module_installation: Installation
) -> None:
    first, second = await path_of_one(registry), await path_of_one(registry)
    old, new = address(), address()
    async with registry.client() as office:
        one = await entered(office, first, email=old)
        two = await entered(office, second, email=old, name=one["name"])
        moved = (await office.patch(f"/api/v1/people/{two['id']}", json={"email": new})).json()
        assert moved["person_id"] == one["person_id"]
        assert (await office.patch(first, json={"contact_email": new})).is_success
        request_id = await asked(office, "erasure", old)
        shown = await progress(office, request_id, answers=3)
        assert {each["state"]: each["changed"] for each in shown["answers"]} == {"hb": 3, "hh": 0, "ni": 0}
        assert (shown["addresses"], shown["person_id"]) == (2, one["person_id"])
        for gone in (one, two):
            assert (await office.get(f"/api/v1/people/{gone['id']}")).status_code == 404
        assert new not in (await office.get(first)).text
        for known in (old, new):
            listed = (await office.post(f"{REQUESTS}/search", json={"email": known})).json()["items"]
            assert [item["id"] for item in listed] == [request_id]
    # So the other services look for both, too.
    (said,) = await module_installation.read_topic(PRIVACY_REQUEST, State.BREMEN, key=request_id)
    assert isinstance(said.data, PrivacyRequest)
    assert said.data.addresses == (old, new)


async def test_an_objection_of_who_has_no_address_stays_with_the_record_that_gets_one(registry: Running) -> None:
    """Of who is entered anew: test_known_persons.py."""
    path = await path_of_one(registry)
    async with registry.client() as office, registry.client(role="pr") as inviting:
        made = await entered(office, path, **PHONE_ALONE, **INVITED)
        shown = await progress(office, await about_person(office, "objection", made["person_id"]), answers=3)
        assert {each["state"]: each["changed"] for each in shown["answers"]}["hb"] == 1
        email = address()
        changed = (await office.patch(f"/api/v1/people/{made['id']}", json={"email": email})).json()
        assert (changed["person_id"], bool(changed["objected_at"])) == (made["person_id"], True)
        assert email not in (await inviting.get("/api/v1/people/to-invite", params={"limit": 200})).text


async def test_the_pages_take_a_request_from_a_person_s_record_or_by_their_number(registry: Running) -> None:
    path = (await path_of_one(registry)).replace("/api/v1", "/registry")
    number = f"0421 {new_id().int % 10_000_000:07}"
    async with signed_in(registry) as office, registry.client() as api:
        made = await entered(api, path.replace("/registry", "/api/v1"), email=None, phone=number, name="Renke Rufmann")
        place = f"/registry/requests/new?person={made['id']}"
        assert place in (await office.get(path)).text
        assert "Person ohne E-Mail-Adresse" in text_of(await office.get("/registry/requests/new"))
        by_number = await office.post("/registry/requests/persons", {"phone": number.replace("0421 ", "+49 421/")})
        assert place in by_number.text
        nobody = await office.post("/registry/requests/persons", {"phone": "0421 1"})
        assert "Diese Nummer hat niemand bei Ihrer Stelle." in text_of(nobody)
        form = await office.get(place)
        assert "Renke Rufmann" in text_of(form)
        fields = form_of(form, "/registry/requests/new")
        question = await office.post("/registry/requests/new", fields | {"kind": "erasure"})
        told = text_of(question)
        assert "Renke Rufmann" in told
        assert "Es gibt keine E-Mail-Adresse" in told
        assert "Ansprechpersonen: 1" in told
        taken = await office.post("/registry/requests/take", form_of(question, "/registry/requests/take"))
        assert taken.status_code == 303, text_of(taken)

        async def answered() -> None:
            shown = text_of(await office.get(taken.headers["location"]))
            assert "Register, Bremen 1 1" in shown
            assert made["person_id"] in shown
            assert "kennen Personen nur mit Adresse" in shown

        await eventually(answered, within=20)
        blind = await office.post("/registry/requests/new", {"kind": "erasure", "email": address()})
        assert "vielleicht ohne Adresse" in text_of(blind)
        found = await office.post("/registry/requests/search", {"phone": number})
        assert taken.headers["location"] in found.text
    async with signed_in(registry, state="ni") as foreign:
        assert (await foreign.get(place)).status_code == 404


async def test_a_redelivered_request_has_its_effect_and_its_answer_once(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as office:
        made = await entered(office, path)
        data = PrivacyRequest(
            request_id=new_id(), kind="restriction", email=made["email"], state="ni", requested_at=datetime.now(UTC)
        )
        said = PRIVACY_REQUEST.event(
            "asked", data, state=State.NIEDERSACHSEN, key=data.request_id, sequence=1, time=data.requested_at
        )
        await module_installation.publish(said, said, said)
        (answer,) = await module_installation.read_topic(ANSWERS["registry"], State.BREMEN, key=str(data.request_id))
        assert isinstance(answer.data, PrivacyAnswer)
        assert (answer.data.found, answer.data.changed) == (1, 1)
        # A later one is handled after those before it: whatever came of them is there.
        later = await asked(office, "access", made["email"])
        await progress(office, later, answers=3)
        assert (await office.get(f"/api/v1/people/{made['id']}")).json()["version"] == 2
        found = await module_installation.read_topic(ANSWERS["registry"], State.BREMEN, key=str(data.request_id))
        assert len(found) == 1
        # Another instance asked: here is nothing of it to gather, and its withdrawal withdraws the answers.
        withdrawn = PRIVACY_REQUEST.event(
            "erased", None, state=State.NIEDERSACHSEN, key=data.request_id, sequence=2, time=datetime.now(UTC)
        )
        await module_installation.publish(withdrawn)
        found = await module_installation.read_topic(
            ANSWERS["registry"], State.BREMEN, key=str(data.request_id), minimum=2
        )
        assert found[1].data is None
        assert (await office.get(f"{REQUESTS}/{data.request_id}")).status_code == 404


async def test_a_restricted_record_stays_is_shown_so_and_used_for_nothing_until_it_is_lifted(
    registry: Running,
) -> None:
    path, other = await path_of_one(registry), await path_of_one(registry)
    async with registry.client() as office, registry.client(role="pr") as inviting:
        made = await entered(office, path, **INVITED)
        one = f"/api/v1/people/{made['id']}"
        await progress(office, await asked(office, "restriction", made["email"]), answers=3)
        assert (await office.get(one)).json()["restricted_at"]
        for refused in (await office.patch(one, json={"name": "Anders"}), await office.delete(one)):
            assert (refused.status_code, refused.json()["code"]) == (409, "person_restricted")
        invited = await inviting.post("/api/v1/people/to-invite/search", json={"q": made["email"]})
        assert invited.json()["items"] == []
        again = await entered(office, other, email=made["email"], **INVITED)
        assert again["restricted_at"], "who is entered once more is the same person"
        async with signed_in(registry) as person:
            shown = text_of(await person.get(path.replace("/api/v1", "/registry")))
            assert "eingeschränkt" in shown
        await progress(office, await asked(office, "lifting", made["email"]), answers=3)
        assert (await office.get(one)).json()["restricted_at"] is None
        found = (await inviting.post("/api/v1/people/to-invite/search", json={"q": made["email"]})).json()["items"]
        assert len(found) == 2
        await progress(office, await asked(office, "restriction", made["email"]), answers=3)
        await progress(office, await asked(office, "erasure", made["email"]), answers=3)
        assert (await office.get(one)).status_code == 404


async def test_an_objection_meets_the_address_again_and_stays_with_the_record_when_that_changes(
    registry: Running,
) -> None:
    path, other = await path_of_one(registry), await path_of_one(registry)
    async with registry.client() as office, registry.client(role="pr") as inviting:
        made = await entered(office, path, **INVITED)
        await progress(office, await asked(office, "objection", made["email"]), answers=3)
        one = f"/api/v1/people/{made['id']}"
        since = (await office.get(one)).json()["objected_at"]
        assert since
        moved = (await office.patch(one, json={"email": address()})).json()
        assert (moved["objected_at"], moved["restricted_at"]) == (since, None)
        again = await entered(office, other, email=made["email"].upper(), **INVITED)
        assert again["objected_at"] == since
        for email in (made["email"], moved["email"]):
            invited = await inviting.post("/api/v1/people/to-invite/search", json={"q": email})
            assert invited.json()["items"] == []


async def test_a_general_address_that_is_a_person_s_is_reported_and_erased(
    registry: Running, module_installation: Installation
) -> None:
    email = address()
    async with registry.client() as office:
        path = await path_of_one(registry)
        assert (await office.patch(path, json={"contact_email": email.replace("person", "Person")})).is_success
        shown = await progress(office, await asked(office, "erasure", email), answers=3)
        assert {each["state"]: each["changed"] for each in shown["answers"]} == {"hb": 1, "hh": 0, "ni": 0}
        assert email not in (await office.get(path)).text.lower()
    said = await entries(module_installation, path.rpartition("/")[2])
    assert said[-1]["action"] == "organisation.erase_contact"


async def test_a_report_can_be_read_for_thirty_days_and_proofs_stay_for_three_years(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as office, registry.client(role="pr") as pr:
        made = await entered(office, path)
        request_id = await asked(office, "access", made["email"])
        await progress(office, request_id, answers=3)
        early = await office.get(f"{REQUESTS}/{request_id}/report")
        assert (early.status_code, early.json()["code"]) == (404, "no_report")
        record = {"record": "registration", "name": "Fremdes Wissen"}
        await module_installation.publish(*answers_of_others(request_id, kind="access", records=[record]))
        await progress(office, request_id, answers=9)
        report = (await office.get(f"{REQUESTS}/{request_id}/report")).json()
        assert made["name"] in json.dumps(report)
        assert json.dumps(report).count("Fremdes Wissen") == 6
        assert (await pr.get(f"{REQUESTS}/{request_id}/report")).status_code == 403
        connection = await module_installation.connect()
        try:
            await connection.execute(
                "update registry.privacy_request set records_until = now() where id = $1", UUID(request_id)
            )
            assert (await office.get(f"{REQUESTS}/{request_id}/report")).status_code == 404

            async def forgotten() -> None:
                kept = await connection.fetchval(
                    "select count(*) from registry.privacy_answer where request_id = $1 and records is not null",
                    UUID(request_id),
                )
                assert kept == 0

            await eventually(forgotten, within=20)
            assert len((await office.get(f"{REQUESTS}/{request_id}")).json()["answers"]) == 9
            await connection.execute(
                "update registry.privacy_request set completed_at = now() - interval '3 years 2 days' where id = $1",
                UUID(request_id),
            )

            async def gone() -> None:
                assert (await office.get(f"{REQUESTS}/{request_id}")).status_code == 404

            await eventually(gone, within=20)
        finally:
            await connection.close()
    deleted = [entry["after"] for entry in await entries(module_installation, "hb")]
    assert {"deleted": {"access_report": 1}} in deleted
    assert {"deleted": {"proof": 1}} in deleted


async def test_another_office_knows_nothing_of_a_request(registry: Running) -> None:
    email = address()
    async with registry.client() as own, registry.client(state="hh", role="lead") as other:
        request_id = await asked(own, "access", email)
        assert (await other.get(f"{REQUESTS}/{request_id}")).status_code == 404
        listed = (await other.get(REQUESTS, params={"limit": 200})).json()["items"]
        assert request_id not in [item["id"] for item in listed]
        assert (await other.post(f"{REQUESTS}/search", json={"email": email})).json()["items"] == []
        own_list = (await own.get(REQUESTS, params={"limit": 1})).json()
        assert own_list["items"][0]["id"] == request_id
        assert own_list["next_cursor"]
    for role, state in (("pr", "hb"), ("auditor", None), ("operator", None)):
        async with registry.client(state=state, role=role) as client:
            assert (await client.get(REQUESTS)).status_code == 403


async def test_the_pages_take_a_request_after_a_question_and_show_how_far_it_is(registry: Running) -> None:
    email = address()
    async with signed_in(registry) as office:
        wrong = await office.post("/registry/requests/new", {"kind": "erasure", "email": "no address"})
        assert wrong.status_code == 422
        assert "ist keine E-Mail-Adresse" in text_of(wrong)
        question = await office.post("/registry/requests/new", {"kind": "erasure", "email": email})
        assert "Das lässt sich nicht rückgängig machen." in text_of(question)
        taken = await office.post("/registry/requests/take", form_of(question, "/registry/requests/take"))
        assert taken.status_code == 303
        place = taken.headers["location"]
        assert email not in place

        async def answered() -> None:
            shown = text_of(await office.get(place))
            assert "läuft, Antworten fehlen: 6" in shown
            assert "Register, Niedersachsen 0 0" in shown

        await eventually(answered, within=20)
        assert "Es fehlen: Veranstaltungen, Bremen" in text_of(await office.get(place))
        assert place in (await office.get("/registry/requests")).text
        found = await office.post("/registry/requests/search", {"email": email})
        assert place in found.text
        assert "Anträge zu einer Person" in text_of(found)
        nobody = await office.post("/registry/requests/search", {"email": address()})
        assert "Keine Anträge." in text_of(nobody)
    async with signed_in(registry, state="ni", language="en") as foreign:
        assert (await foreign.get(place)).status_code == 404
        assert place not in (await foreign.get("/registry/requests")).text
    async with signed_in(registry, roles=("pr",)) as pr:
        assert (await pr.get("/registry/requests")).status_code == 403


async def test_a_kind_of_a_later_release_is_a_dead_letter_and_no_answer(
    registry: Running, module_installation: Installation
) -> None:
    data = PrivacyRequest(
        request_id=new_id(), kind="rectification", email=address(), state="hb", requested_at=datetime.now(UTC)
    )
    said = PRIVACY_REQUEST.event(
        "asked", data, state=State.BREMEN, key=data.request_id, sequence=1, time=data.requested_at
    )
    await module_installation.publish(said)
    connection = await module_installation.connect()

    async def buried() -> None:
        rows = await connection.fetch(
            "select reason, detail from registry.dead_letter where key = $1", str(data.request_id).encode()
        )
        (letter,) = rows
        assert data.email not in letter["reason"] + letter["detail"]

    try:
        await eventually(buried, within=20)
    finally:
        await connection.close()
    assert data.email not in registry.log.read_text()


def test_every_kind_has_words() -> None:
    assert set(KINDS) == set(RequestKind)


@given(INSTANTS)
def test_a_request_is_to_be_met_a_month_later(at: datetime) -> None:
    day = to_be_met_by(at)
    assert date(at.year, at.month, 1) + timedelta(days=28) <= day
    assert (day.year * 12 + day.month) - (at.year * 12 + at.month) == 1
    assert day.day == at.day or (day.day < at.day and (day + timedelta(days=1)).day == 1)


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_who_has_not_answered_is_late_after_a_while(at: datetime, wait: timedelta) -> None:
    assert is_late(at, now=at + wait) is (wait > LATE_AFTER)


@given(st.lists(st.integers(0, 320_000), max_size=30), st.sampled_from(["x", "ä", "\U0001f9ff"]))
def test_an_answer_is_never_larger_than_an_event_may_be(lengths: list[int], letter: str) -> None:
    records = [{"record": "x", "name": letter * length} for length in lengths]
    fitting = list(_fitting(records))
    assert len(json.dumps(fitting).encode()) < MAX_VALUE_BYTES
    if fitting != records:
        assert fitting[:-1] == records[: len(fitting) - 1]
        assert int(fitting[-1]["number"]) == len(records) - len(fitting) + 1
