"""Importing tables as offices send them: the starter data, odd encodings, every kind of fault; nothing by halves."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from pathlib import Path
from typing import Any

import pytest
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually, here

from .conftest import BODIES, COMPANIES, imported, in_directory, in_stuhr, registered, relocated, vat

MIB = 1024 * 1024
SEPARATORS = 20 * MIB
HEADER = "id;legal_name;legal_form;place;plz;state;vat_id;employees;turnover_meur;competences;clusters;email"


def row(own_id: str, **changes: str) -> str:
    """A row for HEADER that is accepted as it stands."""
    cells = {
        "id": own_id, "legal_name": f"Beispiel Größe {own_id} GmbH", "legal_form": "350", "place": "Bremen",
        "plz": "28197", "state": "DE-HB", "vat_id": vat(), "employees": "38", "turnover_meur": "6,2",
        "competences": "PRD-01", "clusters": "", "email": f"kontakt@{own_id}.example",
    } | changes  # fmt: skip
    return ";".join(cells[name] for name in HEADER.split(";"))


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


def counts(answer: Any) -> tuple[int, int, int, int]:
    assert answer.status_code == 200, answer.text
    document = answer.json()
    return document["created"], document["changed"], document["unchanged"], document["foreign"]


def faults(answer: Any) -> list[tuple[int, str, str]]:
    """Row, field and code of each."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    errors = answer.json()["errors"]
    assert all(error["de"] != error["en"] for error in errors)
    return [(error["row"], error["field"], error["code"]) for error in errors]


