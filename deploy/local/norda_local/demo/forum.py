"""Steps 2 and 3: three states publish one event, companies fill its quotas, a release promotes who waits, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
PARTICIPANTS = {"hb": 37, "hh": 25, "ni": 26}
"""For 30, 30 and 60 seats: seven from Bremen wait, and Hamburg's release gives five seats, too few for all."""
SEATS_HB, RELEASED = 30, 5


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
            lasting=True,
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
    wanted = sum(PARTICIPANTS.values())
    world.expect(f"{wanted} participants of three states are registered", len(rows) == wanted, len(rows))
    if not event["quotas"][1]["released_at"]:
        counts = Counter((row["participant_state"], row["status"]) for row in rows)
        taken = [counts[state, "confirmed"] for state in STATES]
        waiting = [counts[state, "waitlisted"] for state in STATES]
        world.expect("Bremen's 30 seats are taken, seven wait", (taken[0], waiting) == (SEATS_HB, [7, 0, 0]), counts)
        world.expect("Hamburg and Niedersachsen have seats left", taken[1:] == [25, 26], counts)
        world.post(f"{url}/quotas/hh/release", state="hh")
    else:
        world.show("    [dim]Hamburg's quota was already released.[/]")
    _expect_promotions(world, url, waited=_beyond_quota(rows))


def _expect_promotions(world: World, url: str, *, waited: list[dict[str, Any]]) -> None:
    """Five seats came free for seven: the first five have them, the others wait, and only the five are told."""
    queue = _beyond_quota(list(world.pages(f"{url}/registrations")))
    world.expect(
        "the release promoted the first five of the seven who waited; two still wait",
        [row["status"] for row in queue] == ["confirmed"] * RELEASED + ["waitlisted"] * 2,
        [(row["position"], row["status"]) for row in queue],
    )
    world.expect(
        "the order stayed, and only those five registrations changed",
        [(row["registration_id"], row["position"]) for row in queue]
        == [(row["registration_id"], row["position"]) for row in waited]
        and [row["version"] for row in queue] == [2] * RELEASED + [1] * 2,
        [(row["position"], row["version"]) for row in queue],
    )
    if world.mail_url:
        promoted = sorted(row["participant"]["email"] for row in queue[:RELEASED])
        text = "those five people were told of their promotion, once each"
        world.expect_soon(text, lambda: _promoted(world), promoted, lasting=True)


def _beyond_quota(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bremen's participants beyond its quota, in the order of their positions."""
    own = [row for row in rows if row["participant_state"] == "hb"]
    return sorted(own, key=lambda row: int(row["position"]))[SEATS_HB:]


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


def _places(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Who registers, in turn: each of Bremen's companies once, then again, and so on; then Hamburg, Niedersachsen."""
    companies = sorted(examples(world).values(), key=lambda item: str(item["own_id"]))
    for state in STATES:
        own = [company for company in companies if home_of(company) == state]
        for place in range(PARTICIPANTS[state]):
            yield f"{place // len(own) + 1:02}", own[place % len(own)]


def home_of(company: dict[str, Any]) -> str:
    """The state a company belonged to when the job began; Roland moves in step 4."""
    return "hb" if company["own_id"] == "ex-005" else str(company["responsible_state"])


def _told(world: World) -> list[str]:
    """Subscribers who got the announcement, in either language, one entry per mail."""
    announced = [mail for words in ("Neue Veranstaltung", "New event") for mail in world.mails(subject=words)]
    return sorted(address for mail in announced if TITLE in mail.subject for address in mail.recipients)


def _promoted(world: World) -> list[str]:
    """Participants who were told that they have a seat now, one entry per mail."""
    told = [mail for mail in world.mails(subject="Nachgerückt") if TITLE in mail.subject]
    return sorted(address for mail in told for address in mail.recipients)
