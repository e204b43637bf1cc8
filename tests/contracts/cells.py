"""What every route that names a record answers, by whose record it is: the own state's, one it hosts with, another's.

An answer is a status, or a problem's code. Whether somebody has the right at all is not said here: that is the rights'
own table. Requests carry what a use case needs to be reached, and where there are versions one that is past: who
is let in gets 412 and leaves the record as it was; what has none can be done again and again, or gets a fresh record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from norda_common.rights import STAFF, Right, Role

from .records import NEXT, PLACES, organisation, person

Answer = int | str | Mapping[Role, int]

PHRASES = {
    "foreign_state": "Zuständig ist",
    "role_missing": "keine Ihrer Rollen",
    "no_state": "Sie handeln für kein Land",
    "no_host": "richtet diese Veranstaltung nicht mit aus",
    "foreign_participant": "darf nur Teilnehmende aus",
}
"""What a page says for these codes; all of them are refusals with 403."""
STALE = {"if-match": '"0"'}
PAST = {"version": "0"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A route and a record of a state, by its name in `Records`. `host` is for the state that hosts it, else `foreign`.

    `body` goes as JSON or as a form; in its texts `{state}`, `{host}`, ... stand for the record's.
    """

    record: str
    own: Answer
    foreign: Answer = "foreign_state"
    host: Answer | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False
    """Whoever is let in uses the record up."""
    kept: str = ""
    """A member of the answer that only the own state's staff gets."""


def expected(cell: Cell, right: Right, role: Role, state: str | None, *, whose: str) -> int | str:
    """What somebody of that role and state is answered about a record of the state `whose`."""
    if not right.public:
        if role not in right.roles:
            return "role_missing"
        if right.own_state and state is None:
            return "no_state"
    if state == whose and (role in STAFF or right.public):
        answer = cell.own
    elif state is not None and state == NEXT[whose] and role in STAFF and cell.host is not None:
        answer = cell.host
    else:
        answer = cell.foreign
        if isinstance(answer, str) and role not in STAFF:
            # Who works in no office is told that before whose record it is.
            return "role_missing"
        if isinstance(answer, str) and state is None:
            return "no_state"
    return answer[role] if isinstance(answer, Mapping) else answer


def everybody(record: str, status: int = 200, **more: Any) -> Cell:
    """Who has the right may, whosever record it is."""
    return Cell(record=record, own=status, foreign=status, **more)


def own_only(record: str, own: Answer, foreign: Answer = "foreign_state", **more: Any) -> tuple[Cell, ...]:
    """Only the record's own state may."""
    return (Cell(record=record, own=own, foreign=foreign, **more),)


_ADDRESS = {"place": "Bremen", "state": "DE-HB"}
_MOVE = {"responsible_state": "hh", "seat": {"place": "Hamburg", "state": "DE-HH"}, "date": "2026-11-01"}
_MOVE_FORM = {"responsible_state": "hh", "seat.place": "Hamburg", "seat.state": "DE-HH", "date": "2026-11-01"}
_SITE_FORM = {"name": "Werk", "address.place": "Bremen", "address.state": "DE-HB"}
_NOTE = {"kind": "note", "visibility": "office", "text": "Anderer Beispielvermerk"}
_CONFIDENTIAL: Mapping[Role, int] = {Role.LEAD: 412, Role.OFFICE: 404}
"""The lead wrote it, and nobody else of the office may know of it."""


def _notes(own: int, **more: Any) -> tuple[Cell, ...]:
    """Changing a note: one that all may read is refused, others do not exist for whom they are not meant."""
    confidential = {role: own if status == 412 else status for role, status in _CONFIDENTIAL.items()}
    return (
        Cell(record="alliance note", own=own, **more),
        Cell(record="office note", own=own, foreign=404, **more),
        Cell(record="confidential note", own=confidential, foreign=404, **more),
    )


