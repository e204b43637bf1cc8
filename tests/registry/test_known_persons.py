"""By what contact persons are known again: addresses and numbers that several have."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.privacy import PRIVACY_REQUEST, PrivacyRequest
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_registry.rules.people import LONGEST_NAME, name_key
from norda_registry.store import known_persons
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.plans import plans_of, tell_plans

from .staged import applied, csv_of, planned, rows
from .test_import_further import TERMS, people_of
from .test_people import INVITED, entered, path_of_one
from .test_requests import REQUESTS, about_person, address, answers_of_others, asked, progress


def mark() -> str:
    return new_id().hex[-10:]


async def changed(client: httpx2.AsyncClient, person: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await client.patch(f"/api/v1/people/{person['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def is_there(client: httpx2.AsyncClient, person: dict[str, Any]) -> bool:
    return (await client.get(f"/api/v1/people/{person['id']}")).status_code == 200


async def reported(
    client: httpx2.AsyncClient, installation: Installation, request_id: str
) -> list[tuple[str, str | None, str | None]]:
    """Whom Bremen's registry reports once all have answered: kind, name and address."""
    await progress(client, request_id, answers=3)
    await installation.publish(*answers_of_others(request_id, kind="access"))
    await progress(client, request_id, answers=9)
    parts = (await client.get(f"{REQUESTS}/{request_id}/report")).json()["parts"]
    mine = next(part for part in parts if (part["service"], part["state"]) == ("registry", "hb"))
    return [(each["record"], each.get("name"), each.get("email")) for each in mine["records"]]


async def test_who_shares_an_address_under_another_name_is_somebody_else(
    registry: Running, module_installation: Installation
) -> None:
    key, info, own = mark(), address(), address()
    paths = [await path_of_one(registry) for _ in range(3)]
    async with registry.client() as office:
        one = await entered(office, paths[0], email=info, name=f"Beispiel Müller {key}")
        other = await entered(office, paths[1], email=info, name=f"Beispiel Schmidt {key}")
        again = await entered(office, paths[2], email=info.upper(), name=f"beispiel MUELLER {key}")
        assert one["person_id"] == again["person_id"] != other["person_id"]
        # Under the same name it is the same person's other address.
        moved = await changed(office, one, email=own)
        assert moved["person_id"] == one["person_id"]
        report = await asked(office, "access", own)
        assert await reported(office, module_installation, report) == [
            ("contact_person", moved["name"], own),
            ("contact_person", again["name"], again["email"]),
        ]
        shown = (await office.get(f"{REQUESTS}/{report}")).json()
        assert (shown["addresses"], shown["person_id"]) == (1, one["person_id"])
        (said,) = (await module_installation.read_topic(PRIVACY_REQUEST, State.BREMEN, key=report, minimum=1))[:1]
        assert isinstance(said.data, PrivacyRequest)
        assert said.data.addresses == (own,), "by the shared one, others' registrations and mails would be found"
        async with signed_in(registry) as person:
            question = await person.post("/registry/requests/new", {"kind": "erasure", "email": own})
            assert "Diese Adresse hat auch jemand anderes" in text_of(question)
        shown = await progress(office, await asked(office, "erasure", own), answers=3)
        # Two records and the report.
        assert {each["state"]: each["changed"] for each in shown["answers"]} == {"hb": 3, "hh": 0, "ni": 0}
        assert [await is_there(office, each) for each in (one, again, other)] == [False, False, True]


