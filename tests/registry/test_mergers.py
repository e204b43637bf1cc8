"""Two become one: fields, numbers, addresses, proposals between states, undoing; through HTTP, topic and pages."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import cluster, in_directory, in_stuhr, registered, relocated, vat

STUHR = {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"}


async def merged(client: httpx2.AsyncClient, one: dict[str, Any], into: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await client.post(
        f"/api/v1/organisations/{one['organisation_id']}/merger",
        json={"into": into["organisation_id"], "kind": "merger"} | body,
    )
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def path_of(made: dict[str, Any]) -> str:
    return f"/api/v1/organisations/{made['organisation_id']}"


async def test_case_4_herrenhausen_becomes_part_of_maschsee(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client(state="ni") as client:
        entry = {"court": "Hannover", "type": "HRB", "number": "880021"}
        maschsee = await registered(client, legal_name="Beispiel Maschsee Robotik GmbH", seat=STUHR,
                                    register_entry=entry, competences=["PRD-03"])  # fmt: skip
        herrenhausen = await registered(
            client, legal_name="Beispiel Herrenhausen Robotik GmbH", seat=STUHR, competences=["PRD-01"],
            register_entry=entry | {"number": "880022"},
        )  # fmt: skip
        result = await merged(client, herrenhausen, maschsee, date="2026-11-01")
        kept = result["organisation"]
        assert (kept["version"], kept["absorbed"]) == (2, [herrenhausen["organisation_id"]])
        assert kept["competences"] == ["PRD-03", "PRD-01"]
        assert kept["former_names"] == [], "the other company's name was never its own"
        assert [item["number"] for item in kept["register_entries"]] == ["880021"]
        assert result["merger"] | {"merged_at": "", "proposed_at": "", "undo_until": ""} == {
            "merged_id": herrenhausen["organisation_id"], "kept_id": maschsee["organisation_id"], "merged_state": "ni",
            "kept_state": "ni", "kind": "merger", "merged_on": "2026-11-01", "taken": ["competences"],
            "status": "merged", "proposed_by": "office-ni", "merged_by": "office-ni",
            "merged_at": "", "proposed_at": "", "undo_until": "",
        }  # fmt: skip

        # The id redirects for ever, and so do numbers.
        gone = await client.get(path_of(herrenhausen))
        assert (gone.status_code, gone.headers["location"]) == (308, path_of(maschsee))
        assert gone.headers["cache-control"] == "no-cache"
        assert gone.json()["merged_into"] == maschsee["organisation_id"]
        assert (await client.get(path_of(herrenhausen), follow_redirects=True)).json()["version"] == 2
        for identifier in ("Amtsgericht Hannover HRB 880022", "HRB 880022", herrenhausen["vat_id"],
                           herrenhausen["own_id"], "DEP2305.HRB880022"):  # fmt: skip
            answer = await client.get("/api/v1/organisations/lookup", params={"identifier": identifier})
            (hit,) = answer.json()["items"]
            assert hit["organisation"]["organisation_id"] == maschsee["organisation_id"], identifier
            assert (hit["current"], hit["merged_from"]) == (False, herrenhausen["organisation_id"])
        named = await in_directory(
            client, herrenhausen["organisation_id"], lambda item: item.get("merged_into") is not None
        )
        assert (named["status"], named["merged_into"]) == ("merged", maschsee["organisation_id"])

        # Nobody changes it any more; its number is free.
        for method, path, body in (("PATCH", "", {"own_id": "x"}), ("POST", "/deactivation", {}),
                                   ("POST", "/relocation", in_stuhr())):  # fmt: skip
            refused = await client.request(method, path_of(herrenhausen) + path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (409, "merged"), path
        again = await merged(client, herrenhausen, maschsee)
        assert again["organisation"]["version"] == 2, "once more changes nothing"

        history = (await client.get(f"{path_of(herrenhausen)}/versions")).json()["items"]
        assert [item["change"] for item in history] == ["merged", "registered"]
        ended = history[0]["organisation"]["register_entries"][0]
        assert (ended["number"], ended["valid_to"]) == ("880022", "2026-11-01")

    async def said() -> None:
        records = await module_installation.read_topic(ORGANISATION, State.NIEDERSACHSEN)
        changes = [(record.change, str(record.key)) for record in records]
        assert ("merged", herrenhausen["organisation_id"]) in changes
        assert ("absorbed", maschsee["organisation_id"]) in changes
        last = next(r for r in records if str(r.key) == herrenhausen["organisation_id"] and r.change == "merged")
        assert isinstance(last.data, Organisation)
        assert str(last.data.merged_into) == maschsee["organisation_id"]

    await eventually(said)


async def test_an_entry_made_twice_becomes_one_with_all_that_was_known(registry: Running) -> None:
    async with registry.client() as client:
        its = await cluster(client, "DUP")
        one = await registered(client, legal_name="Beispiel Quaddelrübe Fräserei GmbH", register_entry=...,
                               vat_id=..., own_id=..., competences=["PRD-01"])  # fmt: skip
        number = vat()
        two = await registered(client, legal_name="Quadelrübe Fräserei", legal_form=..., vat_id=number,
                               competences=["PRD-02"], clusters=["DUP"])  # fmt: skip
        seen = await client.get(
            f"{path_of(two)}/merger/preview", params={"into": one["organisation_id"], "kind": "duplicate"}
        )
        preview = seen.json()
        fields = {item["name"]: item for item in preview["fields"]}
        assert fields["legal_name"] == {
            "name": "legal_name", "kept": one["legal_name"], "merged": two["legal_name"], "proposed": False,
        }  # fmt: skip
        assert all(fields[name]["proposed"] for name in ("vat_id", "own_id", "competences", "register_entries"))
        assert preview["memberships"] == 1
        assert number in preview["numbers"]
        assert preview["warnings"] == []
        assert (await client.get(path_of(one))).json()["version"] == 1

        wrong = await client.post(f"{path_of(two)}/merger", json={"into": one["organisation_id"], "kind": "duplicate",
                                                                  "take": ["status"]})  # fmt: skip
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "take")
        take = ["vat_id", "own_id", "competences", "memberships", "register_entries"]
        kept = (await merged(client, two, one, kind="duplicate", take=take))["organisation"]
        assert (kept["vat_id"], kept["own_id"]) == (number, two["own_id"])
        assert kept["legal_name"] == one["legal_name"]
        assert [former["legal_name"] for former in kept["former_names"]] == ["Quadelrübe Fräserei"]
        assert kept["competences"] == ["PRD-01", "PRD-02"]
        assert kept["register_entries"][0]["number"] == two["register_entries"][0]["number"]
        assert [item["cluster_id"] for item in kept["memberships"]] == [its["organisation_id"]]
        hit = await client.get("/api/v1/organisations/lookup", params={"identifier": number})
        (found,) = hit.json()["items"]
        assert (found["current"], "merged_from" in found) == (True, False)


async def test_undoing_gives_everything_back_that_nobody_changed_since(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client, registry.client(state="hh") as other:
        one = await registered(client, legal_name="Beispiel Tohuwabohu Umschlag GmbH", vat_id=..., own_id=...,
                               competences=["PRD-01"])  # fmt: skip
        two = await registered(client, legal_name="Beispiel Tohuwabohu Lager GmbH", register_entry=...,
                               competences=["PRD-02", "LWT-03"])  # fmt: skip
        await merged(client, two, one, kind="duplicate", take=["vat_id", "own_id", "competences"])
        changed = await client.patch(path_of(one), json={"own_id": "anders", "competences": ["PRD-01", "PRD-02"]})
        assert changed.status_code == 200
        assert (await other.post(f"{path_of(two)}/merger/undo")).json()["code"] == "foreign_state"
        undone = await client.post(f"{path_of(two)}/merger/undo")
        assert undone.status_code == 200, undone.text
        kept = undone.json()["organisation"]
        assert "vat_id" not in kept
        assert kept["absorbed"] == []
        assert kept["own_id"] == "anders", "changed since: it stays"
        assert [item["field"] for item in kept["warnings"]] == ["own_id"]
        assert kept["competences"] == ["PRD-01"], "what the other one brought goes"
        assert kept["former_names"] == []
        back = (await client.get(path_of(two))).json()
        assert (back["status"], back["vat_id"], back["competences"]) == (
            "active", two["vat_id"], ["PRD-02", "LWT-03"],
        )  # fmt: skip
        assert "merged_into" not in back
        assert undone.json()["merger"]["status"] == "undone"
        again = await client.post(f"{path_of(two)}/merger/undo")
        assert again.json()["organisation"]["version"] == kept["version"], "once more changes nothing"
        hit = await client.get("/api/v1/organisations/lookup", params={"identifier": two["vat_id"]})
        assert [(item["current"], item["organisation"]["organisation_id"]) for item in hit.json()["items"]] == [
            (True, two["organisation_id"])
        ]
        # And it can be merged anew.
        assert (await merged(client, two, one))["merger"]["status"] == "merged"
        listed = (await client.get(f"{path_of(two)}/mergers")).json()
        assert [item["status"] for item in listed] == ["merged", "undone"]

    async def said() -> None:
        records = await module_installation.read_topic(ORGANISATION, State.BREMEN)
        for made in (one, two):
            changes = [record.change for record in records if str(record.key) == made["organisation_id"]]
            assert changes.count("merge_undone") == 1

    await eventually(said)


async def internal(client: httpx2.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    """What the office knows of an organisation beside its document."""
    found: dict[str, Any] = (await client.get(path_of(made))).json().get("internal", {})
    return found


async def test_figures_and_address_in_the_record_that_goes_are_not_lost_and_go_back(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        one = await registered(client, legal_name="Beispiel Zettelkasten GmbH", register_entry=..., vat_id=...)
        two = await registered(client, legal_name="Beispiel Zettelkasten Gmbh", contact_email="zettel@ex.example")
        for kind, on, value in (("employees", "2024-12-31", 30), ("employees", "2025-12-31", 60),
                                ("turnover", "2025-12-31", 12_000_000)):  # fmt: skip
            added = await client.post(
                f"{path_of(two)}/figures", json={"kind": kind, "on": on, "source": "accounts", "value": value}
            )
            assert added.status_code in {200, 201}, added.text
        size = (await client.get(path_of(two))).json()["size_class"]
        seen = await client.get(
            f"{path_of(two)}/merger/preview", params={"into": one["organisation_id"], "kind": "duplicate"}
        )
        fields = {item["name"]: item for item in seen.json()["fields"]}
        assert fields["employees"] == {"name": "employees", "merged": 60, "proposed": True}
        assert fields["turnover_eur"]["merged"] == "12000000"
        assert fields["contact_email"] == {"name": "contact_email", "merged": "zettel@ex.example", "proposed": True}
        assert "balance_eur" not in fields
        result = await merged(client, two, one, kind="duplicate")
        assert {"employees", "turnover_eur", "contact_email"} <= set(result["merger"]["taken"])
        assert result["organisation"]["size_class"] == size
        assert await internal(client, one) == {
            "employees": 60, "turnover_eur": "12000000", "contact_email": "zettel@ex.example",
        }  # fmt: skip
        listed = (await client.get(f"{path_of(one)}/figures")).json()
        came = {(item["kind"], item["on"], item["source"]) for item in listed}
        assert ("employees", "2024-12-31", "accounts") in came, "with its day and source, of earlier years, too"

        # What the office enters since stays when the merger is taken back.
        await client.post(f"{path_of(one)}/figures",
                          json={"kind": "balance", "on": "2026-01-31", "source": "x", "value": 5})  # fmt: skip
        undone = await client.post(f"{path_of(two)}/merger/undo")
        assert undone.status_code == 200, undone.text
        assert await internal(client, one) == {"balance_eur": "5"}
        assert "size_class" not in (await client.get(path_of(one))).json()
        left = (await client.get(f"{path_of(one)}/figures")).json()
        assert [(item["kind"], item["on"]) for item in left] == [("balance", "2026-01-31")]
        assert await internal(client, two) == {
            "employees": 60, "turnover_eur": "12000000", "contact_email": "zettel@ex.example",
        }  # fmt: skip


async def test_an_address_that_gave_way_comes_back_unless_it_was_changed_since(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        pairs = []
        for number in range(2):
            one = await registered(client, contact_email=f"alt{number}@ex.example")
            two = await registered(client, contact_email=f"neu{number}@ex.example")
            chosen = await merged(client, two, one, kind="duplicate", take=["contact_email"])
            assert chosen["merger"]["taken"] == ["contact_email"]
            assert (await internal(client, one))["contact_email"] == f"neu{number}@ex.example"
            pairs.append((one, two))
        (one, two), (changed, other) = pairs
        await client.patch(path_of(changed), json={"contact_email": "dritte@ex.example"})
        for made in (two, other):
            assert (await client.post(f"{path_of(made)}/merger/undo")).status_code == 200
        assert (await internal(client, one))["contact_email"] == "alt0@ex.example"
        assert (await internal(client, two))["contact_email"] == "neu0@ex.example"
        assert (await internal(client, changed))["contact_email"] == "dritte@ex.example"
    admin = await module_installation.connect()
    ids = [one["organisation_id"], changed["organisation_id"]]
    left = await admin.fetchval("select count(*) from registry.contact_replaced where organisation_id = any($1)", ids)
    await admin.close()
    assert left == 0


async def test_an_address_from_before_a_merger_is_forgotten_after_thirty_days(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        one = await registered(client, contact_email="vorher@ex.example")
        two = await registered(client, contact_email="nachher@ex.example")
        await merged(client, two, one, kind="duplicate", take=["contact_email"])
    admin = await module_installation.connect()
    kept = "select count(*) from registry.contact_replaced where organisation_id = $1"
    try:
        assert await admin.fetchval(kept, one["organisation_id"]) == 1
        await admin.execute(
            "update registry.merger set merged_at = merged_at - interval '31 days' where merged_id = $1",
            two["organisation_id"],
        )

        async def gone() -> None:
            assert await admin.fetchval(kept, one["organisation_id"]) == 0

        await eventually(gone)
    finally:
        await admin.close()


async def test_who_is_erased_does_not_come_back_with_the_undoing(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        one = await registered(client, contact_email="Mensch@ex-861.example")
        two = await registered(client, contact_email="stelle@ex-861.example")
        await merged(client, two, one, kind="duplicate", take=["contact_email"])
        body = {"kind": "access", "email": "mensch@ex-861.example"}
        asked = await client.post("/api/v1/privacy-requests", json=body)
        assert asked.status_code == 202
        erased = await client.post("/api/v1/privacy-requests", json=body | {"kind": "erasure"})
        assert erased.status_code == 202
        admin = await module_installation.connect()

        async def gone() -> None:
            found = await admin.fetchval(
                "select count(*) from registry.contact_replaced where organisation_id = $1", one["organisation_id"]
            )
            assert found == 0

        try:
            await eventually(gone)
        finally:
            await admin.close()
        assert (await internal(client, one))["contact_email"] == "stelle@ex-861.example", "that is somebody else's"
        assert (await client.post(f"{path_of(two)}/merger/undo")).status_code == 200
        assert "contact_email" not in await internal(client, one)
        assert (await internal(client, two))["contact_email"] == "stelle@ex-861.example"


async def test_between_two_states_figures_and_address_are_neither_shown_nor_taken(registry: Running) -> None:
    async with registry.client() as hb, registry.client(state="ni") as ni:
        mine = await registered(hb, register_entry=..., vat_id=...)
        theirs = await registered(ni, seat=STUHR, register_entry=..., employees=77, contact_email="geheim@ex.example")
        seen = await hb.get(
            f"{path_of(theirs)}/merger/preview", params={"into": mine["organisation_id"], "kind": "duplicate"}
        )
        assert "geheim" not in seen.text
        assert not {"employees", "contact_email"} & {item["name"] for item in seen.json()["fields"]}
        refused = await hb.post(
            f"{path_of(theirs)}/merger",
            json={"into": mine["organisation_id"], "kind": "duplicate", "take": ["employees"]},
        )
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "not_offered")
        proposed = await hb.post(
            f"{path_of(theirs)}/merger", json={"into": mine["organisation_id"], "kind": "duplicate"}
        )
        assert proposed.status_code == 202
        assert (await ni.post(f"{path_of(theirs)}/merger/acceptance")).status_code == 200
        assert "contact_email" not in await internal(hb, mine)
        assert (await hb.get(f"{path_of(theirs)}/figures")).status_code == 403
        (left,) = (await ni.get(f"{path_of(theirs)}/figures")).json()
        assert (left["kind"], int(left["value"])) == ("employees", 77), "they stay with the office that entered them"


async def test_after_thirty_days_it_stays(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        one, two, three = [await registered(client) for _ in range(3)]
        await merged(client, two, one)
        await merged(client, three, one)
        admin = await module_installation.connect()
        for made, days in ((two, 29), (three, 31)):
            await admin.execute(
                "update registry.merger set merged_at = $2 where merged_id = $1::text::uuid",
                made["organisation_id"],
                datetime.now(UTC) - timedelta(days=days),
            )
        await admin.close()
        async with signed_in(registry) as person:
            page = await person.get(f"/registry/organisations/{one['organisation_id']}")
        assert [made["organisation_id"] in page.text for made in (two, three)] == [True, True]
        told = text_of(page)
        assert told.count("zusammengeführt am") == 2
        assert told.count("Zusammenführung rückgängig machen") == 1, "of the one that can still be undone"
        late = await client.post(f"{path_of(three)}/merger/undo")
        assert (late.status_code, late.json()["code"]) == (409, "too_late")
        assert "30 Tage" in late.json()["messages"]["de"]
        assert (await client.post(f"{path_of(two)}/merger/undo")).status_code == 200


async def test_chains_lead_to_their_end_and_are_undone_from_there(registry: Running) -> None:
    async with registry.client() as client:
        first, second, third = [await registered(client) for _ in range(3)]
        await merged(client, first, second)
        kept = (await merged(client, second, third))["organisation"]
        assert kept["absorbed"] == [second["organisation_id"], first["organisation_id"]]
        for made in (first, second):
            answer = await client.get(path_of(made))
            assert answer.headers["location"] == path_of(third)
            hit = await client.get("/api/v1/organisations/lookup", params={"identifier": made["vat_id"]})
            assert hit.json()["items"][0]["organisation"]["organisation_id"] == third["organisation_id"]
        refused = await client.post(f"{path_of(first)}/merger/undo")
        assert refused.json()["code"] == "kept_merged"
        # Into itself by a detour, and into one that is gone.
        for into in (first, second):
            answer = await client.post(
                f"{path_of(third)}/merger", json={"into": into["organisation_id"], "kind": "merger"}
            )
            assert answer.json()["code"] == "merged"
        same = await client.post(f"{path_of(third)}/merger", json={"into": third["organisation_id"], "kind": "merger"})
        assert (same.status_code, same.json()["errors"][0]["code"]) == (422, "same")
        assert (await client.post(f"{path_of(second)}/merger/undo")).status_code == 200
        assert (await client.get(path_of(first))).headers["location"] == path_of(second)
        assert (await client.post(f"{path_of(first)}/merger/undo")).status_code == 200
        assert (await client.get(path_of(first))).status_code == 200


async def test_old_ids_lead_along_when_the_one_that_stays_moves_to_another_state(registry: Running) -> None:
    async with registry.client() as hb, registry.client(state="ni") as ni, signed_in(registry, state="ni") as person:
        first, second, third = [await registered(hb) for _ in range(3)]
        await merged(hb, first, second)
        await relocated(hb, ni, path_of(second))
        elsewhere = await registered(ni, seat=STUHR, register_entry=...)
        for made in (first, second):
            answer = await hb.get(path_of(made), follow_redirects=True)
            assert (answer.json()["organisation_id"], answer.json()["responsible_state"]) == (
                second["organisation_id"], "ni",
            )  # fmt: skip
        # And on: Niedersachsen's becomes part of another one there, that of Bremen's, by consent.
        await merged(ni, second, elsewhere)
        proposed = await hb.post(
            f"{path_of(elsewhere)}/merger", json={"into": third["organisation_id"], "kind": "duplicate", "take": []}
        )
        assert proposed.status_code == 202, proposed.text
        assert (await ni.post(f"{path_of(elsewhere)}/merger/acceptance")).status_code == 200
        for made in (first, second, elsewhere):
            assert (await ni.get(path_of(made))).headers["location"] == path_of(third)
            page = await person.get(f"/registry/organisations/{made['organisation_id']}")
            assert (page.status_code, page.headers["location"]) == (
                308, f"/registry/organisations/{third['organisation_id']}",
            )  # fmt: skip
        hit = await ni.get("/api/v1/organisations/lookup", params={"identifier": first["vat_id"]})
        assert hit.json()["items"][0]["organisation"]["organisation_id"] == third["organisation_id"]


async def test_either_office_undoes_also_after_the_one_that_stays_has_moved(registry: Running) -> None:
    async with registry.client() as hb, registry.client(state="ni") as ni, registry.client(state="hh") as hh:
        one, two = await registered(hb), await registered(hb)
        await merged(hb, two, one)
        await relocated(hb, ni, path_of(one))
        assert (await hh.post(f"{path_of(two)}/merger/undo")).json()["code"] == "foreign_state"
        undone = await ni.post(f"{path_of(two)}/merger/undo")
        assert undone.status_code == 200, undone.text
        assert undone.json()["organisation"]["absorbed"] == []
        back = (await hb.get(path_of(two))).json()
        assert (back["status"], back["responsible_state"], back["vat_id"]) == ("active", "hb", two["vat_id"])


async def test_what_is_offered_to_another_state_is_neither_merged_nor_separated(registry: Running) -> None:
    async with registry.client() as hb, registry.client(state="ni") as ni:
        one, two, three = [await registered(hb) for _ in range(3)]
        await merged(hb, three, one)
        assert (await hb.post(f"{path_of(one)}/relocation", json=in_stuhr())).status_code == 200
        for gone, into in ((two, one), (one, two)):
            answer = await hb.post(f"{path_of(gone)}/merger", json={"into": into["organisation_id"], "kind": "merger"})
            assert (answer.status_code, answer.json()["code"]) == (409, "relocation_offered"), answer.text
        undone = await hb.post(f"{path_of(three)}/merger/undo")
        assert (undone.status_code, undone.json()["code"]) == (409, "relocation_offered")
        refused = await ni.post(f"{path_of(one)}/relocation/refusal", json={"reason": "Sitz bleibt in Bremen"})
        assert refused.status_code == 200, refused.text
        # A refused offer is over, whether or not somebody has put it away.
        assert (await hb.post(f"{path_of(three)}/merger/undo")).status_code == 200
        kept = (await merged(hb, one, two))["organisation"]
        assert kept["absorbed"] == [one["organisation_id"]]
        assert (await hb.post(f"{path_of(one)}/merger/undo")).status_code == 200
        assert (await hb.get(path_of(one))).json()["handover"]["refusal"] == "Sitz bleibt in Bremen"


async def test_contact_persons_stay_with_their_organisation_and_what_they_agreed_to_does_not_follow(
    registry: Running,
) -> None:
    contact = {
        "name": "Beispiel Person", "email": "person@ex-641.example", "roles": ["purchasing"], "source": "Messe",
        "purposes": ["invitations"], "legal_basis": "consent", "consent_given_on": "2026-01-15",
        "consent_wording": "einladung-2026-1", "retain_until": "2028-12-31",
    }  # fmt: skip
    async with registry.client() as office, signed_in(registry) as person:
        one, two = await registered(office), await registered(office)
        entered = await office.post(f"{path_of(two)}/people", json=contact)
        assert entered.status_code == 201, entered.text
        await merged(office, two, one)
        (seen,) = (await office.get(f"{path_of(one)}/people")).json()["items"]
        assert seen == entered.json(), "shown with the one that stays, and as it was"
        shown = text_of(await person.get(f"/registry/organisations/{one['organisation_id']}"))
        assert str(contact["email"]) in shown
        assert f"Eingetragen bei {two['legal_name']}" in shown
        # Who is known there with the same address gets a record, and consents, of their own.
        support = {"purposes": ["support"], "legal_basis": "public_task", "consent_given_on": None}
        again = await office.post(f"{path_of(one)}/people", json=contact | support | {"consent_wording": None})
        assert again.status_code == 201, again.text
        assert again.json()["person_id"] == seen["person_id"]
        refused = await office.post(f"{path_of(two)}/people", json=contact | {"email": "neu@ex-641.example"})
        assert (refused.status_code, refused.json()["code"]) == (409, "merged")
        await office.post(f"{path_of(two)}/merger/undo")
        assert [item["id"] for item in (await office.get(f"{path_of(one)}/people")).json()["items"]] == [
            again.json()["id"]
        ]


async def test_between_two_states_one_office_proposes_and_the_other_agrees(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as hb, registry.client(state="ni") as ni, registry.client(state="hh") as hh:
        mine = await registered(hb, legal_name="Beispiel Schlawiner Elektronik GmbH", vat_id=..., register_entry=...)
        theirs = await registered(ni, legal_name="Beispiel Schlawiener Elektronik GmbH", seat=STUHR,
                                  register_entry=...)  # fmt: skip
        body = {"into": mine["organisation_id"], "kind": "duplicate", "take": ["vat_id"]}
        foreign = await ni.post(f"{path_of(theirs)}/merger", json=body)
        assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_state"), (
            "it is Bremen's to change its own"
        )
        proposed = await hb.post(f"{path_of(theirs)}/merger", json=body)
        assert proposed.status_code == 202, proposed.text
        assert proposed.json()["merger"]["status"] == "proposed"
        assert (await ni.get(path_of(theirs))).json()["version"] == 1, "nothing has happened yet"
        assert (await hb.post(f"{path_of(theirs)}/merger/acceptance")).json()["code"] == "foreign_state"
        assert (await hh.post(f"{path_of(theirs)}/merger/acceptance")).json()["code"] == "foreign_state"
        assert (await hh.delete(f"{path_of(theirs)}/merger")).json()["code"] == "foreign_state"
        assert (await ni.delete(f"{path_of(theirs)}/merger")).status_code == 204, "refused"
        assert (await ni.post(f"{path_of(theirs)}/merger/acceptance")).status_code == 404
        assert (await hb.post(f"{path_of(theirs)}/merger", json=body)).status_code == 202
        agreed = await ni.post(f"{path_of(theirs)}/merger/acceptance", headers={"if-match": '"1"'})
        assert agreed.status_code == 200, agreed.text
        assert agreed.json()["organisation"]["vat_id"] == theirs["vat_id"]
        assert (await hb.get(path_of(mine))).json()["absorbed"] == [theirs["organisation_id"]]
        assert (await ni.post(f"{path_of(theirs)}/merger/acceptance")).json()["organisation"]["version"] == 2
        assert (await hb.delete(f"{path_of(theirs)}/merger")).json()["code"] == "merged"

        async def said(change: str) -> None:
            for made, state in ((mine, State.BREMEN), (theirs, State.NIEDERSACHSEN)):
                records = await module_installation.read_topic(ORGANISATION, state)
                last = [record for record in records if str(record.key) == made["organisation_id"]][-1]
                assert last.change in {change, "absorbed"} if change == "merged" else last.change == change

        await eventually(lambda: said("merged"))
        assert (await hb.post(f"{path_of(theirs)}/merger/undo")).status_code == 200
        assert (await ni.get(path_of(theirs))).json()["vat_id"] == theirs["vat_id"]
        await eventually(lambda: said("merge_undone"))
    async with (
        registry.client(state=None, role="auditor"),
        signed_in(registry, state=None, roles=("auditor",)) as auditor,
    ):
        log = text_of(await auditor.get(f"/registry/audit?item={theirs['organisation_id']}"))
        for action in ("propose_merger", "withdraw_merger", "organisation.merge", "undo_merger"):
            assert action in log


async def test_two_people_merge_the_same_pair_at_once(registry: Running) -> None:
    async with registry.client() as client:
        for _ in range(4):
            one, two = await registered(client), await registered(client)
            body = {"kind": "merger"}
            there = client.post(f"{path_of(two)}/merger", json=body | {"into": one["organisation_id"]})
            same = client.post(f"{path_of(two)}/merger", json=body | {"into": one["organisation_id"]})
            back = client.post(f"{path_of(one)}/merger", json=body | {"into": two["organisation_id"]})
            answers = await asyncio.gather(there, same, back)
            assert sorted(answer.status_code for answer in answers) in ([200, 200, 409], [200, 409, 409]), [
                answer.text for answer in answers
            ]
            statuses = []
            for made in (one, two):
                answer = await client.get(f"{path_of(made)}/versions")
                statuses.append(answer.json()["items"][0]["organisation"]["status"])
                assert answer.json()["items"][0]["version"] == 2
            assert sorted(statuses) == ["active", "merged"]


async def test_what_cannot_be_merged_is_refused_with_the_reason(registry: Running) -> None:
    async with registry.client() as client:
        one, two = await registered(client), await registered(client)
        its = await cluster(client, "NMG")
        cases: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
            (two, one | {"kind": "merger", "date": "2199-01-01"}, 422, "invalid_input"),
            (its, one | {"kind": "merger"}, 409, "kind_differs"),
            (two, {"organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f", "kind": "merger"}, 404, "not_found"),
            (two, one | {"kind": "merger", "into_version": 7}, 412, "stale_version"),
            (two, one | {"kind": "gift"}, 422, "invalid_input"),
        ]
        for gone, into, status, code in cases:
            body = {"into": into["organisation_id"]} | {
                name: into[name] for name in ("kind", "date", "into_version") if name in into
            }
            answer = await client.post(f"{path_of(gone)}/merger", json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        stale = await client.post(
            f"{path_of(two)}/merger",
            json={"into": one["organisation_id"], "kind": "merger"},
            headers={"if-match": '"9"'},
        )
        assert stale.status_code == 412
        await client.post(f"{path_of(one)}/deactivation", json={})
        inactive = await client.post(f"{path_of(two)}/merger", json={"into": one["organisation_id"], "kind": "merger"})
        assert inactive.json()["code"] == "not_mergeable"
        assert (await client.post(f"{path_of(two)}/merger/undo")).status_code == 404
        assert (await client.get(path_of(two))).json()["version"] == 1


async def test_another_instances_organisation_is_not_merged_here(
    registry: Running, module_installation: Installation
) -> None:
    database = await module_installation.new_database()
    bremen = module_installation.start("registry", states="hb", database=database)
    async with registry.client(state="ni") as ni, bremen.client() as hb:
        theirs = await registered(ni, seat=STUHR, register_entry=...)
        mine = await registered(hb)
        await in_directory(hb, theirs["organisation_id"])
        answer = await hb.post(f"{path_of(theirs)}/merger", json={"into": mine["organisation_id"], "kind": "duplicate"})
        assert (answer.status_code, answer.json()["code"]) == (409, "kept_elsewhere")
        # What another instance merged redirects here, too.
        other = await registered(ni, seat=STUHR, register_entry=...)
        await merged(ni, theirs, other)

        async def redirected() -> None:
            seen = await hb.get(path_of(theirs))
            assert (seen.status_code, seen.headers.get("location")) == (308, path_of(other))

        await eventually(redirected)
        hit = await hb.get("/api/v1/organisations/lookup", params={"identifier": theirs["vat_id"]})
        assert hit.json()["items"][0]["organisation"]["organisation_id"] == other["organisation_id"]


async def test_pages_redirect_and_the_public_profile_goes_along(registry: Running) -> None:
    async with (
        registry.client() as client,
        signed_in(registry) as person,
        httpx2.AsyncClient(base_url=registry.url, timeout=30, headers={"accept": "text/html"}) as nobody,
    ):
        one, two, three = [await registered(client) for _ in range(3)]
        for made in (one, two):
            assert (await client.put(f"{path_of(made)}/release")).status_code == 200
            await in_directory(client, made["organisation_id"])
        await merged(client, two, one)
        await merged(client, three, one)
        for made in (two, three):
            page = await person.get(f"/registry/organisations/{made['organisation_id']}")
            assert page.status_code == 308
            assert page.headers["location"] == f"/registry/organisations/{one['organisation_id']}"
        searched = await person.get("/registry/organisations", params={"q": two["vat_id"]})
        assert searched.headers["location"].endswith(f"/{two['organisation_id']}") or searched.headers[
            "location"
        ].endswith(f"/{one['organisation_id']}")

        async def gone() -> None:
            profile = await nobody.get(f"/registry/public/{two['organisation_id']}")
            assert (profile.status_code, profile.headers.get("location")) == (
                308, f"/registry/public/{one['organisation_id']}",
            )  # fmt: skip

        await eventually(gone)
        hidden = await nobody.get(f"/registry/public/{three['organisation_id']}")
        assert hidden.status_code == 404, "it was never shown: nobody learns what became of it"
        await client.delete(f"{path_of(one)}/release")
        assert (await nobody.get(f"/registry/public/{two['organisation_id']}")).status_code == 404


async def test_notes_stay_with_their_organisation_and_show_with_the_one_that_stays(registry: Running) -> None:
    async with registry.client() as client, registry.client(state="ni") as ni:
        one, two = await registered(client), await registered(client)
        for office, text, visibility in ((client, "Eigener Vermerk", "office"), (ni, "Vermerk aus NI", "alliance")):
            added = await office.post(f"{path_of(two)}/notes", json={"text": text, "visibility": visibility})
            assert added.status_code == 201
        await merged(client, two, one)
        seen = (await client.get(f"{path_of(one)}/notes")).json()["items"]
        assert {note["text"] for note in seen} == {"Eigener Vermerk", "Vermerk aus NI"}
        assert {note["organisation_id"] for note in seen} == {two["organisation_id"]}
        assert len((await ni.get(f"{path_of(one)}/notes")).json()["items"]) == 1
        await client.post(f"{path_of(two)}/merger/undo")
        assert (await client.get(f"{path_of(one)}/notes")).json()["items"] == []


async def test_a_person_merges_side_by_side_and_undoes_it(registry: Running) -> None:
    async with registry.client() as client, signed_in(registry, name="Beispiel Erna") as person:
        one = await registered(client, legal_name="Beispiel Ringelpiez Kabel GmbH", vat_id=..., register_entry=...)
        two = await registered(client, legal_name="Beispiel Ringelpietz Kabel GmbH")
        path = f"/registry/organisations/{two['organisation_id']}"
        await in_directory(client, one["organisation_id"])

        async def suspected() -> httpx2.Response:
            page = await person.get(f"{path}/merge")
            assert page.status_code == 200
            assert one["organisation_id"] in page.text
            return page

        await eventually(suspected)
        nonsense = await person.get(f"{path}/merge", params={"into": "HRB 1 Nirgends"})
        assert nonsense.status_code == 422
        assert "meint keine oder mehrere" in text_of(nonsense)
        page = await person.get(f"{path}/merge", params={"into": one["organisation_id"]})
        assert page.status_code == 200, page.text
        text = text_of(page)
        assert "Einwilligungen und Abonnements gehen nicht über" in text
        fields = form_of(page, f"{path}/merge")
        assert fields["choice-vat_id"] == ["theirs"], "what the one that stays lacks is proposed"
        assert fields["choice-legal_name"] == ["mine"]
        stale = await person.post(f"{path}/merge", fields | {"into_version": ["9"], "choice-legal_name": ["theirs"]})
        assert stale.status_code == 412
        kept = form_of(stale, f"{path}/merge")
        assert kept["choice-legal_name"] == ["theirs"], "the choice is not lost"
        stored = await person.post(f"{path}/merge", kept)
        assert stored.status_code == 303, stored.text
        assert stored.headers["location"] == f"/registry/organisations/{one['organisation_id']}"
        shown = await person.get(stored.headers["location"])
        told = text_of(shown)
        assert "Hierin aufgegangen" in told
        assert re.search(r"zusammengeführt am [\d.]{10} ?; Zusammenführung rückgängig machen", told), told
        assert shown.text.count(f'href="{path}/merger"') == 2
        async with signed_in(registry, state="hh") as other, signed_in(registry, roles=("pr",)) as press:
            for reader in (other, press):
                text = text_of(await reader.get(stored.headers["location"]))
                assert "zusammengeführt am" in text
                assert "Zusammenführung rückgängig machen" not in text, "it is for the office"
        now = (await client.get(path_of(one))).json()
        assert (now["legal_name"], now["vat_id"]) == ("Beispiel Ringelpietz Kabel GmbH", two["vat_id"])
        merger = await person.get(f"{path}/merger")
        assert "Beispiel Erna" in text_of(merger)
        assert "Eine andere aufgenommen" in text_of(shown)
        undone = await person.post(f"{path}/merger/undo", form_of(merger, f"{path}/merger/undo"))
        assert undone.status_code == 303, undone.text
        assert "Hierin aufgegangen" not in text_of(await person.get(stored.headers["location"]))
        assert (await person.get(path)).status_code == 200
        assert "rückgängig gemacht" in text_of(await person.get(f"{path}/merger"))


@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_proposal_is_answered_on_its_page(registry: Running, language: str) -> None:
    async with (
        registry.client() as hb,
        registry.client(state="ni") as ni,
        signed_in(registry, language=language) as proposer,
        signed_in(registry, state="ni", language=language) as answerer,
        signed_in(registry, state="hh", language=language) as third,
    ):
        mine = await registered(hb, register_entry=..., vat_id=...)
        theirs = await registered(ni, seat=STUHR, register_entry=...)
        path = f"/registry/organisations/{theirs['organisation_id']}"
        refused = await answerer.get(f"{path}/merge", params={"into": mine["organisation_id"]})
        assert "muss das vorschlagen" in text_of(refused) or "has to propose it" in text_of(refused)
        page = await proposer.get(f"{path}/merge", params={"into": mine["organisation_id"]})
        proposed = await proposer.post(f"{path}/merge", form_of(page, f"{path}/merge"))
        assert proposed.status_code == 303, proposed.text
        assert theirs["legal_name"] in text_of(await answerer.get("/registry/duplicates"))
        assert (await third.get(f"{path}/merge", params={"into": mine["organisation_id"]})).status_code == 403
        question = await answerer.get(f"{path}/merger")
        assert f'action="{path}/merger/accept"' not in (await proposer.get(f"{path}/merger")).text
        done = await answerer.post(f"{path}/merger/accept", form_of(question, f"{path}/merger/accept"))
        assert done.status_code == 303, done.text
        assert (await hb.get(path_of(mine))).json()["absorbed"] == [theirs["organisation_id"]]
