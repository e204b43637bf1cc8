"""The events service: drafts and published events, which one state leads and the next one hosts with it."""

from __future__ import annotations

from typing import Any

from ..records.events import person
from .cell import PAST, STALE, Answer, Cell, everybody, own_only


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


def events() -> dict[str, tuple[Cell, ...]]:
    """By method and path."""
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
