"""Two instances of one state each, a Kafka and nothing else between them: Bremen hands Roland over to Niedersachsen.

Each has a database of its own; what one knows of the other it knows from topics.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from norda_common.contracts.envelope import Received
from norda_common.contracts.registry import CONFIRMATION, ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

SEAT = {"place": "Bremen", "postal_code": "28197", "state": "DE-HB", "ags": "04011", "nuts": "DE501"}
NEW_SEAT = {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"}
OLD_EUID, NEW_EUID = "DEH1101.HRB990005HB", "DEP2716.HRB990105"
ENTRY = {"court": "Walsrode", "type": "HRB", "number": "990105"}


@dataclass
class Two:
    """Bremen's instance and Niedersachsen's, and a client of each state's office at its own."""

    installation: Installation
    bremen: Running
    niedersachsen: Running
    hb: httpx2.AsyncClient
    ni: httpx2.AsyncClient

    async def roland(self, number: str = "990005", own_id: str = "ex-005") -> str:
        """The company, in Bremen; its path."""
        body = {
            "legal_name": "Beispiel Roland Batteriesysteme GmbH",
            "legal_form": "350",
            "own_id": own_id,
            "seat": SEAT,
            "register_entry": {"court": "Bremen", "type": "HRB", "number": number, "valid_from": "2015-03-01"},
            "contact_email": "kontakt@ex-005.example",
            "employees": 60,
        }
        answer = await self.hb.post("/api/v1/organisations", json=body)
        assert answer.status_code == 201, answer.text
        return f"/api/v1/organisations/{answer.json()['organisation_id']}"

    async def offer(self, path: str) -> None:
        body = {"responsible_state": "ni", "seat": NEW_SEAT, "date": "2026-11-20"}
        answer = await self.hb.post(f"{path}/relocation", json=body)
        assert answer.status_code == 200, answer.text

    async def said(self, state: State, path: str, minimum: int) -> list[tuple[str, int]]:
        records = await self.records(state, path, minimum)
        return [(record.change, record.sequence) for record in records]

    async def records(self, state: State, path: str, minimum: int) -> list[Received]:
        key = path.rpartition("/")[2]
        return await self.installation.read_topic(ORGANISATION, state, key=key, minimum=minimum)

    async def restarted(self) -> None:
        """Niedersachsen's instance once more, on the same database and port."""
        port = int(self.niedersachsen.url.rpartition(":")[2])
        database = self.niedersachsen.database_url.rpartition("/")[2]
        self.niedersachsen = self.installation.start("registry", states="ni", database=database, port=port)


@pytest.fixture
async def two(installation: Installation) -> AsyncIterator[Two]:
    bremen = installation.start("registry", states="hb", wait=False)
    niedersachsen = installation.start("registry", states="ni", database=await installation.new_database(), wait=False)
    bremen.wait_ready()
    niedersachsen.wait_ready()
    async with bremen.client() as hb, niedersachsen.client(state="ni") as ni:
        yield Two(installation, bremen, niedersachsen, hb, ni)


async def seen(client: httpx2.AsyncClient, path: str, **wanted: Any) -> dict[str, Any]:
    """The organisation as this instance shows it, once it shows it so."""

    async def look() -> dict[str, Any]:
        answer = await client.get(path)
        assert answer.status_code == 200
        document: dict[str, Any] = answer.json()
        assert {name: document.get(name) for name in wanted} == wanted
        return document

    return await eventually(look, within=20)


