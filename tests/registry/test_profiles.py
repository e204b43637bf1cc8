"""Profiles through HTTP and topic: descriptions, figures, size classes, codes, completeness, sites, memberships."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from norda_common.contracts.registry import EXAMPLE, ORGANISATION, Organisation
from norda_common.database import SYSTEM
from norda_common.rights import Role
from norda_common.states import ALL_STATES, State
from norda_registry.rules.completeness import WEIGHTS, completeness
from norda_registry.rules.releases import GROUPS, shown_fields
from norda_registry.usecases.days import local_day
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of

from .conftest import cluster, company, in_directory, registered
from .test_pages import follow, path, send
from .test_rights import act_as, caller, database

TODAY = local_day(datetime.now(UTC))
YEAR = TODAY.year


async def read(client: httpx2.AsyncClient, document: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(address(document))
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def address(document: dict[str, Any], *more: str) -> str:
    return "/".join(("/api/v1/organisations", document["organisation_id"], *more))


async def test_a_description_is_stored_normalised_and_said_on_the_topic(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as office:
        made = await registered(office)
        body = {
            "roles": ["Tier 2", "service"],
            "value_chain": "modules",
            "website": "www.ex-002.example",
            "name_en": "Example Bodies Ltd",
            "profile": "Karosserien.\r\n\r\nSeit 1950.",
            "certificates": [{"name": "IATF 16949", "number": "4711", "valid_to": "2099-01-01"}],
        }
        changed = (await office.patch(address(made, "profile"), json=body)).json()
        assert (changed["roles"], changed["website"]) == (["tier2", "service"], "https://www.ex-002.example/")
        assert changed["profile"] == "Karosserien.\n\nSeit 1950."
        assert (await office.patch(address(made, "profile"), json=body)).json()["version"] == 2
        emptied = (await office.patch(address(made, "profile"), json={"website": None, "certificates": None})).json()
        assert "website" not in emptied
        assert emptied["certificates"] == []
        assert emptied["name_en"] == "Example Bodies Ltd"
        wrong = await office.patch(address(made, "profile"), json={"roles": ["chef"], "website": "ftp://x.example"})
        assert wrong.status_code == 422
        assert {error["field"] for error in wrong.json()["errors"]} == {"roles.0", "website"}
        stale = await office.patch(address(made, "profile"), json={"name_en": "X"}, headers={"if-match": '"1"'})
        assert stale.status_code == 412
    async with registry.client(state="ni") as other:
        assert (await other.patch(address(made, "profile"), json=body)).json()["code"] == "foreign_state"
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=made["organisation_id"], minimum=3)
    assert isinstance(records[1].data, Organisation)
    assert records[1].data.roles == ("tier2", "service")
    assert records[1].data.certificates[0].name == "IATF 16949"


async def test_figures_are_added_and_never_overwritten(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as office:
        made = await registered(office, employees=12, turnover_eur="3000000")
        figures = address(made, "figures")
        first = (await office.get(figures)).json()
        assert {(row["kind"], row["value"], row["on"], row["source"]) for row in first} == {
            ("employees", "12", TODAY.isoformat(), "office"),
            ("turnover", "3000000", TODAY.isoformat(), "office"),
        }
        past = {"kind": "employees", "value": 8, "on": f"{YEAR - 3}-12-31", "source": "Jahresabschluss"}
        assert (await office.post(figures, json=past)).status_code == 201
        assert (await read(office, made))["internal"]["employees"] == 12, "a past figure is not the newest"
        again = await office.post(figures, json=past)
        assert again.status_code == 201
        corrected = await office.post(figures, json=past | {"value": 9})
        assert corrected.status_code == 201
        rows = [row for row in (await office.get(figures)).json() if row["kind"] == "employees"]
        assert [(row["value"], row["holds"]) for row in rows] == [("12", True), ("9", True), ("8", False)]
        await office.patch(address(made), json={"employees": 13})
        rows = (await office.get(figures)).json()
        assert (rows[0]["kind"], rows[0]["value"]) == ("employees", "13")
        newer = {"kind": "employees", "value": 20, "on": TODAY.isoformat(), "source": "Besuch"}
        await office.post(figures, json=newer)
        assert (await read(office, made))["internal"]["employees"] == 20
        for wrong, field in (
            ({"on": (TODAY + timedelta(days=1)).isoformat()}, "on"),
            ({"value": "8.5"}, "value"),
            ({"source": " "}, "source"),
        ):
            refused = await office.post(figures, json=past | wrong)
            assert [error["field"] for error in refused.json()["errors"]] == [field]
        await office.patch(address(made), json={"turnover_eur": None})
        unknown = next(row for row in (await office.get(figures)).json() if row["kind"] == "turnover")
        assert unknown["value"] is None
    async with registry.client(state="ni") as other:
        assert (await other.get(figures)).status_code == 403
    async with database(module_installation) as connection:
        for statement in ("update figure set value = 1", "delete from figure"):
            await act_as(connection, caller("lead"))
            assert (await connection.execute(statement)).endswith(" 0"), statement


@pytest.mark.parametrize("table", ["figure", "confirmation", "membership_proposal"])
async def test_what_stays_with_the_office_is_shown_to_nobody_else(
    registry: Running, module_installation: Installation, table: str
) -> None:
    async with registry.client() as office:
        await registered(office, employees=12, contact_email="kontakt@ex-700.example")
    async with database(module_installation) as connection:
        for role in Role:
            for state in (*ALL_STATES, None):
                await act_as(connection, caller(role, state))
                found = await connection.fetchval(
                    f"select count(*) from {table} where organisation_id in "  # noqa: S608
                    "(select id from organisation where responsible_state = 'hb')"
                )
                staff = role in {Role.OFFICE, Role.LEAD, Role.PR} and state == "hb"
                assert (found > 0) is (staff and table == "figure"), (role, state)


async def test_a_size_class_changes_after_two_years_and_counts_others_in(registry: Running) -> None:
    async with registry.client() as office, registry.client(state="ni") as ni:
        made = await registered(office)
        figures = address(made, "figures")

        async def say(year: int, employees: int, turnover: int = 1_000_000) -> str | None:
            for kind, value in (("employees", employees), ("turnover", turnover)):
                body = {"kind": kind, "value": value, "on": f"{year}-12-31", "source": "JA"}
                answer = await office.post(figures, json=body)
                assert answer.status_code == 201, answer.text
            size: str | None = answer.json().get("size_class")
            return size

        assert await say(YEAR - 4, 5) == "micro"
        assert await say(YEAR - 3, 30) == "micro", "one year changes nothing"
        assert await say(YEAR - 2, 30) == "small"
        size = (await office.get(address(made, "size"))).json()
        assert (size["size_class"], size["last_year"]) == ("small", "small")
        assert [year["size_class"] for year in size["years"]] == ["micro", "small", "small"]
        part = await registered(office, employees=100, turnover_eur="20000000")
        link = address(made, "links", part["organisation_id"])
        linked = (await office.put(link, json={"kind": "linked"})).json()
        assert linked["links"] == [{"organisation_id": part["organisation_id"], "kind": "linked"}]
        now = (await office.get(address(made, "size"))).json()["years"][-1]
        assert (now["employees"], now["enterprises"], now["size_class"]) == (130, 2, "medium")
        # The other's figures are said anew: whoever counts it in is computed again.
        await office.post(
            address(part, "figures"),
            json={"kind": "employees", "value": 900, "on": f"{YEAR - 1}-12-31", "source": "JA"},
        )
        # Another state's figures are not known here, which is said.
        foreign = await registered(ni, seat={"place": "Emden", "state": "DE-NI"}, register_entry=..., employees=4,
                                   turnover_eur="1000")  # fmt: skip
        await in_directory(office, foreign["organisation_id"])
        lone = await registered(office, employees=4, turnover_eur="1000")
        assert lone["size_class"] == "micro"
        unknown = (await office.put(address(lone, "links", foreign["organisation_id"]), json={"kind": "linked"})).json()
        assert "size_class" not in unknown
        (year,) = (await office.get(address(lone, "size"))).json()["years"]
        assert year["unknown"] == [foreign["organisation_id"]]
        back = await office.delete(address(lone, "links", foreign["organisation_id"]))
        assert back.json()["size_class"] == "micro"
        for body, other, field in (
            ({"kind": "linked"}, lone, "organisation_id"),
            ({"kind": "linked", "share_percent": 30}, part, "share_percent"),
            ({"kind": "partner", "share_percent": 60}, part, "share_percent"),
        ):
            wrong = await office.put(address(lone, "links", other["organisation_id"]), json=body)
            assert [error["field"] for error in wrong.json()["errors"]] == [field]
        # A cycle: each names the other.
        await office.put(address(part, "links", made["organisation_id"]), json={"kind": "linked"})
        cycle = (await office.get(address(made, "size"))).json()["years"][-1]["cycles"]
        assert set(cycle) == {made["organisation_id"], part["organisation_id"]}


async def test_whoever_counts_another_in_is_computed_anew(registry: Running) -> None:
    async with registry.client() as office:
        part = await registered(office, employees=4, turnover_eur="1000")
        whole = await registered(office, employees=4, turnover_eur="1000")
        await office.put(address(whole, "links", part["organisation_id"]), json={"kind": "linked"})
        assert (await read(office, whole))["size_class"] == "micro"
        await office.patch(address(part), json={"employees": 300})
        assert (await read(office, whole))["size_class"] == "large"


async def test_codes_are_proposed_and_a_person_confirms(registry: Running) -> None:
    async with registry.client() as office:
        made = await registered(office, activities=[{"edition": "WZ2008", "code": "25610"}])
        assert [item["code"] for item in made["activities"]] == ["25.61.0"]
        (proposal,) = (await office.get(address(made, "codes"))).json()["items"]
        assert proposal["means_otherwise"]
        assert "Schneidwaren" in proposal["other_title"]
        assert len(made["activities"]) == 1, "nothing is applied by itself"
        listed = (await office.get("/api/v1/code-proposals", params={"limit": 200})).json()["items"]
        assert made["organisation_id"] in {item["organisation_id"] for item in listed}
        decision = {"code": "25.61.0", "chosen": ["25.51.0"]}
        decided = (await office.post(address(made, "codes", "decisions"), json=decision)).json()
        assert decided["activities"] == [
            {"edition": "WZ2008", "code": "25.61.0"},
            {"edition": "WZ2025", "code": "25.51.0"},
        ]
        assert (await office.post(address(made, "codes", "decisions"), json=decision)).json()["version"] == 2
        assert (await office.get(address(made, "codes"))).json()["items"] == []
        wrong = await office.post(address(made, "codes", "decisions"), json={"code": "25.61.0", "chosen": ["62.01.9"]})
        assert wrong.json()["errors"][0]["field"] == "chosen.0.code"
    async with signed_in(registry) as person:
        async with registry.client() as office:
            other = await registered(office, activities=[{"edition": "WZ2008", "code": "38.31.0"}])
        page = await person.get(f"{path(other)}/codes")
        assert "In der WZ 2025 bedeutet 38.31.0 etwas anderes" in text_of(page)
        assert "Schiffs- und Fahrzeugwracks" in text_of(await person.get("/registry/codes"))
        form = form_of(page, f"{path(other)}/codes")
        told = await follow(person, await person.post(f"{path(other)}/codes", form | {"chosen-0": []}))
        assert "Die Zuordnung ist gespeichert." in told
        assert "zu bestätigen ist hier nichts" in text_of(await person.get(f"{path(other)}/codes")).lower()


async def test_profiles_say_what_is_missing_and_lists_begin_with_the_least_complete(registry: Running) -> None:
    async with registry.client() as office:
        bare = await registered(office, competences=[], activities=[], vat_id=..., legal_form=...)
        full = await registered(office, employees=4, turnover_eur="1000")
        await office.patch(address(full, "profile"), json={"website": "ex-1.example", "roles": ["oem"], "profile": "X"})
        missing = (await office.get(address(bare, "completeness"))).json()
        assert missing["percent"] < (await office.get(address(full, "completeness"))).json()["percent"]
        assert {"website", "competences", "vat_id"} <= set(missing["missing"])
        page = (await office.get("/api/v1/profiles", params={"limit": 200})).json()["items"]
        percents = [item["completeness"]["percent"] for item in page]
        assert percents == sorted(percents)
        below = (await office.get("/api/v1/profiles", params={"below": missing["percent"], "limit": 200})).json()
        assert bare["organisation_id"] not in {item["organisation_id"] for item in below["items"]}
    async with signed_in(registry) as person:
        home = text_of(await person.get("/registry/"))
        assert "Profile zu vervollständigen" in home
        shown = await person.get(path(bare))
        assert f'{path(bare)}/profile#feld-website"' in shown.text
        assert bare["legal_name"] in text_of(await person.get("/registry/profiles?below=50"))
    async with signed_in(registry, state="ni") as other:
        assert f"{path(bare)}/profile" not in (await other.get(path(bare))).text


async def test_certificates_that_end_are_listed(registry: Running) -> None:
    async with registry.client() as office:
        made = await registered(office)
        soon = (TODAY + timedelta(days=89)).isoformat()
        later = (TODAY + timedelta(days=91)).isoformat()
        certificates = [{"name": "Bald Zu Ende", "valid_to": soon}, {"name": "Noch Lange", "valid_to": later}]
        await office.patch(address(made, "profile"), json={"certificates": certificates})
    async with signed_in(registry) as person:
        told = text_of(await person.get("/registry/certificates"))
        assert "Bald Zu Ende" in told
        assert "Noch Lange" not in told
    async with signed_in(registry, state="hh") as other:
        assert "Bald Zu Ende" not in text_of(await other.get("/registry/certificates"))


documents = st.builds(
    lambda kind, keep: Organisation.model_validate(
        {
            **{
                name: value
                for name, value in FULL.items()
                if name in keep
                or name in {"organisation_id", "responsible_state", "status", "legal_name", "changed_at"}
            },
            "kind": kind,
            "seat": {name: value for name, value in FULL["seat"].items() if name in keep or name == "state"},
        }
    ),
    st.sampled_from([*WEIGHTS, "something_else"]),
    st.sets(
        st.sampled_from(
            ["legal_form", "register_entries", "vat_id", "place", "postal_code", "street", "ags", "nuts", "activities",
             "competences", "roles", "value_chain", "size_class", "website", "profile", "name_en", "profile_en",
             "certificates", "indicators", "memberships", "sites"]
        )
    ),
)  # fmt: skip
FULL: dict[str, Any] = EXAMPLE.model_dump(mode="json", exclude_none=True) | {
    "seat": {"place": "Stuhr", "postal_code": "28816", "street": "Weg 1", "state": "DE-NI", "ags": "03251",
             "nuts": "DE922"},
    "roles": ["oem"], "value_chain": "parts", "website": "https://x.example/", "profile": "X", "name_en": "X",
    "profile_en": "X", "certificates": [{"name": "X"}],
    "indicators": [{"kind": "members", "value": 1, "on": "2026-01-01", "source": "X"}],
    "sites": [{"site_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f", "name": "Werk", "address": {"state": "DE-NI"}}],
}  # fmt: skip


async def test_postgresql_counts_completeness_and_takes_released_parts_as_the_rules_do(
    module_installation: Installation,
) -> None:
    found: list[Organisation] = []

    @settings(max_examples=150, database=None)
    @given(documents)
    def collect(item: Organisation) -> None:
        found.append(item)

    collect()
    texts = [item.model_dump_json(exclude_none=True) for item in found]
    async with database(module_installation) as connection:
        await act_as(connection, SYSTEM)
        counted = await connection.fetch(
            "select completeness_of(kind, data::jsonb) from unnest($1::text[], $2::text[]) as row(kind, data)",
            [item.kind for item in found],
            texts,
        )
        assert [row[0] for row in counted] == [completeness(item).percent for item in found]
        for groups in ([], ["website"], list(GROUPS), *([group] for group in GROUPS)):
            part = await connection.fetchval("select released_part($1::jsonb, $2)", json.dumps(FULL), groups)
            assert set(json.loads(part)) == FULL.keys() & shown_fields(groups)


async def test_sites_are_corrected_and_memberships_have_kind_and_days(registry: Running) -> None:
    async with registry.client() as office:
        made = await registered(office)
        its = await cluster(office, "PRF")
        ems = await cluster(office, "PRG")
        for each in (its, ems):
            await in_directory(office, each["organisation_id"])
        site = (await office.post(address(made, "sites"), json={"name": "Werk", "address": {
            "place": "Bremen", "state": "HB"}})).json()["sites"][0]  # fmt: skip
        right = {"name": "Werk 2", "address": {"place": "Bremen", "state": "bremen", "ags": "04011", "nuts": "DE501"}}
        (changed,) = (await office.put(address(made, "sites", site["site_id"]), json=right)).json()["sites"]
        assert (changed["site_id"], changed["address"]["ags"]) == (site["site_id"], "04011")
        assert changed["address"]["state"] == "DE-HB"
        wrong = await office.put(address(made, "sites", site["site_id"]), json={"name": "W", "address": {
            "place": "B", "state": "DE-HB", "ags": "03251"}})  # fmt: skip
        assert wrong.json()["errors"][0]["code"] == "ags_state"
        for each, kind in ((its, "full"), (ems, "sponsor")):
            joined = await office.post(
                address(made, "memberships"),
                json={"cluster_id": each["organisation_id"], "kind": kind, "valid_from": "2024-01-01"},
            )
            assert joined.status_code == 201
        assert [item["kind"] for item in joined.json()["memberships"]] == ["full", "sponsor"]
        membership = address(made, "memberships", its["organisation_id"])
        corrected = (await office.patch(membership, json={"kind": "associated", "valid_from": "2023-01-01"})).json()
        assert corrected["memberships"][0]["valid_from"] == "2023-01-01"
        backwards = await office.patch(membership, json={"valid_to": "2022-01-01"})
        assert backwards.json()["errors"][0]["code"] == "before_begin"
        await office.post(f"{membership}/end", json={"valid_to": "2024-06-01"})
        again = {"cluster_id": its["organisation_id"], "valid_from": "2025-01-01"}
        await office.post(address(made, "memberships"), json=again)
        overlap = await office.patch(membership, json={"begins": "2023-01-01", "valid_to": "2025-06-01"})
        assert overlap.json()["errors"][0]["code"] == "overlap"
        ended = (await office.patch(membership, json={"begins": "2023-01-01", "valid_to": "2024-12-31"})).json()
        assert sorted(item["valid_to"] for item in ended["memberships"] if "valid_to" in item) == ["2024-12-31"]
    async with signed_in(registry) as person:
        page = (await person.get(path(made))).text
        assert "AGS 04011" in page
        edit = f"{path(made)}/sites/{site['site_id']}/edit"
        told = await follow(person, await send(person, edit, name="Werk 3"))
        assert "Werk 3" in told
        correct = f"{path(made)}/memberships/{ems['organisation_id']}/edit"
        shown = await person.get(f"{correct}?begins=2024-01-01")
        told = await follow(person, await person.post(correct, form_of(shown, correct) | {"kind": "honorary"}))
        assert "Ehrenmitglied" in told


async def test_indicators_have_day_and_source_and_none_is_overwritten(registry: Running) -> None:
    async with registry.client() as office:
        its = await cluster(office, "PRI")
        body = {"value": 200, "on": "2026-01-01", "source": "Jahresbericht"}
        path_ = address(its, "indicators")
        assert (await office.post(path_, json=body)).status_code == 201
        assert (await office.post(path_, json=body)).json()["version"] == 2
        other = await office.post(path_, json=body | {"value": 201})
        assert (other.status_code, other.json()["code"]) == (409, "indicator_exists")
        assert (await office.post(path_, json=body | {"value": 210, "source": "Website"})).status_code == 201
        assert [item["value"] for item in (await read(office, its))["indicators"]] == [200, 210]


async def test_the_form_of_a_description_keeps_what_was_typed_and_compares(registry: Running) -> None:
    async with registry.client() as office:
        made = await registered(office)
    edit = f"{path(made)}/profile"
    async with signed_in(registry) as person:
        wrong = await send(person, edit, website="nichts", profile="Bleibt", roles=["oem", "tier1"],
                           **{"certificates.0.name": "ISO 9001", "certificates.0.valid_to": "2027-01-01"})  # fmt: skip
        assert wrong.status_code == 422
        kept = form_of(wrong, edit)
        assert (kept["profile"], kept["roles"]) == (["Bleibt"], ["oem", "tier1"])
        saved = await person.post(edit, kept | {"website": "ex-003.example"})
        told = await follow(person, saved)
        assert "Das Profil ist gespeichert." in told
        assert "ISO 9001, bis 01.01.2027" in told
        mine = form_of(await person.get(edit), edit) | {"website": "meine.example", "roles": []}
        async with registry.client() as office:
            await office.patch(address(made, "profile"), json={"website": "fremde.example", "name_en": "Theirs"})
        conflict = await person.post(edit, mine)
        assert conflict.status_code == 412
        proposed = form_of(conflict, edit)
        names = ("website", "roles", "name_en")
        assert [proposed[f"choice-{name}"] for name in names] == [["theirs"], ["mine"], ["theirs"]]
        assert "gespeichert" in await follow(person, await person.post(edit, proposed))
        async with registry.client() as office:
            now = await read(office, made)
        assert (now["website"], now["roles"], now["name_en"]) == ("https://fremde.example/", [], "Theirs")
        figures = f"{path(made)}/figures"
        told = await follow(person, await send(person, figures, kind="turnover", value="1.234,50", source="Besuch"))
        assert "Die Zahl ist eingetragen." in told
        told = text_of(await person.get(figures))
        assert "1.234,50" in told
        assert "Besuch" in told


async def test_tricky_case_5_postal_codes_of_two_states_are_a_hint_alone(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client(state="hh") as office:
        for postal_code, state, warns in (
            ("21039", "DE-HH", False), ("21039", "DE-SH", False), ("22113", "DE-HH", False), ("22113", "DE-SH", False),
            ("19273", "DE-NI", False), ("19273", "DE-MV", False), ("22113", "DE-NI", True), ("19273", "DE-HH", True),
        ):  # fmt: skip
            body = company(
                seat={"place": "Ort", "postal_code": postal_code, "state": state}, register_entry=..., legal_form=...
            )
            made = await office.post("/api/v1/organisations", json=body)
            assert made.status_code == 201, made.text
            codes = [warning["code"] for warning in made.json()["warnings"]]
            assert (codes == ["postal_code_elsewhere"]) is warns, (postal_code, state, codes)
        hint = (await office.get("/api/v1/postal-codes/22113")).json()
        assert hint == {"postal_code": "22113", "states": ["DE-HH", "DE-SH"], "ambiguous": True}
    key = made.json()["organisation_id"]
    (record,) = await module_installation.read_topic(ORGANISATION, State.HAMBURG, key=key, minimum=1)
    assert isinstance(record.data, Organisation)
    assert (record.data.seat.postal_code, record.data.seat.state) == ("19273", "DE-HH")


async def test_an_organisation_of_another_state_has_no_codes_decided_here(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as office:
        made = await registered(office, activities=[{"edition": "WZ2008", "code": "29.32.0"}])
    async with database(module_installation) as connection:
        await act_as(connection, caller("lead", "ni"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "insert into code_decision values ($1, '29.32.0', '{}', now(), 'x')", UUID(made["organisation_id"])
            )
