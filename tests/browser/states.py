"""Pages that no link leads to: what comes when a form is wrong, late, or not the person's own, and what comes after.

Each is a form opened, perhaps changed by somebody else meanwhile, filled in and sent; or an address alone. The
registry's stand in `states_registry.py`.
"""

from __future__ import annotations

from .state import State
from .states_registry import WRITTEN, registry
from .world import REASON, Filled


def _replan(made: Filled) -> None:
    address = made.events(f"/{made.ids['draft']}")
    seats = made.world.get(address)["capacity"]
    made.world.call("PATCH", address, state="hb", json={"capacity": seats + 1})


def _move_office(made: Filled) -> None:
    address = f"{made.world.notifications}/api/v1/offices/hb/contact"
    stored = made.world.get(address)
    body = {"name": stored["name"], "email": f"stelle-{stored['version']}@hb.example", "language": "de"}
    made.world.call("PUT", address, state="hb", json=body)


def _rename_subscriber(made: Filled) -> None:
    address = f"{made.world.notifications}/api/v1/subscriptions/{made.ids['subscription']}"
    stored = made.world.get(address)
    body, seen = {"name": f"Beispiel {stored['version']}"}, {"if-match": f'"{stored["version"]}"'}
    made.world.call("PATCH", address, state="hb", json=body, headers=seen)


def _events() -> list[State]:
    draft, forum = "/events/{draft}", "/events/{forum}"
    # The hour that happens twice, so that the form asks which is meant.
    twice = {"title": "Beispieltag", "starts": "2027-10-31T02:30", "ends": "2027-10-31T04:00"}
    person = {"name": "", "email": "keine", "organisation_words": "Beispiel"}
    return [
        State(name="new-422", opens="/events/new", action="/new"),
        State(name="new-twice", opens="/events/new", action="/new", fields=twice),
        State(name="new-search", opens="/events/new", action="/new", fields={"search": "yes", **_WORDS}, status=200),
        State(name="edit-422", opens=f"{draft}/edit", action="/edit", fields={"title": ""}),
        State(
            name="edit-late",
            opens=f"{draft}/edit",
            action="/edit",
            fields={"venue": "Speicher XI"},
            meanwhile=_replan,
            status=412,
        ),
        State(name="publish-late", opens=f"{draft}/publish", action="/publish", meanwhile=_replan, status=412),
        State(name="publish-missing", opens="/events/{draft of two}/publish", status=200),
        State(name="cancel-422", opens=f"{forum}/cancel", action="/cancel"),
        State(name="reschedule-422", opens=f"{forum}/reschedule", action="/reschedule", fields={"starts": ""}),
        State(
            name="reschedule-late",
            opens=f"{forum}/reschedule",
            action="/reschedule",
            fields={"version": "1"},
            status=412,
        ),
        State(name="register-422", opens=f"{forum}/registrations/new", action="/registrations/new", fields=person),
        State(
            name="register-search",
            opens=f"{forum}/registrations/new",
            action="/registrations/new",
            fields={"search": "yes", **_WORDS},
            status=200,
        ),
        State(name="withdraw", opens=f"{forum}/registrations/{{registration}}/withdraw", status=200),
        State(name="erase", opens=f"{forum}/registrations/{{registration}}/erase", status=200),
        State(name="release-own-quota", opens=f"{forum}/release-quota?state=hb", status=200),
        State(name="search", opens="/events/search?q=Beispiel", status=200),
        State(name="search-nothing", opens="/events/search?q=gibtesnicht", status=200),
        State(name="search-persons", opens="/events/search", action="/search", fields={"q": "Beispiel"}, status=200),
        State(name="nothing-blocked", opens="/events/operations/blocked", person="operator", status=200),
        State(name="empty-month", opens="/events/calendar?month=2031-01", status=200),
        State(name="public-month", opens="/events/public?month=2027-06", person=None, status=200),
        State(name="nothing-found", opens="/events/list?q=gibtesnicht", status=200),
        State(name="nowhere", opens="/events/public/nowhere", person=None, status=404),
    ]


_WORDS = {"organisation_words": "Beispiel"}


def _notifications() -> list[State]:
    new, office = "/notifications/subscriptions/new", "/notifications/offices/hb/edit"
    subscription = "/notifications/subscriptions/{subscription}"
    objections, email = "/notifications/objections", {"email": "jemand@ex-019.example"}
    return [
        *(
            State(name=f"new-{kind}-422", opens=f"{new}?kind={kind}", action="/subscriptions/new")
            for kind in ("state", "competence", "cluster", "event")
        ),
        State(name="end", opens="/notifications/subscriptions/{subscription}/end", status=200),
        State(name="objection-422", opens=objections, action="/objections", fields={"email": "keine"}),
        State(name="objection-asked", opens=objections, action="/objections", fields=email, status=200),
        State(name="office-422", opens=office, action="/edit", fields={"name": ""}),
        State(
            name="office-late",
            opens=office,
            action="/edit",
            fields={"name": "Beispielstelle"},
            meanwhile=_move_office,
            status=409,
        ),
        State(name="unsubscribe", opens="{unsubscribe}", person=None, status=200),
        State(name="unsubscribed", opens="{unsubscribe}", action="{unsubscribe}", person=None, status=200, once=True),
        State(name="search", opens="/notifications/search?q=Beispiel", status=200),
        State(name="search-nothing", opens="/notifications/search?q=gibtesnicht", status=200),
        State(
            name="search-persons",
            opens="/notifications/search",
            action="/search",
            fields={"q": "Beispiel"},
            status=200,
        ),
        State(
            name="subscriptions-of",
            opens="/notifications/subscriptions",
            action="/subscriptions",
            fields={"email": "jemand@ex-019.example"},
            status=200,
        ),
        State(name="search-deliveries", opens="/notifications/search?q=Beispieltag", person="operator", status=200),
        State(name="nothing-blocked", opens="/notifications/operations/blocked", person="operator", status=200),
        State(name="correct-422", opens=f"{subscription}/edit", action="/edit", fields={"name": "x" * 201}),
        State(
            name="correct-late",
            opens=f"{subscription}/edit",
            action="/edit",
            fields={"name": "Meine Person"},
            meanwhile=_rename_subscriber,
            status=412,
        ),
        State(name="nothing-found", opens="/notifications/notices?q=gibtesnicht", status=200),
        State(name="nowhere", opens="/notifications/nowhere", person=None, status=404),
    ]


STATES = {"registry": registry(), "events": _events(), "notifications": _notifications()}
TYPED = {REASON, "Mein Text", "Meine Person", "Inzwischen anders", "Beispielstelle", "Speicher XI", *WRITTEN}
"""What is typed here."""
