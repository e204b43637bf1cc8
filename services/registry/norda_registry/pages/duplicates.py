"""Organisations that may be the same: the list of suspects, and saying of a pair that they are two companies."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, Text
from norda_common.requests import Cursor, QueryText
from norda_common.signin import sessions
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..api.duplicates import cursor_of, place_of
from ..rules.duplicates import RuleClass
from ..rules.rights import DUPLICATES
from ..store import duplicates, mergers
from ..store.duplicates import Pair
from ..usecases.commands import TellApart
from ..usecases.duplicates import require_part, suspect_again, tell_apart
from . import texts
from .entering import context
from .organisations import as_id, find, who_is

router = APIRouter(prefix="/registry/duplicates")
LIST = "/registry/duplicates"
TITLE = Text("Dubletten", "Duplicates")
ROWS = 25
RULES = {
    RuleClass.NARROW: Text("sicher", "certain"),
    RuleClass.BROAD: Text("wahrscheinlich", "likely"),
    RuleClass.GENERAL: Text("möglich", "possible"),
}
Decides = Annotated[Page, page_for(DUPLICATES)]


@router.get("")
async def show_list(
    page: Decides,
    rule: QueryText = "",
    decided: QueryText = "",
    organisation: QueryText = "",
    cursor: Cursor = None,
) -> Response:
    """Pairs that have an organisation of the person's state, the likeliest first; and proposals to answer."""
    state = page.caller.require_own_state(DUPLICATES)
    about = as_id(organisation)
    async with page.read() as connection:
        found = await duplicates.listed(
            connection,
            state=state.value,
            rule=RuleClass(rule) if rule in set(RuleClass) else None,
            decided=decided == "yes",
            about=about,
            after=place_of(cursor),
            limit=ROWS + 1,
        )
        proposed = await mergers.proposals(connection, state, limit=ROWS) if cursor is None else []
        named = {key: await find(connection, key) for item in proposed for key in (item.merged_id, item.kept_id)}
        who = await sessions.names(connection, [pair.decided_by for pair in found if pair.decided_by])
    asked = [("rule", rule), ("decided", decided), ("organisation", organisation)]
    return page.show(
        "duplicates.html.jinja",
        title=TITLE,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        pairs=[_shown(page, pair, who) for pair in found[:ROWS]],
        proposals=[
            {
                "merged": named[item.merged_id].organisation,
                "kept": named[item.kept_id].organisation,
                "to_answer": item.merged_state is state,
                "when": item.proposed_at,
            }
            for item in proposed
        ],
        listing={
            "path": LIST,
            "query": [(name, value) for name, value in asked if value],
            "total": None,
            "cursor": cursor,
            "next_cursor": cursor_of(found[ROWS - 1]) if len(found) > ROWS else None,
        },
        rule=rule,
        decided=decided,
        organisation=organisation if about else "",
        rules=[(item.value, text.in_language(page.language)) for item, text in RULES.items()],
    )


def _shown(page: Page, pair: Pair, who: dict[str, str]) -> dict[str, Any]:
    # The office of the one that stays proposes: it is one's own where only one of the two is.
    own = page.caller.state.value if page.caller.state else ""
    kept, merged = sorted((pair.first, pair.second), key=lambda side: side.responsible_state != own)
    return {
        "merge": f"/registry/organisations/{merged.organisation_id}/merge?into={kept.organisation_id}",
        "sides": [
            {"id": side.organisation_id, "state": side.responsible_state, "it": side.candidate}
            for side in (pair.first, pair.second)
        ],
        "percent": round(100 * pair.score),
        "rule": RULES[pair.rule].in_language(page.language),
        "certain": pair.rule is RuleClass.NARROW,
        "reasons": [text.in_language(page.language) for text in pair.reasons],
        "verdict": pair.reason
        and {
            "reason": pair.reason,
            "who": who_is(page, pair.decided_by or "", pair.state or "", who),
            "when": pair.decided_at,
        },
    }


@router.get("/{one_id}/{other_id}/apart")
async def ask(page: Decides, one_id: UUID, other_id: UUID) -> Response:
    """The question why they are two companies."""
    return await _question(page, one_id, other_id, Form(language=page.language))


@router.post("/{one_id}/{other_id}/apart")
async def decide(page: Decides, one_id: UUID, other_id: UUID) -> Response:
    """Remember that they are two companies."""
    form = await page.form()
    try:
        command = form.command(TellApart)
        async with page.transaction() as connection:
            await tell_apart(
                connection,
                one_id,
                other_id,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except NordaError as error:
        return await _question(page, one_id, other_id, form.refuse(error), error)
    return await page.go(
        LIST, Text("Vermerkt: Das sind zwei Unternehmen.", "It is remembered that these are two companies.")
    )


@router.post("/{one_id}/{other_id}/suspect")
async def reopen(page: Decides, one_id: UUID, other_id: UUID) -> Response:
    """Take back that they are two companies."""
    await page.form()
    async with page.transaction() as connection:
        await suspect_again(connection, one_id, other_id, caller=page.caller, served=page.runtime.settings.states)
    return await page.go(LIST, Text("Das Paar steht wieder in der Liste.", "The pair is in the list again."))


async def _question(page: Page, one_id: UUID, other_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        both = [(await find(connection, key)).organisation for key in (one_id, other_id)]
    require_part(page.caller.require_own_state(DUPLICATES), [item.responsible_state for item in both])
    title = Text("Zwei Unternehmen", "Two companies")
    return page.show(
        "told_apart.html.jinja",
        title=title,
        status=error.status if error else 200,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), (title, None)],
        both=both,
        action=f"{LIST}/{one_id}/{other_id}/apart",
        back=LIST,
        address_line=texts.address_line,
        **context(page, form),
    )