def _registry() -> dict[str, tuple[Cell, ...]]:
    base, here = "/api/v1/organisations", "/api/v1/organisations/{organisation_id}"
    page = "/registry/organisations/{organisation_id}"
    it, past = "organisation", {"headers": STALE}
    copies = {state: organisation(state, "Werk", f"88000{place}") for place, state in enumerate(NEXT)}
    taken = copies["hb"] | {
        "responsible_state": "{state}",
        "register_entry": {"court": "{court}", "type": "HRB", "number": "{number}"},
        "seat": {"place": "{place}", "state": "{iso}"},
    }
    return {
        f"POST {base}": own_only(it, "identifier_taken", body=taken),
        f"GET {here}": (everybody(it, kept="internal"),),
        f"GET {here}/versions": (everybody(it),),
        f"GET {here}/participations": (everybody(it),),
        f"PATCH {here}": own_only(it, 412, body={"competences": []}, **past),
        f"POST {here}/relocation": own_only(it, 412, body=_MOVE, **past),
        f"POST {here}/deactivation": own_only(it, 412, **past),
        f"POST {here}/sites": own_only(it, 412, body={"name": "Werk", "address": _ADDRESS}, **past),
        f"DELETE {here}/sites/{{site_id}}": own_only(it, 412, **past),
        f"POST {here}/memberships": own_only(it, 412, body={"cluster_code": "TESTHB"}, **past),
        f"POST {here}/memberships/{{cluster_id}}/end": own_only(it, 412, **past),
        # Notes are each office's own, on organisations of any state.
        f"GET {here}/notes": (everybody(it),),
        f"POST {here}/notes": (everybody(it, 201, body=_NOTE),),
        f"PATCH {here}/notes/{{note_id}}": _notes(412, body={"text": "Anderer Text"}, **past),
        f"DELETE {here}/notes/{{note_id}}": _notes(412, **past),
        f"PUT {here}/release": own_only("in turn", 200),
        f"DELETE {here}/release": own_only("in turn", 204),
        f"GET {page}": (everybody(it),),
        f"GET {page}/edit": own_only(it, 200),
        f"POST {page}/edit": own_only(it, 412, body=PAST),
        f"GET {page}/relocate": own_only(it, 200),
        f"POST {page}/relocate": own_only(it, 412, body=PAST | _MOVE_FORM),
        f"GET {page}/deactivate": own_only(it, 200),
        f"POST {page}/deactivate": own_only(it, 412, body=PAST | {"date": "2026-11-01"}),
        f"GET {page}/sites/new": own_only(it, 200),
        f"POST {page}/sites/new": own_only(it, 412, body=PAST | _SITE_FORM),
        f"GET {page}/sites/{{site_id}}/remove": own_only(it, 200),
        f"POST {page}/sites/{{site_id}}/remove": own_only(it, 412, body=PAST),
        f"GET {page}/memberships/new": own_only(it, 200),
        f"POST {page}/memberships/new": own_only(it, 412, body=PAST | {"cluster_code": "TESTHB"}),
        f"GET {page}/memberships/{{cluster_id}}/end": own_only(it, 200),
        f"POST {page}/memberships/{{cluster_id}}/end": own_only(it, 412, body=PAST | {"valid_to": "2026-11-01"}),
        f"GET {page}/notes/new": (everybody(it),),
        f"POST {page}/notes/new": (everybody(it, 303, body=_NOTE),),
        f"GET {page}/notes/{{note_id}}/edit": _notes(200),
        f"POST {page}/notes/{{note_id}}/edit": _notes(412, body=PAST | _NOTE),
        f"GET {page}/notes/{{note_id}}/remove": _notes(200),
        f"POST {page}/notes/{{note_id}}/remove": _notes(412, body=PAST),
        f"POST {page}/release": own_only("in turn", 303),
        f"POST {page}/withdraw": own_only("in turn", 303),
        "GET /registry/public/{organisation_id}": (everybody("released"), everybody(it, 404)),
    }


def _led(own: Answer, **more: Any) -> tuple[Cell, ...]:
    """Only the lead's office may; to others a draft is not there at all."""
    return (*own_only("published", own, **more), *_led_draft(own, **more))


