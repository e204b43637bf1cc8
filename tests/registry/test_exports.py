"""What is exported, for whom, and that importing it again changes nothing."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import time
import unicodedata
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from norda_common.contracts.registry import EXAMPLE, Organisation
from norda_common.errors import Unavailable
from norda_common.input import clean_line
from norda_common.states import State
from norda_registry.api.spooling import Spools
from norda_registry.rules.csv_reading import clean
from norda_registry.rules.export_rows import Exported, exported_headings, exported_names, exported_row
from norda_registry.rules.fields import normalised
from norda_registry.rules.import_cells import PROFILE, read_row
from norda_registry.rules.import_headings import propose
from norda_registry.rules.import_rows import Current, plan
from norda_registry.rules.size_class import Figures
from norda_registry.rules.spreadsheet_cells import formula_error
from norda_registry.rules.words import KINDS, ROLES, SIZES, VALUE_CHAIN
from norda_registry.tables.reading import open_upload
from norda_registry.tables.workbook_process import rows_of
from norda_registry.tables.writing import XlsxTable, csv_rows, csv_start
from pydantic_core import PydanticCustomError
from python_calamine import CalamineWorkbook
from support.installation import Installation, Running
from support.people import signed_in
from support.waiting import eventually, here

from .conftest import cluster, in_directory, registered
from .staged import planned, rows
from .test_search import made, published

EXPORT = "/api/v1/exports/organisations"
LONG_NAME = ("Beispiel Überlange Größenmeßtechnik & Söhne " + "Maschinenbau " * 30)[:299] + " GmbH & Co. KG"
assert len(LONG_NAME) == 313


def table_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


async def exported(client: httpx2.AsyncClient, **parameters: Any) -> httpx2.Response:
    answer = await client.get(EXPORT, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer


async def test_an_export_is_the_list_with_figures_for_the_own_office_alone(registry: Running) -> None:
    async with registry.client() as client, registry.client(state="hh") as hh:
        made = await registered(
            client, legal_name="=Beispiel Ausfuhr GmbH", employees=12, turnover_eur="1000000.50",
            contact_email="kontakt@ausfuhr.example", own_id="0815", competences=["BAT-02", "PRD-02"],
        )  # fmt: skip
        described = {"roles": ["tier1", "service"], "value_chain": "aftermarket"}
        path = f"/api/v1/organisations/{made['organisation_id']}/profile"
        assert (await client.patch(path, json=described)).status_code == 200
        theirs = await registered(
            hh, legal_name="Beispiel Ausfuhr Hamburg GmbH", employees=13, register_entry=...,
            seat={"place": "Hamburg", "state": "DE-HH"},
        )  # fmt: skip
        await in_directory(client, made["organisation_id"], lambda item: item["version"] == 2)
        await in_directory(client, theirs["organisation_id"])
        answer = await exported(client, q="ausfuhr")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        first, second = table_of(answer.content)
        assert first["Name (Firma)"] == "'=Beispiel Ausfuhr GmbH"
        assert (first["Beschäftigte"], first["Jahresumsatz in Euro"]) == ("12", "1000000,50")
        assert first["Kontaktadresse (E-Mail)"] == "kontakt@ausfuhr.example"
        # In words for people; programs take JSON Lines.
        assert [first[name] for name in ("Zuständiges Land", "Art", "Status", "Bundesland", "Größenklasse")] == [
            "Bremen", "Unternehmen", "aktiv", "Bremen", "Kleines Unternehmen",
        ]  # fmt: skip
        assert first["Rollen"] == "Zulieferer, Tier 1; Dienstleister"
        assert first["Wertschöpfungsstufe"] == "Ersatzteile und Service"
        assert first["Kompetenzen"] == "Module und Packs (BAT-02); Zerspanung (PRD-02)"
        assert (second["Beschäftigte"], second["Norda-Kennung"]) == ("", theirs["organisation_id"])
        assert [row["Own id"] for row in table_of((await exported(client, q="ausfuhr", language="en")).content)][
            :1
        ] == ["0815"]
        lines = [json.loads(line) for line in (await exported(client, q="ausfuhr", format="jsonl")).text.splitlines()]
        assert [line["organisation_id"] for line in lines] == [made["organisation_id"], theirs["organisation_id"]]
        assert lines[0]["internal"]["employees"] == 12
        assert [lines[0][name] for name in ("kind", "size_class", "value_chain")] == ["company", "small", "aftermarket"]
        assert (lines[0]["roles"], lines[0]["competences"]) == (["tier1", "service"], ["BAT-02", "PRD-02"])
        assert "internal" not in lines[1]
        workbook = (await exported(client, q="ausfuhr", format="xlsx")).content
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()
        column = {name: place for place, name in enumerate(sheet[0])}
        assert sheet[1][column["Name (Firma)"]] == "=Beispiel Ausfuhr GmbH"
        assert sheet[1][column["Eigene Kennung"]] == "0815"
        assert sheet[1][column["Beschäftigte"]] == 12.0
        assert len(table_of((await exported(client, q="ausfuhr", state="hh")).content)) == 1
    async with registry.client(state=None, role="integrator") as program:
        (row,) = table_of((await exported(program, q="ausfuhr", state="hb")).content)
        assert "Beschäftigte" not in row
        assert "kontakt@" not in (await exported(program, q="ausfuhr", format="jsonl")).text
    async with signed_in(registry) as person:
        page = await person.get("/registry/organisations?q=ausfuhr&state=hb")
        assert "/registry/export?q=ausfuhr&amp;state=hb" in page.text
        answer = await person.get("/registry/export?q=ausfuhr&state=hb&format=csv")
        assert len(table_of(answer.content)) == 1


async def test_what_is_exported_is_imported_again_without_a_change(registry: Running) -> None:
    umlauts = "Beispiel Rundreise Überseehafen Größenmeßtechnik"
    async with registry.client() as client, registry.client(state="ni") as ni:
        await cluster(client, "RND")
        made = [
            await registered(client, legal_name=unicodedata.normalize("NFC", umlauts), clusters=["RND"]),
            await registered(
                client, legal_name=unicodedata.normalize("NFD", umlauts) + " Zwei", lei="5299000J2N45DDNE4Y28"
            ),
            await registered(client, legal_name=f"Rundreise {LONG_NAME}", vat_id=..., register_entry=..., own_id=...),
            await registered(client, legal_name="@Rundreise+1", employees=40, balance_eur="12.34", legal_form=...),
            await registered(client, legal_name="'-Rundreise", kind="research", activities=[], size_class="small"),
            await registered(
                ni, legal_name="Rundreise Anderswo", register_entry=..., seat={"place": "Stuhr", "state": "DE-NI"}
            ),
        ]
        ended = await client.post(f"/api/v1/organisations/{made[4]['organisation_id']}/deactivation", json={})
        assert ended.status_code == 200
        for item in made:
            await in_directory(client, item["organisation_id"])
        for kind in ("csv", "xlsx"):
            content = (await exported(client, q="rundreise", format=kind)).content
            plan = await planned(client, content, source=f"Rundreise {kind}")
            assert plan["counts"]["outcome"] == {"unchanged": 5, "foreign": 1}, await rows(client, plan)


async def test_who_reads_slowly_holds_no_connection(registry: Running, module_installation: Installation) -> None:
    """More slow downloads than the pool has connections, each larger than what lies in buffers on the way."""
    profile = "Der Hafen liegt am Fluss. " * 800
    known = [made(f"Beispiel Langsamwerk {number:04}", profile=profile) for number in range(1_200)]
    async with registry.client() as client:
        await published(module_installation, client, known, word="langsamwerk")
    small = module_installation.start("registry", environment={"NORDA_DATABASE_POOL_SIZE": "4"})
    async with small.client() as client:
        path = f"{EXPORT}?format=jsonl&q=langsamwerk"
        slow = [await _begun(small, client, path) for _ in range(6)]
        began = time.monotonic()
        listed = await client.get("/api/v1/organisations", params={"q": "langsamwerk"})
        assert listed.status_code == 200
        assert time.monotonic() - began < here(5)
        admin = await module_installation.connect()

        async def nobody_waits() -> None:
            waiting = await admin.fetchval(
                """select count(*) from pg_stat_activity
                    where datname = current_database() and usename = 'norda_registry' and state = 'idle in transaction'
                      and query_start < now() - interval '1 second'"""
            )
            assert waiting == 0

        await eventually(nobody_waits, within=20)
        await admin.close()
        for _, writer in slow[1:]:
            writer.close()
        reader, writer = slow[0]
        lines = _unchunked(await reader.read()).splitlines()
        writer.close()
        assert len({json.loads(line)["organisation_id"] for line in lines}) == len(lines) == len(known)

        async def files_are_forgotten() -> None:
            open_files = [entry.readlink() for entry in Path(f"/proc/{small.process.pid}/fd").iterdir()]
            assert not [name for name in open_files if "norda-export-" in str(name)]

        await eventually(files_are_forgotten, within=20)


async def _begun(
    running: Running, client: httpx2.AsyncClient, path: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A download of which the head is read and then nothing more. While others are made it is refused: asked again."""

    async def begin() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = urlsplit(running.url).port
        # A small buffer of one's own: what is not read stays with the service.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        authorization = client.headers["authorization"]
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        status = (await reader.readline()).decode()
        if " 200 " not in status:
            assert " 503 " in status
            writer.close()
        assert " 200 " in status, status
        while (await reader.readline()).strip():
            pass
        return reader, writer

    return await eventually(begin, within=30)


