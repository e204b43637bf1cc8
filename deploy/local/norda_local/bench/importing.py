"""How quick a table becomes organisations: uploaded, mapped, planned, applied, by the registry's own HTTP API.

The table is an office's: headings of its own, register entries, numbers, figures, a contact address; all rows are new.
Beside it stands what PostgreSQL takes to store the same documents and nothing else, by COPY.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx2
from stdnum.iso7064 import mod_11_10

from norda_local.errors import StackError

IMPORTS = "/api/v1/imports"
POLL_SECONDS = 0.2
LONGEST_SECONDS = 1_800
_HEADING = (
    "Mitgliedsnummer;Firma;Rechtsform;Straße;PLZ;Ort;Bundesland;AGS;Registergericht;Registerart;Registernummer;"
    "USt-IdNr;W-IdNr;WZ 2025;Mitarbeiter;Umsatz;Kompetenzen;E-Mail"
)
_WORDS = (
    "Anker", "Brise", "Deich", "Ebbe", "Fähre", "Gezeiten", "Hafen", "Insel", "Jolle", "Kogge", "Lotse", "Möwe",
    "Nebel", "Ostwind", "Prahm", "Reede", "Sturm", "Tide", "Ufer", "Welle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Imported:
    """Seconds of each phase, for so many rows; `copied` is the bare COPY of their documents."""

    rows: int
    upload: float
    plan: float
    apply: float
    copied: float

    @property
    def whole(self) -> float:
        """From the first byte of the upload to the last row that is stored."""
        return self.upload + self.plan + self.apply

    @property
    def rows_per_second(self) -> float:
        """Of the whole."""
        return self.rows / self.whole


def table(numbers: Iterable[int]) -> bytes:
    """An office's table of these companies."""
    return "\r\n".join([_HEADING, *map(_line, numbers), ""]).encode()


def _line(number: int) -> str:
    base = f"{20_000_000 + number:08d}"
    vat = f"DE{base}{mod_11_10.calc_check_digit(base)}"
    name = f"{_WORDS[number % 20]} {_WORDS[number // 20 % 20]} Maschinenbau {number}"
    return (
        f"im-{number};Beispiel {name} GmbH;GmbH;Hafenstraße {number % 200};28195;Bremen;Bremen;04011;Bremen;HRB;"
        f"{5_000_000 + number} HB;{vat};{vat}-00001;29.32.0;{number % 500};{number % 90}.500.000,00;PRD-01, BAT-02;"
        f"kontakt@m-{number}.example"
    )


def run(client: httpx2.Client, *, rows: int) -> Imported:
    """Import so many new companies. Raises StackError where not every row becomes one."""
    content = table(range(rows))
    began = time.perf_counter()
    made = _asked(
        client.post(
            IMPORTS,
            files={"file": ("mitglieder.csv", content)},
            data={"source": "norda bench"},
            headers={"content-type": "multipart/form-data; boundary=norda-bench"},
        )
    )
    path = f"{IMPORTS}/{made['import_id']}"
    uploaded = time.perf_counter()
    if made["status"] == "mapping":
        _asked(client.put(f"{path}/mapping", json={"columns": made["columns"]}))
    _expect(_reached(client, path, "planned"), "outcome", {"create": rows})
    planned = time.perf_counter()
    _asked(client.post(f"{path}/application"))
    _expect(_reached(client, path, "applied"), "result", {"created": rows})
    applied = time.perf_counter()
    return Imported(rows, uploaded - began, planned - uploaded, applied - planned, 0.0)


async def copy_alone(dsn: str, *, rows: int) -> float:
    """Seconds of a COPY of as many documents into a table with a key; by the owner, the table is dropped."""
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch(
            "select id, data from registry.organisation where own_id like 'im-%' order by id limit $1", rows
        )
        await connection.execute("create table public.bench_copy (id uuid primary key, data jsonb not null)")
        began = time.perf_counter()
        await connection.copy_records_to_table(
            "bench_copy", schema_name="public", records=[tuple(row) for row in found], columns=["id", "data"]
        )
        seconds = time.perf_counter() - began
        await connection.execute("drop table public.bench_copy")
        return seconds
    finally:
        await connection.close()


def _reached(client: httpx2.Client, path: str, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        found = _asked(client.get(path))
        if found["status"] == status:
            return found
        if found["status"] not in {"planning", "applying"}:
            break
        time.sleep(POLL_SECONDS)
    raise StackError(f"the import did not become {status}", str(found)[:500])


def _expect(found: dict[str, Any], what: str, counts: dict[str, int]) -> None:
    if found["counts"][what] != counts:
        raise StackError(f"the import made {found['counts'][what]} of {counts}", str(found)[:500])


def _asked(answer: httpx2.Response) -> dict[str, Any]:
    if answer.status_code not in {200, 201, 202}:
        raise StackError(f"{answer.request.url.path} answered {answer.status_code}", answer.text[:500])
    document: dict[str, Any] = answer.json()
    return document
