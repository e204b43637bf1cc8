"""The registry: organisations of each state, with all that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from norda_common.rights import Role

from ..records.base import NEXT
from ..records.organisations import organisation
from .cell import PAST, STALE, Cell, everybody, own_only

_ADDRESS = {"place": "Bremen", "state": "DE-HB"}
_MOVE = {"responsible_state": "hh", "seat": {"place": "Hamburg", "state": "DE-HH"}, "date": "2026-11-01"}
_MOVE_FORM = {"responsible_state": "hh", "seat.place": "Hamburg", "seat.state": "DE-HH", "date": "2026-11-01"}
_SITE_FORM = {"name": "Werk", "address.place": "Bremen", "address.state": "DE-HB"}
_NOTE = {"kind": "note", "visibility": "office", "text": "Anderer Beispielvermerk"}
_PART = {"legal_name": "Beispiel Teil GmbH", "seat": _ADDRESS}
_INDICATOR = {"kind": "members", "value": 7, "on": "2026-11-01", "source": "Jahresbericht"}
_FIGURE = {"kind": "employees", "value": 7, "on": "2026-11-01", "source": "Jahresabschluss"}
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


def registry() -> dict[str, tuple[Cell, ...]]:
    """By method and path."""
    return _api() | _pages()


def _api() -> dict[str, tuple[Cell, ...]]:
    base, here = "/api/v1/organisations", "/api/v1/organisations/{organisation_id}"
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
    } | _api_of_profiles(here)


def _api_of_profiles(here: str) -> dict[str, tuple[Cell, ...]]:
    it, past = "organisation", {"headers": STALE}
    one = {"code": "29.32.0"}
    return {
        f"POST {here}/split": own_only(it, 412, body=_PART, **past),
        f"POST {here}/dissolution": own_only(it, 412, **past),
        f"POST {here}/reopening": own_only(it, 412, **past),
        f"PUT {here}/sites/{{site_id}}": own_only(it, 412, body={"name": "Werk", "address": _ADDRESS}, **past),
        f"PATCH {here}/memberships/{{cluster_id}}": own_only(it, 412, body={"kind": "sponsor"}, **past),
        f"PATCH {here}/profile": own_only(it, 412, body={"website": None}, **past),
        f"PUT {here}/links/{{other_id}}": own_only(it, 412, body={"kind": "linked"}, **past),
        f"DELETE {here}/links/{{other_id}}": own_only(it, 412, **past),
        f"POST {here}/indicators": own_only(it, 412, body=_INDICATOR, **past),
        f"GET {here}/completeness": (everybody(it),),
        # Figures stay with the office.
        f"GET {here}/figures": own_only(it, 200),
        f"POST {here}/figures": own_only(it, 412, body=_FIGURE, **past),
        f"GET {here}/size": own_only(it, 200),
        f"GET {here}/codes": (everybody(it),),
        f"POST {here}/codes/decisions": own_only(it, 412, body=one, **past),
        # There is no address to which a link could be sent.
        f"POST {here}/confirmation": own_only(it, "no_contact"),
        "GET /api/v1/confirmations/{confirmation_id}": own_only("answered", 200, 404),
        "POST /api/v1/confirmations/{confirmation_id}/decision": own_only(
            "answered", 412, 404, body={"take": ["website"]}, **past
        ),
        # Any office may know a cluster's list; what it says of others' organisations goes to their offices.
        "POST /api/v1/clusters/{cluster_id}/members/reconciliation": (
            everybody(it, body={"rows": [{"name": "Beispiel Unbekannt"}]}),
        ),
        "POST /api/v1/membership-proposals/{proposal_id}/decision": own_only(
            "decided proposal", "decided", 404, body={"take": False}
        ),
    }


def _pages() -> dict[str, tuple[Cell, ...]]:
    page, it = "/registry/organisations/{organisation_id}", "organisation"
    return {
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
    } | _pages_of_profiles(page)


def _pages_of_profiles(page: str) -> dict[str, tuple[Cell, ...]]:
    it, confirmation = "organisation", "/registry/confirmations/{confirmation_id}"
    steps: Mapping[str, Mapping[str, str]] = {
        "rename": {"legal_name": "Beispiel Anders GmbH"},
        "convert": {"legal_form": "350"},
        "split": {"legal_name": "Beispiel Teil GmbH", "seat.place": "Bremen", "seat.state": "DE-HB"},
        "dissolve": {"date": "2026-11-01"},
        "reopen": {},
        "profile": {"website": "https://www.ex-900.example/"},
        "links/new": {"organisation_id": "{other_id}", "kind": "linked"},
        "indicators/new": {name: str(value) for name, value in _INDICATOR.items()},
        "figures": {name: str(value) for name, value in _FIGURE.items()},
        "codes": {"code": "29.32.0"},
        "sites/{site_id}/edit": _SITE_FORM,
        "memberships/{cluster_id}/edit": {"kind": "sponsor"},
    }
    return {
        **{f"GET {page}/{step}": own_only(it, 200) for step in steps},
        **{f"POST {page}/{step}": own_only(it, 412, body=PAST | body) for step, body in steps.items()},
        f"POST {page}/links/{{other_id}}/remove": own_only(it, 412, body=PAST),
        f"POST {page}/confirmation": own_only(it, 409),
        f"GET {confirmation}": own_only("answered", 200, 404),
        f"POST {confirmation}": own_only("answered", 412, 404, body=PAST | {"choice-website": "mine"}),
        "GET /registry/clusters/{cluster_id}/members": (everybody(it),),
        "POST /registry/clusters/{cluster_id}/members": (everybody(it, body={"list": "Name;Ort\nBeispiel;Bremen"}),),
        "POST /registry/memberships/{proposal_id}": own_only("decided proposal", 409, 404),
    }
