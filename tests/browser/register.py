"""What the registry's pages have to show of each kind: profiles, what is offered, merged and suspected, imports in each
phase, requests, saved searches, confirmations, proposed memberships.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from norda_common.contracts.registry import CONFIRMATION, Confirmation
from norda_common.states import State
from norda_local.demo.companies import examples
from support.forms import form_of
from support.installation import in_thread
from support.signing_in import Browser
from support.waiting import eventually, until

if TYPE_CHECKING:
    from .world import Filled

PLACES = {"hb": ("Bremen", "DE-HB"), "hh": ("Hamburg", "DE-HH"), "ni": ("Stuhr", "DE-NI")}
ENGLISH = "Makes bodies of lightweight materials and tests them."
PROFILE = "Fertigt Karosserien aus leichten Werkstoffen und prüft sie."
REFUSAL = "Der Sitz bleibt vorerst in Bremen."
APART = "Zwei Betriebe mit zwei Inhabern."
LIST = "Mitgliederliste Juni"
SOURCES = ("IHK-Liste", "Messeliste", "Altbestand", "Irrtum", "Abgebrochen")
TYPED = {
    ENGLISH, PROFILE, REFUSAL, APART, LIST, *SOURCES, "Jahresabschluss", "Handelsregister", "Example Bodies Ltd",
    "IATF 16949", "ISO 14001", "Batterie in Bremen", "Gemeinsame Suche", "Bitte auch den Sitz ändern.",
}  # fmt: skip


def fill_register(made: Filled) -> None:
    """All of it, most of it Bremen's; ids go to `made.ids`, what was typed to `made.typed`."""
    made.typed |= TYPED
    known = examples(made.world)
    made.ids |= {"sister": known["ex-001"]["organisation_id"]}
    faults = list[Exception]()
    for part in (
        _profile, _relocations, _mergers, _duplicates, _members, _imports, _confirmations, _requests, _searches,
    ):  # fmt: skip
        try:
            part(made)
        except Exception as fault:  # noqa: BLE001 - all that could not be made is told at once
            faults.append(fault)
    if faults:
        raise ExceptionGroup("not all could be made", faults)


def register(made: Filled, state: str, name: str, **fields: Any) -> str:
    """An organisation, whatever there is like it; its id."""
    place, iso = PLACES[state]
    body = {"legal_name": name, "legal_form": "350", "seat": {"place": place, "state": iso}} | fields
    made.typed.add(name)
    answer = made.world.post(made.organisations("?ignore_duplicates=true"), body, state=state)
    return str(answer.json()["organisation_id"])


def _profile(made: Filled) -> None:
    """One company with all that a profile can have, some of it to be looked at."""
    world, here = made.world, made.organisations(f"/{made.ids['company']}")
    today = datetime.now(UTC).date()
    world.call(
        "PATCH",
        f"{here}/profile",
        state="hb",
        json={
            "roles": ["tier1", "service"],
            "value_chain": "modules",
            "website": "https://www.ex-002.example/",
            "name_en": "Example Bodies Ltd",
            "profile": PROFILE,
            "profile_en": ENGLISH,
            "certificates": [
                {"name": "IATF 16949", "number": "A-1", "valid_from": "2020-01-01", "valid_to": "2023-12-31"},
                {"name": "ISO 14001", "valid_to": (today + timedelta(days=30)).isoformat()},
            ],
        },
    )
    codes = [("WZ2008", "29.32.0"), ("WZ2008", "25.61.0"), ("WZ2025", "29.20.0")]
    activities = [{"edition": edition, "code": code} for edition, code in codes]
    world.call("PATCH", here, state="hb", json={"activities": activities})
    world.call("PUT", f"{here}/links/{made.ids['sister']}", state="hb", json={"kind": "linked"})
    partner = {"kind": "partner", "share_percent": 30}
    world.call("PUT", f"{here}/links/{made.ids['theirs']}", state="hb", json=partner)
    for kind, value, day in (
        ("employees", 220, "2024-12-31"),
        ("employees", 240, "2025-12-31"),
        ("turnover", 48_000_000, "2025-12-31"),
        ("balance", 21_000_000, "2025-12-31"),
    ):
        world.post(
            f"{here}/figures", {"kind": kind, "value": value, "on": day, "source": "Jahresabschluss"}, state="hb"
        )


def _relocations(made: Filled) -> None:
    """Offered to Bremen, offered by Bremen, and refused."""

    def offered(state: str, to_state: str, name: str) -> str:
        place, iso = PLACES[to_state]
        key = register(made, state, name)
        move = {"responsible_state": to_state, "seat": {"place": place, "state": iso}, "date": "2026-11-01"}
        made.world.post(made.organisations(f"/{key}/relocation"), move, state=state)
        return key

    made.ids["offered"] = offered("hh", "hb", "Beispiel Alsterzug GmbH")
    made.ids["offering"] = offered("hb", "ni", "Beispiel Weserzug GmbH")
    made.ids["refused"] = offered("hb", "hh", "Beispiel Bleibezug GmbH")
    made.world.post(made.organisations(f"/{made.ids['refused']}/relocation/refusal"), {"reason": REFUSAL}, state="hh")
    until(
        lambda: [
            item for item in made.world.get(f"{made.world.registry}/api/v1/relocations", state="hb")["items"]
            if item["organisation_id"] == made.ids["offered"]
        ],
        "the offer to Bremen is not listed",
    )  # fmt: skip


