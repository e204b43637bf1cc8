"""Pages that agree to an event, publish, move, cancel and discard it, and release its quotas: each asks first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.database import Connection
from norda_common.errors import NordaError, NotFound, StaleVersion, Text
from norda_common.rights import Right
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..api.views import event_view
from ..rules.event import Event
from ..rules.lifecycle import missing_agreements
from ..rules.rights import PLAN, RELEASE
from ..store import registrations
from ..usecases.changing import cancel_event, publish_event, reschedule_event
from ..usecases.commands import CancelEvent, RescheduleEvent
from ..usecases.drafting import agree_to_host, discard_draft
from ..usecases.quotas import release_quota, release_quotas
from ..usecases.releasing import release_event, withdraw_release
from .edge import EVENT, Blank, crumbs_to, event_of, office_of, summary, version_of
from .fields import STATE_VALUES, Fields, moment_text, moment_values, offset_fields, time_fields
from .words import place, span

router = APIRouter(prefix="/events")

Do: TypeAlias = "Callable[[Connection, Event, Page, Form], Awaitable[None]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something done after one question. `told` is what is said when it was done."""

    title: Text
    question: Text
    consequences: Sequence[Text]
    told: Text
    do: Do
    right: Right = PLAN
    by_hosts: bool = False
    """Open to the offices of all hosting states, not to the lead's alone."""
    by_state: bool = False
    """Open to the office of the state it is about, and to the lead's."""


async def _agree(connection: Connection, event: Event, page: Page, form: Form) -> None:
    own = page.caller.require_own_state(PLAN)
    await agree_to_host(
        connection, event.id, own, office=office_of(page), expected_version=version_of(form), now=page.now
    )


async def _publish(connection: Connection, event: Event, page: Page, form: Form) -> None:
    await publish_event(connection, event.id, office=office_of(page), expected_version=version_of(form), now=page.now)


async def _release_all(connection: Connection, event: Event, page: Page, form: Form) -> None:  # noqa: ARG001 - a step's signature
    await release_quotas(connection, event.id, office=office_of(page), now=page.now)


async def _release_one(connection: Connection, event: Event, page: Page, form: Form) -> None:
    state = form.value("state")
    if state not in STATE_VALUES:
        raise NotFound("Dieses Land hat hier kein Kontingent.", "This state has no quota here.")
    await release_quota(connection, event.id, State(state), office=office_of(page), now=page.now)


async def _release(connection: Connection, event: Event, page: Page, form: Form) -> None:  # noqa: ARG001 - a step's signature
    await release_event(connection, event.id, office=office_of(page), now=page.now)


async def _withdraw_release(connection: Connection, event: Event, page: Page, form: Form) -> None:  # noqa: ARG001 - a step's signature
    await withdraw_release(connection, event.id, office=office_of(page), now=page.now)


async def _discard(connection: Connection, event: Event, page: Page, form: Form) -> None:
    await discard_draft(connection, event.id, office=office_of(page), expected_version=version_of(form))


