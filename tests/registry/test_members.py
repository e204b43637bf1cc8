"""Lists of members: reconciled, applied to own organisations, proposed to other offices, also over instances."""

from __future__ import annotations

from typing import Any

from norda_common.contracts.registry import MEMBERSHIP_PROPOSAL, ORGANISATION, MembershipProposal, Organisation
from norda_common.states import State
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import cluster, in_directory, in_stuhr, registered
from .test_pages import follow, path

NI_SEAT = {"place": "Emden", "state": "DE-NI"}
APPLY = {"on": "2026-06-01", "source": "Mitgliederliste Juni", "leave": True}


def members_of(document: dict[str, Any]) -> str:
    return f"/api/v1/clusters/{document['organisation_id']}/members/reconciliation"


async def test_a_list_is_compared_applied_and_proposed(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as hb, registry.client(state="ni") as ni:
        anw = await cluster(hb, "LST")
        stays = await registered(hb, legal_name="Beispiel Bleibt LST GmbH")
        leaves = await registered(hb, legal_name="Beispiel Geht LST GmbH")
        joins = await registered(hb, legal_name="Beispiel Größenmeß LST GmbH")
        theirs = await registered(ni, legal_name="Beispiel Ems LST GmbH", seat=NI_SEAT, register_entry=...)
        for each in (anw, theirs, joins):
            await in_directory(hb, each["organisation_id"])
        for each in (stays, leaves):
            await hb.post(
                f"/api/v1/organisations/{each['organisation_id']}/memberships",
                json={"cluster_id": anw["organisation_id"], "valid_from": "2024-01-01"},
            )
            await in_directory(hb, each["organisation_id"], lambda item: item["clusters"] == ["LST"])
        rows = [
            {"name": "Beispiel Bleibt LST GmbH", "place": "Bremen"},
            {"name": "BEISPIEL GROESSENMESS LST GMBH", "kind": "sponsor"},
            {"number": theirs["vat_id"]},
            {"name": "Niemand Bekanntes", "place": "Bremen"},
            {"name": "Beispiel Bleibt LST GmbH", "place": "Oldenburg"},
        ]
        compared = (await hb.post(members_of(anw), json={"rows": rows})).json()
        assert [item["row"] for item in compared["joins"]] == [2, 3]
        assert compared["stays"] == 1
        assert [item["organisation_id"] for item in compared["leaves"]] == [leaves["organisation_id"]]
        assert [item["row"] for item in compared["unknown"]] == [4, 5]
        assert "joined" not in compared
        applied = (await hb.post(members_of(anw), json={"rows": rows, "apply": APPLY | {"indicator": True}})).json()
        assert (applied["joined"], applied["left"], applied["proposed"]) == (1, 1, 1)
        read = (await hb.get(f"/api/v1/organisations/{joins['organisation_id']}")).json()
        assert [(item["kind"], item["valid_from"]) for item in read["memberships"]] == [("sponsor", "2026-06-01")]
        gone = (await hb.get(f"/api/v1/organisations/{leaves['organisation_id']}")).json()
        assert gone["memberships"][0]["valid_to"] == "2026-06-01"
        counted = (await hb.get(f"/api/v1/organisations/{anw['organisation_id']}")).json()["indicators"]
        assert counted == [{"kind": "members", "value": 5, "on": "2026-06-01", "source": "Mitgliederliste Juni"}]
        again = (await hb.post(members_of(anw), json={"rows": rows, "apply": APPLY})).json()
        assert (again["joined"], again["left"], again["proposed"]) == (0, 0, 0)
        (proposal,) = (await ni.get("/api/v1/membership-proposals")).json()["items"]
        assert (proposal["organisation_id"], proposal["change"]) == (theirs["organisation_id"], "join")
        assert (await hb.get("/api/v1/membership-proposals")).json()["items"] == []
        decision = f"/api/v1/membership-proposals/{proposal['proposal_id']}/decision"
        assert (await hb.post(decision, json={"take": True})).status_code == 404
        taken = (await ni.post(decision, json={"take": True})).json()
        assert [item["cluster_code"] for item in taken["memberships"]] == ["LST"]
        assert (await ni.post(decision, json={"take": False})).json()["code"] == "decided"
    records = await module_installation.read_topic(
        MEMBERSHIP_PROPOSAL, State.NIEDERSACHSEN, key=proposal["proposal_id"], minimum=1
    )
    assert isinstance(records[0].data, MembershipProposal)
    assert (records[0].change, records[0].data.decision) == ("decided", "taken")


async def test_who_is_only_written_differently_has_not_left(registry: Running) -> None:
    async with registry.client() as hb:
        its = await cluster(hb, "LLO")
        names = ["Beispiel Lloydus GmbH & Co. KG", "Beispiel Größenwahn Guss GmbH", "Beispiel Westwerk GmbH"]
        members = [await registered(hb, legal_name=name, legal_form=...) for name in names]
        outside = await registered(hb, legal_name="Beispiel Ueberseekabel Gesellschaft mit beschränkter Haftung")
        for each in members:
            await hb.post(
                f"/api/v1/organisations/{each['organisation_id']}/memberships",
                json={"cluster_id": its["organisation_id"], "valid_from": "2024-01-01"},
            )
            await in_directory(hb, each["organisation_id"], lambda item: item["clusters"] == ["LLO"])
        await in_directory(hb, its["organisation_id"])
        rows = [
            {"name": "Beispiel Lloydus + Co KG", "place": "Bremen"},
            {"name": "BEISPIEL GROESSENWAHN GUSS GmbH"},
            {"name": "Beispiel Ostwerk GmbH", "place": "Bremen"},
            {"name": "Beispiel Überseekabel GmbH", "place": "Bremen"},
        ]

        async def compared() -> None:
            found = (await hb.post(members_of(its), json={"rows": rows})).json()
            assert found["stays"] == 2
            assert [item["organisation_id"] for item in found["leaves"]] == [members[2]["organisation_id"]]
            assert [item["organisations"] for item in found["joins"]] == [[outside["organisation_id"]]]
            assert [item["row"] for item in found["unknown"]] == [3]

        # A worker takes the directory's names apart.
        await eventually(compared)


async def test_a_long_list_is_entered_at_once_and_one_who_cannot_keeps_nobody_waiting(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as hb:
        its = await cluster(hb, "LNG")
        made = [await registered(hb, legal_name=f"Beispiel Langeliste {number} LNG GmbH") for number in range(12)]
        for each in (its, *made):
            await in_directory(hb, each["organisation_id"])
        offered = made[5]
        answer = await hb.post(f"/api/v1/organisations/{offered['organisation_id']}/relocation", json=in_stuhr())
        assert answer.status_code == 200
        rows = [{"name": each["legal_name"]} for each in made]
        body = {"rows": rows, "apply": {"on": "2026-06-01", "source": "Liste"}}
        applied = (await hb.post(members_of(its), json=body)).json()
        assert applied["joined"] == 11
        assert [line.partition(":")[0] for line in applied["refused"]] == [offered["legal_name"]]
        assert (await hb.post(members_of(its), json=body)).json()["joined"] == 0, "again changes nothing"
        keys = [each["organisation_id"] for each in made if each is not offered]
        for key in keys:
            versions = (await hb.get(f"/api/v1/organisations/{key}/versions")).json()["items"]
            assert [item["change"] for item in versions] == ["changed", "registered"]
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=keys[0], minimum=2)
    assert isinstance(records[1].data, Organisation)
    assert [item.cluster_code for item in records[1].data.memberships] == ["LNG"]
    connection = await module_installation.connect()
    logged = await connection.fetchval(
        "select count(*) from registry.audit_log where action = 'organisation.join_cluster' and item = any($1)", keys
    )
    await connection.close()
    assert logged == 11


async def test_the_page_previews_keeps_the_list_and_applies_what_was_ticked(registry: Running) -> None:
    async with registry.client() as hb:
        its = await cluster(hb, "LSP")
        one = await registered(hb, legal_name="Beispiel Eins LSP GmbH")
        two = await registered(hb, legal_name="Beispiel Zwei LSP GmbH")
        for each in (its, one, two):
            await in_directory(hb, each["organisation_id"])
    here = f"/registry/clusters/{its['organisation_id']}/members"
    async with signed_in(registry) as person:
        assert here in (await person.get(path(its))).text
        empty = await person.post(here, form_of(await person.get(here), here))
        assert empty.status_code == 422
        table = "Firma;Ort\nBeispiel Eins LSP GmbH;Bremen\nBeispiel Zwei LSP GmbH;Bremen\n"
        preview = await person.client.post(
            here, data={"csrf": person.csrf, "step": "preview"}, files={"file": ("m.csv", table.encode(), "text/csv")}
        )
        told = text_of(preview)
        assert "Neue Mitglieder (2)" in told
        form = {"step": "store", "list": table, "join": "yes", "rows": ["2"], "on": "2026-06-01", "source": "Liste"}
        without = await person.post(here, form | {"source": ""})
        assert without.status_code == 422
        assert form_of(without, here)["list"] == [table]
        told = await follow(person, await person.post(here, form))
        assert "1 Beitritte und 0 Austritte" in told
        assert "Beispiel Zwei" not in told
    async with registry.client() as hb:
        assert (await hb.get(f"/api/v1/organisations/{two['organisation_id']}")).json()["memberships"] == []
        assert len((await hb.get(f"/api/v1/organisations/{one['organisation_id']}")).json()["memberships"]) == 1


async def test_a_proposal_reaches_the_office_in_an_instance_of_its_own(installation: Installation) -> None:
    bremen = installation.start("registry", states="hb")
    elsewhere = installation.start("registry", states="ni", database=await installation.new_database())
    async with bremen.client() as hb, elsewhere.client(state="ni") as ni:
        anw = await cluster(hb, "LSX")
        theirs = await registered(ni, legal_name="Beispiel Fern GmbH", seat=NI_SEAT, register_entry=...)
        await in_directory(hb, theirs["organisation_id"])
        await in_directory(ni, anw["organisation_id"])
        body = {"rows": [{"name": "Beispiel Fern GmbH"}], "apply": APPLY}
        assert (await hb.post(members_of(anw), json=body)).json()["proposed"] == 1

        async def arrived() -> dict[str, Any]:
            (item,) = (await ni.get("/api/v1/membership-proposals")).json()["items"]
            return dict(item)

        proposal = await eventually(arrived)
        await ni.post(f"/api/v1/membership-proposals/{proposal['proposal_id']}/decision", json={"take": True})
        await in_directory(hb, theirs["organisation_id"], lambda item: item["clusters"] == ["LSX"])
    async with signed_in(elsewhere, state="ni") as person:
        assert "Niemand schlägt etwas vor." in text_of(await person.get("/registry/memberships"))
    connection = await installation.connect()

    async def known_here_too() -> None:
        taken = await connection.fetchval("select taken from registry.membership_proposal")
        assert taken is True

    try:
        await eventually(known_here_too)
    finally:
        await connection.close()