def _unchunked(body: bytes) -> bytes:
    """A body sent in chunks (RFC 9112), which must be whole."""
    parts = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return b"".join(parts)
        parts.append(body[:length])
        body = body[length + 2 :]


class Made:
    """A download's content, a part at each step, that notes how far it is."""

    def __init__(self, parts: int, *, fails: bool = False) -> None:
        self.parts, self.fails, self.given, self.ended = parts, fails, 0, False

    async def content(self) -> AsyncIterator[bytes]:
        try:
            for place in range(self.parts):
                self.given = place + 1
                yield bytes([place % 256]) * 100_000
                await asyncio.sleep(0)
            if self.fails:
                raise ValueError("the database went away")
        finally:
            self.ended = True


async def test_a_download_is_made_to_its_end_while_nobody_reads() -> None:
    spools, made_ = Spools(), Made(50)
    spool = spools.begin(made_.content(), most=1)
    await spool.begun()
    with pytest.raises(Unavailable):
        spools.begin(Made(1).content(), most=1)
    while not made_.ended:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert (spools.making, spools.open) == (0, 1)
    other = spools.begin(Made(0).content(), most=1)
    await other.begun()
    assert [part async for part in other.read()] == []
    await other.close()
    content = b"".join([part async for part in spool.read()])
    assert content == b"".join(bytes([place]) * 100_000 for place in range(50))
    await spool.close()
    await spool.close()
    assert (spools.making, spools.open) == (0, 0)


