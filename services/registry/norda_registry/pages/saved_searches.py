"""Saved searches: one's own and the office's; saving, renaming, sharing, being told of new matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import Conflict, InvalidInput, Text
from norda_common.requests import Cursor, read_cursor, refused, write_cursor
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules import facets
from ..rules.facets import BY_NAME
from ..rules.rights import SAVE_SEARCH, SHARED_SEARCHES
from ..rules.saved_searches import address_of, choice_of, text_of
from ..rules.search import Order
from ..store import saved_searches
from ..store.facet_index import index_of
from ..store.saved_searches import SavedSearch
from ..usecases.saved_searches import (
    ChangeSearch,
    SaveSearch,
    change_search,
    delete_search,
    find_search,
    save_search,
)
from .facets import NAMES, label
from .organisations import ALL, LIST
from .organisations import TITLE as ORGANISATIONS

router = APIRouter(prefix="/registry/searches")
PATH = "/registry/searches"
TITLE = Text("Gespeicherte Suchen", "Saved searches")
ROWS = 25
Saver = Annotated[Page, page_for(SAVE_SEARCH)]
_CRUMBS = [(ORGANISATIONS, LIST), (TITLE, PATH)]


def _said(query: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """What a search asks for, in words."""
    said = [(Text("Wörter", "Words").in_language(language), text_of(query))] if text_of(query) else []
    for name, values in choice_of(query).items():
        said.append((NAMES[name].in_language(language), _alternatives(name, values, language)))
    return said


def _alternatives(name: str, values: Sequence[str], language: str) -> str:
    joined = Text(" oder ", " or ").in_language(language)
    return joined.join(label(BY_NAME[name], value, language) for value in values)


def _shown(page: Page, saved: SavedSearch) -> dict[str, Any]:
    return {
        "id": saved.id,
        "name": saved.name,
        "address": f"{LIST}?{urlencode(address_of(saved.query))}",
        "said": _said(saved.query, page.language),
        "own": saved.owner == page.caller.subject,
        "shared": saved.shared,
        "watched": saved.watched,
        "may_delete": saved.owner == page.caller.subject or page.caller.may(SHARED_SEARCHES, saved.state),
    }


@router.get("")
async def show_list(page: Saver, cursor: Cursor = None) -> Response:
    """One's own searches and those shared with the office, by name."""
    after = read_cursor(cursor, str, UUID) if cursor else None
    async with page.read() as connection:
        found = await saved_searches.listed(connection, after=after, limit=ROWS + 1)
    last = found[ROWS - 1] if len(found) > ROWS else None
    return page.show(
        "saved_searches.html.jinja",
        title=TITLE,
        crumbs=[(ORGANISATIONS, LIST), (TITLE, None)],
        items=[_shown(page, saved) for saved in found[:ROWS]],
        listing={
            "path": PATH,
            "query": [],
            "cursor": cursor,
            "next_cursor": write_cursor(last.name, last.id) if last else None,
        },
    )


@router.get("/new")
async def new(page: Saver) -> Response:
    """Give the search of the list a name."""
    given = page.request.query_params
    form = Form.of(
        {
            "q": given.get("q", "")[:300],
            **{name: given.getlist(name)[: facets.MOST_CHOSEN] for name in BY_NAME},
            "sort": given.get("sort", ""),
            "direction": given.get("direction", ""),
        },
        language=page.language,
    )
    return _naming(page, form)


def _naming(page: Page, form: Form, *, status: int = 200) -> Response:
    query = _query(form)
    title = Text("Suche speichern", "Save a search")
    fields = _fields(page, form)
    return page.show(
        "saved_search_form.html.jinja",
        title=title,
        crumbs=[*_CRUMBS, (title, None)],
        status=status,
        **fields,
        kept=[(name, value) for name, values in query.items() for value in values],
        said=_said({**query, "q": form.value("q")}, page.language),
        errors=form.summary,
    )


