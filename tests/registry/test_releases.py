"""Released organisations are shown without signing in as long as they are active, and of them what was chosen."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from uuid import UUID

import httpx2
import pytest
from norda_common.contracts.registry import RELEASE, Release
from norda_common.states import State
from norda_registry.store import searches
from norda_registry.store.facet_index import FacetIndex
from norda_registry.store.searches import Filters
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually, soon

from .conftest import cluster, in_directory, registered, relocated
from .test_pages import follow, path
from .test_rights import count, database


async def shown(installation: Installation, key: str) -> tuple[bool, bool]:
    """Whether somebody who has not signed in sees the organisation by its id, and in the list."""
    async with database(installation) as connection:
        one = await searches.get_released(connection, UUID(key))
        rows = await searches.listed(connection, Filters(released=True), after=None, limit=500)
        assert await searches.listed(connection, Filters(), after=None, limit=5) == []
        for table in ("release", "organisation", "identifier", "figures", "contact", "directory_number", "directory"):
            assert await count(connection, table) == 0
        return one is not None, UUID(key) in {row["organisation_id"] for row in rows}


async def test_what_is_released_is_shown_to_everybody_until_the_release_ends(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client(role="pr") as pr, registry.client() as office:
        made = await registered(office, employees=12, contact_email="kontakt@ex-530.example")
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        await in_directory(office, key)
        assert await shown(module_installation, key) == (False, False)
        first = await pr.put(f"{path}/release")
        assert first.status_code == 200, first.text
        assert (first.json()["state"], first.json()["released_by"]) == ("hb", "pr-hb")
        assert first.json()["fields"] == ["competences"]
        assert (await office.put(f"{path}/release")).json() == first.json()
        assert await shown(module_installation, key) == (True, True)
        listed = (await office.get("/api/v1/organisations", params={"released": True})).json()
        assert key in {item["organisation_id"] for item in listed["items"]}
        for _ in range(2):
            assert (await pr.delete(f"{path}/release")).status_code == 204
        assert await shown(module_installation, key) == (False, False)


async def test_who_is_not_responsible_releases_nothing(registry: Running) -> None:
    async with registry.client() as office:
        made = await registered(office)
    path = f"/api/v1/organisations/{made['organisation_id']}/release"
    for role, state, code in (
        ("pr", "hh", "foreign_state"),
        ("lead", "ni", "foreign_state"),
        ("auditor", None, "role_missing"),
        ("integrator", None, "role_missing"),
    ):
        async with registry.client(state=state, role=role) as client:
            for method in ("PUT", "DELETE"):
                answer = await client.request(method, path)
                assert (answer.status_code, answer.json()["code"]) == (403, code)
    async with registry.client() as client:
        unknown = await client.put("/api/v1/organisations/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f/release")
        assert unknown.status_code == 404


async def test_a_deactivated_organisation_is_shown_no_longer_and_not_released(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as office:
        made = await registered(office)
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        await in_directory(office, key)
        assert (await office.put(f"{path}/release")).status_code == 200
        await office.post(f"{path}/deactivation", json={})

        async def gone() -> None:
            assert await shown(module_installation, key) == (False, False)

        await eventually(gone)
        other = await registered(office)
        path = f"/api/v1/organisations/{other['organisation_id']}"
        await office.post(f"{path}/deactivation", json={})
        assert (await office.put(f"{path}/release")).json()["code"] == "deactivated"


async def test_after_a_move_the_new_office_decides(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as old, registry.client(state="ni", role="pr") as new:
        made = await registered(old)
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        assert (await old.put(f"{path}/release")).status_code == 200
        async with registry.client(state="ni") as office:
            await relocated(old, office, path)
        await in_directory(old, key, lambda item: item["version"] == 3)
        assert await shown(module_installation, key) == (True, True)
        assert (await old.delete(f"{path}/release")).json()["code"] == "foreign_state"
        assert (await new.delete(f"{path}/release")).status_code == 204
        assert await shown(module_installation, key) == (False, False)


async def described(registry: Running, code: str) -> dict[str, Any]:
    """An organisation of Bremen of which everything is known, in the directory."""
    async with registry.client() as office:
        its = await cluster(office, code)
        await in_directory(office, its["organisation_id"])
        made = await registered(office, competences=["BAT-02"], employees=4, turnover_eur="1000")
        key = f"/api/v1/organisations/{made['organisation_id']}"
        await office.patch(
            f"{key}/profile",
            json={
                "website": "www.ex-900.example", "roles": ["tier2"], "profile": "Deutscher Text",
                "name_en": "English Ltd", "profile_en": "English text", "certificates": [{"name": "IATF 16949"}],
            },
        )  # fmt: skip
        await office.post(f"{key}/memberships", json={"cluster_code": code})
        site = {"name": "Werk Nord", "address": {"place": "Bremen", "state": "DE-HB"}}
        await office.post(f"{key}/sites", json=site)
        await in_directory(office, made["organisation_id"], lambda item: item["version"] == 4)
    return made


SAID = {
    "website": "www.ex-900.example", "profile": "Deutscher Text", "competences": "Module und Packs",
    "activities": "29.20.0", "sites": "Werk Nord", "certificates": "IATF 16949", "memberships": "RLF",
    "size_class": "Kleinstunternehmen", "english": "English text",
}  # fmt: skip
"""By what each group is known on the page."""


async def test_only_the_chosen_groups_are_shown_on_the_page_and_to_machines(
    registry: Running, module_installation: Installation
) -> None:
    made = await described(registry, "RLF")
    profile = f"/registry/public/{made['organisation_id']}"
    release = f"/api/v1/organisations/{made['organisation_id']}/release"
    async with (
        registry.client(role="pr") as pr,
        httpx2.AsyncClient(base_url=registry.url, headers={"accept": "text/html"}) as nobody,
    ):
        for group, said in SAID.items():
            answer = await pr.put(release, json={"fields": [group]})
            assert answer.json()["fields"] == [group]
            page = await nobody.get(profile)
            told = text_of(page)
            assert made["legal_name"] in told
            assert [text for text in SAID.values() if text in page.text] == [said], group
        assert (await pr.put(release, json={"fields": []})).status_code == 200
        page = await nobody.get(profile)
        assert [text for text in SAID.values() if text in page.text] == []
        (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
        assert set(json.loads(data)) == {"@context", "@type", "@id", "url", "name", "address", "knowsAbout"}
        await pr.put(release, json={"fields": ["website", "english", "certificates"]})
        page = await nobody.get(profile)
        (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
        document = json.loads(data)
        assert document["sameAs"] == "https://www.ex-900.example/"
        assert document["alternateName"] == "English Ltd"
        assert document["hasCertification"] == [{"@type": "Certification", "name": "IATF 16949"}]
        assert "memberOf" not in document
        wrong = await pr.put(release, json={"fields": ["figures"]})
        assert wrong.json()["errors"][0]["code"] == "unknown_group"
        assert (await pr.delete(release)).status_code == 204
    records = await module_installation.read_topic(RELEASE, State.BREMEN, key=made["organisation_id"], minimum=12)
    assert [record.change for record in records[-2:]] == ["released", "withdrawn"]
    assert isinstance(records[-1].data, Release)
    assert records[-1].data.ended_at is not None
    sequences = [record.sequence for record in records]
    assert sequences == sorted(set(sequences))


async def test_the_office_chooses_on_the_organisations_page(registry: Running) -> None:
    made = await described(registry, "RLP")
    async with signed_in(registry, roles=("pr",)) as press:
        form = {"choose": "yes", "fields": ["website", "english"]}
        told = await follow(press, await press.post(f"{path(made)}/release", form))
        assert "Das Profil ist jetzt öffentlich." in told
        page = text_of(await press.get(f"/registry/public/{made['organisation_id']}"))
        assert "www.ex-900.example" in page
        assert "Deutscher Text" not in page


async def test_what_is_not_shown_is_not_found_either(registry: Running) -> None:
    async with (
        registry.client() as office,
        httpx2.AsyncClient(base_url=registry.url, headers={"accept": "text/html"}) as nobody,
    ):
        seat = {"place": "Bremen-Überseestadt", "postal_code": "28217", "state": "DE-HB"}
        made = await registered(office, legal_name="Beispiel Früher Knorpelwerk GmbH", seat=seat, own_id="GEHEIM-77")
        path = f"/api/v1/organisations/{made['organisation_id']}"
        await office.patch(path, json={"legal_name": "Beispiel Heute Größenmeß GmbH"})
        site = {"name": "Werk", "address": {"place": "Dötlingen", "state": "DE-NI"}}
        assert (await office.post(f"{path}/sites", json=site)).status_code == 201
        await in_directory(office, made["organisation_id"], lambda item: item["version"] == 3)

        async def finding(*words: str) -> list[str]:
            found = []
            for word in words:
                page = await nobody.get("/registry/public", params={"state": "all", "q": word})
                assert page.status_code == 200, page.text
                told = made["organisation_id"] in page.text
                # Who matches tables finds no more, and no less.
                public = "/api/v1/public/reconcile"
                asked = await nobody.get(f"{public}/suggest/entity", params={"prefix": word})
                suggested = [item["id"] for item in asked.json()["result"]]
                batch = await nobody.post(public, data={"queries": json.dumps({"q0": {"query": word}})})
                matched = [item["id"] for item in batch.json()["q0"]["result"]]
                assert (made["organisation_id"] in suggested) is told, word
                # Of several words one may be left out there; and a place is no name.
                if not told and " " not in word:
                    assert made["organisation_id"] not in matched, word
                found += [word] if told else []
            return found

        shown = ["heute größenmeß", "Groessenmess", "ueberseestadt", "Überseest", "uberseestadt heute"]
        hidden = ["Knorpelwerk", "GEHEIM-77", made["register_entries"][0]["number"], "heute Knorpelwerk"]
        sites = ["Dötlingen", "doetlingen", "dotlingen heute"]
        assert (await office.put(f"{path}/release", json={"fields": []})).status_code == 200
        assert await finding(*shown, *hidden, *sites) == shown
        assert (await office.put(f"{path}/release", json={"fields": ["sites"]})).status_code == 200
        assert await finding(*shown, *hidden, *sites) == [*shown, *sites]
        # Who has signed in finds by everything.
        for word in hidden:
            items = (await office.get("/api/v1/organisations", params={"q": word})).json()["items"]
            assert [item["organisation_id"] for item in items] == [made["organisation_id"]], word


WITHIN_SECONDS = 5.0


@pytest.mark.parametrize("kind", ["replica", "instance"])
async def test_a_withdrawal_is_seen_within_seconds_elsewhere(installation: Installation, kind: str) -> None:
    bremen = installation.start("registry", states="hb" if kind == "instance" else "hb,hh,ni")
    other = (
        installation.start("registry", states="ni", database=await installation.new_database())
        if kind == "instance"
        else installation.start("registry")
    )
    async with bremen.client() as office:
        made = await registered(office, competences=["BAT-02"])
        await in_directory(office, made["organisation_id"])
    profile = f"/registry/public/{made['organisation_id']}"
    async with (
        signed_in(bremen, roles=("pr",)) as press,
        httpx2.AsyncClient(base_url=other.url, headers={"accept": "text/html"}) as nobody,
    ):
        await press.post(f"{path(made)}/release", {"choose": "yes", "fields": ["competences"]})

        async def there() -> None:
            page = await nobody.get(profile)
            assert page.status_code == 200
            assert "Module und Packs" in page.text
            assert await suggested(nobody, made) == [made["organisation_id"]]

        await eventually(there, within=20)
        assert made["legal_name"] in (await nobody.get("/registry/public?state=all")).text
        clicked = time.monotonic()
        await press.post(f"{path(made)}/withdraw")

        async def gone() -> None:
            assert (await nobody.get(profile)).status_code == 404
            assert await suggested(nobody, made) == []
            assert made["legal_name"] not in (await nobody.get("/registry/public?state=all")).text

        await soon(gone, within=WITHIN_SECONDS)
        print(f"{kind}: gone {time.monotonic() - clicked:.2f} s after the click")


async def suggested(nobody: httpx2.AsyncClient, made: dict[str, Any]) -> list[str]:
    """What the public reconciliation finds by the name."""
    answer = await nobody.get("/api/v1/public/reconcile/suggest/entity", params={"prefix": made["legal_name"]})
    return [item["id"] for item in answer.json()["result"]]


async def test_the_set_of_what_is_released_follows_releases_withdrawals_and_deactivations(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client(role="lead") as lead, database(module_installation) as connection:
        await connection.execute("select set_config('norda.roles', 'system', false)")
        index = FacetIndex()

        async def kept(*, loaded_anew: bool = False) -> set[int]:
            sets = FacetIndex() if loaded_anew else index
            await sets.refresh(connection)
            shown = {row[0] for row in await connection.fetch("select slot from directory_search_released")}
            assert set(sets.released) == shown
            return shown

        made = [await registered(lead) for _ in range(3)]
        for each in made:
            await in_directory(lead, each["organisation_id"])
        before = await kept()
        paths = [f"/api/v1/organisations/{each['organisation_id']}" for each in made]
        for each in paths:
            assert (await lead.put(f"{each}/release")).is_success
        assert len(await kept() - before) == 3
        assert (await lead.delete(f"{paths[0]}/release")).status_code == 204
        assert len(await kept() - before) == 2
        body = {"fields": ["competences", "website"]}
        assert (await lead.put(f"{paths[1]}/release", json=body)).is_success
        assert len(await kept() - before) == 2
        assert (await lead.post(f"{paths[2]}/deactivation", json={})).is_success

        async def one_is_left() -> None:
            assert len(await kept() - before) == 1

        await eventually(one_is_left, within=20)
        assert (await lead.put(f"{paths[0]}/release")).is_success
        assert len(await kept() - before) == 2
        assert await kept(loaded_anew=True) == await kept()


async def test_who_has_not_signed_in_gets_so_many_searches_in_a_minute(module_installation: Installation) -> None:
    few = {"NORDA_ANYBODY_PER_MINUTE": "12", "NORDA_TRUSTED_PROXIES": "1"}
    registry = module_installation.start("registry", environment=few)
    batch = {"queries": json.dumps({f"q{number}": {"query": "Beispiel"} for number in range(10)})}
    service = "/api/v1/public/reconcile"
    async with httpx2.AsyncClient(base_url=registry.url, timeout=30) as anybody:
        # One token for each query: the second batch has to wait, whatever a forged header says before the proxy's.
        for forged, status in (("", 200), ("198.51.100.7, ", 429)):
            headers = {"x-forwarded-for": f"{forged}203.0.113.9"}
            answer = await anybody.post(service, data=batch, headers=headers)
            assert answer.status_code == status, answer.text
        assert (answer.json()["code"], answer.headers["content-type"]) == (
            "too_many_requests",
            "application/problem+json",
        )
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["access-control-allow-origin"] == "*"
        for _ in range(15):
            page = await anybody.get(
                "/registry/public", headers={"x-forwarded-for": "203.0.113.9", "accept": "text/html"}
            )
        assert page.status_code == 429
        assert "Zu viele Anfragen" in page.text
        assert page.headers["retry-after"]
        elsewhere = {"x-forwarded-for": "203.0.113.10"}
        assert (await anybody.get("/registry/public", headers=elsewhere)).status_code == 200
        # Words that lead nowhere are looked for once more, otherwise.
        answers = [await anybody.get("/registry/public?q=qwertzuiop", headers=elsewhere) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    async with signed_in(registry) as office, registry.client() as program:
        for _ in range(15):
            assert (await office.get("/registry/public")).status_code == 200
        for _ in range(3):
            assert (await program.post("/api/v1/reconcile", data=batch)).status_code == 200
