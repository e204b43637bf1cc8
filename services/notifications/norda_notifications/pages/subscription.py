"""One subscription of the own state: shown with its history, corrected, ended."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.errors import Conflict, InvalidInput, StaleVersion, Text
from norda_common.signin import sessions
from norda_common.web.forms import BASE, Compared, Form
from norda_common.web.pages import Page, page_for
from norda_common.web.site import BERLIN

from ..rules.rights import SUBSCRIBE
from ..rules.topics import TopicKind
from ..store import subscriptions
from ..usecases.subscribe import (
    CORRECTED,
    CorrectSubscription,
    correct_subscription,
    end_subscription,
    own_subscription,
    require_running,
)
from .history import subscription_entries
from .labels import LANGUAGES, TOPICS, named, options, subject_address, topic_name
from .offices import version_of

PATH = "/notifications/subscriptions"
TITLE = Text("Abonnements", "Subscriptions")
CORRECT = Text("Berichtigen", "Correct")
HISTORY = 100
Keeper = Annotated[Page, page_for(SUBSCRIBE)]
router = APIRouter(prefix=PATH)


@router.get("/{subscription_id}")
async def subscription(page: Keeper, subscription_id: UUID) -> Response:
    """One of them, also an ended one: it is the record of the consent."""
    async with page.read() as connection:
        row = await own_subscription(connection, subscription_id, caller=page.caller)
        history = await subscriptions.history(connection, subscription_id, limit=HISTORY)
        names = await sessions.names(connection, [row["created_by"]])
    return page.show(
        "subscription.html.jinja",
        title=Text(row["email"], row["email"]),
        crumbs=_crumbs(row, None),
        it=shown_as(row, page),
        history=subscription_entries(row, history, names, page),
    )


@router.get("/{subscription_id}/edit")
async def edit(page: Keeper, subscription_id: UUID) -> Response:
    """The form, with the version it shows. Raises Conflict for an ended one."""
    row = await _running(page, subscription_id)
    return _form(page, row, _stored(row, page), version=row["version"])


@router.post("/{subscription_id}/edit")
async def correct(page: Keeper, subscription_id: UUID) -> Response:
    """Correct it. When somebody else was quicker, both versions are shown and the person chooses field by field."""
    form = await page.form()
    row = await _running(page, subscription_id)
    try:
        version = version_of(form)
        form = _chosen(form, _stored(row, page))
        # An empty field takes the name away; the API says null.
        given: dict[str, Any] = {} if form.value("name").strip() else {"name": None}
        command = Form({name: form.values.get(name, ()) for name in CORRECTED}, page.language).command(
            CorrectSubscription, **given
        )
        async with page.transaction() as connection:
            corrected = await correct_subscription(
                connection,
                subscription_id,
                command,
                caller=page.caller,
                served=frozenset(page.runtime.settings.states),
                expected_version=version,
            )
    except InvalidInput as error:
        return _form(page, row, form.refuse(error), version=form.value("version"), status=error.status)
    except StaleVersion:
        return compare(page, await _running(page, subscription_id), form)
    told = Text("Das Abonnement ist berichtigt.", "The subscription is corrected.")
    if corrected["version"] == version:
        told = Text("Es gab nichts zu ändern.", "There was nothing to change.")
    return await page.go(f"{PATH}/{subscription_id}", told)


@router.get("/{subscription_id}/end")
async def ask_to_end(page: Keeper, subscription_id: UUID) -> Response:
    """The question before it ends."""
    async with page.read() as connection:
        row = await own_subscription(connection, subscription_id, caller=page.caller)
    return page.show(
        "subscription_end.html.jinja",
        title=Text("Abonnement beenden", "End the subscription"),
        crumbs=_crumbs(row, Text("Beenden", "End")),
        it=shown_as(row, page),
    )


@router.post("/{subscription_id}/end")
async def end(page: Keeper, subscription_id: UUID) -> Response:
    """End it. Idempotent."""
    await page.form()
    async with page.transaction() as connection:
        await end_subscription(
            connection,
            subscription_id,
            caller=page.caller,
            served=frozenset(page.runtime.settings.states),
            now=page.now,
        )
    return await page.go(
        f"{PATH}/{subscription_id}", Text("Das Abonnement ist beendet.", "The subscription has ended.")
    )


def compare(page: Page, row: Record, mine: Form, *, ran_already: bool = False) -> Response:
    """A person's own name and language beside the stored ones; `ran_already`: they were about to enter it anew."""
    stored, base = _stored(row, page), mine.base()
    labels = _labels(page)
    return page.show(
        "subscription_conflict.html.jinja",
        title=Text("Läuft schon", "Running already")
        if ran_already
        else Text("Inzwischen geändert", "Changed meanwhile"),
        status=Conflict.status if ran_already else StaleVersion.status,
        crumbs=_crumbs(row, CORRECT),
        it=shown_as(row, page),
        ran_already=ran_already,
        version=row["version"],
        base=stored.packed(),
        mine={name: mine.value(name) for name in CORRECTED},
        rows=[
            Compared(
                name,
                labels[name],
                _readable(name, mine.value(name), page),
                _readable(name, stored.value(name), page),
                _readable(name, base.value(name), page) if base else None,
            )
            for name in CORRECTED
        ],
    )


