"""The search: events, organisations, and registered persons for the offices that may see them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from norda_common.database import Connection
from norda_common.errors import Text
from norda_common.web import search
from norda_common.web.pages import Page, page_for
from norda_common.web.search import AskedDep, Elsewhere, Hit, Section

from ..rules.event import Event, EventStatus
from ..rules.rights import READ, REGISTER
from ..rules.search import query_words
from ..store import events, organisations, registrations
from ..store.events import EventFilter, EventOrder
from .edge import office_of, title_of
from .words import REGISTRATION_STATUSES, STATUSES, place, span

router = APIRouter(prefix="/events")
PATH = "/events/search"
FINDS = (
    Text(
        "Veranstaltungen findet man mit Wörtern aus Titel, Beschreibung und Ort, auch vergangene.",
        "Events are found by words of title, description and venue, past ones too.",
    ),
    Text("Organisationen findet man mit Wörtern ihres Namens.", "Organisations are found by words of their names."),
)
FINDS_PERSONS = Text(
    "Angemeldete findet man mit ihrem Namen oder ihrer ganzen E-Mail-Adresse.",
    "Participants are found by their names or their whole e-mail addresses.",
)
PERSONS_TITLE = Text("Angemeldete Personen", "Registered persons")
PERSONS = Elsewhere(
    title=PERSONS_TITLE, label=Text("Auch in Angemeldeten suchen", "Search participants too"), path=PATH
)


@router.get("/search")
async def find(page: Annotated[Page, page_for(READ)], wanted: AskedDep) -> Response:
    """Some of each kind that has these words, but for persons."""
    return await _show(page, wanted)


@router.post("/search")
async def find_persons(page: Annotated[Page, page_for(REGISTER)]) -> Response:
    """The same with persons, by words that stand in no address."""
    return await _show(page, await search.sent(page))


async def _show(page: Page, wanted: search.Asked) -> Response:
    sections: list[Section] = []
    async with page.read() as connection:
        if wanted.wants("events"):
            sections.append(await _events(connection, page, wanted))
        if wanted.posted and wanted.wants("registrations"):
            sections.append(await _registrations(connection, page, wanted))
        if wanted.wants("organisations"):
            sections.append(await _organisations(connection, page, wanted))
    persons = page.caller.may(REGISTER)
    return search.show(
        page,
        wanted,
        sections,
        finds=(*FINDS, FINDS_PERSONS) if persons else FINDS,
        elsewhere=(PERSONS,) if persons and not wanted.posted else (),
    )


async def _events(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    """Those to come, the next one first; then, where there is room, past ones, the last one first."""
    found = await _found(connection, page, wanted) if query_words(wanted.q) else []
    return Section(
        key="events",
        title=Text("Veranstaltungen", "Events"),
        every=Text("Alle Veranstaltungen", "All events"),
        hits=[_event(event, page) for event in found],
        list_address=wanted.listed("/events/list", state="all", past="yes"),
    )


async def _found(connection: Connection, page: Page, wanted: search.Asked) -> list[Event]:
    words = EventFilter(seen_by=office_of(page).state, words=wanted.q)
    to_come = EventFilter(seen_by=office_of(page).state, words=wanted.q, ends_after=page.now)
    found = await events.page(connection, to_come, after=None, limit=wanted.most)
    if len(found) < wanted.most:
        # All that are to come are among the last ones: there are fewer than are looked for.
        last = await events.page(
            connection, words, after=None, limit=wanted.most, order=EventOrder("starts_at", descending=True)
        )
        known = {event.id for event in found}
        found += [event for event in last if event.id not in known][: wanted.most - len(found)]
    return found


def _event(event: Event, page: Page) -> Hit:
    label, kind = STATUSES[event.status]
    when = span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language)
    usual = event.status is EventStatus.PUBLISHED
    return Hit(
        title=title_of(event, page.language),
        address=f"/events/{event.id}",
        about=" · ".join(filter(None, (when, place(event, page.language)))),
        state=event.responsible_state.value,
        badges=() if usual else ((label.in_language(page.language), kind),),
    )


async def _registrations(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    found = await registrations.found(connection, wanted.q, limit=wanted.most)
    return Section(
        key="registrations",
        title=PERSONS_TITLE,
        every=Text("Alle Personen", "All persons"),
        hits=[_registration(item, page) for item in found],
    )


def _registration(item: registrations.FoundRegistration, page: Page) -> Hit:
    registration, person = item.row.registration, item.row.participant
    label, kind = REGISTRATION_STATUSES[registration.status]
    title = item.title_en if page.language == "en" and item.title_en else item.title
    return Hit(
        title=person.name if person else page.t("gelöscht", "erased"),
        address=f"/events/{registration.event_id}/registrations/{registration.id}",
        about=" · ".join(filter(None, (title, item.row.organisation_name))),
        state=registration.participant_state,
        badges=((label.in_language(page.language), kind),),
    )


async def _organisations(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    found = await organisations.named(connection, wanted.q, limit=wanted.most)
    registry = f"{page.runtime.settings.address_of('registry')}/registry/organisations"
    return Section(
        key="organisations",
        title=Text("Organisationen", "Organisations"),
        every=Text("Alle Organisationen", "All organisations"),
        hits=[Hit(title=item.name, address=f"{registry}/{item.id}", state=item.state) for item in found],
        list_address=f"{registry}?{urlencode({'q': wanted.q, 'state': 'all'})}",
    )