_SEATS_OPEN = (
    Text(
        "Ungenutzte Plätze gehen der Reihe nach an die Warteliste, dann sind sie für alle da.",
        "Unused seats go to the waiting list in order, then they are for everybody.",
    ),
    Text("Das lässt sich nicht zurücknehmen.", "This cannot be taken back."),
)
STEPS: dict[str, Step] = {
    "agree": Step(
        title=Text("Zustimmen", "Agree"),
        question=Text("Stimmt Ihr Land zu, diese Veranstaltung mit auszurichten?", "Does your state agree to host?"),
        consequences=(
            Text(
                "Die Zustimmung gilt für Zeit, Plätze, Kontingente und Ausrichter, wie sie jetzt sind.",
                "The agreement is about time, seats, quotas and hosts as they are now.",
            ),
            Text("Ändert sich davon etwas, ist sie neu nötig.", "If any of that changes, it has to be given again."),
        ),
        told=Text("Die Zustimmung ist gespeichert.", "The agreement is stored."),
        do=_agree,
        by_hosts=True,
    ),
    "publish": Step(
        title=Text("Veröffentlichen", "Publish"),
        question=Text("Diese Veranstaltung jetzt veröffentlichen?", "Publish this event now?"),
        consequences=(
            Text(
                "Alle drei Länder sehen sie, und Abonnements melden sie.", "All three states see it, subscribers learn."
            ),
            Text(
                "Ein Zurück zum Entwurf gibt es nicht, nur noch Verlegen und Absagen.",
                "There is no way back to a draft, only rescheduling and cancelling.",
            ),
        ),
        told=Text("Die Veranstaltung ist veröffentlicht.", "The event is published."),
        do=_publish,
    ),
    "release-quotas": Step(
        title=Text("Kontingente freigeben", "Release quotas"),
        question=Text("Alle Kontingente jetzt freigeben?", "Release all quotas now?"),
        consequences=_SEATS_OPEN,
        told=Text("Die Kontingente sind freigegeben.", "The quotas are released."),
        do=_release_all,
    ),
    "release-quota": Step(
        title=Text("Kontingent freigeben", "Release quota"),
        question=Text("Das Kontingent dieses Landes jetzt freigeben?", "Release this state's quota now?"),
        consequences=_SEATS_OPEN,
        told=Text("Das Kontingent ist freigegeben.", "The quota is released."),
        do=_release_one,
        by_state=True,
    ),
    "release": Step(
        title=Text("Für alle freigeben", "Release for the public"),
        question=Text("Diese Veranstaltung für alle freigeben?", "Release this event for the public?"),
        consequences=(
            Text(
                "Jede und jeder sieht sie dann ohne Anmeldung, mit Zeit, Ort, Beschreibung und Absage; keine Personen.",
                "Everybody sees it then without signing in, with time, place, text and cancellation; no persons.",
            ),
            Text("Die Freigabe lässt sich zurücknehmen.", "The release can be taken back."),
        ),
        told=Text("Die Veranstaltung ist für alle freigegeben.", "The event is released for the public."),
        do=_release,
        right=RELEASE,
    ),
    "withdraw-release": Step(
        title=Text("Freigabe zurücknehmen", "Take release back"),
        question=Text("Die Freigabe für alle zurücknehmen?", "Take the release for the public back?"),
        consequences=(
            Text(
                "Ohne Anmeldung ist sie dann nicht mehr zu sehen; Kopien in fremden Kalendern bleiben.",
                "Without signing in it cannot be seen any more; copies in others' calendars stay.",
            ),
        ),
        told=Text("Die Freigabe ist zurückgenommen.", "The release is taken back."),
        do=_withdraw_release,
        right=RELEASE,
    ),
    "discard": Step(
        title=Text("Entwurf verwerfen", "Discard draft"),
        question=Text("Diesen Entwurf für immer verwerfen?", "Discard this draft for good?"),
        consequences=(Text("Er lässt sich nicht wiederherstellen.", "It cannot be restored."),),
        told=Text("Der Entwurf ist verworfen.", "The draft is discarded."),
        do=_discard,
    ),
}


@router.get(f"{EVENT}/cancel")
async def ask_to_cancel(page: Annotated[Page, page_for(PLAN)], event_id: UUID) -> Response:
    """The question before an event is cancelled: why, and who will be told. Raises Forbidden for all but the lead."""
    event = await event_of(page, event_id)
    office_of(page).require_lead(event)
    return await _ask_to_cancel(page, event, Form(language=page.language))


