"""A person in uploaded tables, by their e-mail addresses: in rows as they came, plans, results, headings and names.

Cells are JSON that escapes what is not ASCII, so an address with such a letter is looked for in that spelling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from norda_common.addresses import mention_of, written
from norda_common.database import Connection

from ..rules.import_fields import PERSON
from ..rules.names import fold

_ABOUT_PERSONS = frozenset({*PERSON, "note"})
"""Meanings of cells that say who somebody is, or may say anything about them."""
_IMPORTS = """
select id, file_name, headings, columns, sheets::text as sheets, sheet, first_row from import where state = $1
"""
_ROWS = """
select import_id, sheet, row, cells from import_row as r
 where state = $1 and exists (select from unnest($2::text[]) as way where position(way in lower(r.cells)) > 0)
 order by import_id, sheet, row
"""
_PLANS = """
update import_plan set email = null where state = $1 and lower(email) = any($2)
"""
_RESULTS = """
update import_result
   set old_email = case when lower(old_email) <> all($2) then old_email end,
       new_email = case when lower(new_email) <> all($2) then new_email end
 where state = $1 and (lower(old_email) = any($2) or lower(new_email) = any($2))
"""
_DOCUMENTS = """
update import_plan set document = null where import_id = $1 and row = any($2)
"""
# What a fault says may repeat a cell.
_FINDINGS = """
select row, findings from {table} as t
 where import_id = $1 and row = any($2) and findings is not null
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A row of an upload in which the person stands; `meanings` say what its cells are, as far as anybody knows: none
    are there for rows of other sheets than the one that is imported, and above its rows.
    """

    import_id: UUID
    file_name: str
    sheet: int
    row: int
    cells: Sequence[str]
    meanings: Sequence[str]

    def __repr__(self) -> str:
        """Without its cells, so that no traceback or log shows them."""
        return f"Held({self.import_id} {self.sheet} {self.row})"


async def rows_about(
    connection: Connection,
    state: str,
    addresses: Sequence[str],
    *,
    shared: Sequence[str] = (),
    names: Sequence[str] = (),
) -> list[Held]:
    """Rows of a state's uploads that mention any of the addresses, or one of the `shared` ones and one of the names.

    Reads all rows that are kept.
    """
    found: list[Held] = []
    if not (addresses or shared):
        return found
    own, others = (mention_of(*each) if each else None for each in (addresses, shared))
    known: dict[UUID, Any] = {}
    for row in await connection.fetch(_ROWS, state, _escaped([*addresses, *shared])):
        cells = json.loads(row["cells"])
        if not (_mentions(cells, own) or (_mentions(cells, others) and _names(cells, names))):
            continue
        if not known:
            known = {each["id"]: each for each in await connection.fetch(_IMPORTS, state)}
        its = known[row["import_id"]]
        below = row["sheet"] == its["sheet"] and row["row"] >= its["first_row"]
        found.append(
            Held(
                row["import_id"],
                its["file_name"],
                row["sheet"],
                row["row"],
                cells,
                list(its["columns"]) if below else [],
            )
        )
    return found


def _mentions(cells: Sequence[str], mention: re.Pattern[str] | None) -> bool:
    return mention is not None and any(mention.search(cell) for cell in cells)


def _names(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether all words of one of the names stand in the cells; first and last name may have cells of their own."""
    said = _words(" ".join(cells))
    return any(_words(name) <= said for name in names)


def _words(text: str) -> set[str]:
    """Folded, and those of other scripts as they are."""
    return {*fold(text).split(), *(word for word in text.casefold().split() if not fold(word))}


def _escaped(addresses: Sequence[str]) -> list[str]:
    """How the addresses may stand in cells, in lower case as the database makes it."""
    ways = {way for address in addresses for plain in written(address) for way in (plain, plain.upper())}
    return sorted({json.dumps(way)[1:-1].lower() for way in ways})


async def stop_work(connection: Connection, state: str) -> None:
    """Lock the state's imports, and let workers begin anew: rows they have read already may still hold a person. Waits
    for the batch that is being written.
    """
    await connection.execute(
        "select from import where state = $1 and forgotten_at is null order by id for update", state
    )
    await connection.execute(
        "update import set lease_owner = null, lease_until = null where state = $1 and lease_owner is not null", state
    )


