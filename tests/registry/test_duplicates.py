"""Suspects: a warning at entry, the list and what offices say of it, what an import asks; through HTTP and topic."""

from __future__ import annotations

import unicodedata
from typing import Any

import httpx2
from norda_common.identifiers import new_id
from norda_common.web.pages import NOBODY
from norda_registry.rules.duplicates import Candidate, RuleClass
from norda_registry.store import duplicates, likenesses
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import company, in_directory, registered, vat
from .test_rights import act_as, caller, database

PLAIN: dict[str, Any] = {"register_entry": ..., "vat_id": ..., "legal_form": "350"}


async def compared(client: httpx2.AsyncClient, organisation_id: str, name: str) -> None:
    """Wait until the directory's consumer has taken an organisation apart."""

    async def found() -> None:
        answer = await client.post("/api/v1/duplicates/check", json={"legal_name": name})
        assert answer.status_code == 200, answer.text
        assert organisation_id in {item["organisation"]["organisation_id"] for item in answer.json()}

    await eventually(found)


async def pairs(client: httpx2.AsyncClient, organisation_id: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/duplicates", params={"organisation": organisation_id, **parameters})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_case_1_another_spelling_is_refused_at_entry_until_the_person_says_so(registry: Running) -> None:
    name = "Beispiel Überseehafen Größenmeßtechnik GmbH"
    async with registry.client() as client:
        made = await registered(client, legal_name=name, **PLAIN)
        await compared(client, made["organisation_id"], name)
        for spelled in ("Beispiel Ueberseehafen Groessenmesstechnik GmbH", unicodedata.normalize("NFD", name)):
            body = company(legal_name=spelled, **PLAIN)
            refused = await client.post("/api/v1/organisations", json=body)
            assert (refused.status_code, refused.json()["code"]) == (409, "suspected_duplicate"), refused.text
            (suspect,) = refused.json()["suspects"]
            assert (suspect["organisation_id"], suspect["rule"]) == (made["organisation_id"], "narrow")
            assert suspect["reasons"][0]["de"] == "Die Namen sind bis auf die Schreibweise gleich."
        # The same request, sent again after its answer was lost, finds what it made.
        again = await client.post("/api/v1/organisations", json=company(legal_name=name, **PLAIN))
        assert again.json()["suspects"][0]["organisation_id"] == made["organisation_id"]
        forced = await client.post("/api/v1/organisations", params={"ignore_duplicates": True}, json=body)
        assert forced.status_code == 201, forced.text


async def test_case_2_another_legal_form_with_the_same_vat_id_is_one_company(registry: Running) -> None:
    number = vat()
    async with registry.client() as client:
        made = await registered(client, legal_name="Beispiel Columbus Umschlag GmbH & Co. KG", legal_form="230",
                                vat_id=number, register_entry=...)  # fmt: skip
        await compared(client, made["organisation_id"], made["legal_name"])
        answer = await client.post(
            "/api/v1/duplicates/check", json={"legal_name": "Beispiel Columbus + Co KG", "vat_id": number}
        )
        (first, *_) = answer.json()
        assert (first["organisation"]["organisation_id"], first["rule"]) == (made["organisation_id"], "narrow")
        assert first["reasons"][0]["en"] == "The VAT number is the same."
        body = company(legal_name="Beispiel Columbus + Co KG", legal_form="230", vat_id=number, register_entry=...)
        taken = await client.post("/api/v1/organisations", params={"ignore_duplicates": True}, json=body)
        assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken"), "a number is never ignored"


async def test_numbers_and_directions_do_not_keep_a_sister_out(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client, legal_name="Beispiel Halunder Service Nord GmbH", **PLAIN)
        await compared(client, made["organisation_id"], made["legal_name"])
        twin = await registered(client, legal_name="Beispiel Zwillingsbau GmbH", vat_id=vat(), register_entry=...)
        await compared(client, twin["organisation_id"], twin["legal_name"])
        for fields in (
            {"legal_name": "Beispiel Halunder Service Süd GmbH", **PLAIN},
            # Another VAT number is another company, whatever its name is.
            {"legal_name": twin["legal_name"], "vat_id": vat(), "register_entry": ...},
        ):
            entered = await client.post("/api/v1/organisations", json=company(**fields))
            assert entered.status_code == 201, entered.text


async def test_the_list_shows_pairs_to_both_offices_and_remembers_what_they_say(
    registry: Running, module_installation: Installation
) -> None:
    seat = {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI"}
    async with registry.client() as hb, registry.client(state="ni") as ni, registry.client(state="hh") as hh:
        mine = await registered(hb, legal_name="Beispiel Schabernack Tiefziehwerk GmbH", **PLAIN)
        theirs = await registered(ni, legal_name="Beispiel Schabernack Tiefziewerk GmbH", seat=seat, **PLAIN)
        key = mine["organisation_id"]

        async def suspected() -> dict[str, Any]:
            (pair,) = await pairs(hb, key)
            return pair

        pair = await eventually(suspected)
        assert {pair["first"]["organisation_id"], pair["second"]["organisation_id"]} == {key, theirs["organisation_id"]}
        assert pair["rule"] == "broad"
        assert 0.72 <= pair["score"] < 1
        assert any("anderer" in reason["de"] for reason in pair["reasons"])
        assert await pairs(ni, theirs["organisation_id"]) == [pair]
        assert await pairs(hh, key) == [], "Hamburg has no part in it"
        assert await pairs(hb, key, rule="narrow") == []

        path = f"/api/v1/duplicates/{theirs['organisation_id']}/{key}/verdict"
        assert (await hh.put(path, json={"reason": "x"})).json()["code"] == "foreign_state"
        assert (await ni.put(path, json={"reason": " "})).status_code == 422
        assert (await ni.put(path, json={"reason": "Zwei Betriebe, zwei Inhaber."})).status_code == 204
        assert (await ni.put(path, json={"reason": "noch einmal"})).status_code == 204
        assert await pairs(hb, key) == []
        (decided,) = await pairs(hb, key, decided=True)
        assert decided["verdict"] | {"decided_at": ""} == {
            "state": "ni", "reason": "Zwei Betriebe, zwei Inhaber.", "decided_by": "office-ni", "decided_at": "",
        }  # fmt: skip

        # Across later changes: looked for anew, and still told apart.
        changed = await ni.patch(
            f"/api/v1/organisations/{theirs['organisation_id']}", json={"seat": seat | {"street": "Am Werk 1"}}
        )
        assert changed.status_code == 200
        renamed = await hb.patch(
            f"/api/v1/organisations/{key}", json={"legal_name": "Beispiel Schabernack Tiefziehwerke GmbH"}
        )
        assert renamed.status_code == 200

        async def looked_again() -> None:
            (again,) = await pairs(hb, key, decided=True)
            assert "Tiefziehwerke" in again["first"]["legal_name"] + again["second"]["legal_name"]

        await eventually(looked_again)
        assert await pairs(hb, key) == []
        assert (await hb.delete(path)).status_code == 204
        assert len(await pairs(hb, key)) == 1

        # A deactivated one is suspected no more.
        await ni.post(f"/api/v1/organisations/{theirs['organisation_id']}/deactivation", json={})

        async def gone() -> None:
            assert await pairs(hb, key) == []

        await eventually(gone)
    async with database(module_installation) as connection:
        await act_as(connection, caller("auditor", None))
        actions = await connection.fetch(
            "select action, after from audit_log where kind = 'pair' and item like '%' || $1 || '%' order by id", key
        )
        assert [row["action"] for row in actions] == ["duplicate.tell_apart", "duplicate.suspect_again"]
        assert all("Inhaber" not in (row["after"] or "") for row in actions)


async def test_the_list_has_pages(registry: Running) -> None:
    async with registry.client(state="hh") as client:
        for word in ("Larifari", "Lirumlarum", "Pustekuchen"):
            for spelled in (word, f"{word}{word[-1]}"):
                await client.post(
                    "/api/v1/organisations",
                    params={"ignore_duplicates": True},
                    json=company(legal_name=f"Beispiel {spelled} Werk GmbH",
                                 seat={"place": "Hamburg", "state": "DE-HH"}, **PLAIN),
                )  # fmt: skip

        async def three() -> list[dict[str, Any]]:
            answer = await client.get("/api/v1/duplicates")
            items: list[dict[str, Any]] = answer.json()["items"]
            assert len(items) >= 3
            return items

        whole = await eventually(three)
        seen: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            parameters = {"limit": 1} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/api/v1/duplicates", params=parameters)).json()
            seen += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                break
        assert seen == whole
        assert [item["score"] for item in whole] == sorted((item["score"] for item in whole), reverse=True)
        assert (await client.get("/api/v1/duplicates", params={"cursor": "WyJ4Il0"})).status_code == 422


async def test_an_import_asks_for_many_at_once(registry: Running, module_installation: Installation) -> None:
    number = vat()
    async with registry.client() as client:
        plain = await registered(client, legal_name="Beispiel Kuddelmuddel Maschinenbau GmbH & Co. KG",
                                 legal_form="230", register_entry=..., vat_id=...)  # fmt: skip
        numbered = await registered(client, legal_name="Beispiel Ausnahmsweise GmbH", vat_id=number)
        await compared(client, plain["organisation_id"], plain["legal_name"])
        await compared(client, numbered["organisation_id"], numbered["legal_name"])
    here = {"place": "Bremen", "postal_code": "28197"}
    candidates = [
        Candidate(name="Kuddelmuddel Masch.-Bau GmbH + Co KG", legal_form="230", **here),
        Candidate(name="Kuddelmuddel Maschinenbau GmbH & Co. KG", place="Hamburg", postal_code="20095"),
        Candidate(name="Völlig anderer Name AG", vat_id=number),
        Candidate(name="Beispiel Ausnahmsweise GmbH", vat_id=vat(), **here),
        Candidate(name="Nie gesehen GmbH", **here),
    ]
    async with database(module_installation) as connection:
        await act_as(connection, caller("office"))
        found = await duplicates.narrow(connection, candidates)
        assert {place: str(key) for place, key in found.items()} == {
            0: plain["organisation_id"],
            2: numbered["organisation_id"],
        }
        assert await duplicates.narrow(connection, []) == {}
        (first, *_) = await duplicates.suspects(connection, candidates[1])
        assert str(first.known.organisation_id) == plain["organisation_id"]
        assert first.judgement.rule is RuleClass.BROAD


async def test_nobody_looks_for_suspects_without_signing_in_and_offices_write_none(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        made = await registered(client)
        await compared(client, made["organisation_id"], made["legal_name"])
    async with database(module_installation) as connection:
        await act_as(connection, caller("lead"))
        assert (await connection.execute("delete from likeness")) == "DELETE 0"
        assert (await connection.execute("delete from suspect")) == "DELETE 0"
        await act_as(connection, NOBODY)
        assert await connection.fetchval("select count(*) from likeness") == 0
        assert await connection.fetchval("select count(*) from likeness_shown") == 0
        assert await connection.fetchval("select count(*) from suspect") == 0


async def test_what_a_former_release_left_is_taken_apart(installation: Installation) -> None:
    registry = installation.start("registry")
    async with registry.client() as client:
        made = await registered(client, legal_name="Beispiel Altbestand Werke GmbH", **PLAIN)
        await in_directory(client, made["organisation_id"])
        await compared(client, made["organisation_id"], made["legal_name"])
        registry.stop()
        admin = await installation.connect()
        await admin.execute("delete from registry.likeness")
        # As the migration does it.
        await admin.execute("insert into registry.likeness_mark select organisation_id, now() from registry.directory")
        again = installation.start("registry")
        async with again.client() as other:
            await compared(other, made["organisation_id"], made["legal_name"])

            async def done() -> None:
                assert await admin.fetchval("select count(*) from registry.likeness_mark") == 0

            await eventually(done)
        await admin.close()


async def test_blocking_uses_indexes(installation: Installation) -> None:
    admin = await installation.connect()
    await admin.execute(
        """insert into registry.likeness (organisation_id, responsible_state, status, name_hash, keys, facts)
           select gen_random_uuid(), 'hb', 'active', n, array[n, n + 1, n % 1000], '{"name": "x"}'
             from generate_series(1, 20000) as n"""
    )
    await admin.execute("analyze registry.likeness")
    await admin.close()
    async with database(installation) as connection:
        await act_as(connection, caller("office"))
        # Those of which two have to be shared are told by the statistics.
        common = await connection.fetchval("select common_keys($1, 15)", [5, 6, 20_500, 19_999])
        assert sorted(common) == [5, 6]
        wanted, sharing = likenesses.sharing_statement([77, 5, 6, 7], [5, 6, 7], but=[new_id()])
        for statement, parameters, index in (
            (wanted, sharing, "likeness_keys"),
            (likenesses._NAMED, ([0], [77], [], [], []), "likeness_name"),
        ):
            plan = await connection.fetch(f"explain {statement}", *parameters)
            text = "\n".join(row[0] for row in plan)
            assert index in text, text
            assert "Seq Scan on likeness" not in text, text


async def test_the_page_of_a_new_organisation_warns_and_lets_a_person_go_on(registry: Running) -> None:
    async with registry.client() as client, signed_in(registry) as person:
        made = await registered(client, legal_name="Beispiel Papperlapapp Logistik GmbH", **PLAIN)
        await compared(client, made["organisation_id"], made["legal_name"])
        page = await person.get("/registry/organisations/new")
        fields = form_of(page, "/registry/organisations/new") | {
            "legal_name": ["Papperlapapp Logistic GmbH"], "seat.place": ["Bremen"], "seat.postal_code": ["28197"],
        }  # fmt: skip
        warned = await person.post("/registry/organisations/new", fields)
        assert warned.status_code == 409
        assert "Beispiel Papperlapapp Logistik GmbH" in text_of(warned)
        assert f"/registry/organisations/{made['organisation_id']}" in warned.text
        assert "Trotzdem anlegen" in text_of(warned)
        kept = form_of(warned, "/registry/organisations/new")
        assert kept["legal_name"] == ["Papperlapapp Logistic GmbH"]
        stored = await person.post("/registry/organisations/new", kept | {"ignore_duplicates": ["yes"]})
        assert stored.status_code == 303, stored.text


async def test_the_page_of_suspects_shows_them_and_takes_what_a_person_says(registry: Running) -> None:
    async with registry.client() as client, signed_in(registry) as person:
        one = await registered(client, legal_name="Beispiel Techtelmechtel Stecker GmbH", **PLAIN)
        await compared(client, one["organisation_id"], one["legal_name"])
        answer = await client.post(
            "/api/v1/organisations",
            params={"ignore_duplicates": True},
            json=company(legal_name="Beispiel Techtelmechtl Stecker GmbH", **PLAIN),
        )
        other = answer.json()

        async def shown() -> str:
            page = await person.get(f"/registry/duplicates?organisation={one['organisation_id']}")
            assert page.status_code == 200
            assert "Techtelmechtl" in page.text
            return text_of(page)

        text = await eventually(shown)
        assert "Die Namen ähneln einander" in text
        first, second = sorted((one["organisation_id"], other["organisation_id"]))
        path = f"/registry/duplicates/{first}/{second}/apart"
        asked = await person.get(path)
        assert asked.status_code == 200
        empty = await person.post(path, form_of(asked, path) | {"reason": [""]})
        assert empty.status_code == 422
        told = await person.post(path, form_of(asked, path) | {"reason": ["Zwei Standorte, zwei Firmen."]})
        assert told.status_code == 303
        page = await person.get(f"/registry/duplicates?organisation={one['organisation_id']}")
        assert "Techtelmechtl Stecker" not in text_of(page)
        decided = await person.get(f"/registry/duplicates?organisation={one['organisation_id']}&decided=yes")
        assert "Zwei Standorte, zwei Firmen." in text_of(decided)
        again = await person.post(f"/registry/duplicates/{first}/{second}/suspect", {})
        assert again.status_code == 303
