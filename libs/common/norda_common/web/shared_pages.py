"""Pages every service has: which language and whose records are shown, the audit log, and what the law asks for."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse

from .. import audit
from ..errors import Forbidden, NotFound, Text
from ..requests import Cursor, QueryText, read_cursor, write_cursor
from ..rights import PUBLIC, READ_AUDIT
from ..states import ALL_STATES, State
from .legal import TENANTS, TITLES
from .pages import LANGUAGE_COOKIE, STATE_COOKIE, YEAR_SECONDS, Page, local_path, page_for, same_origin

AUDIT_ROWS = 50


def routes(service: str) -> APIRouter:
    """The routes below the service's own path."""
    router = APIRouter(prefix=f"/{service}", include_in_schema=False)

    @router.post("/view")
    async def view(
        page: Annotated[Page, page_for(PUBLIC)],
        back: Annotated[str, Form(max_length=2_000)] = "",
        language: Annotated[Literal["de", "en", ""], Form()] = "",
        shown_state: Annotated[Literal["all", "hb", "hh", "ni", ""], Form()] = "",
    ) -> Response:
        """Remember in the browser which language, and whose records, are shown."""
        if not same_origin(page.request, page.runtime.settings.base_url):
            raise Forbidden("Das kam nicht von dieser Seite.", "This did not come from this page.", code="csrf")
        response = RedirectResponse(local_path(back, service, beside=page.site.beside), 303)
        for name, value in ((LANGUAGE_COOKIE, language), (STATE_COOKIE, shown_state)):
            if value:
                response.set_cookie(
                    name, value, max_age=YEAR_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
                )
        return response

    @router.get("/audit")
    async def audit_log(
        page: Annotated[Page, page_for(READ_AUDIT)],
        subject: QueryText | None = None,
        action: QueryText | None = None,
        item: QueryText | None = None,
        cursor: Cursor = None,
    ) -> Response:
        """Who did what, newest first."""
        before = read_cursor(cursor, int)[0] if cursor else None
        async with page.read() as connection:
            rows = await audit.page(
                connection,
                before=int(str(before)) if before is not None else None,
                # The service itself has an empty one.
                subject="" if subject == audit.BY_ITSELF else subject or None,
                action=action or None,
                item=item or None,
                limit=AUDIT_ROWS + 1,
            )
        entries = [_entry(row, page) for row in rows[:AUDIT_ROWS]]
        filters = {"subject": subject or "", "action": action or "", "item": item or ""}
        return page.show(
            "audit.html.jinja",
            title=Text("Protokoll", "Audit log"),
            crumbs=[(Text("Protokoll", "Audit log"), None)],
            entries=entries,
            filters=filters,
            listing={
                "path": f"/{service}/audit",
                "query": [(name, value) for name, value in filters.items() if value],
                "cursor": cursor,
                "next_cursor": write_cursor(rows[AUDIT_ROWS - 1]["id"]) if len(rows) > AUDIT_ROWS else None,
            },
        )

    @router.get("/legal/{what}")
    async def legal(
        page: Annotated[Page, page_for(PUBLIC)], what: str, state: Annotated[State | None, Query()] = None
    ) -> Response:
        """Imprint, privacy, accessibility and feedback of one state's office; a person's own by default."""
        if what not in TITLES:
            raise NotFound("Diese Seite gibt es nicht.", "There is no such page.")
        chosen = state or (page.session and page.session.caller.state) or State(page.shown_state or ALL_STATES[0])
        return page.show(
            f"legal/{what}.html.jinja",
            title=TITLES[what],
            crumbs=[(TITLES[what], None)],
            tenant=TENANTS[chosen],
            tenants=[(TENANTS[each], each is chosen) for each in ALL_STATES],
            what=what,
        )

    return router


def _entry(row: Any, page: Page) -> dict[str, Any]:
    """An entry as the template shows it; `changes` are (field, before, after)."""
    before, after = (json.loads(row[side]) if row[side] else {} for side in ("before", "after"))
    return {
        "at": row["at"],
        "who": row["name"] or row["subject"] or audit.BY_ITSELF,
        "subject": row["subject"] or audit.BY_ITSELF,
        "roles": row["roles"],
        "state": row["state"],
        "action": row["action"],
        "kind": row["kind"],
        "item": row["item"],
        "changes": [(name, _said(before.get(name)), _said(after.get(name))) for name in {**before, **after}],
        "trace_id": row["trace_id"],
        "trace": page.runtime.settings.trace_link(row["trace_id"]),
    }


def _said(value: Any) -> str:
    """A value as it is stored: a text as such, all else as JSON; a dash for none."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
