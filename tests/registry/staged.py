"""Staged imports over HTTP in few words, and workbooks as offices make them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import httpx2
import xlsxwriter
from support.waiting import eventually

IMPORTS = "/api/v1/imports"


async def staged(client: httpx2.AsyncClient, content: bytes, *, source: str, name: str = "liste.csv") -> dict[str, Any]:
    """Upload a table; what was answered."""
    answer = await client.post(IMPORTS, files={"file": (name, content)}, data={"source": source})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def mapped(client: httpx2.AsyncClient, made: dict[str, Any], **said: Any) -> dict[str, Any]:
    """Take the proposed mapping over, or another one, and wait until the rows are planned."""
    body = {"columns": made["columns"]} | said
    answer = await client.put(f"{IMPORTS}/{made['import_id']}/mapping", json=body)
    assert answer.status_code == 202, answer.text
    return await reached(client, made, "planned")


async def reached(client: httpx2.AsyncClient, made: dict[str, Any], status: str, within: float = 20) -> dict[str, Any]:
    """Wait until the import has come so far."""

    async def look() -> dict[str, Any]:
        found: dict[str, Any] = (await client.get(f"{IMPORTS}/{made['import_id']}")).json()
        assert found["status"] == status, found
        return found

    return await eventually(look, within=within)


async def planned(client: httpx2.AsyncClient, content: bytes, *, source: str, **said: Any) -> dict[str, Any]:
    """Upload and map."""
    made = await staged(client, content, source=source)
    if made["status"] == "planning":
        return await reached(client, made, "planned")
    return await mapped(client, made, **said)


async def applied(client: httpx2.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    """Apply a planned import and wait for its end."""
    answer = await client.post(f"{IMPORTS}/{made['import_id']}/application")
    assert answer.status_code == 202, answer.text
    return await reached(client, made, "applied")


async def reverted(client: httpx2.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    """Take an applied import back and wait for its end."""
    answer = await client.post(f"{IMPORTS}/{made['import_id']}/reversion")
    assert answer.status_code == 202, answer.text
    return await reached(client, made, "reverted")


async def rows(client: httpx2.AsyncClient, made: dict[str, Any], only: str = "") -> list[dict[str, Any]]:
    """The rows of an import, all pages of them."""
    found: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"only": only, "limit": 200}
    while True:
        page = (await client.get(f"{IMPORTS}/{made['import_id']}/rows", params=parameters)).json()
        found += page["items"]
        if not page.get("next_cursor"):
            return found
        parameters["cursor"] = page["next_cursor"]


async def decided(client: httpx2.AsyncClient, made: dict[str, Any], row: int, decision: str | None) -> int:
    """Say what is to become of a row; the status of the answer."""
    path = f"{IMPORTS}/{made['import_id']}/rows/{row}/decision"
    return (await client.put(path, json={"decision": decision})).status_code


def csv_of(heading: str, *lines: str) -> bytes:
    """A CSV of semicolons."""
    return "\r\n".join([heading, *lines, ""]).encode()


def xlsx_of(*sheets: tuple[str, Sequence[Sequence[Any]]]) -> bytes:
    """A workbook; what begins with `=` is a formula that Excel could not calculate."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as workbook:
        day = workbook.add_format({"num_format": "dd.mm.yyyy"})
        for name, content in sheets:
            sheet = workbook.add_worksheet(name)
            for row, cells in enumerate(content):
                for column, cell in enumerate(cells):
                    if isinstance(cell, str) and cell.startswith("="):
                        sheet.write_formula(row, column, cell, None, "#DIV/0!")
                    elif hasattr(cell, "year"):
                        sheet.write_datetime(row, column, cell, day)
                    elif cell is not None:
                        sheet.write(row, column, cell)
    return file.getvalue()


def ods_of(name: str, content: Sequence[Sequence[str]]) -> bytes:
    """An OpenDocument spreadsheet of texts; `!...` is the error of a formula, as LibreOffice writes it."""
    lines = []
    for cells in content:
        line = "".join(_ods_cell(cell) for cell in cells)
        lines.append(f"<table:table-row>{line}</table:table-row>")
    names = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    extension = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} {extension} office:version="1.3">'
        f'<office:body><office:spreadsheet><table:table table:name="{name}">{"".join(lines)}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", document)
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return file.getvalue()


def _ods_cell(cell: str) -> str:
    if cell.startswith("!"):
        return (
            '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
            f'calcext:value-type="error"><text:p>{cell[1:]}</text:p></table:table-cell>'
        )
    return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