def _mergers(made: Filled) -> None:
    """A merger that is done, one that Hamburg proposes, and two that may be merged."""
    former = register(made, "hb", "Beispiel Altwerk Karosserie GmbH")
    body = {"into": made.ids["company"], "kind": "merger", "date": "2026-11-01"}
    made.world.post(made.organisations(f"/{former}/merger"), body, state="hb")
    asked = register(made, "hb", "Beispiel Elbkontor Nord GmbH")
    kept = register(made, "hh", "Beispiel Elbkontor GmbH")
    made.world.post(made.organisations(f"/{asked}/merger"), {"into": kept, "kind": "duplicate"}, state="hh")
    made.ids |= {"merged": former, "asked to merge": asked}


def _duplicates(made: Filled) -> None:
    """Pairs that nobody has decided, one of them with Niedersachsen, and one that is two companies."""
    mine = register(made, "hb", "Beispiel Schabernack Tiefziehwerk GmbH", own_id="dup-1")
    theirs = register(made, "ni", "Beispiel Schabernack Tiefziewerk GmbH")
    pair = [register(made, "hb", name) for name in ("Beispiel Überlandmühlen GmbH", "Beispiel Ueberlandmuehlen GmbH")]
    twins = [register(made, "hb", name) for name in ("Beispiel Gräserkai GmbH", "Beispiel Graeserkai GmbH")]
    duplicates = f"{made.world.registry}/api/v1/duplicates"
    made.world.call("PUT", f"{duplicates}/{twins[0]}/{twins[1]}/verdict", state="hb", json={"reason": APART})
    for one in (mine, pair[0]):
        until(lambda key=one: made.world.get(duplicates, state="hb", organisation=key)["items"], "no pair is suspected")
    until(
        lambda: made.world.get(duplicates, state="hb", organisation=twins[0], decided=True)["items"],
        "the pair that was told apart is not listed",
    )
    made.ids |= {"mine": mine, "twin": theirs, "one": pair[0], "other": pair[1]}


def _members(made: Filled) -> None:
    """Bremen's cluster with a count of members; Hamburg found one of Bremen's companies in its list."""
    world = made.world
    cluster = next(iter(world.pages(made.organisations(), kind="cluster")))
    made.ids["cluster"] = cluster["organisation_id"]
    counted = {"kind": "members", "value": 55, "on": "2026-06-01", "source": LIST}
    indicators = made.organisations(f"/{cluster['organisation_id']}/indicators")
    world.post(indicators, counted, state=cluster["responsible_state"])
    body = {
        "rows": [{"name": "Beispiel Schabernack Tiefziehwerk GmbH", "place": "Bremen"}],
        "apply": {"on": "2026-06-01", "source": LIST},
    }
    address = f"{world.registry}/api/v1/clusters/{cluster['organisation_id']}/members/reconciliation"
    until(lambda: world.post(address, body, state="hh").json()["joins"], "the list's company is not found")


def _imports(made: Filled) -> None:
    """One of each phase; what is planned has a row of each kind."""
    base = f"{made.world.registry}/api/v1/imports"

    def staged(source: str, name: str, *lines: str) -> str:
        # Another heading for each, so that none is mapped by itself.
        table = "\n".join([f"Firma {source};Ort;Bundesland;Eigene Kennung;Website", *lines, ""])
        files = {"file": (f"{name}.csv", table.encode(), "text/csv")}
        made_import = made.world.call("POST", base, state="hb", files=files, data={"source": source}).json()
        assert made_import["status"] == "mapping", made_import
        return str(made_import["import_id"])

    def reached(key: str, status: str) -> None:
        until(lambda: made.world.get(f"{base}/{key}", state="hb")["status"] == status, f"an import is not {status}")

    def planned(source: str, *lines: str) -> str:
        key = staged(source, source.lower(), *lines)
        columns = ["legal_name", "place", "state", "own_id", "website"]
        made.world.call("PUT", f"{base}/{key}/mapping", state="hb", json={"columns": columns})
        reached(key, "planned")
        return key

    def step(key: str, name: str, status: str) -> None:
        made.world.post(f"{base}/{key}/{name}", state="hb")
        reached(key, status)

    names = [f"Beispiel {word} GmbH" for word in ("Kutter", "Jolle", "Barkasse", "Schute", "Prahm", "Fehler")]
    made.typed |= set(names)
    made.ids["mapping"] = staged("IHK-Liste", "ihk", f"{names[0]};Bremen;DE-HB;imp-1;")
    applied = planned("Altbestand", f"{names[1]};Bremen;DE-HB;imp-2;", f"{names[5]};Bremen;DE-XX;;")
    step(applied, "application", "applied")
    reverted = planned("Irrtum", f"{names[2]};Bremen;DE-HB;imp-3;")
    step(reverted, "application", "applied")
    step(reverted, "reversion", "reverted")
    cancelled = planned("Abgebrochen", f"{names[3]};Bremen;DE-HB;imp-4;")
    step(cancelled, "cancellation", "cancelled")
    made.ids["planned"] = planned(
        "Messeliste",
        f"{names[4]};Bremen;DE-HB;imp-5;https://www.ex-951.example/",
        f"{names[1]};Bremen;DE-HB;imp-2;https://www.ex-952.example/",
        "Beispiel Überlandmühlen GmbH;Bremen;DE-HB;imp-6;",
        f"{names[5]};Bremen;DE-XX;imp-7;",
        f"{names[0]} Süd;Hamburg;DE-HH;imp-8;",
    )
    made.typed.add(f"{names[0]} Süd")
    made.ids |= {"applied": applied, "reverted": reverted}
    for status in ("working", "failed"):
        made.ids[status] = planned(f"Liste {status}", f"{names[3]};Bremen;DE-HB;imp-9;")
    made.typed |= {"Liste working", "Liste failed"}
    in_thread(_held(made))


