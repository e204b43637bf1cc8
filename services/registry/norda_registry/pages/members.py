"""Members of a cluster: its list compared with the register, and memberships that other offices propose."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import NordaError, NotFound, Text
from norda_common.requests import Cursor, read_cursor, refused, write_cursor
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for
from starlette.datastructures import UploadFile

from ..rules.csv_reading import open_table
from ..rules.reconciling import ListRow, Matched, columns_of, membership_kind
from ..rules.rights import CHANGE
from ..store import documents, proposals
from ..usecases.days import local_day
from ..usecases.member_lists import Applied, apply_list, compare_list, decide_proposal
from ..usecases.profile_commands import ApplyList, DecideProposal
from . import texts
from .entering import Entering, path_of

router = APIRouter(prefix="/registry")
Changer = Annotated[Page, page_for(CHANGE)]
TITLE = Text("Mitgliederliste abgleichen", "Reconcile the list of members")
PROPOSED = Text("Vorgeschlagene Mitgliedschaften", "Proposed memberships")
LARGEST_LIST_BYTES = 4 * 1024 * 1024
ROWS = 25


@router.get("/clusters/{cluster_id}/members")
async def show(page: Changer, cluster_id: UUID) -> Response:
    """The form for a list: a file, or rows pasted from a table."""
    values = {"on": local_day(page.now).isoformat(), "join": "yes"}
    return await _show(page, cluster_id, Form.of(values, language=page.language))


@router.post("/clusters/{cluster_id}/members", max_body_size=LARGEST_LIST_BYTES)
async def compare(page: Changer, cluster_id: UUID) -> Response:
    """Show what the list would change, or change it. What was read stays in the form, so no file is asked for twice."""
    data = await page.form_data()
    form = Form.typed(data, language=page.language)
    file = data.get("file")
    compared: dict[str, Any] | None = None
    try:
        if isinstance(file, UploadFile) and file.filename:
            form = Form({**form.values, "list": (await _text_of(file),)}, page.language)
        rows = await asyncio.to_thread(rows_of, form.value("list"))
        async with page.read() as connection:
            compared = _compared(page, (await compare_list(connection, cluster_id, rows, caller=page.caller)).found)
        if form.value("step") != "store":
            return await _show(page, cluster_id, form, compared=compared)
        command = _command(form)
        async with page.transaction() as connection:
            applied = await apply_list(
                connection,
                cluster_id,
                rows,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except NordaError as error:
        return await _show(page, cluster_id, form.refuse(error), compared=compared, error=error)
    if applied.refused:
        return await _show(page, cluster_id, form, applied=applied)
    return await page.go(path_of(cluster_id), _told(applied))


def rows_of(text: str) -> list[ListRow]:
    """The rows of a list with a header. Raises InvalidInput for what cannot be read, or names nobody."""
    if not text.strip():
        raise refused("list", "fehlt: eine Datei oder eingefügte Zeilen", "is missing: a file or pasted rows")
    table = open_table(io.BytesIO(text.encode()))
    columns = columns_of(table.columns)
    if not {"name", "number"} & columns.keys():
        raise refused(
            "list",
            "hat weder eine Spalte „Name“ noch eine „Nummer“",
            "has neither a column “name” nor one “number”",
        )
    found: list[ListRow] = []
    while batch := table.batch(1_000):
        found += [_row(number, cells, columns) for number, cells in batch]
    if table.errors:
        first = table.errors[0]
        raise refused("list", f"Zeile {first.row}: {first.text.de}", f"row {first.row}: {first.text.en}")
    return [row for row in found if row.name or row.number]


def _row(number: int, cells: dict[str, str], columns: dict[str, list[str]]) -> ListRow:
    def first(name: str) -> str:
        return next((cells[column] for column in columns.get(name, ()) if cells.get(column)), "")

    return ListRow(number, first("name"), first("place"), first("number"), membership_kind(first("kind")))


async def _text_of(file: UploadFile) -> str:
    raw = await file.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _command(form: Form) -> ApplyList:
    """What of the list is applied: the ticked rows and organisations."""
    values = {name: form.values.get(name, ()) for name in ("on", "source", "rows", "gone")}
    ticked = {name: bool(form.value(name)) for name in ("join", "leave", "indicator")}
    return Form(values, form.language).command(ApplyList, lists=("rows", "gone"), **ticked)


def _told(applied: Applied) -> Text:
    return Text(
        f"{applied.joined} Beitritte und {applied.left} Austritte sind eingetragen, {applied.proposed} sind anderen "
        "Ländern vorgeschlagen.",
        f"{applied.joined} joins and {applied.left} leaves are entered, {applied.proposed} are proposed to other "
        "states.",
    )


def _compared(page: Page, found: Any) -> dict[str, Any]:
    own = page.caller.state.value if page.caller.state else ""
    return {
        "joins": [_matched(page, item) for item in found.joins],
        "leaves": [_organisation(item) for item in found.leaves],
        "stays": len(found.stays),
        "unknown": [_matched(page, item) for item in found.unknown],
        "ambiguous": [_matched(page, item) for item in found.ambiguous],
        "repeated": [_matched(page, item) for item in found.repeated],
        "members": found.members,
        "own": own,
    }


def _matched(page: Page, item: Matched) -> dict[str, Any]:
    return {
        "row": item.row.row,
        "said": ", ".join(filter(None, (item.row.name, item.row.place, item.row.number))),
        "kind": texts.named(texts.MEMBERSHIPS, item.row.kind, page.language),
        "by": page.t("Nummer", "number") if item.by == "number" else page.t("Name und Ort", "name and place"),
        "organisations": [_organisation(each) for each in item.organisations],
    }


def _organisation(it: Organisation) -> dict[str, Any]:
    return {"id": it.organisation_id, "name": it.legal_name, "place": it.seat.place, "state": it.responsible_state}


async def _show(
    page: Page,
    cluster_id: UUID,
    form: Form,
    *,
    compared: dict[str, Any] | None = None,
    applied: Applied | None = None,
    error: NordaError | None = None,
) -> Response:
    async with page.read() as connection:
        known = await documents.of(connection, [cluster_id])
        cluster = known.get(cluster_id)
        if cluster is None or cluster.kind != "cluster" or cluster.cluster_code is None:
            raise NotFound("Diesen Cluster gibt es nicht.", "There is no such cluster.")
        members = await documents.members(connection, cluster.cluster_code)
    name = Text(cluster.legal_name, cluster.legal_name)
    return page.show(
        "members.html.jinja",
        title=Text(f"{name.de}: {TITLE.de}", f"{name.en}: {TITLE.en}"),
        status=error.status if error else 200,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (name, path_of(cluster_id)), (TITLE, None)],
        it=cluster,
        members=len(members),
        action=f"/registry/clusters/{cluster_id}/members",
        back=path_of(cluster_id),
        entering=Entering(form, page.language),
        compared=compared,
        applied=applied,
        refusals=_refusals(page, applied.refused) if applied else [],
        told=_told(applied).in_language(page.language) if applied else "",
        may_count=page.caller.state is not None and cluster.responsible_state == page.caller.state.value,
    )


def _refusals(page: Page, found: Sequence[tuple[str, NordaError]]) -> list[tuple[str, str]]:
    return [(name, error.text.in_language(page.language)) for name, error in found]


@router.get("/memberships")
async def show_proposals(page: Changer, cursor: Cursor = None) -> Response:
    """What other offices found in lists about own organisations."""
    state = page.caller.require_own_state(CHANGE)
    after = UUID(str(read_cursor(cursor, UUID)[0])) if cursor else None
    async with page.read() as connection:
        found = await proposals.undecided(connection, state=state, after=after, limit=ROWS + 1)
        names = await documents.of(connection, {item.organisation_id for item in found})
    return page.show(
        "membership_proposals.html.jinja",
        title=PROPOSED,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (PROPOSED, None)],
        items=[
            (
                item,
                names[item.organisation_id].legal_name if item.organisation_id in names else item.organisation_id,
                State(item.proposed_by).label,
            )
            for item in found[:ROWS]
        ],
        membership_kind=lambda code: texts.named(texts.MEMBERSHIPS, code, page.language),
        listing={
            "path": "/registry/memberships",
            "query": [],
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(found[ROWS - 1].id) if len(found) > ROWS else None,
        },
    )


@router.post("/memberships/{proposal_id}")
async def settle(page: Changer, proposal_id: UUID) -> Response:
    """Enter what is proposed, or refuse it."""
    form = await page.form()
    take = form.value("take") == "yes"
    async with page.transaction() as connection:
        await decide_proposal(
            connection,
            proposal_id,
            DecideProposal(take=take),
            caller=page.caller,
            served=page.runtime.settings.states,
            now=page.now,
        )
    told = Text("Übernommen.", "Taken over.") if take else Text("Abgelehnt.", "Refused.")
    return await page.go("/registry/memberships", told)