@router.post(f"{EVENT}/cancel")
async def cancel(page: Annotated[Page, page_for(PLAN)], event_id: UUID) -> Response:
    """Cancel; or the question again, with what was typed and what is wrong."""
    form = await page.form()
    try:
        reason = form.value("reason").strip()
        command = Form({"reason": (reason,)}, form.language).command(CancelEvent)
        async with page.transaction() as connection:
            await cancel_event(
                connection, event_id, command, office=office_of(page), expected_version=version_of(form), now=page.now
            )
    except NordaError as error:
        return await _ask_to_cancel(page, await event_of(page, event_id), form.refuse(error), error=error)
    return await page.go(
        f"/events/{event_id}",
        Text(
            "Die Veranstaltung ist abgesagt; wer angemeldet war, erfährt es.",
            "The event is cancelled; whoever was registered is told.",
        ),
    )


async def _ask_to_cancel(page: Page, event: Event, form: Form, *, error: NordaError | None = None) -> Response:
    title = Text("Absagen", "Cancel event")
    fields = {
        "reason": form.field(
            "reason",
            page.t("Grund", "Reason"),
            hint=page.t(
                "Wird veröffentlicht und allen Angemeldeten geschrieben; bitte keine Personen nennen.",
                "Is published and written to all who registered; please name no persons.",
            ),
            required=True,
        )
    }
    people = await _people(page, event)
    return page.show(
        "confirm.html.jinja",
        title=title,
        status=error.status if error else 200,
        crumbs=crumbs_to(event, (title, None)),
        event=event,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        question=page.t("Diese Veranstaltung absagen?", "Cancel this event?"),
        consequences=[
            page.t(
                f"Benachrichtigt werden {people} angemeldete Personen.", f"{people} registered people will be told."
            ),
            page.t("Das lässt sich nicht zurücknehmen.", "This cannot be taken back."),
        ],
        action=f"/events/{event.id}/cancel",
        back=f"/events/{event.id}",
        hidden=[("version", event.version)],
        errors=summary(form, fields),
        missing=[],
        reason=fields["reason"],
    )


@router.get(f"{EVENT}/reschedule")
async def ask_when(page: Annotated[Page, page_for(PLAN)], event_id: UUID) -> Response:
    """The form for another time, with the present one in it. Raises Forbidden for all but the lead."""
    event = await event_of(page, event_id)
    office_of(page).require_lead(event)
    return await _ask_when(page, event, Form.of(_times(event), language=page.language))


@router.post(f"{EVENT}/reschedule")
async def reschedule(page: Annotated[Page, page_for(PLAN)], event_id: UUID) -> Response:
    """Give the event its new time; or the form again, with what was typed and what is wrong."""
    form, event = await page.form(), await event_of(page, event_id)
    given: dict[str, Any] = {
        "starts": moment_text(form, "starts"),
        "ends": moment_text(form, "ends"),
        "time_zone": form.value("time_zone"),
        "quota_release_at": moment_text(form, "quota_release_at"),
    }
    try:
        command = Form(language=form.language).command(
            RescheduleEvent, **{name: value for name, value in given.items() if value or name == "quota_release_at"}
        )
        async with page.transaction() as connection:
            moved = await reschedule_event(
                connection, event_id, command, office=office_of(page), expected_version=version_of(form), now=page.now
            )
    except NordaError as error:
        return await _ask_when(page, await event_of(page, event_id), form.refuse(error), error=error)
    told = Text(
        "Die Veranstaltung ist verlegt; wer angemeldet ist, erfährt es.",
        "The event is rescheduled; whoever is registered is told.",
    )
    if moved.version == event.version:
        told = Text("Das ist die Zeit, die sie schon hatte.", "That is the time it had already.")
    return await page.go(f"/events/{event_id}", told)


async def _ask_when(page: Page, event: Event, form: Form, *, error: NordaError | None = None) -> Response:
    title = Text("Verlegen", "Reschedule")
    fields: Fields = time_fields(form, page)
    if event.quotas:
        fields["quota_release_at"] = form.field(
            "quota_release_at", page.t("Freigabe der Kontingente", "Release of the quotas")
        )
    fields["offsets"] = offset_fields(form, page)
    return page.show(
        "reschedule.html.jinja",
        title=title,
        status=error.status if error else 200,
        crumbs=crumbs_to(event, (title, None)),
        event=event,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        people=await _people(page, event),
        fields=fields,
        errors=summary(form, fields),
        stale=isinstance(error, StaleVersion),
    )


