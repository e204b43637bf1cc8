"""`/api/v1/searches`: searches saved under a name, for oneself or the own office, and being told of new matches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from norda_common.auth import Caller
from norda_common.requests import Cursor, Limit, read_cursor, write_cursor
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.rights import SAVE_SEARCH
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

router = APIRouter(prefix="/api/v1/searches", tags=["saved searches"])
Saver = Annotated[Caller, caller_with(SAVE_SEARCH)]


class SavedSearchView(BaseModel):
    """A saved search; `query` holds the parameters of the list of organisations."""

    id: UUID
    state: str
    name: str
    query: dict[str, Any]
    own: bool = Field(description="Whether the caller saved it")
    shared: bool
    notify: bool = Field(description="Whether the caller is told of new matches")
    created_at: datetime


class SavedSearchPage(BaseModel):
    """Saved searches by name."""

    items: list[SavedSearchView]
    next_cursor: str | None = None


def _view(saved: SavedSearch, caller: Caller) -> SavedSearchView:
    return SavedSearchView(
        id=saved.id,
        state=saved.state.value,
        name=saved.name,
        query=saved.query,
        own=saved.owner == caller.subject,
        shared=saved.shared,
        notify=saved.watched,
        created_at=saved.created_at,
    )


@router.get("", summary="List saved searches", response_model_exclude_none=True)
async def list_searches(
    caller: Saver, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None
) -> SavedSearchPage:
    """One's own, and those that others of the own office share; by name."""
    after = read_cursor(cursor, str, UUID) if cursor else None
    async with runtime.database.read(caller) as connection:
        found = await saved_searches.listed(connection, after=after, limit=limit + 1)
    shown = found[:limit]
    return SavedSearchPage(
        items=[_view(saved, caller) for saved in shown],
        next_cursor=write_cursor(shown[-1].name, shown[-1].id) if len(found) > limit else None,
    )


@router.post("", status_code=201, summary="Save a search")
async def save(command: SaveSearch, caller: Saver, runtime: RuntimeDep) -> SavedSearchView:
    """What matches when one begins to be told (`notify`) is no news; up to 100,000 organisations may match then."""
    async with runtime.database.transaction(caller) as connection:
        saved = await save_search(
            connection,
            command,
            index=index_of(runtime.database),
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    return _view(saved, caller)


@router.get("/{search_id}", summary="Read a saved search")
async def read(search_id: UUID, caller: Saver, runtime: RuntimeDep) -> SavedSearchView:
    """One's own, or one that is shared with the own office."""
    async with runtime.database.read(caller) as connection:
        return _view(await find_search(connection, search_id), caller)


@router.patch("/{search_id}", summary="Rename, share or watch a saved search")
async def change(search_id: UUID, command: ChangeSearch, caller: Saver, runtime: RuntimeDep) -> SavedSearchView:
    """Name and sharing are the owner's; everybody who sees it may watch it."""
    async with runtime.database.transaction(caller) as connection:
        saved = await change_search(
            connection,
            search_id,
            command,
            index=index_of(runtime.database),
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    return _view(saved, caller)


@router.delete("/{search_id}", status_code=204, summary="Take a saved search away")
async def delete(search_id: UUID, caller: Saver, runtime: RuntimeDep) -> None:
    """One's own; heads of office also what others of the own office share."""
    async with runtime.database.transaction(caller) as connection:
        await delete_search(connection, search_id, caller=caller)