def _led_draft(own: Answer, **more: Any) -> tuple[Cell, ...]:
    return (Cell(record="draft", own=own, host="foreign_state", foreign=404, **more),)


def _hosted(own: Answer, *, host: Answer | None = None, **more: Any) -> tuple[Cell, ...]:
    """The offices of the lead and of the hosting state may."""
    given = {"foreign": "no_host", "host": own if host is None else host} | more
    return (Cell(record="published", own=own, **given),)


def _people(own: Answer, **more: Any) -> tuple[Cell, ...]:
    """The lead's office may for everybody, the hosting one for people of its own state."""
    return (
        Cell(record="lead's person", own=own, host="foreign_participant", foreign="no_host", **more),
        Cell(record="host's person", own=own, host=own, foreign="no_host", **more),
    )


_TITLE = {"title": "Anderer Beispieltag"}
_TIMES = {"starts": "2027-02-11T10:00", "ends": "2027-02-11T16:00"}
_ZONED = _TIMES | {"time_zone": "Europe/Berlin"}
_REASON = {"reason": "Die Halle steht nicht zur Verfügung."}


def _events() -> dict[str, tuple[Cell, ...]]:
    here, page = "/api/v1/events/{event_id}", "/events/{event_id:uuid}"
    past, registrations = {"headers": STALE}, "/api/v1/events/{event_id}/registrations"
    own_person, hosts_person = person("{state}", "known-{state}"), person("{host}", "known-{host}")
    one = f"{page}/registrations/{{registration_id:uuid}}"

    def step(name: str) -> dict[str, Any]:
        return {"path": {"step": name}}

    seen = (everybody("published"), Cell(record="draft", own=200, host=200, foreign=404))
    return {
        f"GET {here}": seen,
        f"PATCH {here}": _led(412, body=_TITLE, **past),
        f"DELETE {here}": (*own_only("published", "not_a_draft"), *_led_draft(204, fresh=True)),
        f"POST {here}/hosts/{{state}}/agreement": (
            Cell(record="draft", own="foreign_state", host=200, foreign=404),
            Cell(record="published", own="foreign_state", host=200),
        ),
        f"POST {here}/publication": _led(412, **past),
        f"POST {here}/reschedule": _led(412, body=_TIMES, **past),
        f"POST {here}/cancellation": _led(412, body=_REASON, **past),
        f"POST {here}/quota-release": (*own_only("published", 200), *_led_draft("not_published")),
        f"POST {here}/quotas/{{state}}/release": (Cell(record="published", own=200, host=200),),
        f"PUT {here}/release": (*own_only("in turn", 200), *_led_draft("not_published")),
        f"DELETE {here}/release": own_only("in turn", 200),
        f"POST {registrations}": (
            *_hosted(200, body=hosts_person),
            *_hosted(200, body=own_person, host="foreign_participant"),
        ),
        f"GET {registrations}": _hosted(200),
        f"GET {registrations}/{{registration_id}}": _people_seen(),
        f"POST {registrations}/{{registration_id}}/withdrawal": _people(200),
        f"DELETE {registrations}/{{registration_id}}/person": _people(204),
        "GET /api/v1/organisations/{organisation_id}": (everybody("organisation"),),
        f"GET {page}": seen,
        "GET /events/public/{event_id:uuid}": (everybody("released"), everybody("published", 404)),
        "GET /events/public/{event_id:uuid}.ics": (everybody("released"), everybody("published", 404)),
        f"GET {page}/edit": _led(200),
        f"POST {page}/edit": _led(412, body=PAST | _TITLE | _ZONED),
        f"GET {page}/cancel": _led(200),
        f"POST {page}/cancel": _led(412, body=PAST | _REASON),
        f"GET {page}/reschedule": _led(200),
        f"POST {page}/reschedule": _led(412, body=PAST | _ZONED),
        f"GET {page}/{{step}}": (
            Cell(record="draft", own=200, host=200, foreign=404, **step("agree")),
            *_hosted(200, **step("agree")),
            *_led(200, **step("publish")),
            *_led(200, **step("release-quotas")),
            Cell(record="published", own=200, host=200, **step("release-quota?state={host}")),
            *_led(200, **step("release")),
            *_led(200, **step("withdraw-release")),
            *_led(200, **step("discard")),
        ),
        f"POST {page}/{{step}}": (
            Cell(record="draft", own=412, host=412, foreign=404, body=PAST, **step("agree")),
            *_hosted(412, body=PAST, **step("agree")),
            *_led(412, body=PAST, **step("publish")),
            *own_only("published", 303, **step("release-quotas")),
            Cell(record="published", own=303, host=303, body={"state": "{host}"}, **step("release-quota")),
            *own_only("in turn", 303, **step("release")),
            *own_only("in turn", 303, **step("withdraw-release")),
            *own_only("published", 409, **step("discard")),
            *_led_draft(303, fresh=True, **step("discard")),
        ),
        f"GET {page}/registrations/new": _hosted(200),
        f"POST {page}/registrations/new": (
            *_hosted(303, body=hosts_person),
            *_hosted(303, body=own_person, host="foreign_participant"),
        ),
        f"GET {one}": _people_seen(),
        f"GET {one}/withdraw": _people(200),
        f"POST {one}/withdraw": _people(303),
        f"GET {one}/erase": _people(200),
        f"POST {one}/erase": _people(303),
    }