@router.get(EVENT + "/{step}")
async def ask(
    page: Annotated[Page, page_for(PLAN)],
    event_id: UUID,
    step: str,
    state: Annotated[State | None, Blank] = None,
    version: int | None = None,
) -> Response:
    """The question before a step, for whom it is open; `version` is the one the person has read.

    Raises Forbidden, and NotFound for what is no step.
    """
    event, office, found = await event_of(page, event_id), office_of(page), _step(step)
    if found.by_hosts:
        office.require_host(event)
    elif found.by_state and state is not None:
        office.require_lead_or(event, state)
    else:
        office.require_lead(event, right=found.right)
    form = Form.of({"state": state, "version": version}, language=page.language)
    return await _ask(page, event, step, form, stale=version not in {None, event.version})


@router.post(EVENT + "/{step}")
async def do(page: Annotated[Page, page_for(PLAN)], event_id: UUID, step: str) -> Response:
    """Do what was asked; or the question again, with what forbids it."""
    found, form, event = _step(step), await page.form(), await event_of(page, event_id)
    try:
        async with page.transaction() as connection:
            await found.do(connection, event, page, form)
    except NordaError as error:
        stale = isinstance(error, StaleVersion)
        return await _ask(page, await event_of(page, event_id), step, form, error=error, stale=stale)
    return await page.go("/events/list" if step == "discard" else f"/events/{event_id}", found.told)


async def _ask(
    page: Page, event: Event, name: str, form: Form, *, error: NordaError | None = None, stale: bool = False
) -> Response:
    """The question; `stale` when the event is no longer what the person has read: then they are to read it first."""
    step = _step(name)
    missing = missing_agreements(event) if name == "publish" else ()
    state = form.value("state") if form.value("state") in STATE_VALUES else ""
    return page.show(
        "confirm.html.jinja",
        title=step.title,
        status=error.status if error else 200,
        crumbs=crumbs_to(event, (step.title, None)),
        event=event,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        question=step.question.in_language(page.language) + (f" ({State(state).label})" if state else ""),
        consequences=[text.in_language(page.language) for text in step.consequences],
        action=f"/events/{event.id}/{name}",
        back=f"/events/{event.id}",
        hidden=[("version", event.version), *([("state", state)] if state else [])],
        errors=_refusals(error, page),
        missing=[state.label for state in missing],
        stale=stale,
        where=place(event, page.language),
        hosts=", ".join(host.state.label for host in event.hosts if host.state),
        quotas=", ".join(f"{quota.state.label} {quota.seats}" for quota in event.quotas),
        reason=None,
    )


def _step(name: str) -> Step:
    step = STEPS.get(name)
    if step is None:
        raise NotFound("Diese Seite gibt es nicht.", "There is no such page.")
    return step


def _times(event: Event) -> dict[str, object]:
    moments: tuple[tuple[str, datetime | None], ...] = (
        ("starts", event.starts_at),
        ("ends", event.ends_at),
        ("quota_release_at", event.quota_release_at),
    )
    values: dict[str, object] = {"time_zone": event.time_zone}
    for name, moment in moments:
        values |= moment_values(name, moment, zone=event.time_zone)
    return values


async def _people(page: Page, event: Event) -> int:
    """How many people are told of a cancellation or a new time."""
    async with page.read() as connection:
        counts = (await registrations.counts(connection, [event.id]))[event.id]
    seats = event_view(event, counts).seats
    return seats.confirmed + seats.waitlisted


def _refusals(error: NordaError | None, page: Page) -> list[tuple[str, str]]:
    return [("", error.text.in_language(page.language))] if error else []