async def test_a_download_that_is_given_up_is_made_no_further() -> None:
    spools, made_ = Spools(), Made(1_000_000)
    spool = spools.begin(made_.content(), most=1)
    await spool.begun()
    await spool.close()
    assert made_.ended
    assert made_.given < 1_000
    assert (spools.making, spools.open) == (0, 0)


async def test_what_goes_wrong_in_making_a_download_is_told_to_who_reads_it() -> None:
    spools = Spools()
    with pytest.raises(ValueError, match="went away"):
        await spools.begin(Made(0, fails=True).content(), most=1).begun()
    assert (spools.making, spools.open) == (0, 0)
    spool = spools.begin(Made(3, fails=True).content(), most=1)
    await spool.begun()

    async def read_all() -> list[bytes]:
        return [part async for part in spool.read()]

    with pytest.raises(ValueError, match="went away"):
        await read_all()
    await spool.close()
    assert (spools.making, spools.open) == (0, 0)


def _cleaned(text: str) -> str:
    try:
        return clean_line(text)
    except PydanticCustomError:
        return ""


# XML, and so a workbook, cannot hold these two.
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
# The error of a formula is no name, and no import takes it for one.
names = (
    st.text(letters, min_size=1, max_size=80)
    .map(_cleaned)
    .filter(lambda text: 0 < len(text) <= 500 and not formula_error(text))
)