async def test_roland_moves_between_instances_although_the_receiving_one_is_killed(two: Two) -> None:
    path = await two.roland()
    key = path.rpartition("/")[2]
    assert (await two.hb.post(f"{path}/notes", json={"text": "Besuch", "visibility": "office"})).status_code == 201
    await two.offer(path)

    async def listed() -> None:
        (item,) = (await two.ni.get("/api/v1/relocations")).json()["items"]
        assert (item["organisation_id"], item["from_state"], item["version"]) == (key, "hb", 2)

    await eventually(listed)
    # The relay waits while Kafka's acknowledgement does: what was accepted is not yet on the topic when it is killed.
    accepted = await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})
    two.niedersachsen.process.send_signal(signal.SIGKILL)
    two.niedersachsen.process.wait()
    assert accepted.status_code == 200, accepted.text
    assert (accepted.json()["responsible_state"], accepted.json()["version"]) == ("ni", 4)
    await two.restarted()

    moved = await seen(two.hb, path, responsible_state="ni", previous_state="hb", version=4)
    own = await seen(two.ni, path, version=4)
    # Figures and contact do not travel: the new office has none until it enters its own.
    assert own.pop("internal") == {}
    assert own == moved
    for state in (State.BREMEN, State.NIEDERSACHSEN):
        assert ("seat_relocated", 4) in await two.said(state, path, 1 if state is State.NIEDERSACHSEN else 3)
    of_bremen = await two.records(State.BREMEN, path, 3)
    of_niedersachsen = await two.records(State.NIEDERSACHSEN, path, 1)
    assert [(record.change, record.sequence) for record in of_bremen] == [
        ("registered", 1), ("relocation_offered", 2), ("seat_relocated", 4),
    ]  # fmt: skip
    # What was sent when the process died may be sent once more, with the same id.
    assert {(record.event_id, record.sequence) for record in of_niedersachsen} == {(of_niedersachsen[0].event_id, 4)}
    assert of_bremen[-1].data == of_niedersachsen[0].data
    said = of_bremen[-1].data
    assert isinstance(said, Organisation)
    assert [entry.euid for entry in said.register_entries] == [OLD_EUID, NEW_EUID]

    # Bremen is no longer responsible, and keeps its notes, its versions and its audit log.
    assert (await two.hb.patch(path, json={"own_id": "x"})).json()["code"] == "foreign_state"
    assert [note["text"] for note in (await two.hb.get(f"{path}/notes")).json()["items"]] == ["Besuch"]
    assert (await two.ni.get(f"{path}/notes")).json()["items"] == []
    versions = (await two.hb.get(f"{path}/versions")).json()["items"]
    assert [(item["version"], item["change"]) for item in versions] == [
        (4, "seat_relocated"), (2, "relocation_offered"), (1, "registered"),
    ]  # fmt: skip
    assert versions[0]["changed_by"] == "instance:ni"
    connection = await two.installation.connect()
    try:
        actions = await connection.fetch("select action from registry.audit_log where item = $1 order by id", key)
        assert [row["action"] for row in actions] == [
            "organisation.register",
            "organisation.offer_relocation",
            "organisation.let_go",
        ]
        for table in ("organisation", "contact", "figures", "identifier"):
            column = "id" if table == "organisation" else "organisation_id"
            left = await connection.fetchval(f"select count(*) from registry.{table} where {column} = $1::uuid", key)  # noqa: S608
            assert left == 0, table
        assert await connection.fetchval("select count(*) from registry.dead_letter") == 0
    finally:
        await connection.close()

    # Niedersachsen is, and what it writes is seen everywhere; old numbers lead to the same company in both instances.
    assert (await two.ni.patch(path, json={"competences": ["BAT-02"]})).json()["version"] == 5
    await seen(two.hb, path, version=5)
    for client in (two.hb, two.ni):
        for identifier in (OLD_EUID, "Amtsgericht Bremen HRB 990005", NEW_EUID, "HRB 990105 Walsrode"):
            answer = await client.get("/api/v1/organisations/lookup", params={"identifier": identifier})
            assert [item["organisation"]["organisation_id"] for item in answer.json()["items"]] == [key], identifier
        asked = {"identifier": OLD_EUID, "as_of": "2020-06-01"}
        (held,) = (await client.get("/api/v1/organisations/lookup", params=asked)).json()["items"]
        assert (held["held"], held["organisation"]["seat"]["place"]) == (True, "Bremen")


async def test_records_that_come_again_change_nothing(two: Two) -> None:
    path = await two.roland()
    await two.offer(path)
    await seen(two.ni, path, version=2)
    assert (await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})).status_code == 200
    await seen(two.hb, path, version=4)
    before = await two.said(State.BREMEN, path, 3), await two.said(State.NIEDERSACHSEN, path, 1)
    # Everything once more, as after a consumer group whose offsets were lost.
    for state in (State.BREMEN, State.NIEDERSACHSEN):
        for record in await two.records(state, path, 1):
            event = ORGANISATION.event(
                record.change,
                record.data,
                state=state,
                key=record.key,
                sequence=record.sequence,
                time=record.time,
            )
            await two.installation.publish(event)
    marker = await two.roland("990006", own_id=str(uuid4()))
    await seen(two.ni, marker, version=1)
    assert (await two.ni.patch(path, json={"own_id": "ni-1"})).json()["version"] == 5
    await seen(two.hb, path, version=5, responsible_state="ni")
    after = await two.said(State.BREMEN, path, 6), await two.said(State.NIEDERSACHSEN, path, 3)
    assert after == ([*before[0], *before[0]], [*before[1], *before[1], ("changed", 5)])


