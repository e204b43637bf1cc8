"""Subscriptions of the own state: found, and entered with the consent they rest on."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.addresses import address_key
from norda_common.errors import InvalidInput, Text
from norda_common.input import Command
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.web.forms import Form
from norda_common.web.pages import Page
from norda_common.web.site import BERLIN

from ..rules.rights import SUBSCRIBE
from ..rules.topics import TopicKind, normal_value
from ..store import subscriptions
from ..usecases.subscribe import Subscribe, subscribe
from .labels import LANGUAGES, TOPICS, named, options, values_of
from .listing import ROWS, Direction, listing
from .subscription import PATH, TITLE, Keeper, compare, shown_as

router = APIRouter(prefix=PATH)
NEW = Text("Abonnement anlegen", "Add a subscription")
CONSENT_DAY = "consent.given_at"
Sort = Literal["entered", "email", "topic"]


class OfAddress(Command):
    """What the list is narrowed to; an e-mail address is sent in the body only, since it names a person."""

    kind: TopicKind | Literal[""] = ""
    value: QueryText = ""
    email: QueryText = ""
    status: Literal["running", "ended", ""] = ""
    cursor: Cursor = None


@router.get("")
async def list_subscriptions(
    page: Keeper,
    kind: TopicKind | Literal[""] = "",
    value: QueryText = "",
    status: Literal["running", "ended", ""] = "",
    sort: Sort | Literal[""] = "",
    direction: Direction | Literal[""] = "",
    cursor: Cursor = None,
) -> Response:
    """The own state's, running ones unless asked otherwise; the newest first unless sorted otherwise."""
    by = sort or "entered"
    order: Direction = direction or ("desc" if by == "entered" else "asc")
    asked = OfAddress(kind=kind, value=value, status=status, cursor=cursor)
    return await _list(page, asked, sort=by, direction=order)


@router.post("")
async def list_of_address(page: Keeper) -> Response:
    """Of them those of an e-mail address, the newest first."""
    asked = (await page.form()).command(OfAddress)
    return await _list(page, asked, sort="entered", direction="desc", posted=bool(asked.email))


async def _list(page: Page, asked: OfAddress, *, sort: Sort, direction: Direction, posted: bool = False) -> Response:
    state = page.caller.require_own_state(SUBSCRIBE)
    after: Any = read_cursor(asked.cursor, UUID) if asked.cursor else None
    filters = {"kind": str(asked.kind), "value": asked.value, "status": asked.status}
    async with page.read() as connection:
        rows = await subscriptions.sorted_page(
            connection,
            state,
            sort=sort,
            descending=direction == "desc",
            after=after and after[0],
            limit=ROWS + 1,
            ended=asked.status == "ended",
            kind=asked.kind or None,
            value=(normal_value(asked.kind, asked.value) if asked.kind else None) or asked.value or None,
            address_key=address_key(asked.email) if asked.email else None,
        )
    shown = rows[:ROWS]
    return page.show(
        "subscriptions.html.jinja",
        title=TITLE,
        state=state,
        filters=filters,
        email=asked.email,
        kinds=options(TOPICS, page.language),
        subscriptions=[shown_as(row, page) for row in shown],
        listing=listing(
            page,
            filters | ({"email": asked.email} if posted else {}),
            cursor=asked.cursor,
            next_cursor=write_cursor(shown[-1]["id"]) if len(rows) > ROWS else None,
            sort="" if posted else sort,
            direction=direction,
            posted=posted,
        ),
    )


@router.get("/new")
async def new(page: Keeper, kind: TopicKind = TopicKind.COMPETENCE, value: QueryText = "") -> Response:
    """An empty form for a kind of topic."""
    form = Form.of({"topic.kind": kind, "topic.value": value, "language": "de"}, language=page.language)
    return _form(page, form, kind)