optional = st.none()
organisations = st.builds(
    lambda name, own_id, street, place, form, codes, size, website, kind, roles, stage: Organisation.model_validate(
        {
            "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
            "responsible_state": "hb",
            "kind": kind,
            "cluster_code": "RND" if kind == "cluster" else None,
            "status": "active",
            "legal_name": name,
            "own_id": own_id,
            "legal_form": form,
            "seat": {"place": place, "street": street, "state": "DE-HB", "ags": "04011", "postal_code": "28195"},
            "competences": codes,
            "size_class": size,
            "website": website,
            "roles": roles,
            "value_chain": stage,
            "changed_at": "2026-11-26T08:00:00Z",
        }
    ),
    st.one_of(names, st.just(LONG_NAME), names.map(lambda text: unicodedata.normalize("NFC", f"={text}"))),
    st.one_of(optional, names.map(lambda text: text[:100].strip() or "x")),
    st.one_of(optional, names),
    names,
    st.sampled_from([None, "350", "230", "590"]),
    st.lists(st.sampled_from(["BAT-02", "PRD-01", "MAT-01"]), unique=True),
    st.sampled_from([None, *SIZES]),
    st.one_of(optional, st.just("https://beispiel.example/?a=1")),
    st.sampled_from([*KINDS]),
    st.lists(st.sampled_from([*ROLES]), unique=True),
    st.sampled_from([None, *VALUE_CHAIN]),
)


@given(
    organisations,
    st.builds(
        Figures,
        employees=st.one_of(optional, st.integers(0, 10_000_000)),
        turnover_cents=st.one_of(optional, st.integers(0, 10**14)),
        balance_cents=st.one_of(optional, st.integers(0, 10**14)),
    ),
    st.sampled_from(["csv", "xlsx"]),
    st.sampled_from(["de", "en"]),
)
@settings(max_examples=60)
def test_any_organisation_comes_back_as_it_was(
    organisation: Organisation, figures: Figures, kind: str, language: str
) -> None:
    exported_names_ = exported_names(private=True)
    headings = exported_headings(exported_names_, language)
    row = exported_row(Exported(organisation, 1, figures, "a@b.example"), exported_names_, language)
    columns = propose(headings)
    ((_, number, cells),) = _written(kind, headings, row)
    draft = read_row(number, cells, columns, own=State.BREMEN, clears=False)
    fields = normalised(draft.given, draft.findings)
    fields |= {name: draft.given[name] for name in PROFILE if name in draft.given}
    planned_again = plan(
        draft,
        fields,
        Current(organisation, figures, "a@b.example"),
        new_id=organisation.organisation_id,
        state="hb",
        memberships=(),
        now=organisation.changed_at,
        today=organisation.changed_at.date(),
    )
    assert draft.findings.errors == []
    assert (draft.given["kind"], draft.responsible_state) == (organisation.kind, "hb")
    assert planned_again is not None
    assert planned_again.organisation == organisation
    assert not planned_again.private_change


