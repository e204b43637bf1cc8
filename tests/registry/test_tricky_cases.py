"""The tricky cases 1, 2 and 10, each through HTTP and topic; the others have tests of their own.

Case 3 (a seat moves to another state) is `test_relocation.py`, `test_handovers.py` and `flows/test_handover.py`,
case 4 (a merger) in `test_mergers.py` of all three services, case 5 (postal codes of two states) in `test_profiles.py`.
"""

from __future__ import annotations

import csv
import io
import unicodedata

import httpx2
from norda_common.contracts.envelope import Received
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation, Running
from support.people import signed_in, text_of

from .conftest import company, imported, in_directory, registered, vat
from .test_duplicates import compared
from .test_exports import EXPORT

PLAIN = {"register_entry": ..., "vat_id": ..., "legal_form": "350"}
NAME = "Beispiel Überseehafen Größenmeßtechnik GmbH"
SPELLINGS = (
    unicodedata.normalize("NFD", NAME),
    "Beispiel Ueberseehafen Groessenmesstechnik GmbH",
    "BEISPIEL ÜBERSEEHAFEN GRÖẞENMEẞTECHNIK GMBH",
)
LONG = ("Beispiel Überseehafen Größenmeßtechnik und Söhne Gesellschaft für Vorhaben " * 5)[:308].strip() + " GmbH"


async def said(installation: Installation, key: str, minimum: int = 1) -> list[Received]:
    return await installation.read_topic(ORGANISATION, State.BREMEN, key=key, minimum=minimum)


def document(record: Received) -> Organisation:
    assert isinstance(record.data, Organisation)
    return record.data


async def found(client: httpx2.AsyncClient, words: str) -> set[str]:
    answer = await client.get("/api/v1/organisations", params={"q": words})
    assert answer.status_code == 200, answer.text
    return {item["organisation_id"] for item in answer.json()["items"]}


async def test_case_1_one_name_in_every_spelling(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        # Entered decomposed, as a Mac writes it; said on the topic composed, as everybody compares it.
        made = await registered(client, **PLAIN | {"legal_name": SPELLINGS[0]})
        key = made["organisation_id"]
        (record,) = await said(module_installation, key)
        assert document(record).legal_name == NAME == unicodedata.normalize("NFC", NAME)
        await compared(client, key, NAME)
        for spelled in (NAME, *SPELLINGS):
            assert key in await found(client, spelled.removeprefix("Beispiel ")), spelled
            refused = await client.post("/api/v1/organisations", json=company(**PLAIN | {"legal_name": spelled}))
            assert (refused.status_code, refused.json()["code"]) == (409, "suspected_duplicate"), spelled
            assert refused.json()["suspects"][0]["organisation_id"] == key
            # A table with the same company under its own id finds it; no spelling makes a second one, or a version.
            table = f"id,legal_name,place,state\n{made['own_id']},{spelled},Bremen,DE-HB\n".encode()
            answer = await imported(client, table)
            assert answer.status_code == 200, answer.text
            assert (answer.json()["created"], answer.json()["changed"]) == (0, 0), spelled
    records = await said(module_installation, key)
    assert [record.sequence for record in records] == [1]


async def test_case_2_two_legal_forms_with_one_vat_id_are_one_company(
    registry: Running, module_installation: Installation
) -> None:
    number = vat()
    async with registry.client() as client:
        first = f"id,legal_name,place,state,vat_id\nlloyd-1,Beispiel Lloyd GmbH & Co. KG,Bremen,DE-HB,{number}\n"
        assert (await imported(client, first.encode())).json()["created"] == 1
        (hit,) = (await client.get("/api/v1/organisations/lookup", params={"identifier": number})).json()["items"]
        key = hit["organisation"]["organisation_id"]
        # Another list writes it otherwise and has no id in common but the number.
        second = f"id,legal_name,place,state,vat_id\nlloyd-2,Beispiel Lloyd + Co KG,Bremen,DE-HB,{number}\n"
        answer = (await imported(client, second.encode())).json()
        assert (answer["created"], answer["changed"]) == (0, 1), "the list's own id is new, the name is not"
        (again,) = (await client.get("/api/v1/organisations/lookup", params={"identifier": number})).json()["items"]
        assert again["organisation"]["organisation_id"] == key
        taken = await client.post(
            "/api/v1/organisations",
            params={"ignore_duplicates": True},
            json=company(legal_name="Beispiel Lloyd + Co KG", legal_form="230", vat_id=number, register_entry=...),
        )
        assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken")
        assert taken.json()["organisation_id"] == key
    records = await said(module_installation, key, minimum=2)
    assert [record.sequence for record in records] == [1, 2]
    assert document(records[1]).legal_name == "Beispiel Lloyd GmbH & Co. KG"
    assert document(records[1]).former_names == ()


async def test_case_10_a_name_of_313_characters_stands_everywhere_whole(
    registry: Running, module_installation: Installation
) -> None:
    assert len(LONG) == 313
    async with registry.client() as client:
        made = await registered(client, legal_name=LONG)
        key = made["organisation_id"]
        (record,) = await said(module_installation, key)
        assert document(record).legal_name == LONG
        await in_directory(client, key)
        assert key in await found(client, LONG[:300])
        assert key in await found(client, "Soehne Vorhaben")
        exported = await client.get(EXPORT, params={"format": "csv", "q": "Soehne Vorhaben"})
        assert exported.status_code == 200, exported.text
        lines = list(csv.reader(io.StringIO(exported.content.decode("utf-8-sig")), delimiter=";"))
        assert LONG in {cell for line in lines for cell in line}
        assert (await client.put(f"/api/v1/organisations/{key}/release")).status_code == 200
        too_long = await client.post("/api/v1/organisations", json=company(legal_name="Beispiel " + "x" * 1_000))
        assert too_long.status_code == 422
    async with signed_in(registry) as person:
        for page in (f"/registry/organisations/{key}", "/registry/organisations?q=Soehne+Vorhaben"):
            assert LONG in text_of(await person.get(page)), page
    headers = {"accept": "text/html"}
    async with httpx2.AsyncClient(base_url=registry.url, headers=headers) as nobody:
        assert LONG in text_of(await nobody.get(f"/registry/public/{key}"))