async def test_a_refusal_reaches_the_losing_office_with_its_reason(two: Two) -> None:
    path = await two.roland()
    await two.offer(path)
    await seen(two.ni, path, version=2)
    refused = await two.ni.post(f"{path}/relocation/refusal", json={"reason": "Nur ein Briefkasten."})
    assert refused.status_code == 200, refused.text
    again = await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})
    assert (again.status_code, again.json()["code"]) == (409, "not_offered")
    document = await seen(two.hb, path, version=4, responsible_state="hb")
    assert document["handover"]["refusal"] == "Nur ein Briefkasten."
    assert await two.said(State.BREMEN, path, 3) == [
        ("registered", 1), ("relocation_offered", 2), ("relocation_withdrawn", 4),
    ]  # fmt: skip
    assert await two.said(State.NIEDERSACHSEN, path, 1) == [("relocation_withdrawn", 4)]
    assert (await two.hb.patch(path, json={"own_id": "frei"})).json()["version"] == 5
    # And the next offer is a new one, which can be accepted.
    await two.offer(path)
    await seen(two.ni, path, version=6)
    assert (await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})).json()["version"] == 8
    await seen(two.hb, path, responsible_state="ni", version=8)


async def test_what_is_taken_back_is_over_when_the_other_instance_says_so(two: Two) -> None:
    path = await two.roland()
    await two.offer(path)
    await seen(two.ni, path, version=2)
    two.niedersachsen.stop()
    taken_back = (await two.hb.post(f"{path}/relocation/withdrawal")).json()
    assert taken_back["handover"]["withdrawn_at"]
    # It may have been accepted there; so nothing changes until that is known.
    assert (await two.hb.patch(path, json={"own_id": "x"})).json()["code"] == "relocation_offered"
    await two.restarted()
    document = await seen(two.hb, path, version=4, responsible_state="hb")
    assert "handover" not in document
    refused = await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_offered")
    assert (await two.hb.patch(path, json={"own_id": "frei"})).json()["version"] == 5


async def test_an_acceptance_that_came_first_counts_although_it_was_taken_back(two: Two) -> None:
    path = await two.roland()
    await two.offer(path)
    await seen(two.ni, path, version=2)
    two.bremen.stop()
    assert (await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})).json()["version"] == 4
    # Bremen's office takes it back in its own database before its instance has read the answer.
    connection = await two.installation.connect()
    try:
        await connection.execute(
            """update registry.organisation
                  set version = 3, data = jsonb_set(data, '{handover,withdrawn_at}', '"2026-11-26T08:00:00Z"')
                where id = $1::uuid""",
            path.rpartition("/")[2],
        )
    finally:
        await connection.close()
    port = int(two.bremen.url.rpartition(":")[2])
    two.bremen = two.installation.start("registry", states="hb", port=port)
    await seen(two.hb, path, responsible_state="ni", version=4)
    assert (await two.said(State.BREMEN, path, 3))[-1] == ("seat_relocated", 4)


async def test_it_comes_back_with_its_history(two: Two) -> None:
    path = await two.roland()
    await two.offer(path)
    await seen(two.ni, path, version=2)
    assert (await two.ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})).status_code == 200
    await seen(two.hb, path, responsible_state="ni", version=4)
    back = {"responsible_state": "hb", "seat": SEAT, "date": "2026-11-22",
            "register_entry": {"court": "Bremen", "type": "HRB", "number": "990007"}}  # fmt: skip
    assert (await two.ni.post(f"{path}/relocation", json=back)).json()["version"] == 5
    await seen(two.hb, path, version=5)
    assert (await two.hb.post(f"{path}/relocation/acceptance", json={})).json()["version"] == 7
    await seen(two.ni, path, responsible_state="hb", version=7)
    versions = (await two.hb.get(f"{path}/versions")).json()["items"]
    assert [item["version"] for item in versions] == [7, 4, 2, 1]
    assert (await two.ni.patch(path, json={"own_id": "x"})).json()["code"] == "foreign_state"


