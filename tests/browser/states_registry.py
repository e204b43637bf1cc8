"""The registry's pages that no link leads to: answers to its forms, and what comes after."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from support.installation import in_thread

from .register import links
from .state import State
from .world import Filled

TABLE = b"Firma;Ort;Bundesland\nBeispiel Probe GmbH;Bremen;DE-HB\n"
MEMBERS = "Name;Ort\nBeispiel Schabernack Tiefziehwerk GmbH;Bremen\nBeispiel Unbekannt;Bremen"
WRITTEN = {"Beispiel Probe GmbH", "Beispiel Unbekannt", "Beispiel Neu GmbH", "Probe", "nichts", "karoserie"}
"""What is typed here."""
_LIST = "/registry/organisations"
_HERE = f"{_LIST}/{{company}}"
_ADDRESS = {"email": "jemand@ex-019.example"}


def _rename(made: Filled, key: str = "company") -> None:
    address = made.organisations(f"/{made.ids[key]}")
    stored = made.world.get(address)
    made.world.call("PATCH", address, state="hb", json={"own_id": f"neu-{stored['version']}"})


def _renames(key: str) -> Callable[[Filled], None]:
    return lambda made: _rename(made, key)


def _rewrite(made: Filled) -> None:
    address = made.organisations(f"/{made.ids['company']}/notes/{made.ids['alliance note']}")
    for text in ("Inzwischen anders", "Werksbesuch und Gespräch (alliance)"):
        made.world.call("PATCH", address, state="hb", json={"text": text})


def _call(made: Filled) -> None:
    """Somebody enters another phone number of the contact person."""
    address = f"{made.world.registry}/api/v1/people/{made.ids['person']}"
    version = made.world.get(address, state="hb")["version"]
    made.world.call("PATCH", address, state="hb", json={"phone": f"+49 421 55501{version % 1000:03}"})


def _ask_again(made: Filled) -> None:
    """Send the company another link: the one before ends, and this one is open."""
    made.world.post(made.organisations(f"/{made.ids['company']}/confirmation"), state="hb")
    in_thread(links(made, "company", after=made.ids["link of company"]))


def registry() -> list[State]:
    """All of them."""
    return [*_organisations(), *_profiles(), *_pairs(), *_imports(), *_persons(), *_searches(), *_elsewhere()]


def _filled(
    name: str, opens: str, action: str, fields: Mapping[str, str] | None = None, status: int = 422, **more: object
) -> State:
    return State(name=name, opens=opens, action=action, fields=fields or {}, status=status, **more)  # type: ignore[arg-type]


def _late(name: str, opens: str, action: str, fields: Mapping[str, str] | None = None, **more: object) -> State:
    return _filled(name, opens, action, fields, 412, **{"meanwhile": _rename, **more})


def _opened(name: str, opens: str, status: int = 200, person: str | None = "hb-office") -> State:
    return State(name=name, opens=opens, status=status, person=person)


def _organisations() -> list[State]:
    note, site, membership = f"{_HERE}/notes/{{alliance note}}", f"{_HERE}/sites/{{site}}", f"{_HERE}/memberships"
    return [
        _filled("new-422", f"{_LIST}/new", "/new"),
        _filled("taken-409", f"{_LIST}/new", "/new", _TAKEN, 409),
        _filled("suspects-409", f"{_LIST}/new", "/new", _LIKE, 409),
        _filled("edit-422", f"{_HERE}/edit", "/edit", {"legal_name": "", "vat_id": "DE1"}),
        _late("edit-late", f"{_HERE}/edit", "/edit", {"own_id": "meine"}),
        _filled("relocate-422", f"{_HERE}/relocate", "/relocate", {"seat.place": ""}),
        _late("relocate-late", f"{_HERE}/relocate", "/relocate", {"seat.place": "Bremerhaven"}),
        _filled("deactivate-422", f"{_HERE}/deactivate", "/deactivate", {"date": "2099-01-01"}),
        _late("deactivate-late", f"{_HERE}/deactivate", "/deactivate"),
        _filled("rename-422", f"{_HERE}/rename", "/rename", {"legal_name": ""}),
        _late("rename-late", f"{_HERE}/rename", "/rename", {"legal_name": "Beispiel Neu GmbH"}),
        _filled("convert-422", f"{_HERE}/convert", "/convert", {"legal_form": ""}),
        _filled("split-422", f"{_HERE}/split", "/split"),
        _filled("dissolve-422", f"{_HERE}/dissolve", "/dissolve", {"date": "2099-01-01"}),
        _filled("site-422", f"{_HERE}/sites/new", "/sites/new"),
        _filled("site-edit-422", f"{site}/edit", "/edit", {"name": ""}),
        _filled("membership-422", f"{membership}/new", "/memberships/new"),
        _filled("membership-edit-422", f"{membership}/{{joined}}/edit", "/edit", {"valid_to": "2001-01-01"}),
        _filled("note-422", f"{_HERE}/notes/new", "/notes/new"),
        _late("note-late", f"{note}/edit", "/edit", {"text": "Mein Text"}, meanwhile=_rewrite),
        _late("note-remove-late", f"{note}/remove", "/remove", meanwhile=_rewrite),
        _opened("as-of", f"{_HERE}?as_of=2026-01-15"),
        _opened("as-of-nothing", f"{_HERE}?as_of=nichts"),
    ]


_TAKEN = {
    "legal_name": "Beispiel Doppelt AG", "seat.place": "Bremen", "seat.state": "DE-HB", "vat_id": "DE999000017",
}  # fmt: skip
_LIKE = {"legal_name": "Beispiel Schabernack Tiefziehwerk GmbH", "seat.place": "Bremen", "seat.state": "DE-HB"}


def _profiles() -> list[State]:
    members, confirmation = "/registry/clusters/{cluster}/members", "/registry/confirmations/{answered}"
    wrong = {"step": "propose", "website": "nichts"}
    return [
        _filled("profile-422", f"{_HERE}/profile", "/profile", {"website": "nichts"}),
        _late("profile-late", f"{_HERE}/profile", "/profile", {"website": "https://www.ex-960.example/"}),
        _filled("link-422", f"{_HERE}/links/new", "/links/new", {"organisation_id": "nichts", "kind": "linked"}),
        _filled("indicator-422", f"{_HERE}/indicators/new", "/indicators/new"),
        _filled("figure-422", f"{_HERE}/figures", "/figures", {"value": "nichts"}),
        _filled("codes-422", f"{_HERE}/codes", "/codes", {"place": "0", "further-0": "99.99.99"}),
        _late("confirmation-late", confirmation, confirmation, meanwhile=_renames("sister")),
        State(name="confirm", opens="{link of company}", before=_ask_again, person=None, status=200),
        _filled("confirm-422", "{link of company}", "{link of company}", wrong, person=None),
        _filled("confirm-done", "{link of company}", "{link of company}", None, 200, person=None, before=_ask_again),
        _opened("confirm-unknown", f"/registry/confirm/{'A' * 64}", 404, None),
        _opened("confirmations-undecided", "/registry/confirmations?undecided=yes"),
        _filled("members-422", members, "/members"),
        _filled("members-preview", members, "/members", {"list": MEMBERS}, 200),
        _filled("members-store-422", members, "/members", {"list": MEMBERS, "step": "store"}),
        _opened("profiles-all", "/registry/profiles?below=100"),
    ]


def _pairs() -> list[State]:
    """What two organisations, or two offices, have to do with each other."""
    offered, pair = f"{_LIST}/{{offered}}", "/registry/duplicates/{one}/{other}/apart"
    merge, across = f"{_LIST}/{{other}}/merge?into={{one}}", f"{_LIST}/{{twin}}/merge?into={{mine}}"
    return [
        _filled("accept-422", f"{offered}/accept", "/accept", {"seat.place": ""}),
        _filled("refuse-422", f"{offered}/refuse", "/refuse"),
        _opened("merge-into-nothing", f"{_HERE}/merge?into=nichts", 422),
        _opened("merge-into-itself", f"{_HERE}/merge?into={{company}}", 422),
        _opened("merge", merge),
        _opened("merge-companies", f"{merge}&kind=merger"),
        _opened("merge-across", across),
        _opened("merge-theirs", f"{_LIST}/{{mine}}/merge?into={{twin}}"),
        _filled("merge-422", merge, "/merge", {"date": "2099-01-01"}),
        _late("merge-late", merge, "/merge", meanwhile=_renames("one")),
        _filled("apart-422", pair, "/apart"),
        _opened("duplicates-decided", "/registry/duplicates?decided=yes"),
        _opened("duplicates-none", "/registry/duplicates?organisation={gone}"),
    ]


def _imports() -> list[State]:
    one = "/registry/import/{mapping}"
    return [
        _filled("import-422", "/registry/import", "/import"),
        _filled("import-no-table", "/registry/import", "/import", {"source": "Probe"}, file=b"PK\x03\x04nichts"),
        _filled("import-mapping", "/registry/import", "/import", {"source": "Probe"}, 200, file=TABLE),
        _filled("import-mapping-422", one, "/mapping", {"columns.0": "", "columns.3": ""}),
        _filled("import-sheet", one, "/sheet", {"heading_row": "99"}, 200),
        _opened("import-working", "/registry/import/{working}"),
        _opened("import-failed", "/registry/import/{failed}"),
        _opened("import-duplicates", "/registry/import/{planned}?only=duplicate"),
        _opened("import-errors", "/registry/import/{planned}?only=error"),
    ]


def _persons() -> list[State]:
    person, requests = "/registry/people/{person}", "/registry/requests"
    return [
        _filled("person-422", f"{_HERE}/people/new", "/people/new"),
        _filled("person-edit-422", f"{person}/edit", "/edit", {"name": "", "retain_until": "2020-01-01"}),
        _late("person-late", f"{person}/edit", "/edit", {"phone": "+49 421 5550999"}, meanwhile=_call),
        _late("person-remove-late", f"{person}/remove", "/remove", meanwhile=_call),
        _filled("people-none", "/registry/people", "/people", {"q": "gibtesnicht"}, 200),
        _filled("people-found", "/registry/people", "/people", {"q": "Beispiel"}, 200),
        _filled("people-422", "/registry/people", "/people", {"q": "x" * 301}),
        _filled("request-by-phone", f"{requests}/new", "/requests/persons", {"phone": "+49 421 5550999"}, 200),
        _filled("request-by-phone-none", f"{requests}/new", "/requests/persons", {"phone": "0421 1"}, 200),
        _opened("request-of-person", f"{requests}/new?person={{person}}"),
        _filled("request-422", f"{requests}/new", "/requests/new", {"email": "nichts"}),
        *(
            _filled(f"request-{kind}", f"{requests}/new", "/requests/new", {"kind": kind, **_ADDRESS}, 200)
            for kind in ("access", "erasure", "restriction")
        ),
        _filled("proof", requests, "/requests/search", {"email": "antrag@ex-953.example"}, 200),
        _filled("proof-none", requests, "/requests/search", _ADDRESS, 200),
        _filled("proof-422", requests, "/requests/search", {"email": "nichts"}),
    ]


def _searches() -> list[State]:
    saved, lead = "/registry/searches", {"person": "hb-lead"}
    return [
        _filled("search-422", f"{saved}/new?q=Batterie&state=hb", saved),
        _filled("search-taken", f"{saved}/new?q=Batterie", saved, {"name": "Batterie in Bremen"}, 409, **lead),
        _filled("search-rename-422", f"{saved}/{{search}}", "/{search}", {"name": ""}, **lead),
        _opened("found", f"{_LIST}?q=Beispiel&state=hb&state=ni&size=small&sort=relevance"),
        _opened("corrected", f"{_LIST}?q=karoserie&state=all"),
        _opened("nothing-found", f"{_LIST}?q=gibtesnicht"),
        _opened("search", "/registry/search?q=Beispiel"),
        _opened("search-notes", "/registry/search?q=Werksbesuch&only=notes"),
        _opened("search-nothing", "/registry/search?q=gibtesnicht"),
        _opened("search-empty", "/registry/search"),
        _opened("nothing-public", "/registry/public?q=gibtesnicht", person=None),
    ]


def _elsewhere() -> list[State]:
    note = {"action": "/notes/new", "opens": f"{_HERE}/notes/new"}
    return [
        State(name="send-again", fields={"csrf": "old", "text": "Mein Text"}, status=403, **note),
        State(name="session-over", signed_out=True, status=401, **note),
        _opened("forbidden", f"{_LIST}/{{theirs}}/edit", 403),
        _opened("nowhere", "/registry/nowhere", 404),
        _opened("sign-in-failed", "/registry/sign-in/callback?error=access_denied&state=x", 400, None),
        _opened("signed-out", "/registry/signed-out", person=None),
    ]
