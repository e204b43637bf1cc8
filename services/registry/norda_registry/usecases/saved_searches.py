"""Saving searches under a name, sharing them with the office, and watching them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection, acting_as_system
from norda_common.errors import Conflict, FieldError, Forbidden, InvalidInput, NotFound, Text
from norda_common.identifiers import new_id
from norda_common.input import Command, Line
from norda_common.requests import QueryText
from norda_common.states import State
from pydantic import Field

from ..rules import facets
from ..rules.rights import SAVE_SEARCH, SHARED_SEARCHES
from ..rules.saved_searches import MOST_WATCHED_ROWS, choice_of, query_of, text_of
from ..rules.search import Order
from ..store import saved_searches
from ..store.facet_index import FacetIndex
from ..store.saved_searches import SavedSearch
from .searching import Asked, slots_matching

Values = Annotated[list[Annotated[Line, Field(max_length=80)]], Field(max_length=facets.MOST_CHOSEN)]


class SaveSearch(Command):
    """A search to be saved: what the list's address says, and a name."""

    name: Annotated[Line, Field(min_length=1, max_length=200, examples=["Batterie in Bremen"])]
    q: QueryText = ""
    state: Values = Field(default_factory=list, examples=[["hb"]])
    district: Values = Field(default_factory=list)
    activity: Values = Field(default_factory=list)
    competence: Values = Field(default_factory=list, examples=[["BAT"]])
    cluster: Values = Field(default_factory=list)
    size: Values = Field(default_factory=list)
    role: Values = Field(default_factory=list)
    kind: Values = Field(default_factory=list)
    status: Values = Field(default_factory=list)
    sort: Order = Order.RELEVANCE
    direction: Literal["asc", "desc"] = "asc"
    shared: bool = Field(default=False, description="Also for the others of the own office")
    notify: bool = Field(default=False, description="Tell me when organisations newly match")


class ChangeSearch(Command):
    """What is to be different; absent stays."""

    name: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    shared: bool | None = None
    notify: bool | None = None


async def save_search(
    connection: Connection,
    command: SaveSearch,
    *,
    index: FacetIndex,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> SavedSearch:
    """Save a search for the caller. Raises Forbidden, Conflict for a name they use already, InvalidInput."""
    state = caller.require_served(SAVE_SEARCH, served)
    choice = facets.chosen({name: getattr(command, name) for name in facets.BY_NAME})
    saved = SavedSearch(
        id=new_id(),
        state=state,
        owner=caller.subject,
        name=command.name,
        query=query_of(text=command.q, choice=choice, order=command.sort, descending=command.direction == "desc"),
        shared=command.shared,
        created_at=now,
        watched=False,
    )
    if not await saved_searches.insert(connection, saved):
        raise _name_taken()
    await audit.record(
        connection, caller, audit.Entry("search.save", "saved_search", str(saved.id), after={"shared": saved.shared})
    )
    if command.notify:
        await _watch(connection, saved, index=index, caller=caller, now=now)
    return await find_search(connection, saved.id)


async def change_search(
    connection: Connection,
    search_id: UUID,
    command: ChangeSearch,
    *,
    index: FacetIndex,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> SavedSearch:
    """Rename or share one's own search; watch one's own or the office's. Raises NotFound, Forbidden, Conflict."""
    caller.require_served(SAVE_SEARCH, served)
    saved = await find_search(connection, search_id)
    name, shared = command.name or saved.name, saved.shared if command.shared is None else command.shared
    if (name, shared) != (saved.name, saved.shared):
        _require_own(saved, caller)
        if not await saved_searches.change(connection, search_id, name=name, shared=shared):
            raise _name_taken()
        if not shared:
            async with acting_as_system(connection):
                await saved_searches.keep_to_owner(connection, search_id, saved.owner)
        await audit.record(
            connection, caller, audit.Entry("search.change", "saved_search", str(search_id), after={"shared": shared})
        )
    if command.notify is not None and command.notify != saved.watched:
        if command.notify:
            await _watch(connection, saved, index=index, caller=caller, now=now)
        else:
            await saved_searches.unwatch(connection, search_id, caller.subject)
    return await find_search(connection, search_id)


async def delete_search(connection: Connection, search_id: UUID, *, caller: Caller) -> None:
    """Take one's own search away; heads of office also what others share. Raises NotFound, Forbidden."""
    state = caller.require_own_state(SAVE_SEARCH)
    saved = await find_search(connection, search_id)
    if not (saved.shared and caller.may(SHARED_SEARCHES, state)):
        _require_own(saved, caller)
    await saved_searches.delete(connection, search_id)
    await audit.record(connection, caller, audit.Entry("search.delete", "saved_search", str(search_id)))


async def find_search(connection: Connection, search_id: UUID) -> SavedSearch:
    """A search that the caller may see. Raises NotFound."""
    saved = await saved_searches.get(connection, search_id)
    if saved is None:
        raise NotFound("Diese gespeicherte Suche gibt es nicht.", "There is no such saved search.")
    return saved


async def _watch(
    connection: Connection, saved: SavedSearch, *, index: FacetIndex, caller: Caller, now: datetime
) -> None:
    """What matches now is no news. While this transaction has the turn nobody reads the directory for searches."""
    await saved_searches.take_turn(connection, wait=True)
    async with acting_as_system(connection):
        if not await saved_searches.is_watched(connection, saved.id):
            await index.refresh(connection)
            asked = Asked(text=text_of(saved.query), choice=choice_of(saved.query))
            known = await slots_matching(connection, index, asked, most=MOST_WATCHED_ROWS)
            if known is None or len(known) > MOST_WATCHED_ROWS:
                raise _too_wide()
            await saved_searches.set_known(connection, saved.id, known)
    await saved_searches.watch(connection, saved.id, caller.subject, now=now)


def _require_own(saved: SavedSearch, caller: Caller) -> None:
    if saved.owner != caller.subject:
        raise Forbidden(
            "Diese Suche hat jemand anderes gespeichert.", "Somebody else saved this search.", code="not_own"
        )


def _name_taken() -> Conflict:
    return Conflict(
        "Unter diesem Namen haben Sie schon eine Suche gespeichert.",
        "You have saved a search under this name already.",
        code="search_name_taken",
    )


def _too_wide() -> InvalidInput:
    number = f"{MOST_WATCHED_ROWS:,}"
    return InvalidInput.of(
        [
            FieldError(
                field="notify",
                code="search_too_wide",
                text=Text(
                    f"geht nur bei Suchen mit bis zu {number.replace(',', '.')} Treffern; bitte enger suchen",
                    f"works for searches with up to {number} results; please search more narrowly",
                ),
            )
        ]
    )