def shown_as(row: Record, page: Page) -> dict[str, Any]:
    """A subscription as templates show it."""
    kind, value = row["topic_kind"], row["topic_value"]
    about_event = kind == TopicKind.EVENT
    return {
        "id": row["id"],
        "email": row["email"],
        "name": row["name"],
        "language": named(LANGUAGES, row["language"], page.language),
        "kind": named(TOPICS, kind, page.language),
        "topic": topic_name(kind, value, page.language),
        "address": subject_address(page.runtime.settings, "event", value) if about_event else None,
        "state": row["state"],
        "consent_day": row["consent_given_at"].astimezone(BERLIN).date(),
        "consent_wording": row["consent_wording"],
        "created_at": row["created_at"],
        "ended_at": row["ended_at"],
        "suppressed": row["suppressed"],
        "restricted": row["restricted"],
    }


async def _running(page: Page, subscription_id: UUID) -> Record:
    async with page.read() as connection:
        row = await own_subscription(connection, subscription_id, caller=page.caller)
    require_running(row)
    return row


def _form(page: Page, row: Record, form: Form, *, version: object, status: int = 200) -> Response:
    labels = _labels(page)
    return page.show(
        "subscription_edit.html.jinja",
        title=Text("Abonnement berichtigen", "Correct the subscription"),
        status=status,
        crumbs=_crumbs(row, CORRECT),
        it=shown_as(row, page),
        form=form,
        version=version,
        base=form.value(BASE) or form.packed(),
        fields={
            "name": form.field("name", labels["name"], autocomplete="off"),
            "language": form.field(
                "language", labels["language"], required=True, options=options(LANGUAGES, page.language)
            ),
        },
    )


def _stored(row: Record, page: Page) -> Form:
    return Form.of({name: row[name] for name in CORRECTED}, language=page.language)


def _chosen(form: Form, stored: Form) -> Form:
    """What the person chose of both versions, field by field; else the form as it is."""
    values = dict(form.values)
    for name in CORRECTED:
        if form.value(f"choice-{name}") == "theirs":
            values[name] = stored.values[name]
        values.pop(f"choice-{name}", None)
    return Form(values, form.language)


def _crumbs(row: Record, step: Text | None) -> list[tuple[Text, str | None]]:
    own = Text(row["email"], row["email"])
    if step is None:
        return [(TITLE, PATH), (own, None)]
    return [(TITLE, PATH), (own, f"{PATH}/{row['id']}"), (step, None)]


def _labels(page: Page) -> dict[str, str]:
    return {"name": "Name", "language": page.t("Sprache der Nachrichten", "Language of the messages")}


def _readable(name: str, value: str, page: Page) -> str:
    return named(LANGUAGES, value, page.language) if name == "language" else value
