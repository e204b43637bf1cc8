"""What is applied is what was seen: rows whose organisation changed since, and rows a person was taken out of."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx2
from norda_common.contracts.registry import EXAMPLE, Certificate
from norda_registry.rules.import_changes import marks_of
from norda_registry.rules.import_rows import Current, Planned
from norda_registry.rules.size_class import Figures
from norda_registry.usecases.imports.applying import BATCH_ROWS
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import registered, vat
from .staged import applied, csv_of, decided, mapped, planned, reached, rows, staged
from .test_import_further import TERMS, mark, read
from .test_requests import asked, progress


async def changed(client: httpx2.AsyncClient, made: dict[str, Any], **fields: Any) -> None:
    answer = await client.patch(f"/api/v1/organisations/{made['organisation_id']}", json=fields)
    assert answer.status_code == 200, answer.text


async def test_a_correction_by_hand_is_not_written_over_by_what_was_seen_before_it(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        seat, beside, figure, address, half = [
            await registered(client, own_id=f"{key}-{place}", contact_email=f"vorher-{place}-{key}@ex-561.example")
            for place in range(5)
        ]
        lines = [
            f"{each['own_id']};{each['legal_name']};28195;12;neu-{place}-{key}@ex-561.example;www.{key}.example"
            for place, each in enumerate((seat, beside, figure, address, half))
        ]
        table = csv_of("Kennung;Firma;PLZ;Mitarbeiter;E-Mail;Webseite", *lines)
        plan = await planned(client, table, source=f"Seitdem {key}")
        assert plan["counts"]["outcome"] == {"change": 5}
        await changed(client, seat, seat=seat["seat"] | {"postal_code": "28213"})
        await changed(client, beside, competences=["BAT-02"], seat=beside["seat"] | {"street": "Neue Straße 1"})
        await changed(client, figure, employees=99)
        # A contact address alone makes no version.
        await changed(client, address, contact_email=f"hand-{key}@ex-561.example")
        assert (await read(client, address["organisation_id"]))["version"] == 1
        # What somebody entered just so meanwhile is nothing else.
        await changed(client, half, employees=12)
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"failed": 3, "changed": 2}
        failed = await rows(client, plan, "failed")
        assert [(item["row"], item["errors"][0]["code"]) for item in failed] == [
            (2, "changed_since"), (4, "changed_since"), (5, "changed_since"),
        ]  # fmt: skip
        assert "von Hand" in failed[0]["errors"][0]["de"]
        assert "by hand" in failed[0]["errors"][0]["en"]
        assert (await read(client, seat["organisation_id"]))["seat"]["postal_code"] == "28213"
        assert (await read(client, figure["organisation_id"]))["internal"]["employees"] == 99
        found = await read(client, address["organisation_id"])
        assert found["internal"]["contact_email"] == f"hand-{key}@ex-561.example"
        found = await read(client, beside["organisation_id"])
        assert (found["seat"]["postal_code"], found["seat"]["street"]) == ("28195", "Neue Straße 1")
        assert (found["competences"], found["internal"]["employees"]) == (["BAT-02"], 12)
        assert (await read(client, half["organisation_id"]))["website"].endswith(f"www.{key}.example")


async def test_a_row_that_means_another_organisation_by_now_changes_neither(registry: Running) -> None:
    number = vat()
    async with registry.client() as client:
        seen, other = [await registered(client, vat_id=each) for each in (number, vat())]
        plan = await planned(client, csv_of("USt-IdNr;Mitarbeiter", f"{number};38"), source="Andere")
        await changed(client, seen, vat_id=vat())
        await changed(client, other, vat_id=number)
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"failed": 1}
        (row,) = await rows(client, plan, "failed")
        assert row["errors"][0]["code"] == "changed_since"
        assert "eine andere Organisation" in row["errors"][0]["de"]
        for each in (seen, other):
            assert "employees" not in (await read(client, each["organisation_id"])).get("internal", {})


async def test_an_own_id_given_by_hand_while_the_rows_before_are_written_is_seen(
    registry: Running, module_installation: Installation
) -> None:
    """Who has the numbers of a batch is looked up while the one before is written, which a lock here holds up."""
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-k", employees=4)
        lines = [f"{key}-k;{known['legal_name']};28195;Bremen;12"]
        lines += [f"{key}-{place};Beispiel {place} {key};28195;Bremen;3" for place in range(1, BATCH_ROWS + 1)]
        plan = await planned(client, csv_of("Kennung;Firma;PLZ;Ort;Mitarbeiter", *lines), source=f"Kennungen {key}")
        assert plan["counts"]["outcome"] == {"change": 1, "create": BATCH_ROWS}
        connection = await module_installation.connect()
        try:
            async with connection.transaction():
                await connection.execute(
                    "select from registry.organisation where id = $1 for update", UUID(known["organisation_id"])
                )
                answer = await client.post(f"/api/v1/imports/{plan['import_id']}/application")
                assert answer.status_code == 202, answer.text

                async def held_up() -> None:
                    waiting = (
                        "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = $1)"
                    )
                    assert await connection.fetchval(waiting, module_installation.database)

                await eventually(held_up)
                # The look ahead, beside, takes some hundredths of that.
                await asyncio.sleep(1)
                by_hand = await registered(client, legal_name=f"Von Hand {key} AG", own_id=f"{key}-{BATCH_ROWS}")
        finally:
            await connection.close()
        done = await reached(client, plan, "applied")
        assert done["counts"]["result"] == {"changed": 1, "created": BATCH_ROWS - 1, "failed": 1}
        (row,) = await rows(client, plan, "failed")
        assert (row["row"], row["errors"][0]["code"]) == (BATCH_ROWS + 2, "changed_since")
        assert (await read(client, by_hand["organisation_id"]))["version"] == 1


async def test_an_erased_person_does_not_come_back_by_what_was_planned(
    registry: Running, module_installation: Installation
) -> None:
    key = mark()
    email = f"profil-{key}@ex-562.example"
    profile = f"Fragen an {email}."
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-k", employees=4)
        path = f"/api/v1/organisations/{known['organisation_id']}/profile"
        described = await client.patch(path, json={"profile": "Was schon da steht."})
        assert described.status_code == 200, described.text
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;Mitarbeiter;Profil;E-Mail",
            f"{key}-k;{known['legal_name']};28197;Bremen;12;{profile};",
            f"{key}-n;Beispiel Profil {key} GmbH;28195;Bremen;13;{profile};{email}",
            f"{key}-o;Beispiel Ohne {key} GmbH;28195;Bremen;14;Ohne Adresse.;",
        )
        # Empty cells empty fields: those a person was taken out of do not.
        made = await staged(client, table, source=f"Profile {key}")
        plan = await mapped(client, made, empty_clears=True)
        assert plan["counts"]["outcome"] == {"change": 1, "create": 2}
        await progress(client, await asked(client, "erasure", email), answers=3)
        shown = await rows(client, plan)
        assert email not in str(shown)
        assert [[item["code"] for item in row["warnings"]] for row in shown] == [
            ["erased"],
            ["legal_form_of_name", "erased"],
            ["legal_form_of_name"],
        ]
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"changed": 1, "created": 2}
        found = await read(client, known["organisation_id"])
        assert (found["profile"], found["internal"]["employees"]) == ("Was schon da steht.", 12)
        by_row = {row["row"]: row for row in await rows(client, plan)}
        connection = await module_installation.connect()
        try:
            made_of = await connection.fetch(
                "select row, organisation_id from registry.import_result where import_id = $1", plan["import_id"]
            )
            for table_ in ("organisation", "organisation_version", "contact", "import_row", "import_plan", "outbox"):
                kept = await connection.fetch(f"select t::text from registry.{table_} as t")  # noqa: S608 - constants
                assert email not in str(kept), table_
        finally:
            await connection.close()
        ids = {row["row"]: str(row["organisation_id"]) for row in made_of}
        assert {row: item["organisation_id"] for row, item in by_row.items()} == ids
        new = await read(client, ids[3])
        assert "profile" not in new
        assert new["internal"] == {"employees": 13}
        assert (await read(client, ids[4]))["profile"] == "Ohne Adresse."
        assert [item["code"] for item in by_row[4]["warnings"]] == ["legal_form_of_name"]


async def test_an_erased_person_s_row_that_waits_for_a_decision_is_planned_from_what_is_left(
    registry: Running,
) -> None:
    key = mark()
    email = f"warten-{key}@ex-563.example"
    async with registry.client() as client:
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;Profil;Ansprechpartner;E-Mail Ansprechpartner",
            f"{key};Beispiel Warten {key} GmbH;28195;Bremen;Fragen an {email};Änne {key};{email}",
        )
        plan = await planned(client, table, source=f"Warten {key}", persons=TERMS)
        await progress(client, await asked(client, "erasure", email), answers=3)
        assert await decided(client, plan, 2, "leave_out") == 204
        assert await decided(client, plan, 2, None) == 204
        assert (await applied(client, plan))["counts"]["result"] == {"created": 1}
        (row,) = await rows(client, plan)
        assert email not in str(row)
        assert "person" not in row


# ---------------------------------------------------------------------------------------------------- rules alone


def test_marks_say_what_changes_and_not_what_stands_beside_it() -> None:
    def marks(before: dict[str, Any], after: dict[str, Any], **more: Any) -> frozenset[str]:
        old, new = EXAMPLE.model_copy(update=before), EXAMPLE.model_copy(update=before | after)
        figures, email = more.get("figures", (Figures(), Figures())), more.get("email", (None, None))
        planned_ = Planned(new, figures[1], email[1], True, True)
        return marks_of(Current(old, figures[0], email[0]), planned_, size_class=more.get("size_class"))

    iso, emas = Certificate(name="ISO 9001"), Certificate(name="EMAS")
    assert marks({}, {}) == frozenset()
    alone = marks({}, {"certificates": (iso,)})
    assert len(alone) == 1
    assert marks({"certificates": (emas,)}, {"certificates": (emas, iso)}) == alone
    assert marks({}, {"certificates": (emas,)}) != alone
    there = EXAMPLE.seat.model_copy(update={"street": "Neue Straße 1"})
    moved = {"postal_code": "28817"}
    one = marks({}, {"seat": EXAMPLE.seat.model_copy(update=moved)})
    assert marks({"seat": there}, {"seat": there.model_copy(update=moved)}) == one
    # Of a class only what the row says itself, of a history nothing.
    assert marks({}, {"size_class": "large", "former_names": ()}) == frozenset()
    assert len(marks({}, {"size_class": "large"}, size_class="large")) == 1
    two = marks({}, {}, figures=(Figures(), Figures(employees=3)), email=(None, "a@b.example"))
    assert len(two) == 2
    assert not marks({}, {}, figures=(Figures(employees=1), Figures(employees=3))) & two
    assert not marks({"profile": "Alt"}, {"profile": "Neu"}) & marks({"profile": "Älter"}, {"profile": "Neu"})