async def test_an_address_that_several_have_means_all_who_have_it_and_a_record_means_one(
    registry: Running, module_installation: Installation
) -> None:
    key, info, own = mark(), address(), address()
    paths = [await path_of_one(registry) for _ in range(3)]
    async with registry.client() as office, signed_in(registry) as person:
        one = await entered(office, paths[0], email=info, name=f"Beispiel Müller {key}")
        other = await entered(office, paths[1], email=info, name=f"Beispiel Schmidt {key}")
        elsewhere = await changed(office, await entered(office, paths[2], email=info, name=one["name"]), email=own)
        assert elsewhere["person_id"] == one["person_id"]
        told = text_of(await person.post("/registry/requests/new", {"kind": "access", "email": info}))
        assert f"Diese Adresse haben mehrere, und der Antrag gilt für alle: {one['name']}, {other['name']}." in told
        report = await asked(office, "access", info)
        assert {name for _, name, _ in await reported(office, module_installation, report)} == {
            one["name"], other["name"],
        }  # fmt: skip
        shown = (await office.get(f"{REQUESTS}/{report}")).json()
        assert (shown["addresses"], shown["person_id"]) == (1, None)
        about_one = await about_person(office, "access", other["person_id"])
        assert await reported(office, module_installation, about_one) == [
            ("contact_person", other["name"], info), ("report", None, None),
        ]  # fmt: skip
        proof = await progress(office, await about_person(office, "erasure", one["person_id"]), answers=3)
        # Two records, and the report about all who have the address; not the one about somebody else.
        assert {each["state"]: each["changed"] for each in proof["answers"]}["hb"] == 3
        assert [await is_there(office, each) for each in (one, elsewhere, other)] == [False, False, True]
        assert (await office.get(f"{REQUESTS}/{report}/report")).status_code == 404
        assert (await office.get(f"{REQUESTS}/{about_one}/report")).status_code == 200
        one = await entered(office, paths[0], email=info, name=one["name"])
        elsewhere = await changed(office, await entered(office, paths[2], email=info, name=one["name"]), email=own)
        await progress(office, await asked(office, "erasure", info), answers=3)
        assert [await is_there(office, each) for each in (one, elsewhere, other)] == [False, True, False]


async def test_a_list_enters_each_who_shares_an_address_and_an_erasure_takes_one_of_them_out_of_it(
    registry: Running, module_installation: Installation
) -> None:
    key, info = mark(), address()
    names = [f"{word}{mark()} GmbH" for word in ("Alster", "Weser", "Ems")]
    table = csv_of(
        "Kennung;Firma;PLZ;Ort;Vorname;Nachname;E-Mail Ansprechpartner;Bemerkung",
        f"{key}-1;{names[0]};28195;Bremen;Änne;Müller {key};{info};",
        f"{key}-2;{names[1]};28195;Bremen;Jan;Schmidt {key};{info};Ruft an",
        f"{key}-3;{names[2]};28195;Bremen;Aenne;Mueller {key};{info};",
    )
    async with registry.client() as office:
        made = await applied(office, await planned(office, table, source=f"Geteilt {key}", persons=TERMS))
        companies = [row["organisation_id"] for row in await rows(office, made)]
        first, second, third = [(await people_of(office, each))[0] for each in companies]
        assert first["person_id"] == third["person_id"] != second["person_id"]
        proof = await progress(office, await about_person(office, "erasure", first["person_id"]), answers=3)
        assert (proof["addresses"], proof["person_id"]) == (0, first["person_id"])
        # Two records and two rows.
        assert {each["state"]: each["changed"] for each in proof["answers"]} == {"hb": 4, "hh": 0, "ni": 0}
        assert [len(await people_of(office, each)) for each in companies] == [0, 1, 0]
    connection = await module_installation.connect()
    try:
        kept = await connection.fetch(
            "select cells from registry.import_row where import_id = $1 order by row", UUID(made["import_id"])
        )
        cells = [json.loads(row["cells"]) for row in kept][-3:]
        plans = str(await connection.fetch("select t::text from registry.import_plan as t"))
    finally:
        await connection.close()
    assert [cell for cell in cells[0] if cell][1:] == [names[0], "28195", "Bremen"]
    assert f"Schmidt {key}" in cells[1]
    for gone in (f"Müller {key}", f"Mueller {key}"):
        assert gone not in str(cells) + plans


async def test_another_name_is_a_correction_unless_others_would_share_the_pseudonym(registry: Running) -> None:
    first, second = await path_of_one(registry), await path_of_one(registry)
    key, email = mark(), address()
    async with registry.client() as office:
        one = await entered(office, first, email=email, name=f"Beispiel Alt {key}")
        corrected = await changed(office, one, name=f"Beispiel Neu {key}")
        assert corrected["person_id"] == one["person_id"]
        two = await entered(office, second, email=email, name=f"Beispiel Neu {key}")
        assert two["person_id"] == one["person_id"]
        successor = await changed(office, two, name=f"Beispiel Nachfolge {key}")
        assert successor["person_id"] != one["person_id"]
        followed = await changed(office, one, name=f"Beispiel Nachfolge {key}")
        assert followed["person_id"] == successor["person_id"]


