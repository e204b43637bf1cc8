"""The search: notices, and by right the own state's subscriptions and inbox, and deliveries for operators."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.database import Connection
from norda_common.errors import Text
from norda_common.rights import SIGNED_IN
from norda_common.web import search
from norda_common.web.pages import Page, page_for
from norda_common.web.search import AskedDep, Elsewhere, Hit, Section
from norda_common.web.site import day_in, instant_in

from ..rules.rights import DELIVERIES, INBOX, READ, SUBSCRIBE
from ..store import deliveries, notices, recipients, subscriptions
from . import inbox, subscription
from .deliveries import PATH as DELIVERY_LIST
from .deliveries import TITLE as DELIVERY_TITLE
from .home import row_of
from .labels import NOTICES, STATUSES, named
from .notices import PATH as NOTICE_LIST
from .notices import TITLE as NOTICE_TITLE
from .notices import title_words

router = APIRouter(prefix="/notifications")
PATH = "/notifications/search"
FINDS_NOTICES = Text(
    "Mitteilungen findet man mit Wörtern aus dem Titel der Veranstaltung oder dem Namen der Organisation.",
    "Notices are found by words of the event's title or the organisation's name.",
)
FINDS_INBOX = Text("Ebenso Einträge im Eingang.", "So are entries of the inbox.")
FINDS_SUBSCRIPTIONS = Text(
    "Abonnements findet man mit Name, E-Mail-Adresse oder Thema (zum Beispiel BAT-02).",
    "Subscriptions are found by name, e-mail address or topic (for example BAT-02).",
)
FINDS_DELIVERIES = Text(
    "Zustellungen findet man mit Wörtern aus dem Titel ihrer Mitteilung oder ihrer ganzen Kennung.",
    "Deliveries are found by words of their notice's title or their whole id.",
)
SUBSCRIPTIONS = Elsewhere(
    title=subscription.TITLE, label=Text("Auch in Abonnements suchen", "Search subscriptions too"), path=PATH
)


@router.get("/search")
async def find(page: Annotated[Page, page_for(SIGNED_IN)], wanted: AskedDep) -> Response:
    """Some of each kind that has these words, but for subscriptions, which are persons'."""
    return await _show(page, wanted)


@router.post("/search")
async def find_persons(page: Annotated[Page, page_for(SUBSCRIBE)]) -> Response:
    """The same with subscriptions, by words that stand in no address."""
    return await _show(page, await search.sent(page))


async def _show(page: Page, wanted: search.Asked) -> Response:
    kinds = (
        ("subscriptions", SUBSCRIBE, _subscriptions, FINDS_SUBSCRIPTIONS),
        ("inbox", INBOX, _inbox, FINDS_INBOX),
        ("notices", READ, _notices, FINDS_NOTICES),
        ("deliveries", DELIVERIES, _deliveries, FINDS_DELIVERIES),
    )
    readable = [(key, look, text) for key, right, look, text in kinds if page.caller.may(right)]
    async with page.read() as connection:
        sections = [
            await look(connection, page, wanted)
            for key, look, _ in readable
            if wanted.wants(key) and (wanted.posted or look is not _subscriptions)
        ]
    return search.show(
        page,
        wanted,
        sections,
        finds=[text for _, _, text in readable],
        elsewhere=(SUBSCRIPTIONS,) if page.caller.may(SUBSCRIBE) and not wanted.posted else (),
    )


async def _notices(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    words = title_words(wanted.q)
    rows = (
        await notices.newest(connection, last=None, kind=None, subject_id=None, limit=wanted.most, words=words)
        if words
        else []
    )
    shown = [row_of(row, page.language) for row in rows]
    return Section(
        key="notices",
        title=NOTICE_TITLE,
        every=Text("Alle Mitteilungen", "All notices"),
        hits=[
            Hit(
                title=it["title"],
                address=f"{NOTICE_LIST}/{it['id']}",
                about=f"{it['kind']} · {instant_in(page.language, it['occurred_at'])}",
                state=it["state"],
            )
            for it in shown
        ],
        list_address=wanted.listed(NOTICE_LIST, state="all"),
    )


async def _inbox(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    inboxes = await recipients.inboxes(connection, page.caller.require_own_state(INBOX), page.caller.subject)
    words = notices.beginnings(title_words(wanted.q))
    rows = await deliveries.inbox_found(connection, inboxes, words, limit=wanted.most) if words else []
    return Section(
        key="inbox",
        title=inbox.INBOX_TITLE,
        every=Text("Alle Einträge", "All entries"),
        hits=[
            Hit(
                title=inbox.letter_subject(row["kind"], row["content"], page.language),
                address=f"{inbox.PATH}/{row['id']}",
                about=f"{named(NOTICES, row['kind'], page.language)} · {instant_in(page.language, row['created_at'])}",
                badges=() if row["read_at"] else ((page.t("ungelesen", "unread"), "info"),),
            )
            for row in rows
        ],
    )


async def _subscriptions(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    rows = await subscriptions.found(connection, wanted.q, limit=wanted.most)
    return Section(
        key="subscriptions",
        title=subscription.TITLE,
        every=Text("Alle Abonnements", "All subscriptions"),
        hits=[_subscription(row, page) for row in rows],
    )


def _subscription(row: Record, page: Page) -> Hit:
    it = subscription.shown_as(row, page)
    since = page.t("eingetragen", "entered") + f" {day_in(page.language, it['created_at'])}"
    return Hit(
        title=it["email"],
        address=f"{subscription.PATH}/{it['id']}",
        about=" · ".join(filter(None, (it["name"], it["topic"], since))),
        badges=((page.t("beendet", "ended"), "neutral"),) if it["ended_at"] else (),
    )


async def _deliveries(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    words, rows = notices.beginnings(title_words(wanted.q)), list[Record]()
    one = await deliveries.fate(connection, whole) if (whole := _id(wanted.q)) else None
    if one is not None:
        rows = [one]
    elif words:
        rows = await deliveries.found(connection, words, limit=wanted.most)
    return Section(
        key="deliveries",
        title=DELIVERY_TITLE,
        every=Text("Alle Zustellungen", "All deliveries"),
        hits=[_delivery(row, page) for row in rows],
    )


def _delivery(row: Record, page: Page) -> Hit:
    status, badge = STATUSES[row["status"]]
    return Hit(
        title=page.t("Zustellung", "Delivery") + f" {str(row['id'])[-12:]}",
        address=f"{DELIVERY_LIST}/{row['id']}",
        about=" · ".join(
            filter(
                None,
                (
                    named(NOTICES, row["kind"], page.language) if row["kind"] else "",
                    row["recipient"],
                    instant_in(page.language, row["created_at"]),
                ),
            )
        ),
        state=row["state"],
        badges=((status.in_language(page.language), badge),),
    )


def _id(typed: str) -> UUID | None:
    try:
        return UUID(typed.strip())
    except ValueError:
        return None
