"""Pages of identity over time: the table, a day's state, and each form, as a person without scripts uses them."""

from __future__ import annotations

import httpx2
from support.forms import form_of
from support.installation import Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import in_stuhr, registered
from .test_pages import follow, path, send


def timeline_of(page: httpx2.Response) -> str:
    """The part of an organisation's page that has the table of identity over time."""
    return page.text.partition('id="zeitverlauf"')[2].partition('id="verlauf"')[0]


async def test_a_new_name_stands_beside_the_old_one_with_days_and_source(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api, legal_name="Beispiel Altname GmbH", on="2010-01-01", source="Vertrag")
    here = path(document)
    async with signed_in(registry) as person:
        unchanged = await follow(person, await send(person, f"{here}/rename"))
        assert "nichts geändert" in unchanged
        wrong = await send(person, f"{here}/rename", legal_name="Beispiel Neuname GmbH", on="2009-01-01")
        assert wrong.status_code == 422
        assert form_of(wrong, f"{here}/rename")["legal_name"] == ["Beispiel Neuname GmbH"]
        told = await follow(
            person,
            await send(
                person, f"{here}/rename", legal_name="Beispiel Neuname GmbH", on="2020-05-01", source="Handelsregister"
            ),
        )
        assert "Der neue Name ist eingetragen" in told
        assert "Umfirmiert" in told
        table = timeline_of(await person.get(here))
        old, new = table.index("Beispiel Altname GmbH"), table.index("Beispiel Neuname GmbH")
        assert new < old, "what holds comes first"
        for said in ("01.01.2010", "01.05.2020", "Vertrag", "Handelsregister"):
            assert said in table
        then = text_of(await person.get(f"{here}?as_of=2015-03-01"))
        assert "Stand am 01.03.2015" in then
        assert "USt-IdNr.: ist der heutige Stand; Tage sind nicht bekannt" in then
        before = text_of(await person.get(f"{here}?as_of=2009-03-01"))
        assert "ist vor dem 01.01.2010, dem ersten bekannten Tag, nicht bekannt" in before
        assert "Das ist kein Datum." in text_of(await person.get(f"{here}?as_of=gestern"))
    async with signed_in(registry, state=None, roles=("auditor",), language="en") as auditor:
        assert "Identity over time" in text_of(await auditor.get(f"{here}?as_of=2015-03-01"))
        assert (await auditor.get(f"{here}/rename")).status_code == 403


async def test_the_form_of_changes_tells_a_correction_from_a_change(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api, legal_name="Beispeil Tippfehler GmbH")
        here, address = path(document), f"/api/v1/organisations/{document['organisation_id']}"
        async with signed_in(registry) as person:
            edit = f"{here}/edit"
            await follow(person, await send(person, edit, legal_name="Beispiel Tippfehler GmbH", correction="yes"))
            assert (await api.get(address)).json()["former_names"] == []
            sent = await send(person, edit, legal_name="Beispiel Umfirmiert GmbH", on="2024-02-01", source="Bote")
            await follow(person, sent)
            (former,) = (await api.get(address)).json()["former_names"]
            assert (former["legal_name"], former["valid_to"]) == ("Beispiel Tippfehler GmbH", "2024-02-01")


async def test_the_legal_form_changes_with_name_and_entry(registry: Running) -> None:
    async with registry.client() as api:
        entry = {"court": "Bremen", "type": "HRA", "number": "831001"}
        document = await registered(api, legal_name="Beispiel Wandel KG", legal_form="220", register_entry=entry)
        here = path(document)
        async with signed_in(registry) as person:
            without = await send(person, f"{here}/convert", legal_form="350")
            assert without.status_code == 422, "a GmbH does not stand in HRA"
            fields = {"register_entry__court": "Bremen", "register_entry__type": "HRB",
                      "register_entry__number": "831002"}  # fmt: skip
            sent = await send(
                person,
                f"{here}/convert",
                legal_form="350",
                legal_name="Beispiel Wandel GmbH",
                on="2025-01-01",
                **fields,
            )
            assert "Die neue Rechtsform ist eingetragen" in await follow(person, sent)
        after = (await api.get(f"/api/v1/organisations/{document['organisation_id']}")).json()
        assert after["former_legal_forms"][0]["legal_form"] == "220"
        assert [item["number"] for item in after["register_entries"]] == ["831001", "831002"]


