"""Saved searches: one's own and the office's, and what is said when organisations newly match."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import httpx2
from norda_common.contracts.searches import SEARCH_MATCH, SearchMatch
from norda_common.states import State
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import registered
from .test_search import made, published, said

PATH = "/api/v1/searches"


async def saved(client: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def matches(installation: Installation, search_id: str) -> list[SearchMatch]:
    """What was said of a search so far, on Bremen's private topic."""
    found = [record.data for record in await installation.read_topic(SEARCH_MATCH, State.BREMEN, minimum=0)]
    return [item for item in found if isinstance(item, SearchMatch) and item.search_id == UUID(search_id)]


async def test_ones_own_is_ones_own_and_the_offices_is_the_offices(registry: Running) -> None:
    async with (
        registry.client() as mine,
        registry.client(role="pr") as colleague,
        registry.client(role="lead") as lead,
        registry.client(state="hh") as elsewhere,
    ):
        own = await saved(mine, name="Meine", q="werft", state=["hb"], competence=["bat"])
        assert own["query"] == {
            "q": "werft", "state": ["hb"], "competence": ["BAT"], "sort": "relevance", "direction": "asc",
        }  # fmt: skip
        assert (own["own"], own["shared"], own["notify"]) == (True, False, False)
        again = await mine.post(PATH, json={"name": "Meine"})
        assert (again.status_code, again.json()["code"]) == (409, "search_name_taken")
        shared = await saved(mine, name="Unsere", kind=["cluster"], shared=True)
        assert [item["name"] for item in (await mine.get(PATH)).json()["items"]] == ["Meine", "Unsere"]
        assert [(item["name"], item["own"]) for item in (await colleague.get(PATH)).json()["items"]] == [
            ("Unsere", False)
        ]
        assert (await elsewhere.get(PATH)).json()["items"] == []
        for client, document in ((colleague, own), (elsewhere, own), (elsewhere, shared)):
            assert (await client.get(f"{PATH}/{document['id']}")).status_code == 404
        path = f"{PATH}/{shared['id']}"
        refused = await colleague.patch(path, json={"name": "Seine"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_own")
        assert (await colleague.delete(path)).status_code == 403
        # Whoever sees it may watch it; who no longer sees it is no longer told.
        assert (await colleague.patch(path, json={"notify": True})).json()["notify"]
        assert not (await mine.get(path)).json()["notify"]
        assert (await mine.patch(path, json={"shared": False})).status_code == 200
        assert (await colleague.get(path)).status_code == 404
        assert (await mine.patch(path, json={"shared": True})).status_code == 200
        assert not (await colleague.get(path)).json()["notify"]
        assert (await lead.delete(path)).status_code == 204
        assert (await lead.delete(f"{PATH}/{own['id']}")).status_code == 404
        assert (await mine.delete(f"{PATH}/{own['id']}")).status_code == 204
        assert (await mine.post(PATH, json={"name": "x", "color": ["red"]})).status_code == 422


async def test_what_newly_matches_is_said_once_to_each_who_watches(
    registry: Running, module_installation: Installation
) -> None:
    before = [made(f"Wachtwort {number} GmbH", competences=("BAT-02",)) for number in range(3)]
    elsewhere = made("Wachtwort Fern GmbH", competences=("PRD-01",))
    async with registry.client() as client, registry.client(role="pr") as colleague:
        await published(module_installation, client, [*before, elsewhere], word="wachtwort")
        search = await saved(client, name="Wacht", q="wachtwort", competence=["BAT"], shared=True, notify=True)
        await colleague.patch(f"{PATH}/{search['id']}", json={"notify": True})
        # Of what matches: one changes, one comes, and one that was there comes to match; all of it twice.
        fresh = made("Wachtwort Neu GmbH", competences=("BAT-03",))
        moved = elsewhere.model_copy(update={"competences": ("BAT-02",)})
        unrelated = made("Etwas anderes GmbH", competences=("BAT-03",))
        for _ in range(2):
            await module_installation.publish(said(before[0], 2), said(fresh), said(moved, 2), said(unrelated))

        async def told() -> None:
            found = await matches(module_installation, search["id"])
            by_subject: dict[str, set[UUID]] = {}
            for item in found:
                by_subject.setdefault(item.subject, set()).update(one.organisation_id for one in item.organisations)
            wanted = {fresh.organisation_id, moved.organisation_id}
            assert by_subject == {"office-hb": wanted, "pr-hb": wanted}
            assert {item.name for item in found} == {"Wacht"}

        await eventually(told, within=20)
        # Who has been told is not told again: not of a change, not after it matched no more and matches again.
        await colleague.patch(f"{PATH}/{search['id']}", json={"notify": False})
        await module_installation.publish(said(fresh, 2), said(moved.model_copy(update={"competences": ()}), 3))
        await module_installation.publish(said(moved, 4))
        last = made("Wachtwort Zuletzt GmbH", competences=("BAT",))
        await module_installation.publish(said(last))

        async def told_of_the_last() -> None:
            found = await matches(module_installation, search["id"])
            ids = [(item.subject, one.organisation_id) for item in found for one in item.organisations]
            assert ("office-hb", last.organisation_id) in ids
            assert ("pr-hb", last.organisation_id) not in ids
            assert len(ids) == len(set(ids)) == 5

        await eventually(told_of_the_last, within=20)


async def test_the_pages_save_watch_and_delete(registry: Running) -> None:
    async with registry.client() as api:
        await registered(api, legal_name="Beispiel Seitensuche GmbH", competences=["BAT-02"])
    async with signed_in(registry) as person:
        page = await person.get("/registry/organisations?q=seitensuche&competence=BAT&state=hb&state=hh&sort=name")
        assert "Diese Suche speichern" in text_of(page)
        naming = "/registry/searches/new?q=seitensuche&competence=BAT&state=hb&state=hh&sort=name&direction=asc"
        shown = await person.get(naming)
        assert "Bremen oder Hamburg" in text_of(shown)
        form = form_of(shown, "/registry/searches")
        nameless = await person.post("/registry/searches", form | {"name": "", "notify": "yes"})
        assert nameless.status_code == 422
        assert "checked" in nameless.text
        assert 'value="seitensuche"' in nameless.text
        answer = await person.post("/registry/searches", form | {"name": "Seiten <b>", "notify": "yes"})
        assert answer.status_code == 303, text_of(answer)
        listed = await person.get("/registry/searches")
        assert "Seiten <b>" in text_of(listed)
        assert "state=hb&amp;state=hh" in listed.text.replace("&amp;amp;", "&amp;")
        (path,) = re.findall(r'href="(/registry/searches/[0-9a-f-]{36})">Seiten', listed.text)
        one = await person.get(path)
        assert "kommen in Ihren Eingang" in text_of(one)
        assert (await person.post(path, {"watch": "no"})).status_code == 303
        assert "werden Ihnen nicht gemeldet" in text_of(await person.get(path))
        assert (await person.post(path, {"name": "Anders", "shared": "yes"})).status_code == 303
        assert "Anders" in text_of(await person.get(path))
        assert (await person.post(f"{path}/delete")).status_code == 303
        assert (await person.get(path)).status_code == 404