def _fields(page: Page, form: Form) -> dict[str, Any]:
    """The fields that a person fills in; boxes are their names alone."""
    return {
        "name": form.field("name", "Name", required=True),
        "shared": {
            "name": "shared",
            "label": page.t("Auch für die anderen in meiner Dienststelle", "Also for the others of my office"),
            "value": form.value("shared") == "yes",
            "error": form.errors.get("shared"),
        },
        "notify": {
            "name": "notify",
            "label": page.t("Neue Treffer in meinen Eingang", "New matches to my inbox"),
            "value": form.value("notify") == "yes",
            "error": form.errors.get("notify"),
        },
    }


def _query(form: Form) -> dict[str, list[str]]:
    """The search that the form carries along, as its parameters; of states `all` is none."""
    found = {name: [value for value in form.values.get(name, ()) if value and value != ALL] for name in BY_NAME}
    found["q"] = [form.value("q")]
    found["sort"] = [form.value("sort")] if form.value("sort") in set(Order) else []
    found["direction"] = ["desc"] if form.value("direction") == "desc" else []
    return {name: values for name, values in found.items() if any(values)}


@router.post("")
async def save(page: Saver) -> Response:
    """Save it; what is wrong is said beside the fields, and nothing typed is lost."""
    form = await page.form()
    query = _query(form)
    given: dict[str, Any] = {name: values for name, values in query.items() if name in BY_NAME}
    given |= {name: query[name][0] for name in ("q", "sort", "direction") if name in query}
    given |= {name: form.value(name) == "yes" for name in ("shared", "notify")}
    try:
        command = Form({"name": form.values.get("name", ())}, page.language).command(SaveSearch, **given)
        async with page.transaction() as connection:
            await save_search(
                connection,
                command,
                index=index_of(page.runtime.database),
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except (InvalidInput, Conflict) as error:
        return _naming(page, form.refuse(error), status=error.status)
    return await page.go(PATH, Text("Die Suche ist gespeichert.", "The search is saved."))


@router.get("/{search_id}")
async def show(page: Saver, search_id: UUID) -> Response:
    """One saved search, with what one may do."""
    async with page.read() as connection:
        saved = await find_search(connection, search_id)
    stored = {"name": saved.name, "shared": "yes" if saved.shared else ""}
    return _one(page, saved, Form.of(stored, language=page.language))


def _one(page: Page, saved: SavedSearch, form: Form, *, status: int = 200) -> Response:
    title = Text(saved.name, saved.name)
    fields = _fields(page, form)
    return page.show(
        "saved_search.html.jinja",
        title=title,
        crumbs=[*_CRUMBS, (title, None)],
        status=status,
        it=_shown(page, saved),
        **fields,
        errors=form.summary,
    )


@router.post("/{search_id}")
async def change(page: Saver, search_id: UUID) -> Response:
    """Rename and share; or watch, from the buttons."""
    form = await page.form()
    watch = form.value("watch")
    async with page.read() as connection:
        saved = await find_search(connection, search_id)
    try:
        if not watch and not form.value("name").strip():
            raise refused("name", "fehlt", "is missing")
        command = (
            ChangeSearch(notify=watch == "yes")
            if watch
            else Form({"name": form.values.get("name", ())}, page.language).command(
                ChangeSearch, shared=form.value("shared") == "yes"
            )
        )
        async with page.transaction() as connection:
            await change_search(
                connection,
                search_id,
                command,
                index=index_of(page.runtime.database),
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except (InvalidInput, Conflict) as error:
        return _one(page, saved, form.refuse(error), status=error.status)
    told = {
        None: Text("Die Änderung ist gespeichert.", "The change is saved."),
        True: Text("Neue Treffer kommen in Ihren Eingang.", "New matches come to your inbox."),
        False: Text("Über neue Treffer wird nicht mehr benachrichtigt.", "You are no longer told of new matches."),
    }[command.notify]
    return await page.go(f"{PATH}/{search_id}", told)


@router.post("/{search_id}/delete")
async def delete(page: Saver, search_id: UUID) -> Response:
    """Take it away."""
    await page.form()
    async with page.transaction() as connection:
        await delete_search(connection, search_id, caller=page.caller)
    return await page.go(PATH, Text("Die Suche ist gelöscht.", "The search is deleted."))