def _people_seen() -> tuple[Cell, ...]:
    return tuple(
        Cell(record=record, own=200, host=200, foreign="no_host") for record in ("lead's person", "host's person")
    )


def _notifications() -> dict[str, tuple[Cell, ...]]:
    api, base = "/api/v1", "/notifications"
    contact = {"name": "Beispielstelle", "email": "stelle@office.example", "language": "de"}
    subscription, entry = own_only("subscription", 200, 404), own_only("entry", 200, 404)
    return {
        f"GET {api}/subscriptions/{{subscription_id}}": subscription,
        f"PATCH {api}/subscriptions/{{subscription_id}}": own_only(
            "subscription", 412, 404, body={"language": "en"}, headers=STALE
        ),
        f"DELETE {api}/subscriptions/{{subscription_id}}": own_only("subscription", 204, 404),
        f"GET {api}/offices/{{state}}/contact": (everybody("office"),),
        f"PUT {api}/offices/{{state}}/contact": own_only("office", 412, body=contact, headers=STALE),
        f"POST {api}/inbox/{{entry_id}}/read": own_only("entry", 204, 404),
        f"GET {base}/inbox/{{entry_id}}": entry,
        f"POST {base}/inbox/{{entry_id}}/read": own_only("entry", 303, 404),
        f"GET {base}/subscriptions/{{subscription_id}}": subscription,
        f"GET {base}/subscriptions/{{subscription_id}}/edit": subscription,
        f"POST {base}/subscriptions/{{subscription_id}}/edit": own_only(
            "subscription", 412, 404, body=PAST | {"name": "Andere Person", "language": "de"}
        ),
        f"GET {base}/subscriptions/{{subscription_id}}/end": subscription,
        f"POST {base}/subscriptions/{{subscription_id}}/end": own_only("subscription", 303, 404),
        f"GET {base}/notices/{{notice_id}}": (everybody("notice"),),
        f"GET {base}/offices/{{state}}/edit": own_only("office", 200),
        f"POST {base}/offices/{{state}}/edit": own_only("office", 409, body=PAST | contact),
        # Operators act for no state.
        f"GET {base}/deliveries/{{delivery_id}}": (everybody("delivery"),),
    }


CELLS = {"registry": _registry(), "events": _events(), "notifications": _notifications()}
"""By service, and by method and path as the route has it."""


def filled(value: Any, whose: str) -> Any:
    """A body with what its texts say of the record's state."""
    if isinstance(value, Mapping):
        return {name: filled(item, whose) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    place, court = PLACES[whose]
    number = f"88000{list(NEXT).index(whose)}"
    words = {"state": whose, "host": NEXT[whose], "place": place, "court": court, "number": number}
    return value.format(**words, iso=f"DE-{whose.upper()}")
