"""Pages that no link leads to: what comes when a form is wrong, late, or not the person's own, and what comes after.

Each is a form opened, perhaps changed by somebody else meanwhile, filled in and sent; or an address alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import norda_local.demo

from .world import REASON, Filled

TABLE = (Path(norda_local.demo.__file__).parent / "data" / "seed_companies.csv").read_bytes()
FAULTY = b"legal_name,place,state,register_court,register_number\nBeispiel Fehler GmbH,Bremen,DE-XX,Nirgendwo,12\n"
Changed = Callable[[Filled], None]


@dataclass(frozen=True, kw_only=True)
class State:
    """`opens` is the page with the form, whose `action` ends so; without one the page itself is meant. `{name}` in them
    is the id of that name. `status` is what comes.
    """

    name: str
    opens: str
    action: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    status: int = 422
    person: str | None = "hb-office"
    meanwhile: Changed | None = None
    file: bytes | None = None
    once: bool = False
    """The form is there once; whoever comes later sees what it answered."""
    signed_out: bool = False
    """The session ends before the form is sent."""

    def address(self, made: Filled, service: str) -> str:
        """The page to open."""
        text = _with_ids(self.opens, made)
        return text if text.startswith("http") else made.norda.services[service].url + text

    def leads_to(self, made: Filled) -> str:
        """How the form's address ends."""
        return _with_ids(self.action, made)


def _with_ids(text: str, made: Filled) -> str:
    for name, value in made.ids.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _rename(made: Filled) -> None:
    address = made.organisations(f"/{made.ids['company']}")
    stored = made.world.get(address)
    made.world.call("PATCH", address, state="hb", json={"own_id": f"neu-{stored['version']}"})


def _rewrite(made: Filled) -> None:
    address = made.organisations(f"/{made.ids['company']}/notes/{made.ids['alliance note']}")
    for text in ("Inzwischen anders", "Werksbesuch und Gespräch (alliance)"):
        made.world.call("PATCH", address, state="hb", json={"text": text})


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


def _registry() -> list[State]:
    lists, here = "/registry/organisations", "/registry/organisations/{company}"
    note = f"{here}/notes/{{alliance note}}"
    late = {"meanwhile": _rename, "status": 412}
    return [
        State(name="new-422", opens=f"{lists}/new", action="/new"),
        State(name="taken-409", opens=f"{lists}/new", action="/new", status=409, fields=_TAKEN),
        State(name="edit-422", opens=f"{here}/edit", action="/edit", fields={"legal_name": "", "vat_id": "DE1"}),
        State(name="edit-late", opens=f"{here}/edit", action="/edit", fields={"own_id": "meine"}, **late),
        State(name="relocate-422", opens=f"{here}/relocate", action="/relocate", fields={"seat.place": ""}),
        State(name="relocate-late", opens=f"{here}/relocate", action="/relocate", fields=_PLACE, **late),
        State(name="deactivate-422", opens=f"{here}/deactivate", action="/deactivate", fields={"date": "2099-01-01"}),
        State(name="deactivate-late", opens=f"{here}/deactivate", action="/deactivate", **late),
        State(name="site-422", opens=f"{here}/sites/new", action="/sites/new"),
        State(name="membership-422", opens=f"{here}/memberships/new", action="/memberships/new"),
        State(name="note-422", opens=f"{here}/notes/new", action="/notes/new"),
        State(
            name="note-late",
            opens=f"{note}/edit",
            action="/edit",
            fields={"text": "Mein Text"},
            meanwhile=_rewrite,
            status=412,
        ),
        State(name="note-remove-late", opens=f"{note}/remove", action="/remove", meanwhile=_rewrite, status=412),
        State(name="import-422", opens="/registry/import", action="/import"),
        State(name="import-faults", opens="/registry/import", action="/import", file=FAULTY),
        State(name="import-preview", opens="/registry/import", action="/import", file=TABLE, status=200),
        State(name="import-done", opens="/registry/import", action="/import", file=TABLE, fields=_STORE, status=200),
        State(
            name="send-again",
            opens=f"{here}/notes/new",
            action="/notes/new",
            fields={"csrf": "old", "text": "Mein Text"},
            status=403,
        ),
        State(name="session-over", opens=f"{here}/notes/new", action="/notes/new", signed_out=True, status=401),
        State(name="forbidden", opens="/registry/organisations/{theirs}/edit", status=403),
        State(name="nowhere", opens="/registry/nowhere", status=404),
        State(
            name="sign-in-failed",
            opens="/registry/sign-in/callback?error=access_denied&state=x",
            person=None,
            status=400,
        ),
        State(name="signed-out", opens="/registry/signed-out", person=None, status=200),
        State(name="nothing-found", opens="/registry/organisations?q=gibtesnicht", status=200),
        State(name="search", opens="/registry/search?q=Beispiel", status=200),
        State(name="search-notes", opens="/registry/search?q=Werksbesuch&only=notes", status=200),
        State(name="search-nothing", opens="/registry/search?q=gibtesnicht", status=200),
        State(name="search-empty", opens="/registry/search", status=200),
        State(name="nothing-public", opens="/registry/public?q=gibtesnicht", person=None, status=200),
    ]


_STORE = {"step": "store", "digest": hashlib.sha256(TABLE).hexdigest()}
_PLACE = {"seat.place": "Bremerhaven"}
_TAKEN = {
    "legal_name": "Beispiel Doppelt AG",
    "seat.place": "Bremen",
    "seat.state": "DE-HB",
    "vat_id": "DE999000017",
}


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


STATES = {"registry": _registry(), "events": _events(), "notifications": _notifications()}
TYPED = {REASON, "Mein Text", "Meine Person", "Inzwischen anders", "Beispielstelle", "Speicher XI"}
"""What is typed here."""