@router.post("/new")
async def enter(page: Keeper) -> Response:
    """Enter it. What was typed comes back with what is wrong beside it, or beside what is stored if it runs already."""
    form = await page.form()
    try:
        command = _dated(form).command(Subscribe)
        async with page.transaction() as connection:
            row, created = await subscribe(
                connection,
                command,
                caller=page.caller,
                served=frozenset(page.runtime.settings.states),
                now=page.now,
            )
    except InvalidInput as error:
        kind = form.value("topic.kind")
        chosen = TopicKind(kind) if kind in set(TopicKind) else TopicKind.COMPETENCE
        return _form(page, form, chosen, refusal=error)
    address = f"{PATH}/{row['id']}"
    if created:
        return await page.go(address, Text("Das Abonnement ist eingetragen.", "The subscription is entered."))
    if (command.name or row["name"], command.language) == (row["name"], row["language"]):
        told = Text("Dieses Abonnement lief schon.", "This subscription was running already.")
        return await page.go(address, told, kind="info")
    return compare(page, row, Form.of(dict(command), language=page.language), ran_already=True)


def _form(page: Page, form: Form, kind: TopicKind, *, refusal: InvalidInput | None = None) -> Response:
    language = page.language
    if refusal is not None:
        form.refuse(refusal)
    fields = {
        "email": form.field("email", page.t("E-Mail-Adresse", "E-mail address"), required=True, autocomplete="off"),
        "name": form.field("name", "Name", autocomplete="off"),
        "language": form.field(
            "language",
            page.t("Sprache der Nachrichten", "Language of the messages"),
            required=True,
            options=options(LANGUAGES, language),
            default="de",
        ),
        "value": form.field(
            "topic.value",
            named(TOPICS, kind, language),
            required=True,
            hint=_value_hint(kind, page),
            options=values_of(kind, language),
        ),
        "day": form.field(
            CONSENT_DAY,
            page.t("Tag der Einwilligung", "Day of consent"),
            required=True,
            hint=page.t("Wann die Person eingewilligt hat.", "When the person agreed."),
        ),
        "wording": form.field(
            "consent.wording",
            page.t("Wortlaut der Einwilligung", "Wording of the consent"),
            required=True,
            hint=page.t(
                "Die Worte, denen die Person zugestimmt hat, oder ihr Aktenzeichen.",
                "The words the person agreed to, or their reference.",
            ),
        ),
    }
    return page.show(
        "subscription_new.html.jinja",
        title=NEW,
        status=422 if refusal else 200,
        crumbs=[(TITLE, PATH), (NEW, None)],
        form=form,
        fields=fields,
        kind=kind.value,
        kinds=[(code, label, code == kind.value) for code, label in options(TOPICS, language)],
        today=page.now.astimezone(BERLIN).date(),
    )


def _value_hint(kind: TopicKind, page: Page) -> str:
    return {
        TopicKind.STATE: page.t(
            "Alle Veranstaltungen, für die dieses Land zuständig ist oder die es mit ausrichtet.",
            "All events this state is responsible for or co-hosts.",
        ),
        TopicKind.COMPETENCE: page.t(
            "Ein Obergebiet schließt seine Untergebiete ein.", "A main field includes its sub-fields."
        ),
        TopicKind.CLUSTER: page.t("Der Code des Clusters, zum Beispiel ITS.", "The cluster's code, for example ITS."),
        TopicKind.EVENT: page.t(
            "Die Kennung am Ende der Adresse der Veranstaltung.", "The id at the end of the event's address."
        ),
    }[kind]


def _dated(form: Form) -> Form:
    """The form with the day as an instant: a consent holds from the beginning of its day in Berlin."""
    typed = form.value(CONSENT_DAY).strip()
    day = _day(typed)
    if day is None:
        if typed:
            text = Text("ist kein Tag, den es gibt (TT.MM.JJJJ)", "is not a day that exists (YYYY-MM-DD)")
            form.errors[CONSENT_DAY] = text.in_language(form.language)
        return form
    instant = datetime.combine(day, time(), BERLIN).isoformat()
    return Form({**form.values, CONSENT_DAY: (instant,)}, form.language)


def _day(typed: str) -> date | None:
    """A day as browsers send it, or as people type it where the browser has no calendar."""
    for pattern in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(typed, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None
