"""Steps 2 and 3: three states publish one event, companies fill its quotas, a release promotes who waits, in order."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import starter
from .companies import examples
from .world import LABELS, STATES, World

TITLE = "Transformationsforum Nord"
COMPETENCES, CLUSTERS = ["SRV-04", "BAT"], ["ANW"]
WORDING = "Ich möchte per E-Mail über passende Veranstaltungen informiert werden."
CONSENT_AT = "2026-11-02T09:00:00+01:00"

SUBSCRIBERS = {
    # Who subscribed where to what; the last two match nothing and twice.
    "batterie@ex-019.example": ("ni", "de", [("competence", "BAT")]),
    "cluster@ex-031.example": ("hb", "de", [("cluster", "ANW")]),
    "observer@ex-008.example": ("hh", "en", [("state", "ni")]),
    "mehrfach@ex-038.example": ("ni", "de", [("competence", "SRV-04"), ("cluster", "ANW"), ("state", "hb")]),
    "recycling@ex-025.example": ("ni", "de", [("competence", "REC")]),
}
TOLD = [email for email in SUBSCRIBERS if not email.startswith("recycling@")]
PER_COMPANY = {"hb": 5, "hh": 2, "ni": 1}
"""Participants per company: 35 from Bremen for 30 seats, 14 from Hamburg for 30, 26 from Niedersachsen for 60."""


def subscribe(world: World) -> None:
    """Offices keep subscriptions for people of all states, and name the address they themselves are told at."""
    for state in STATES:
        world.call(
            "PUT",
            f"{world.notifications}/api/v1/offices/{state}/contact",
            state=state,
            json={"name": f"Wirtschaftsförderung {LABELS[state]}", "email": f"buero@{state}.example", "language": "de"},
        )
    new = 0
    for email, (state, language, topics) in SUBSCRIBERS.items():
        for kind, value in topics:
            body = {
                "email": email,
                "language": language,
                "topic": {"kind": kind, "value": value},
                "consent": {"given_at": CONSENT_AT, "wording": WORDING},
            }
            answer = world.post(f"{world.notifications}/api/v1/subscriptions", body, state=state)
            new += answer.status_code == 201
    world.show(f"    {len(SUBSCRIBERS)} people subscribe, three offices name an address; {new} subscriptions are new")


def publish_together(world: World) -> dict[str, Any]:
    """Bremen drafts, Hamburg and Niedersachsen agree, Bremen publishes; whoever subscribed is told once."""
    event = event_of(world, "ev-01", title=TITLE, lead="hb", extra={"competences": COMPETENCES, "clusters": CLUSTERS})
    url = f"{world.events}/api/v1/events/{event['event_id']}"
    if event["status"] == "draft":
        refused = world.post(f"{url}/publication", state="hb", accept=(409,))
        world.expect("it cannot be published before the other hosts agree", refused.status_code == 409, refused.text)
        for state in ("hh", "ni"):
            world.post(f"{url}/hosts/{state}/agreement", state=state)
        world.post(f"{url}/publication", state="hb")
    else:
        world.show(f"    [dim]{TITLE} was already published.[/]")
    event = dict(world.get(url))
    quotas = {quota["state"]: quota["seats"] for quota in event["quotas"]}
    world.expect(
        "published with quotas 30/30/60",
        (event["status"], quotas) == ("published", {"hb": 30, "hh": 30, "ni": 60}),
        event,
    )
    if world.mail_url:
        world.expect_soon(
            f"{len(TOLD)} subscribers of matching topics in any state were told, once each",
            lambda: _told(world),
            sorted(TOLD),
        )
    return event


def fill_quotas(world: World, event: dict[str, Any]) -> None:
    """Companies of all three states register; Bremen's quota is full, the rest waits; Hamburg's release promotes."""
    url = f"{world.events}/api/v1/events/{event['event_id']}"
    before = len(list(world.pages(f"{url}/registrations")))
    for number, company in _places(world):
        state = home_of(company)
        body = {
            "organisation_id": company["organisation_id"],
            "participant_state": state,
            "name": f"Beispiel Teilnahme {number}",
            "email": f"forum-{number}@{company['own_id']}.example",
        }
        world.post(f"{url}/registrations", body, state=state)
    rows = list(world.pages(f"{url}/registrations"))
    if before:
        world.show(f"    [dim]{before} of {len(rows)} were already registered; nobody was registered twice.[/]")
    world.expect("75 participants of three states are registered", len(rows) == 75, len(rows))
    waiting = [row for row in rows if row["status"] == "waitlisted"]
    if not event["quotas"][1]["released_at"]:
        confirmed = {s: sum(r["participant_state"] == s and r["status"] == "confirmed" for r in rows) for s in STATES}
        world.expect("Bremen's 30 seats are taken, five wait", (confirmed["hb"], len(waiting)) == (30, 5), confirmed)
        world.expect(
            "Hamburg and Niedersachsen have seats left", (confirmed["hh"], confirmed["ni"]) == (14, 26), confirmed
        )
        world.post(f"{url}/quotas/hh/release", state="hh")
    else:
        world.show("    [dim]Hamburg's quota was already released.[/]")
    last = [row["registration_id"] for row in rows if row["participant_state"] == "hb"][30:]
    after = {row["registration_id"]: row for row in world.pages(f"{url}/registrations")}
    world.expect(
        "the release promoted the five who waited, in their order",
        [after[key]["status"] for key in last] == ["confirmed"] * 5
        and not any(r["status"] == "waitlisted" for r in after.values()),
        [after[key]["status"] for key in last],
    )
    if world.mail_url:
        world.expect_soon("five people were told of their promotion, once each", lambda: _promoted(world), [1] * 5)


def event_of(world: World, own_id: str, *, title: str, lead: str, extra: dict[str, Any]) -> dict[str, Any]:
    """The starter event as the lead office has it; drafted when it is not there yet."""
    for item in world.pages(f"{world.events}/api/v1/events", state=lead, q=title):
        if item.get("own_id") == own_id:
            found: dict[str, Any] = item
            return found
    source = starter.event(own_id)
    body = {
        "own_id": own_id,
        "title": source["title"],
        "starts": source["starts"],
        "ends": source["ends"],
        "hosts": [{"state": code.removeprefix("DE-").lower()} for code in source["hosts"]],
        "capacity": source["capacity"],
        "quotas": {code.removeprefix("DE-").lower(): seats for code, seats in source.get("quotas", {}).items()},
        "quota_release_at": source.get("quota_release"),
    }
    drafted: dict[str, Any] = world.post(f"{world.events}/api/v1/events", body | extra, state=lead).json()
    return drafted


def _places(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Who registers, in turn: all of Bremen's companies once, then again, and so on; then Hamburg, Niedersachsen."""
    companies = sorted(examples(world).values(), key=lambda item: str(item["own_id"]))
    return [
        (f"{turn + 1:02}", company)
        for state in STATES
        for turn in range(PER_COMPANY[state])
        for company in companies
        if home_of(company) == state
    ]


def home_of(company: dict[str, Any]) -> str:
    """The state a company belonged to when the job began; Roland moves in step 4."""
    return "hb" if company["own_id"] == "ex-005" else str(company["responsible_state"])


def _told(world: World) -> list[str]:
    """Subscribers who got the announcement, in either language, one entry per mail."""
    announced = [mail for words in ("Neue Veranstaltung", "New event") for mail in world.mails(subject=words)]
    return sorted(address for mail in announced if TITLE in mail.subject for address in mail.recipients)


def _promoted(world: World) -> list[int]:
    """How many mails each promoted participant got."""
    told = (mail for mail in world.mails(subject="Nachgerückt") if TITLE in mail.subject)
    counts = Counter(address for mail in told for address in mail.recipients)
    return sorted(counts.values())