async def _held(made: Filled) -> None:
    """An import that goes on being worked on, by nobody, and one that met a fault of the program."""
    connection = await made.installation.connect()
    try:
        await connection.execute(
            """update registry.import set status = 'planning', total = 200, done = 90, lease_owner = gen_random_uuid(),
                      lease_until = now() + interval '1 day', phase_started_at = now() where id = $1""",
            made.ids["working"],
        )
        await connection.execute(
            "update registry.import set status = 'failed', fault = 'ValueError' where id = $1", made.ids["failed"]
        )
    finally:
        await connection.close()


def _confirmations(made: Filled) -> None:
    """A link that waits for its answer, and one by which somebody proposed changes."""
    for key in ("company", "sister"):
        made.world.post(made.organisations(f"/{made.ids[key]}/confirmation"), state="hb")
    in_thread(links(made, "company", "sister"))
    browser = Browser()
    link = made.ids["link of sister"]
    form = form_of(browser.get(link), link.partition(made.world.registry)[2])
    typed = {"website": ["https://www.ex-001.example/"], "remark": ["Bitte auch den Sitz ändern."]}
    answer = browser.submit(link, form | typed | {"step": ["propose"]})
    assert answer.status_code == 200, answer.text
    found = made.world.get(f"{made.world.registry}/api/v1/confirmations", state="hb", undecided=True)["items"]
    made.ids["answered"] = found[0]["confirmation_id"]


async def links(made: Filled, *names: str, after: str = "") -> None:
    """Keep the links of these from the topic that carries them; newer ones than that."""

    async def there() -> None:
        records = await made.installation.read_topic(CONFIRMATION, State.BREMEN, minimum=1)
        # Partitions are read one after the other; ids are in the order of time.
        data = sorted(
            (item.data for item in records if isinstance(item.data, Confirmation)),
            key=lambda item: item.confirmation_id,
        )
        said = {str(item.organisation_id): item for item in data}
        found = {name: said[made.ids[name]].link for name in names}
        assert after not in found.values(), "not said yet"
        made.ids |= {f"link of {name}": link for name, link in found.items()}

    await eventually(there, within=30)


def _requests(made: Filled) -> None:
    """Requests of persons, all met; the access report can be read."""
    base = f"{made.world.registry}/api/v1/privacy-requests"
    for kind in ("restriction", "lifting", "objection"):
        made.world.post(base, {"kind": kind, "email": "antrag@ex-953.example"}, state="hb")
    until(
        lambda: all(item["completed_at"] for item in made.world.get(base, state="hb")["items"]),
        "somebody does not answer a request",
    )


def _searches(made: Filled) -> None:
    """The lead's own search, and one that public relations shares; searches are somebody's, so they save them."""
    running = made.norda.services["registry"]
    page = f"{running.url}/registry/searches"
    for person, query, typed in (
        ("hb-lead", "q=Batterie&state=hb&sort=name", {"name": ["Batterie in Bremen"], "notify": ["yes"]}),
        ("hb-pr", "q=Beispiel&competence=BAT", {"name": ["Gemeinsame Suche"], "shared": ["yes"]}),
    ):
        browser = Browser()
        browser.sign_in(running, person)
        form = form_of(browser.get(f"{page}/new?{query}"), "/registry/searches")
        listed = browser.submit(page, form | typed)
        assert listed.status_code == 200, listed.text
        if person == "hb-lead":
            found = re.search(r'href="/registry/searches/([0-9a-f-]{36})"', listed.text)
            assert found, listed.text
            made.ids["search"] = found[1]
