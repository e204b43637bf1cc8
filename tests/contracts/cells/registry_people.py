"""The registry: contact persons and requests, their office's alone; saved searches, which are a person's own."""

from __future__ import annotations

from typing import Any

from norda_common.rights import Role

from .cell import PAST, STALE, Cell, everybody, own_only

# Everything that is needed, and a day that is past: that is found out after whose organisation it is.
_PERSON: dict[str, Any] = {
    "name": "Beispiel Person",
    "email": "neu@person.example",
    "source": "Visitenkarte",
    "purposes": ["support"],
    "legal_basis": "public_task",
    "retain_until": "2020-01-01",
}


def people() -> dict[str, tuple[Cell, ...]]:
    """By method and path."""
    return _contact_persons() | _requests() | _searches()


def _contact_persons() -> dict[str, tuple[Cell, ...]]:
    of_one, page = "/registry/organisations/{organisation_id}/people/new", "/registry/people/{key}"
    api, here = "/api/v1/organisations/{organisation_id}/people", "/api/v1/people/{key}"
    it, one, past = "organisation", "contact person", {"headers": STALE}
    return {
        f"GET {of_one}": own_only(it, 200),
        f"POST {of_one}": own_only(it, 422, body=_PERSON),
        f"GET {page}/edit": own_only(one, 200, 404),
        f"POST {page}/edit": own_only(one, 412, 404, body=PAST | _PERSON),
        f"GET {page}/remove": own_only(one, 200, 404),
        f"POST {page}/remove": own_only(one, 412, 404, body=PAST),
        # Those of the own office: of another state's organisation it keeps nobody.
        f"GET {api}": (everybody(it),),
        f"POST {api}": own_only(it, 422, body=_PERSON),
        f"GET {here}": own_only(one, 200, 404),
        f"PATCH {here}": own_only(one, 412, 404, body={"language": "en"}, **past),
        f"DELETE {here}": own_only(one, 412, 404, **past),
    }


def _requests() -> dict[str, tuple[Cell, ...]]:
    page, here = "/registry/requests/{request_id}", "/api/v1/privacy-requests/{request_id}"
    paths = (page, f"{page}/report", f"{page}/report.json", here, f"{here}/report")
    cells = {f"GET {path}": own_only("request", 200, 404) for path in paths}
    # A request of a contact person begins at their record.
    cells["GET /registry/requests/new"] = own_only("contact person", 200, 404, query={"person": "{key}"})
    return cells


def _mine(status: int, **more: Any) -> tuple[Cell, ...]:
    """A search that somebody of case work keeps for themselves: to their colleagues it is not there."""
    own = {Role.OFFICE: status, Role.LEAD: 404, Role.PR: 404}
    return own_only("own search", own, 404, **more)


def _searches() -> dict[str, tuple[Cell, ...]]:
    page, here = "/registry/searches/{search_id}", "/api/v1/searches/{search_id}"
    name = {"name": "Andere Suche"}

    def renamed(taken: int | str) -> tuple[Cell, ...]:
        """Whose it is may rename it, but not to a name they have given already; others of the office may not at all."""
        own = {Role.OFFICE: taken, Role.LEAD: "not_own", Role.PR: "not_own"}
        return own_only("shared search", own, 404, body={"name": "Vergeben", "shared": shared(taken)})

    def shared(taken: int | str) -> str | bool:
        """As a form says it, and as a program does."""
        return "yes" if isinstance(taken, int) else True

    def deleted(status: int) -> tuple[Cell, ...]:
        """Whose it is may take it away, and the lead what all see."""
        own = {Role.OFFICE: status, Role.LEAD: status, Role.PR: "not_own"}
        return (*_mine(status, fresh=True), *own_only("shared search", own, 404, fresh=True))

    return {
        f"GET {page}": (*_mine(200), *own_only("shared search", 200, 404)),
        f"POST {page}": (
            *_mine(303, body=name),
            *renamed(409),
            *own_only("shared search", 303, 404, body={"watch": "no"}),
        ),
        f"POST {page}/delete": deleted(303),
        f"GET {here}": (*_mine(200), *own_only("shared search", 200, 404)),
        f"PATCH {here}": (
            *_mine(200, body=name),
            *renamed("search_name_taken"),
            *own_only("shared search", 200, 404, body={"notify": False}),
        ),
        f"DELETE {here}": deleted(204),
    }