async def test_a_restriction_holds_for_the_address_unless_others_have_it_unrestricted(registry: Running) -> None:
    paths = [await path_of_one(registry) for _ in range(4)]
    key, email = mark(), address()
    async with registry.client() as office:
        one = await entered(office, paths[0], email=email, name=f"Beispiel Müller {key}")
        await progress(office, await about_person(office, "restriction", one["person_id"]), answers=3)
        titled = await entered(office, paths[1], email=email, name=f"Dr. Beispiel Müller {key}")
        assert titled["restricted_at"], "so far whoever has the address is restricted"
        await progress(office, await about_person(office, "lifting", titled["person_id"]), answers=3)
        other = await entered(office, paths[2], email=email, name=f"Beispiel Schmidt {key}")
        assert other["restricted_at"] is None
        assert (await changed(office, other, phone="0421 5550177"))["restricted_at"] is None
        again = await entered(office, paths[3], email=email, name=f"Beispiel Mueller {key}")
        assert again["restricted_at"]


async def test_an_objection_by_a_number_holds_for_who_is_called_so_entered_or_imported_anew(
    registry: Running,
) -> None:
    path, other = await path_of_one(registry), await path_of_one(registry)
    key, number = mark(), f"{new_id().int % 10_000_000:07}"
    name, phone = f"Änne Beispiel {key}", f"+49 (0)421 {number}"
    called = {"name": f"AENNE  Beispiel-{key}", "email": None, "phone": f"0421/{number}"}
    table = csv_of(
        "Kennung;Firma;PLZ;Ort;Ansprechpartner;Telefon Ansprechpartner",
        f"{key}-1;Beispiel Liste {key} GmbH;28195;Bremen;Aenne Beispiel {key};0421 {number}",
    )
    terms = TERMS | INVITED
    async with registry.client() as office, registry.client(role="pr") as inviting:
        made = await entered(office, path, name=name, email=None, phone=phone, **INVITED)
        await progress(office, await about_person(office, "objection", made["person_id"]), answers=3)
        since = (await office.get(f"/api/v1/people/{made['id']}")).json()["objected_at"]
        assert since
        assert (await office.delete(f"/api/v1/people/{made['id']}")).status_code == 204
        again = await entered(office, other, **called, **INVITED)
        assert again["objected_at"] == since
        # At a switchboard others answer, too.
        colleague = await entered(office, other, name=f"Jan Beispiel {key}", email=None, phone=phone, **INVITED)
        assert colleague["objected_at"] is None
        renamed = await changed(office, colleague, name=name)
        assert renamed["objected_at"] == since
        with_address = await entered(office, path, name=name, email=address(), phone=phone, **INVITED)
        assert with_address["objected_at"] == since
        # After an erasure as well, and when a list names them.
        await progress(office, await about_person(office, "erasure", again["person_id"]), answers=3)
        plan = await planned(office, table, source=f"Nummer {key}", persons=terms)
        done = await applied(office, plan)
        (row,) = await rows(office, done)
        (listed,) = await people_of(office, row["organisation_id"])
        assert listed["objected_at"] == since
        invited = (await inviting.post("/api/v1/people/to-invite/search", json={"q": key})).json()["items"]
        assert invited == []
        # Next year's list writes name and number otherwise: it is the same person, who stays as they are.
        respelled = table.decode().replace("Aenne", "Änne").replace("0421 ", "+49 421 ").encode()
        plan = await planned(office, respelled, source=f"Nummer {key}", persons=terms)
        assert plan["counts"]["outcome"] == {"unchanged": 1}


async def test_an_objection_by_a_record_stays_with_a_shared_address_under_the_name(registry: Running) -> None:
    first, second = await path_of_one(registry), await path_of_one(registry)
    key, info = mark(), address()
    async with registry.client() as office:
        one = await entered(office, first, email=info, name=f"Beispiel Müller {key}")
        other = await entered(office, second, email=info, name=f"Beispiel Schmidt {key}")
        await progress(office, await about_person(office, "objection", one["person_id"]), answers=3)
        assert (await office.get(f"/api/v1/people/{other['id']}")).json()["objected_at"] is None
        await progress(office, await about_person(office, "erasure", one["person_id"]), answers=3)
        again = await entered(office, first, email=info, name=f"Beispiel Mueller {key}")
        third = await entered(office, await path_of_one(registry), email=info, name=f"Beispiel Dritte {key}")
        assert (bool(again["objected_at"]), third["objected_at"]) == (True, None)


