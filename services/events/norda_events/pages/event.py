"""One event: what it is, how its seats stand, who registered, and what may be done with it by whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import Text
from norda_common.requests import read_cursor, write_cursor
from norda_common.rights import OPERATE
from norda_common.states import ALL_STATES, State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..api.views import SeatsView, event_view, registration_view
from ..rules.event import Event, EventStatus
from ..rules.lifecycle import (
    missing_agreements,
    require_announced,
    require_changeable,
    require_draft,
    require_open,
    require_published,
)
from ..rules.registration import RegistrationStatus
from ..rules.rights import READ, RELEASE
from ..store import events, organisations, registrations
from ..store.organisations import KnownOrganisation
from ..usecases.loading import visible_event
from ..usecases.office import Office
from .edge import EVENT, Blank, PageCursor, allowed, crumbs_to, office_of, title_of
from .history import entry
from .words import (
    REGISTRATION_STATUSES,
    STATUSES,
    competence_labels,
    duration,
    place,
    seats_text,
    span,
    span_in_berlin,
)

router = APIRouter(prefix="/events")

ROWS = 25
HISTORY = 100


@dataclass(frozen=True, slots=True)
class Action:
    """Something that may be done with the event now, by whoever looks. `kind` is the button's."""

    label: str
    address: str
    kind: str = "secondary"


@router.get(EVENT)
async def show_event(
    page: Annotated[Page, page_for(READ)],
    event_id: UUID,
    status: Annotated[RegistrationStatus | None, Blank] = None,
    state: Annotated[State | None, Blank] = None,
    cursor: PageCursor = None,
) -> Response:
    """The event, for whoever may see it; its registrations for the offices of the lead and the hosting states."""
    office, t = office_of(page), page.t
    operates = page.caller.may(OPERATE)
    after = cast("int", read_cursor(cursor, int)[0]) if cursor else 0
    async with page.read() as connection:
        event = await visible_event(connection, event_id, office=office)
        counts = (await registrations.counts(connection, [event.id]))[event.id]
        known = await organisations.known(connection, [h.organisation_id for h in event.hosts if h.organisation_id])
        history = await events.history(connection, event.id, limit=HISTORY)
        trace = await events.last_trace(connection, event.id) if operates else None
        listed = allowed(office.require_host, event)
        rows = []
        if listed and event.status is not EventStatus.DRAFT:
            rows = await registrations.page(
                connection,
                event.id,
                status=status,
                state=state.value if state else None,
                after=after,
                limit=ROWS + 1,
            )
    language, shown = page.language, rows[:ROWS]
    form = Form.of({"status": status, "state": state}, language=language)
    label, kind = STATUSES[event.status]
    seats = event_view(event, counts).seats
    return page.show(
        "event.html.jinja",
        title=Text(title_of(event, "de"), title_of(event, "en")),
        crumbs=crumbs_to(event),
        event=event,
        status_label=label.in_language(language),
        status_kind=kind,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=language),
        when_in_berlin=span_in_berlin(event, language),
        duration=duration(event.starts_at, event.ends_at, language),
        where=place(event, language),
        hosts=[_host(event, index, known) for index in range(len(event.hosts))],
        missing=missing_agreements(event) if event.status is EventStatus.DRAFT else (),
        seats=seats,
        seats_text=seats_text(event.capacity, seats, language),
        by_state=_seats_by_state(event, seats, office),
        competences=competence_labels(event.competences, language),
        actions=actions(event, office, page),
        history=[entry(row, page) for row in history],
        trace=trace,
        trace_address=page.runtime.settings.trace_link(trace),
        listed=listed and event.status is not EventStatus.DRAFT,
        may_register=allowed(office.require_host, event) and allowed(require_open, event, now=page.now),
        registrations=[registration_view(event, row, office=office) for row in shown],
        registration_statuses=REGISTRATION_STATUSES,
        filters=[
            (
                form.field("status", t("Stand", "Status")),
                [(item.value, text.in_language(language)) for item, (text, _) in REGISTRATION_STATUSES.items()],
            ),
            (form.field("state", t("Land", "State")), [(item.value, item.label) for item in ALL_STATES]),
        ],
        listing={
            "path": f"/events/{event.id}",
            "query": [(name, str(value)) for name, value in (("status", status), ("state", state)) if value],
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(shown[-1].registration.position) if len(rows) > ROWS else None,
        },
    )


def actions(event: Event, office: Office, page: Page) -> list[Action]:
    """What may be done now: the use cases' own rules are asked."""
    t, base, own = page.t, f"/events/{event.id}", office.state
    lead = allowed(office.require_lead, event)
    changeable = allowed(require_changeable, event, now=page.now)
    found: list[Action] = []
    if own in missing_agreements(event) and allowed(require_draft, event) and allowed(office.require_host, event):
        found.append(Action(t("Zustimmen", "Agree"), f"{base}/agree?version={event.version}", "primary"))
    if lead and allowed(require_draft, event):
        found.append(Action(t("Veröffentlichen", "Publish"), f"{base}/publish?version={event.version}", "primary"))
    if lead and changeable:
        found.append(Action(t("Ändern", "Change"), f"{base}/edit"))
    if lead and allowed(require_published, event, now=page.now):
        found.append(Action(t("Verlegen", "Reschedule"), f"{base}/reschedule"))
        found.append(Action(t("Absagen", "Cancel event"), f"{base}/cancel"))
    if lead and event.quotas_held and allowed(require_open, event, now=page.now):
        found.append(Action(t("Kontingente freigeben", "Release quotas"), f"{base}/release-quotas"))
    if lead and allowed(require_draft, event):
        found.append(Action(t("Entwurf verwerfen", "Discard draft"), f"{base}/discard?version={event.version}"))
    if allowed(office.require_lead, event, right=RELEASE):
        if event.released_at is not None:
            found.append(Action(t("Freigabe für alle zurücknehmen", "Take release back"), f"{base}/withdraw-release"))
        elif allowed(require_announced, event):
            found.append(Action(t("Für alle freigeben", "Release for the public"), f"{base}/release"))
    return found


def _host(event: Event, index: int, known: dict[UUID, KnownOrganisation]) -> dict[str, Any]:
    """A host: a state with its agreement, or an organisation by name."""
    host = event.hosts[index]
    if host.state is None:
        organisation = known.get(host.organisation_id) if host.organisation_id else None
        return {"state": None, "name": organisation.name if organisation else None, "id": host.organisation_id}
    return {
        "state": host.state.value,
        "lead": host.state is event.responsible_state,
        "agreed_at": host.agreed_at,
        "missing": host.state in missing_agreements(event),
    }


def _seats_by_state(event: Event, seats: SeatsView, office: Office) -> list[dict[str, Any]]:
    """Each state's quota and registrations; states with neither are left out. None stands for elsewhere."""
    counted = {item.state: item for item in seats.by_state}
    quotas = {quota.state.value: quota for quota in event.quotas}
    states = [state.value for state in ALL_STATES if state.value in counted or state.value in quotas]
    return [
        {
            "state": state,
            "quota": quotas.get(state) if state else None,
            "confirmed": counted[state].confirmed if state in counted else 0,
            "waitlisted": counted[state].waitlisted if state in counted else 0,
            "releasable": state is not None and allowed(office.require_lead_or, event, State(state)),
        }
        for state in [*states, *([None] if None in counted else [])]
    ]