async def forget(
    connection: Connection, state: str, addresses: Sequence[str], rows: Sequence[Held], *, names: Sequence[str]
) -> int:
    """Take the person out of these rows and of all that was made of any; how many rows of uploads that changed.

    Of such a row stay the cells whose meaning is known, and is nobody; the others may be about the person, too.
    """
    if not (addresses or rows):
        return 0
    mention = mention_of(*addresses) if addresses else None
    said = _saying(mention, names)
    await connection.executemany(
        "update import_row set cells = $4, erased = true where import_id = $1 and sheet = $2 and row = $3",
        [(held.import_id, held.sheet, held.row, _without(held, said)) for held in rows],
    )
    ways = [way for address in addresses for way in written(address)]
    await connection.execute(_PLANS, state, ways)
    await connection.execute(_RESULTS, state, ways)
    for import_id in dict.fromkeys(held.import_id for held in rows):
        its = [held.row for held in rows if held.import_id == import_id and held.meanings]
        await _forget_further(connection, import_id, its)
        await _forget_findings(connection, import_id, its, said)
        # Any of its texts may name the person, a profile too: what is left of the row is planned anew to be applied.
        await connection.execute(_DOCUMENTS, import_id, its)
    if mention is not None:
        await _forget_headings(connection, state, mention)
    return len(rows)


def _saying(mention: re.Pattern[str] | None, names: Sequence[str]) -> re.Pattern[str]:
    """The address, and the names by which the person is known."""
    ways = [
        *([mention.pattern] if mention else []),
        *(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names if name.strip()),
    ]
    return re.compile("|".join(ways), re.IGNORECASE)


def _without(held: Held, said: re.Pattern[str]) -> str:
    meanings = [*held.meanings, *([""] * len(held.cells))]
    kept = [
        cell if meaning and meaning not in _ABOUT_PERSONS and not said.search(cell) else ""
        for cell, meaning in zip(held.cells, meanings, strict=False)
    ]
    return json.dumps(kept, separators=(",", ":"))


async def _forget_further(connection: Connection, import_id: UUID, rows: Sequence[int]) -> None:
    """Take contact persons and notes out of what is planned for these rows."""
    planned = await connection.fetch(
        "select row, further from import_plan where import_id = $1 and row = any($2) and further is not null",
        import_id,
        list(rows),
    )
    for row in planned:
        kept = {name: value for name, value in json.loads(row["further"]).items() if name not in {"person", "note"}}
        await connection.execute(
            "update import_plan set further = $3 where import_id = $1 and row = $2",
            import_id,
            row["row"],
            json.dumps(kept) if kept else None,
        )


async def _forget_findings(connection: Connection, import_id: UUID, rows: Sequence[int], said: re.Pattern[str]) -> None:
    for table in ("import_plan", "import_result"):
        for row in await connection.fetch(_FINDINGS.format(table=table), import_id, list(rows)):
            if said.search(row["findings"]):
                await connection.execute(
                    f"update {table} set findings = $3 where import_id = $1 and row = $2",  # noqa: S608 - constants
                    import_id,
                    row["row"],
                    said.sub("", row["findings"]),
                )


async def _forget_headings(connection: Connection, state: str, mention: re.Pattern[str]) -> None:
    """Of a table without a heading the first row was taken for one; and people name files after people."""
    for row in await connection.fetch(_IMPORTS, state):
        # The ending would look like more of the domain.
        stem, dot, ending = row["file_name"].rpartition(".")
        if mention.search(" ".join([stem, ending, row["sheets"], *row["headings"]])):
            await connection.execute(
                "update import set file_name = $2, headings = $3, sheets = $4 where id = $1",
                row["id"],
                f"{mention.sub('', stem)}{dot}{mention.sub('', ending)}",
                [mention.sub("", heading) for heading in row["headings"]],
                mention.sub("", row["sheets"]),
            )
    for row in await connection.fetch("select name, headings from import_source where state = $1", state):
        if mention.search(" ".join(row["headings"])):
            await connection.execute(
                "update import_source set headings = $3 where state = $1 and name = $2",
                state,
                row["name"],
                [mention.sub("", heading) for heading in row["headings"]],
            )