def _written(kind: str, headings: list[str], row: list[Any]) -> list[tuple[int, int, list[str]]]:
    """The row as it is read again; a workbook by the same library, but here, since a process each takes its time."""
    if kind == "csv":
        upload = open_upload(io.BytesIO(csv_start(headings) + csv_rows([row])))
        return list(upload.rows())[1:]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        table = XlsxTable(path, headings, sheet="x")
        table.write([row])
        table.close()
        with CalamineWorkbook.from_path(str(path)) as workbook:
            return [(0, *found) for found in list(rows_of(workbook.get_sheet_by_index(0)))[1:]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("text", ["'=", "'", "''+1", "=1", "'s Hertogenbosch"])
def test_what_looks_guarded_or_calculated_comes_back_from_any_table(kind: str, text: str) -> None:
    ((_, _, cells),) = _written(kind, ["Ort"], [text])
    assert [clean(cell) for cell in cells] == [text]


def test_what_is_more_than_a_sheet_holds_begins_a_further_one(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    name = "norda-organisations-2026-11-26-long"[:31]
    table = XlsxTable(path, ["Name"], sheet=name, most=2)
    table.write([[f"Beispiel {number}"] for number in range(3)])
    table.write([[f"Beispiel {number}"] for number in range(3, 5)])
    table.close()
    with CalamineWorkbook.from_path(str(path)) as workbook:
        assert workbook.sheet_names == [name, f"{name[:27]} (2)", f"{name[:27]} (3)"]
        found = [
            [cells for _, cells in rows_of(workbook.get_sheet_by_index(place))]
            for place in range(len(workbook.sheet_names))
        ]
    assert found == [
        [["Name"], ["Beispiel 0"], ["Beispiel 1"]],
        [["Name"], ["Beispiel 2"], ["Beispiel 3"]],
        [["Name"], ["Beispiel 4"]],
    ]


# Of few kinds each facet has several values, and none of them is all.
FOUND = [
    {"legal_name": "Beispiel Zunderhafen Größenmeßtechnik GmbH", "competences": ("BAT-02",), "size_class": "micro"},
    {"legal_name": "Beispiel Zunderhafen Lackiererei KG", "competences": ("PRD-01",), "size_class": "large"},
    {"legal_name": "Beispiel Zunderhafen Logistik AG", "roles": ("tier1",), "status": "deactivated"},
    {"legal_name": "Ätherwerk Zunderhafen", "roles": ("service", "tier2"), "responsible_state": "ni"},
    {"legal_name": "Zunderhafen Gießerei", "kind": "research", "size_class": None, "responsible_state": "hh"},
    {"legal_name": "Lackiererei am Deich", "seat": EXAMPLE.seat.model_copy(update={"place": "Zunderhafen"})},
]
ASKED: list[dict[str, Any]] = [
    {"q": "zunderhafen"},
    {"q": "zunder gmbh"},
    {"q": "zunderhafen", "state": ["ni", "hh"]},
    {"q": "zunderhafen", "competence": ["BAT", "PRD-01"], "size": ["micro", "large"]},
    {"q": "zunderhafen", "role": ["tier1", "tier2"]},
    {"q": "zunderhafen", "status": ["deactivated"]},
    {"q": "zunderhafen", "kind": ["research"], "size": ["none"]},
    {"q": "Zundrehafen lakiererei"},
    {"q": "zunderhaven", "state": ["ni"]},
    {"q": "zunderhafen", "sort": "changed"},
    {"q": "zunderhafen", "sort": "changed", "direction": "desc"},
    {"q": "zunderhafen", "sort": "name"},
    {"q": "zunderhafen", "sort": "name", "direction": "desc"},
    {"q": "zunderhafen", "released": True},
    {"q": "qqnirgends"},
    {},
    {"state": ["hh"]},
    {"state": ["hb", "ni"], "role": ["tier1"], "sort": "changed"},
]


def _said(legal_name: str, **fields: Any) -> Organisation:
    return made(legal_name, **fields)


async def _listed(client: httpx2.AsyncClient, asked: dict[str, Any]) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/api/v1/organisations", params={"limit": 3, **asked, **cursor})).json()
        found += [item["organisation_id"] for item in page["items"]]
        if "next_cursor" not in page:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_an_export_holds_exactly_what_the_list_with_the_same_address_holds(
    registry: Running, module_installation: Installation
) -> None:
    known = [_said(**fields) for fields in FOUND]
    async with registry.client() as client:
        numbered = await registered(client, legal_name="Beispiel Nur Nummer GmbH")
        await in_directory(client, numbered["organisation_id"])
        await published(module_installation, client, known, word="zunderhafen")
        by_number: list[dict[str, Any]] = [{"q": numbered["vat_id"]}, {"q": numbered["vat_id"], "state": ["hh"]}]
        for asked in (*ASKED, *by_number):
            listed = await _listed(client, asked)
            lines = (await exported(client, format="jsonl", **asked)).text.splitlines()
            taken = [json.loads(line)["organisation_id"] for line in lines]
            if "sort" not in asked and "q" in asked:
                # The list is by relevance, which a table has no use for.
                listed, taken = sorted(listed), sorted(taken)
            assert taken == listed, asked
        assert len(await _listed(client, {"q": "Zundrehafen lakiererei"})) == 2
        assert await _listed(client, by_number[0]) == [numbered["organisation_id"]]
        assert await _listed(client, by_number[1]) == []
    async with signed_in(registry) as person:
        page = await person.get("/registry/organisations?q=zunderhafen&state=ni&state=hh&sort=changed")
        (link,) = re.findall(r'href="(/registry/export\?[^"]*format=csv)"', page.text)
        rows_ = table_of((await person.get(unescape(link))).content)
        assert {row["Zuständiges Land"] for row in rows_} == {"Niedersachsen", "Hamburg"}