async def test_the_search_page_sends_words_to_the_contact_persons_by_a_button(registry: Running) -> None:
    path = await path_of_one(registry)
    wanted = f"quirin{mark()}"
    async with registry.client() as api:
        made = await entered(api, path, name=f"Beispiel {wanted.title()}", phone="0421 5550155")
    async with signed_in(registry) as office:
        page = await office.get("/registry/search", params={"q": wanted})
        assert made["email"] not in page.text
        assert f"Beispiel {wanted.title()}" not in page.text
        fields = form_of(page, "/registry/people")
        assert fields["q"] == [wanted]
        found = await office.post("/registry/people", fields)
        assert f"Beispiel {wanted.title()}" in text_of(found)
        assert 'action="/registry/people"' not in (await office.get("/registry/search")).text
    async with signed_in(registry, roles=("pr",)) as person:
        page = await person.get("/registry/search", params={"q": wanted})
        assert 'action="/registry/people"' not in page.text


async def test_whom_a_list_names_is_looked_up_in_the_index(
    registry: Running, module_installation: Installation
) -> None:
    """On a filled table, behind the policy, for as many as a batch has."""
    path = await path_of_one(registry)
    admin = await module_installation.connect()
    try:
        await admin.execute("set search_path = registry, public")
        await admin.execute(
            """insert into contact_person (id, organisation_id, state, person_id, name, email, email_key, language,
                   roles, source, purposes, legal_basis, retain_until, name_key, search_text, created_at, created_by,
                   changed_at, version)
               select gen_random_uuid(), $1, 'hb', gen_random_uuid(), 'Fülle ' || n, n || '@ex-531.example',
                      n || '@ex-531.example', 'de', '{}', 'x', '{support}', 'contract', '2099-01-01', 'fuelle ' || n,
                      '', now(), 'filled', now(), 1
                 from generate_series(1, 50000) as n""",
            UUID(path.rpartition("/")[2]),
        )
        await admin.execute("analyze contact_person")
        await tell_plans(admin)
        await admin.execute("set role norda_registry")
        for name, value in (("subject", "y"), ("state", "hb"), ("roles", "office")):
            await admin.execute("select set_config($1, $2, false)", f"norda.{name}", value)
        known = [(f"{n}@ex-531.example", f"fuelle {n}") for n in range(1, 2_000, 2)]
        found = await known_persons.pseudonyms(admin, State.BREMEN, known)
        assert len(found) == len(known)
        for _ in range(8):  # Also by the plan that is kept for any list.
            columns = [address for address, _ in known], [name for _, name in known]
            plans = await plans_of(admin, known_persons.PSEUDONYMS, "hb", *columns)
            plans += await plans_of(admin, known_persons.RESTRICTED, "hb", columns[0])
            assert "contact_person_email_key" in plans
            assert "Seq Scan on contact_person" not in plans, plans
    finally:
        await admin.execute("reset role")
        await admin.execute("delete from contact_person where created_by = 'filled'")
        await admin.close()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Änne Müller", "AENNE MUELLER", True),
        ("Jan-Ole Groß", "jan ole  gross", True),
        ("Renée Łukasz", "Renee Lukasz", True),
        ("Anna Müller", "Anna Schmidt", False),
        ("Иванов", "Петров", False),
        ("Dr. Иванов", "Dr. Петров", False),
        ("Иванов", "ИВАНОВ", True),
    ],
)
def test_names_are_told_apart_as_people_do(one: str, other: str, same: bool) -> None:
    assert (name_key(one) == name_key(other)) is same


@given(st.text(min_size=1, max_size=LONGEST_NAME))
def test_a_name_has_one_key_however_it_is_encoded(name: str) -> None:
    assert name_key(unicodedata.normalize("NFD", name)) == name_key(unicodedata.normalize("NFC", name))
    assert len(name_key(name)) <= LONGEST_NAME
