"""New matches of a saved search: told to the person who watches it, in an inbox that nobody else reads."""

from __future__ import annotations

from norda_common.contracts.searches import SEARCH_MATCH, MatchedOrganisation, SearchMatch
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State
from support.people import signed_in, text_of

from .conftest import Desk, now


def match_said(subject: str, *names: str, state: str = "hb", name: str = "Batterie in Bremen") -> Event:
    """What the registry says to one who watches a search."""
    data = SearchMatch(
        match_id=new_id(),
        responsible_state=state,
        search_id=new_id(),
        subject=subject,
        name=name,
        organisations=tuple(MatchedOrganisation(organisation_id=new_id(), legal_name=item) for item in names),
    )
    return SEARCH_MATCH.event("found", data, state=State(state), key=data.match_id, sequence=1, time=now())


async def test_new_matches_come_once_to_the_inbox_of_who_watches_and_to_nobody_else(desk: Desk) -> None:
    said = match_said("office-hb", "Beispiel Eins GmbH", "Beispiel Zwei GmbH", name="Nur für mich")
    await desk.tell(said)
    await desk.tell(said)
    async with (
        desk.service.client() as mine,
        desk.service.client(role="pr") as colleague,
        desk.service.client(role="lead") as lead,
        desk.service.client(state="hh") as elsewhere,
        desk.service.client(state=None, role="auditor") as auditor,
    ):
        inbox = (await mine.get("/api/v1/inbox")).json()
        (entry,) = [item for item in inbox["items"] if item["kind"] == "search_matched"]
        assert entry["subject"] == "Neue Treffer: Nur für mich"
        assert "2 Organisationen entsprechen neu" in entry["text"]
        assert "Beispiel Zwei GmbH" in entry["text"]
        for client in (colleague, lead, elsewhere):
            items = (await client.get("/api/v1/inbox")).json()["items"]
            assert [item for item in items if item["kind"] == "search_matched"] == []
            assert (await client.post(f"/api/v1/inbox/{entry['id']}/read")).status_code == 404
        for client in (colleague, lead, elsewhere, auditor):
            notices = (await client.get("/api/v1/notices", params={"kind": "search_matched"})).json()["items"]
            assert notices == []
            assert (await client.get(f"/api/v1/notices/{entry['notice_id']}")).status_code == 404
        unread = inbox["unread"]
        assert (await mine.post(f"/api/v1/inbox/{entry['id']}/read")).status_code == 204
        assert (await mine.get("/api/v1/inbox")).json()["unread"] == unread - 1


async def test_the_page_shows_both_inboxes_in_one_order(desk: Desk) -> None:
    await desk.tell(match_said("lead-ni", "Beispiel Drei GmbH", state="ni", name="Suche eins"))
    await desk.tell(match_said("lead-ni", "Beispiel Vier GmbH", state="ni", name="Suche zwei"))
    async with signed_in(desk.service, state="ni", roles=("lead",)) as person:
        told = text_of(await person.get("/notifications/inbox"))
        assert told.index("Suche zwei") < told.index("Suche eins")
        listed = await person.get("/notifications/inbox")
        path = next(
            part for part in listed.text.split('"') if part.startswith("/notifications/inbox/") and part[21:22] != "r"
        )
        entry = await person.get(path)
        assert "Eine Organisation entspricht neu Ihrer gespeicherten Suche" in text_of(entry)
        assert "/registry/searches/" in entry.text