async def test_what_the_losing_office_did_stays_and_what_it_had_begun_ends(installation: Installation) -> None:
    # Bremen's instance also writes for Hamburg, whose office proposes a merger.
    bremen = installation.start("registry", states="hb,hh", wait=False)
    niedersachsen = installation.start("registry", states="ni", database=await installation.new_database(), wait=False)
    bremen.wait_ready()
    niedersachsen.wait_ready()
    async with bremen.client() as hb, bremen.client(state="hh") as hh, niedersachsen.client(state="ni") as ni:
        two = Two(installation, bremen, niedersachsen, hb, ni)
        path = await two.roland()
        key = path.rpartition("/")[2]
        small = {"legal_name": "Beispiel Alte Packs GmbH", "seat": SEAT, "own_id": "ex-905",
                 "register_entry": {"court": "Bremen", "type": "HRB", "number": "990905"}}  # fmt: skip
        absorbed = (await hb.post("/api/v1/organisations", json=small)).json()["organisation_id"]
        merged = f"/api/v1/organisations/{absorbed}"
        body = {"into": key, "kind": "merger", "date": "2026-11-01"}
        assert (await hb.post(f"{merged}/merger", json=body)).status_code == 200
        figure = {"kind": "turnover", "value": 5_000_000, "on": "2025-12-31", "source": "Jahresabschluss 2025"}
        assert (await hb.post(f"{path}/figures", json=figure)).status_code == 201
        assert (await hb.post(f"{path}/confirmation")).status_code == 201
        elbe = {"legal_name": "Beispiel Elbe GmbH", "seat": {"place": "Hamburg", "state": "DE-HH"}, "own_id": "ex-906"}
        into = (await hh.post("/api/v1/organisations", json=elbe)).json()["organisation_id"]
        proposed = await hh.post(f"{path}/merger", json={"into": into, "kind": "duplicate"})
        assert proposed.status_code == 202, proposed.text
        version = (await hb.get(path)).json()["version"]
        await two.offer(path)
        await seen(ni, path, version=version + 1)
        taken = await ni.post(f"{path}/relocation/acceptance", json={"register_entry": ENTRY})
        assert taken.status_code == 200, taken.text
        version += 3
        await seen(hb, path, responsible_state="ni", version=version)

        # What Bremen's office entered, asked and merged is still to be read there, and nobody else's.
        mine = (await hb.get(f"{path}/figures")).json()
        assert {(row["kind"], row["source"]) for row in mine} == {
            ("turnover", "Jahresabschluss 2025"), ("employees", "office"),
        }  # fmt: skip
        for client in (hh, ni):
            answer = await client.get(f"{path}/figures")
            assert answer.status_code == 403 or answer.json() == [], answer.text
        (link,) = (await hb.get("/api/v1/confirmations", params={"organisation": key})).json()["items"]
        assert link["ended_at"] is not None
        records = await installation.read_topic(CONFIRMATION, State.BREMEN, key=link["confirmation_id"], minimum=2)
        assert records[-1].data is None, "the address is taken off the private topic"
        (merger,) = (await hb.get(f"{path}/mergers")).json()
        assert (merger["merged_id"], merger["status"]) == (absorbed, "merged"), "what was only proposed is over"
        assert await code(hb.post(f"{merged}/merger/undo")) == (409, "kept_elsewhere")
        # Old addresses and numbers lead to it for ever, in either instance.
        await seen_merged(ni, merged)
        for client in (hb, ni):
            gone = await client.get(merged)
            assert (gone.status_code, gone.headers["location"]) == (308, path)
            asked = {"identifier": "Amtsgericht Bremen HRB 990905"}
            (hit,) = (await client.get("/api/v1/organisations/lookup", params=asked)).json()["items"]
            assert (hit["organisation"]["organisation_id"], hit["merged_from"]) == (key, absorbed)
        connection = await installation.connect()
        try:
            actions = await connection.fetch("select action from registry.audit_log where item = $1 order by id", key)
            assert [row["action"] for row in actions][-2:] == ["organisation.withdraw_merger", "organisation.let_go"]
            assert await connection.fetchval("select count(*) from registry.contact") == 0
            assert await connection.fetchval("select count(*) from registry.dead_letter") == 0
        finally:
            await connection.close()

        # It comes back, and what its office knew of it is known again.
        back = {"responsible_state": "hb", "seat": SEAT, "date": "2026-11-22",
                "register_entry": {"court": "Bremen", "type": "HRB", "number": "990907"}}  # fmt: skip
        assert (await ni.post(f"{path}/relocation", json=back)).status_code == 200
        await seen(hb, path, version=version + 1)
        again = await hb.post(f"{path}/relocation/acceptance", json={})
        assert again.status_code == 200, again.text
        assert (await hb.get(path)).json()["internal"] == {"employees": 60, "turnover_eur": "5000000"}
        assert len((await hb.get(f"{path}/figures")).json()) == len(mine)
        assert (await hb.post(f"{merged}/merger/undo")).status_code == 200


async def code(asked: Awaitable[httpx2.Response]) -> tuple[int, str]:
    answer = await asked
    return answer.status_code, answer.json().get("code", "")


async def seen_merged(client: httpx2.AsyncClient, path: str) -> None:
    async def look() -> None:
        assert (await client.get(path)).status_code == 308

    await eventually(look, within=20)
