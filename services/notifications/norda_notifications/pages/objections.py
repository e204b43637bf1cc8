"""Objections (Art. 21 GDPR): recorded for an address, for good, after a question."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from norda_common.errors import InvalidInput, Text
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import SUBSCRIBE
from ..usecases.object import Suppress, suppress

router = APIRouter(prefix="/notifications/objections")
PATH = "/notifications/objections"
TITLE = Text("Widersprüche", "Objections")
Keeper = Annotated[Page, page_for(SUBSCRIBE)]


@router.get("")
async def objections(page: Keeper) -> Response:
    """What an objection is, and the form for one."""
    return _form(page, Form(language=page.language))


@router.post("")
async def ask(page: Keeper) -> Response:
    """The question before it is recorded: it cannot be taken back."""
    form = await page.form()
    try:
        command = form.command(Suppress)
    except InvalidInput as error:
        return _form(page, form, refusal=error)
    return page.show(
        "objection_confirm.html.jinja",
        title=Text("Widerspruch festhalten", "Record the objection"),
        crumbs=[(TITLE, PATH), (Text("Festhalten", "Record"), None)],
        email=command.email,
    )


@router.post("/record")
async def record(page: Keeper) -> Response:
    """Record it. Idempotent."""
    form = await page.form()
    try:
        command = form.command(Suppress)
    except InvalidInput as error:
        return _form(page, form, refusal=error)
    async with page.transaction() as connection:
        new = await suppress(
            connection,
            command,
            caller=page.caller,
            served=frozenset(page.runtime.settings.states),
            now=page.now,
        )
    if new:
        return await page.go(PATH, Text("Der Widerspruch ist festgehalten.", "The objection is recorded."))
    known = Text("Dieser Widerspruch galt schon.", "This objection was in force already.")
    return await page.go(PATH, known, kind="info")


def _form(page: Page, form: Form, *, refusal: InvalidInput | None = None) -> Response:
    if refusal is not None:
        form.refuse(refusal)
    return page.show(
        "objections.html.jinja",
        title=TITLE,
        status=422 if refusal else 200,
        form=form,
        email=form.field("email", page.t("E-Mail-Adresse", "E-mail address"), required=True, autocomplete="off"),
    )