async def test_a_part_is_split_off_and_leads_back_to_the_whole(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        body = {"name": "Werk Ost", "address": {"place": "Bremen", "state": "DE-HB"}}
        await api.post(f"/api/v1/organisations/{document['organisation_id']}/sites", json=body)
    here = path(document)
    async with signed_in(registry) as person:
        nameless = await send(person, f"{here}/split", seat__place="Bremen")
        assert nameless.status_code == 422
        page = await person.get(f"{here}/split")
        assert "Das lässt sich nicht rückgängig machen" in text_of(page)
        assert "Werk Ost" in text_of(page)
        sent = await send(person, f"{here}/split", legal_name="Beispiel Teilstück GmbH", seat__place="Bremen")
        told = await follow(person, sent)
        assert "„Beispiel Teilstück GmbH“ ist abgespalten" in told
        part = await person.get(sent.headers["location"])
        assert f'href="{here}"' in part.text
        assert "Teil abgespalten" in text_of(await person.get(here))


async def test_dissolving_and_reopening_are_asked_first(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
    here = path(document)
    async with signed_in(registry) as person:
        assert "Der Registereintrag und die Mitgliedschaften enden" in text_of(await person.get(f"{here}/dissolve"))
        assert (await send(person, f"{here}/dissolve", date="2999-01-01")).status_code == 422
        told = await follow(person, await send(person, f"{here}/dissolve", date="2026-11-01"))
        assert "Die Organisation ist aufgelöst" in told
        assert "Aufgelöst am 01.11.2026" in told
        async with registry.client() as api:
            other = await registered(api, vat_id=document["vat_id"])
            taken = await send(person, f"{here}/reopen")
            assert taken.status_code == 409
            assert f'href="{path(other)}"' in taken.text
            await api.post(f"/api/v1/organisations/{other['organisation_id']}/deactivation", json={})
        assert "wieder aktiv" in await follow(person, await send(person, f"{here}/reopen"))


async def test_an_offer_is_seen_completed_and_accepted(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
    here, moved = path(document), in_stuhr()
    seat = {f"seat__{name}": value for name, value in moved["seat"].items()}
    async with signed_in(registry) as losing, signed_in(registry, state="ni") as receiving:
        sent = await send(losing, f"{here}/relocate", responsible_state="ni", date="2026-11-20", **seat)
        told = await follow(losing, sent)
        assert "Die Verlegung ist Niedersachsen angeboten; bis zur Antwort bleiben Sie zuständig" in told
        assert f"{here}/withdraw-offer" in (await losing.get(here)).text
        assert f"{here}/accept" not in (await losing.get(here)).text
        assert document["legal_name"] in text_of(await losing.get("/registry/relocations"))
        assert (await losing.get(f"{here}/accept")).status_code == 409

        async def listed() -> None:
            for address in ("/registry/", "/registry/relocations"):
                assert f"{here}/accept" in (await receiving.get(address)).text

        await eventually(listed)
        page = await receiving.get(f"{here}/accept")
        assert "zurück geht sie nur durch ein neues Angebot" in text_of(page)
        assert form_of(page, f"{here}/accept")["seat.place"] == ["Stuhr"]
        without_entry = await send(receiving, f"{here}/accept")
        assert without_entry.status_code == 422
        entry = {f"register_entry__{name}": str(value) for name, value in moved["register_entry"].items()}
        told = await follow(receiving, await send(receiving, f"{here}/accept", source="Handelsregister", **entry))
        assert "zuständig ist jetzt Ihre Stelle" in told
        assert "Amtsgericht Walsrode" in told
        assert (await receiving.get(f"{here}/edit")).status_code == 200
        assert (await losing.get(f"{here}/edit")).status_code == 403
        assert (await receiving.get(f"{here}/accept")).status_code == 409


async def test_an_offer_is_refused_with_a_reason_and_another_taken_back(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        here, address = path(document), f"/api/v1/organisations/{document['organisation_id']}"
        await api.post(f"{address}/relocation", json=in_stuhr())
        async with signed_in(registry) as losing, signed_in(registry, state="ni", roles=("lead",)) as receiving:
            assert (await send(receiving, f"{here}/refuse")).status_code == 422
            sent = await send(receiving, f"{here}/refuse", reason="Nur ein Briefkasten.")
            assert "Die Verlegung ist abgelehnt; Bremen wird benachrichtigt" in await follow(receiving, sent)
            assert "wurde abgelehnt: Nur ein Briefkasten." in text_of(await losing.get(here))
            await follow(losing, await send(losing, f"{here}/withdraw-offer"))
            await api.post(f"{address}/relocation", json=in_stuhr())
            stale = form_of(await losing.get(f"{here}/withdraw-offer"), f"{here}/withdraw-offer") | {"version": "1"}
            assert (await losing.post(f"{here}/withdraw-offer", stale)).status_code == 412
            told = await follow(losing, await send(losing, f"{here}/withdraw-offer"))
            assert "Die Verlegung ist zurückgenommen" in told
            assert (await receiving.get(f"{here}/refuse")).status_code == 409