def peak_memory(running: Running) -> int:
    """The most memory the process has ever had resident, in bytes."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def test_the_three_offices_import_bodies_and_all_forty_companies(installation: Installation) -> None:
    registry = installation.start("registry")
    async with registry.client() as hb, registry.client(state="hh") as hh, registry.client(state="ni") as ni:
        assert counts(await imported(hb, BODIES)) == (2, 0, 0, 8)
        assert counts(await imported(ni, BODIES)) == (8, 0, 0, 2)
        assert counts(await imported(hh, BODIES)) == (0, 0, 0, 10)
        preview = await imported(hb, COMPANIES, dry_run=True)
        assert counts(preview) == (7, 0, 0, 33)
        assert preview.json()["dry_run"] is True
        for client, created in ((hb, 7), (hh, 7), (ni, 26)):
            answer = await imported(client, COMPANIES)
            assert counts(answer) == (created, 0, 0, 40 - created)
            assert answer.json()["warnings"] == []
            assert counts(await imported(client, COMPANIES)) == (0, 0, created, 40 - created)
        assert counts(await imported(ni, BODIES)) == (0, 0, 8, 2)

        published: dict[str, Any] = {}
        for state, number in ((State.BREMEN, 9), (State.HAMBURG, 7), (State.NIEDERSACHSEN, 34)):
            records = await installation.read_topic(ORGANISATION, state, minimum=number)
            assert len(records) == number
            assert all(record.sequence == 1 for record in records)
            published |= {record.data.own_id: record.data for record in records if record.data}  # type: ignore[attr-defined]
        for line in csv.DictReader(io.StringIO(COMPANIES.decode())):
            organisation = published[line["id"]]
            assert organisation.legal_name == line["legal_name"]
            assert organisation.register_entries[0].euid == line["euid"]
            assert organisation.size_class == line["size_class"]
            assert list(organisation.competences) == line["competences"].split()
            assert [item.cluster_code for item in organisation.memberships] == line["clusters"].split()
            assert line["email"] not in organisation.model_dump_json()
        assert published["org-izn"].former_names[0].legal_name == "Innovationszentrum Niedersachsen GmbH"
        assert {published[f"org-{name}"].cluster_code for name in ("its", "anw", "ems", "autos")} == {
            "ITS", "ANW", "EMS", "AUTOS",
        }  # fmt: skip
        assert "kontakt@" not in registry.log.read_text()

        # A file from before a relocation neither brings the company back nor makes a second one.
        roland = str(published["ex-005"].organisation_id)
        await relocated(hb, ni, f"/api/v1/organisations/{roland}", in_stuhr("990105"))
        again = await imported(hb, COMPANIES)
        assert counts(again) == (0, 0, 6, 34)
        assert [warning["code"] for warning in again.json()["warnings"]] == ["kept_elsewhere"]
        assert counts(await imported(ni, COMPANIES)) == (0, 0, 26, 14)
        await in_directory(ni, roland, lambda item: item["responsible_state"] == "ni")


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", ";"), ("cp1252", ";"), ("latin-1", "\t"), ("utf-8-sig", "\t")],
)
async def test_encodings_and_separators_are_recognised(registry: Running, encoding: str, separator: str) -> None:
    own_id = f"enc-{encoding}-{ord(separator)}"
    lines = [HEADER, row(own_id, legal_name="Beispiel Größenmeßtechnik Öl & Ähre GmbH", turnover_meur="6.2")]
    body = "\n".join(line.replace(";", separator) for line in lines).encode(encoding)
    async with registry.client() as client:
        answer = await imported(client, body)
        assert counts(answer) == (1, 0, 0, 0)
        made = answer.json()["created_organisations"][0]
        assert (made["legal_name"], made["row"]) == ("Beispiel Größenmeßtechnik Öl & Ähre GmbH", 2)


async def test_a_form_upload_works_as_well(registry: Running) -> None:
    async with registry.client() as client:
        files = {"file": ("firmen.csv", table(row("form-1")), "text/csv")}
        assert counts(await client.post("/api/v1/imports/organisations", files=files)) == (1, 0, 0, 0)
        empty = await client.post("/api/v1/imports/organisations", files={"other": ("x.csv", b"x", "text/csv")})
        assert empty.status_code == 400


async def test_rows_are_counted_as_a_spreadsheet_does_with_line_breaks_in_cells(registry: Running) -> None:
    broken = row("brk-1", legal_name='"Beispiel\r\nZeilenumbruch\nGmbH"')
    async with registry.client() as client:
        answer = await imported(client, table(broken, "", row("brk-2", vat_id="DE999000018")))
        assert faults(answer) == [(4, "vat_id", "vat_checksum")]
        good = await imported(client, table(broken))
        assert good.json()["created_organisations"][0]["legal_name"] == "Beispiel Zeilenumbruch GmbH"


async def test_names_in_nfd_are_stored_in_nfc(registry: Running) -> None:
    decomposed = "Beispiel U\u0308berseehafen GmbH"
    async with registry.client() as client:
        answer = await imported(client, table(row("nfd-1", legal_name=decomposed)))
    assert answer.json()["created_organisations"][0]["legal_name"] == "Beispiel Überseehafen GmbH"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"vat_id": "DE999000018"}, "vat_id", "vat_checksum"),
        ({"legal_name": "Beispiel\x00GmbH"}, "legal_name", "control_character"),
        ({"legal_name": "Beispiel\x07GmbH"}, "legal_name", "control_character"),
        ({"legal_name": "Beispiel\u202eGmbH"}, "legal_name", "control_character"),
        ({"legal_name": "x" * 501}, "legal_name", "string_too_long"),
        ({"legal_name": "x" * 3000}, "legal_name", "string_too_long"),
        ({"legal_name": ""}, "legal_name", "missing"),
        ({"place": ""}, "place", "missing"),
        ({"state": ""}, "state", "missing"),
        ({"state": "DE-XX"}, "state", "federal_state"),
        ({"employees": "viele"}, "employees", "int_parsing"),
        ({"turnover_meur": "1,2,3"}, "turnover_meur", "decimal_parsing"),
        ({"competences": "PRD-01 NIX-9"}, "competences", "competence"),
        ({"clusters": "NIX"}, "clusters", "unknown_cluster"),
        ({"email": "kein(at)example"}, "email", "invalid_email"),
        ({"competences": "PRD-01 " * 51}, "competences", "too_long"),
        ({"clusters": "ITS " * 21}, "clusters", "too_long"),
        ({"plz": "2819"}, "plz", "postal_code"),
    ],
)
async def test_a_fault_is_named_with_row_and_column_and_nothing_is_imported(
    registry: Running, changes: dict[str, str], field: str, code: str
) -> None:
    good = row(f"half-{code}-{field}-{len(str(changes))}".replace("_", "-"))
    async with registry.client() as client:
        answer = await imported(client, table(good, row("bad-1", **changes)))
        assert faults(answer) == [(3, field, code)]
        assert answer.json()["detail"].startswith(f"Zeile 3, {field}: ")
        assert counts(await imported(client, table(good), dry_run=True)) == (1, 0, 0, 0)


async def test_an_unknown_legal_form_or_half_a_register_entry_keeps_no_row_out(registry: Running) -> None:
    header = "id,legal_name,legal_form,place,state,register_court,register_type,register_number"
    lines = [
        "frm-1,Beispiel Unbekannte Form,Zunft,Bremen,DE-HB,,,",
        "frm-2,Beispiel Halber Eintrag GmbH,GmbH,Bremen,DE-HB,,HRB,5000",
        "frm-3,Beispiel Neckarwerk GmbH,GmbH,Stuttgart,DE-HB,Stuttgart,HRB,4711",
    ]
    async with registry.client() as client:
        answer = await imported(client, table(*lines, header=header))
        assert counts(answer) == (3, 0, 0, 0)
        assert {(item["row"], item["field"], item["code"]) for item in answer.json()["warnings"]} >= {
            (2, "legal_form", "legal_form"),
            (3, "register_court", "register_incomplete"),
            (4, "register_court", "court_unknown"),
        }
        made = [item["organisation_id"] for item in answer.json()["created_organisations"]]
        read = [(await client.get(f"/api/v1/organisations/{key}")).json() for key in made]
    assert ("legal_form" in read[0], read[1]["register_entries"]) == (False, [])
    (entry,) = read[2]["register_entries"]
    assert (entry["court"], entry["court_code"], entry["number"], entry.get("euid")) == ("Stuttgart", "", "4711", None)


async def test_impossible_dates_are_refused(registry: Running) -> None:
    header = "id,legal_name,place,state,register_court,register_type,register_number,register_valid_from"
    lines = [f"dat-{place},Beispiel Datum,Bremen,DE-HB,Bremen,HRB,61{place},{day}" for place, day in enumerate(
        ["2026-02-30", "31.02.2026", "gestern", "29.02.2024", "2024-02-29"])]  # fmt: skip
    async with registry.client() as client:
        answer = await imported(client, table(*lines, header=header))
        assert faults(answer) == [(place, "register_valid_from", "date_parsing") for place in (2, 3, 4)]


async def test_the_header_is_checked_first(registry: Running) -> None:
    async with registry.client() as client:
        missing = await imported(client, table(header=HEADER.replace("legal_name;", "")))
        assert faults(missing) == [(1, "legal_name", "missing_column")]
        unknown = await imported(client, table(header=HEADER + ";colour"))
        assert faults(unknown) == [(1, "colour", "unknown_column")]
        double = await imported(client, table(header=HEADER + ";plz"))
        assert faults(double) == [(1, "plz", "duplicate_column")]
        for nothing in (b"", b"\n\n", b"\xef\xbb\xbf"):
            assert faults(await imported(client, nothing)) == [(1, "header", "empty")]
        assert faults(await imported(client, b"PK\x03\x04zip")) == [(1, "file", "no_csv")]


async def test_broken_utf8_is_named_where_it_is(registry: Running) -> None:
    bad = table(row("utf-1"), row("utf-2", place="Br#men")).replace(b"#", b"\xe9")
    cut = table(row("utf-3"), row("utf-4", place="Gro#")).replace(b"#", b"\xc3")
    async with registry.client() as client:
        assert faults(await imported(client, bad)) == [(3, "place", "broken_utf8")]
        assert faults(await imported(client, cut)) == [(3, "place", "broken_utf8")]


async def test_rows_with_other_widths_and_open_quotes_are_named(registry: Running) -> None:
    async with registry.client() as client:
        short = await imported(client, table(row("wid-1"), "wid-2;zu;wenig"))
        assert faults(short) == [(3, "row", "cell_count")]
        opened = await imported(client, table(row("wid-1"), row("wid-3", legal_name='"Beispiel offen')))
        assert faults(opened) == [(3, "row", "csv")]


async def test_a_row_without_any_number_is_refused(registry: Running) -> None:
    async with registry.client() as client:
        answer = await imported(client, table(row("", vat_id="", email="")))
        assert faults(answer) == [(2, "id", "no_key")]


async def test_the_same_company_twice_in_a_table_is_refused(registry: Running) -> None:
    number = vat()
    one, other = row("dup-1", vat_id=number), row("dup-2", vat_id=number, legal_name="Beispiel + Co KG", legal_form="")
    async with registry.client() as client:
        assert faults(await imported(client, table(one, other))) == [(3, "vat_id", "repeated_row")]
        assert counts(await imported(client, table(one))) == (1, 0, 0, 0)
        # One company under two spellings: the VAT number says that it is the same.
        assert counts(await imported(client, table(other))) == (0, 1, 0, 0)


async def test_a_number_of_somebody_else_is_refused(registry: Running) -> None:
    header = HEADER + ";lei"
    lei = "5299000J2N45DDNE4Y28"
    async with registry.client() as client:
        assert counts(await imported(client, table(row("lei-1") + ";" + lei, header=header))) == (1, 0, 0, 0)
        own = row("lei-2", vat_id="")
        assert counts(await imported(client, table(own))) == (1, 0, 0, 0)
        answer = await imported(client, table(row("lei-3") + ";", own + ";" + lei, header=header))
        # The LEI recognises nobody, so the row means lei-2, and the number belongs to lei-1.
        assert faults(answer) == [(3, "lei", "identifier_taken")]


async def test_changed_cells_change_and_empty_ones_do_not(registry: Running) -> None:
    number = vat()
    async with registry.client() as client:
        answer = await imported(client, table(row("chg-1", vat_id=number)))
        path = f"/api/v1/organisations/{answer.json()['created_organisations'][0]['organisation_id']}"
        changed = row("chg-1", vat_id=number, competences="MAT-01 BAT", turnover_meur="60,0", employees="", email="")
        assert counts(await imported(client, table(changed))) == (0, 1, 0, 0)
        read = (await client.get(path)).json()
        assert (read["version"], read["competences"], read["size_class"]) == (2, ["MAT-01", "BAT"], "large")
        assert read["internal"]["employees"] == 38
        assert read["internal"]["contact_email"] == "kontakt@chg-1.example"
        assert counts(await imported(client, table(changed))) == (0, 0, 1, 0)
        mail = row("chg-1", vat_id=number, competences="MAT-01 BAT", turnover_meur="60,0", email="neu@chg-1.example")
        assert counts(await imported(client, table(mail))) == (0, 1, 0, 0)
        read = (await client.get(path)).json()
        assert (read["version"], read["internal"]["contact_email"]) == (2, "neu@chg-1.example")


async def test_a_table_from_before_a_move_within_the_state_does_not_turn_it_back(registry: Running) -> None:
    header = "id,legal_name,place,state,register_court,register_type,register_number"
    line = "mov-1,Beispiel Umzug,Göttingen,DE-NI,Göttingen,HRB,620001"
    async with registry.client(state="ni") as client:
        answer = await imported(client, table(line, header=header))
        path = f"/api/v1/organisations/{answer.json()['created_organisations'][0]['organisation_id']}"
        moved = await client.post(f"{path}/relocation", json=in_stuhr("620002"))
        assert moved.status_code == 200, moved.text
        again = await imported(client, table(line, header=header))
        assert counts(again) == (0, 0, 1, 0)
        assert [warning["code"] for warning in again.json()["warnings"]] == ["register_entry_outdated"]
        assert (await client.get(path)).json()["seat"]["place"] == "Stuhr"


async def test_every_fault_of_a_table_is_told_up_to_a_hundred(registry: Running) -> None:
    async with registry.client() as client:
        answer = await imported(client, table(*(row(f"many-{n}", vat_id=f"DE{n}") for n in range(150))))
    found = faults(answer)
    assert [number for number, _, _ in found] == list(range(2, 102))
    assert re.search(r"und 99 weitere", answer.json()["detail"])


@pytest.mark.parametrize(
    ("body", "row_number", "code"),
    [
        (b";" * SEPARATORS, 1, "empty"),
        (b"id;" + b";" * SEPARATORS, 1, "row_too_long"),
        (table() + b";" * SEPARATORS, 2, "row_too_long"),
        (table() + b'"\n";' * (SEPARATORS // 4), 2, "row_too_long"),
        (table() + b'"' + b"x\n" * (SEPARATORS // 2), 2, "row_too_long"),
        (b";".join(b"c%d" % place for place in range(201)), 1, "too_many_columns"),
        (table() + b"\n" * SEPARATORS, 1_048_577, "too_many_rows"),
    ],
    ids=["separators", "header", "row", "quoted-breaks", "open-quote", "columns", "blank-rows"],
)
async def test_tables_made_to_exhaust_are_refused_quickly_and_in_little_memory(
    registry: Running, body: bytes, row_number: int, code: str
) -> None:
    before = peak_memory(registry)
    started = time.monotonic()
    async with registry.client() as client:
        answer = await imported(client, body)
    assert [(row, code) for row, _, code in faults(answer)] == [(row_number, code)]
    assert time.monotonic() - started < here(10)
    assert peak_memory(registry) - before < 64 * MIB


async def test_faults_are_gathered_up_to_a_bound(registry: Running) -> None:
    before = peak_memory(registry)
    async with registry.client() as client:
        answer = await imported(client, table(*["\x01;\x01;\x01"] * 150_000, header="legal_name;place;state"))
    assert len(faults(answer)) == 100
    assert peak_memory(registry) - before < 64 * MIB


async def test_a_table_above_the_limit_is_refused_by_its_announced_length(registry: Running) -> None:
    async with registry.client() as client:
        token = client.headers["authorization"]
    port = int(registry.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /api/v1/imports/organisations HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
        + f"Authorization: {token}\r\nContent-Length: {65 * 1024 * 1024}\r\n\r\nid".encode()
    )
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


async def test_thousands_of_rows_are_all_imported_and_published_once(
    registry: Running, module_installation: Installation
) -> None:
    seat = {"place": "Hamburg", "state": "DE-HH", "plz": "20457"}
    body = table(*(row(f"bulk-{n}", **seat) for n in range(2_500)))
    async with registry.client(state="hh") as client:
        answer = await imported(client, body)
        assert counts(answer) == (2_500, 0, 0, 0)
        assert len(answer.json()["created_organisations"]) == 1_000
        assert counts(await imported(client, body)) == (0, 0, 2_500, 0)
    records = await module_installation.read_topic(ORGANISATION, State.HAMBURG, minimum=2_500)
    ours = [r.key for r in records if isinstance(r.data, Organisation) and str(r.data.own_id).startswith("bulk-")]
    assert len(ours) == len(set(ours)) == 2_500


async def test_two_clusters_with_one_code_are_refused(registry: Running) -> None:
    header = "id,name,kind,states"
    one, other = "org-dbl,Beispiel Cluster Eins,cluster,HB", "x-dbl,Beispiel Cluster Zwei,cluster,HB"
    async with registry.client() as client, registry.client(state="ni") as ni:
        assert faults(await imported(client, table(one, other, header=header))) == [(3, "id", "repeated_number")]
        assert counts(await imported(client, table(one, header=header))) == (1, 0, 0, 0)
        assert faults(await imported(client, table(other, header=header))) == [(2, "id", "identifier_taken")]
        theirs = other.replace(",HB", ",NI")
        assert faults(await imported(ni, table(theirs, header=header))) == [(2, "id", "identifier_taken")]
        assert counts(await imported(client, table(one, header=header))) == (0, 0, 1, 0)


@pytest.mark.parametrize("kind", ["vat", "cluster"])
async def test_a_number_that_somebody_takes_during_the_import_is_a_fault_of_its_row(
    registry: Running, module_installation: Installation, kind: str
) -> None:
    if kind == "vat":
        value, field = vat(), "vat_id"
        body = table(row("race-1"), row("race-2", vat_id=value))
    else:
        value, field = "RACE", "id"
        body = table(
            "a-none,Beispiel Amt,public_body,HB", "a-race,Beispiel Race,cluster,HB", header="id,name,kind,states"
        )
    async with registry.client() as client:
        made = await registered(client)
        connection = await module_installation.connect()
        watcher = await module_installation.connect()
        try:
            taking = connection.transaction()
            await taking.start()
            await connection.execute(
                "insert into registry.identifier (organisation_id, kind, value, held) values ($1, $2, $3, true)",
                made["organisation_id"], kind, value,
            )  # fmt: skip
            answering = asyncio.ensure_future(imported(client, body))

            async def waits() -> None:
                assert await watcher.fetchval(
                    "select exists (select from pg_stat_activity "
                    "where datname = current_database() and wait_event_type = 'Lock')"
                )

            await eventually(waits)
            await taking.commit()
            assert faults(await answering) == [(3, field, "identifier_taken")]
        finally:
            await connection.close()
            await watcher.close()
