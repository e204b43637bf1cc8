"""What the pages have to show: the starter data and a joint event, brought in through the APIs, and one of all else."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from norda_local.demo.cancellation import cancel
from norda_local.demo.companies import examples, import_organisations
from norda_local.demo.forum import CONSENT_AT, WORDING, fill_quotas, publish_together, subscribe
from norda_local.demo.relocation import relocate
from norda_local.demo.world import World
from norda_local.mail import list_mails
from norda_local.tokens import issue_token
from support.installation import Installation, in_thread
from support.signing_in import Realm
from support.waiting import eventually

from .register import fill_register

PRIVATE, PUBLIC = "internal.hb.events.participation.v1", "hb.registry.organisation.v1"
REASON = "Die Halle steht nicht zur Verfügung."


def world_of(norda: Realm) -> World:
    """The services as programs meet them."""
    at = {name: service.url for name, service in norda.services.items()}
    servers = norda.services["registry"].installation.servers
    return World(
        registry=at["registry"],
        events=at["events"],
        notifications=at["notifications"],
        kafka=servers.kafka,
        token=lambda state, role: issue_token(norda.home, issuer=norda.issuer, state=state, role=role),
        mail_url=None,
        tracing_url=None,
        show=lambda _text: None,
    )


@dataclass
class Filled:
    """A filled installation: records by name, and what people typed, which is in whatever language it is."""

    norda: Realm
    world: World
    ids: dict[str, str] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)

    @property
    def installation(self) -> Installation:
        return self.norda.services["registry"].installation

    def organisations(self, path: str = "") -> str:
        return f"{self.world.registry}/api/v1/organisations{path}"

    def events(self, path: str = "") -> str:
        return f"{self.world.events}/api/v1/events{path}"


def filled(norda: Realm) -> Filled:
    """All that pages show: companies of which one moved and one is deactivated, notes, releases; events of every
    status, one of them waiting for Bremen's agreement; an inbox, mails, dead letters, an event that cannot be sent.
    """
    made = Filled(norda, world_of(norda))
    world = made.world
    import_organisations(world)
    subscribe(world)
    forum = publish_together(world)
    fill_quotas(world, forum)
    relocate(world)
    cancel(world)
    made.ids["forum"] = forum["event_id"]
    made.typed |= {item["legal_name"] for item in world.pages(made.organisations())}
    _organisations(made)
    _people(made)
    fill_register(made)
    _events(made)
    _messages(made)
    # Not in this thread, where a browser's event loop may be running.
    in_thread(_link(made))
    in_thread(_letters(made))
    in_thread(_blocked(made))
    made.typed |= {item["legal_name"] for item in world.pages(made.organisations())}
    made.typed |= {item["title"] for item in world.pages(made.events())}
    made.typed |= {WORDING, REASON}
    return made


def _organisations(made: Filled) -> None:
    """Bremen's and Hamburg's companies: released, with notes of all kinds, sites and memberships, deactivated."""
    world, known = made.world, examples(made.world)
    ids = {own_id: item["organisation_id"] for own_id, item in known.items()}
    made.ids |= {"company": ids["ex-002"], "gone": ids["ex-003"], "theirs": ids["ex-005"]}
    here = made.organisations(f"/{made.ids['company']}")
    world.call("PUT", f"{here}/release", state="hb", role="pr")
    site = {"name": "Zweigwerk Nord", "address": {"place": "Bremerhaven", "state": "DE-HB"}}
    sites = world.post(f"{here}/sites", site, state="hb").json()["sites"]
    joined = {"cluster_code": "ITS", "valid_from": "2025-01-01"}
    memberships = world.post(f"{here}/memberships", joined, state="hb").json()["memberships"]
    made.ids["site"] = sites[-1]["site_id"]
    made.ids["joined"] = next(item["cluster_id"] for item in memberships if item["cluster_code"] == "ITS")
    world.call("PATCH", here, state="hb", json={"legal_name": "Beispiel Umfirmiert GmbH", "employees": 240})
    former = {"court": "Bremen", "type": "HRB", "number": "991234", "former_court": "Bremen-Blumenthal"}
    world.call("PATCH", here, state="hb", json={"register_entry": former})
    for visibility, role in (("alliance", "office"), ("office", "lead"), ("confidential", "lead")):
        note = {"kind": "visit", "visibility": visibility, "text": f"Werksbesuch und Gespräch ({visibility})"}
        made.typed.add(note["text"])
        made.ids[f"{visibility} note"] = world.post(f"{here}/notes", note, state="hb", role=role).json()["id"]
    world.post(made.organisations(f"/{made.ids['gone']}/deactivation"), state="hb")


def _people(made: Filled) -> None:
    """A contact person of one of Bremen's companies, and what that person asked for."""
    contact = {
        "name": "Beispiel Kontakt",
        "email": "kontakt@ex-001.example",
        "roles": ["purchasing"],
        "source": "Visitenkarte",
        "purposes": ["support", "invitations"],
        "legal_basis": "public_task",
        "consent_given_on": "2026-01-15",
        "consent_wording": "einladung-2026-1",
        "retain_until": (datetime.now(UTC).date() + timedelta(days=365)).isoformat(),
    }
    made.typed |= {contact["name"], contact["source"]}
    entered = made.world.post(made.organisations(f"/{made.ids['company']}/people"), contact, state="hb")
    made.ids["person"] = entered.json()["id"]
    asked = {"kind": "access", "email": contact["email"]}
    made.world.post(f"{made.world.registry}/api/v1/privacy-requests", asked, state="hb")


def _events(made: Filled) -> None:
    """Drafts of Bremen and of Hamburg, published ones that are released for all, elsewhere on the globe, cancelled."""
    agreed = _draft(made, "hb", "Beispieltag bereit", hosts=["hb"], organisation=made.ids["company"])
    missing = _draft(made, "hb", "Beispieltag mit Zweien", hosts=["hb", "hh"], quotas={"hb": 3, "hh": 3})
    asked = _draft(made, "hh", "Beispieltag auf Zustimmung", hosts=["hh", "hb"])
    made.ids |= {"draft": agreed, "draft of two": missing, "asked": asked}
    abroad = _draft(
        made, "hb", "Beispieltag in Lissabon", hosts=["hb"], time_zone="Europe/Lisbon", online=True, description=REASON
    )
    off = _draft(made, "hb", "Beispieltag abgesagt", hosts=["hb"], title_en="Sample day called off")
    for event in (abroad, off):
        made.world.post(made.events(f"/{event}/publication"), state="hb")
        made.world.call("PUT", made.events(f"/{event}/release"), state="hb", role="pr")
    made.world.post(made.events(f"/{off}/cancellation"), {"reason": REASON}, state="hb")
    made.ids |= {"released": abroad, "cancelled": off}
    registrations = list(made.world.pages(made.events(f"/{made.ids['forum']}/registrations")))
    own = [row["registration_id"] for row in registrations if row["participant_state"] == "hb"]
    made.ids |= {"registration": own[2]}
    made.world.post(made.events(f"/{made.ids['forum']}/registrations/{own[0]}/withdrawal"), state="hb")
    made.world.call("DELETE", made.events(f"/{made.ids['forum']}/registrations/{own[1]}/person"), state="hb")
    made.typed |= {"Sample day called off", *(row["participant"]["name"] for row in registrations)}


def _draft(
    made: Filled, lead: str, title: str, *, hosts: list[str], organisation: str | None = None, **more: Any
) -> str:
    named: list[dict[str, str]] = [{"state": state} for state in hosts]
    body = {
        "title": title,
        "starts": "2027-06-10T10:00",
        "ends": "2027-06-10T16:00",
        "capacity": 20,
        "venue": "Beispielhalle, Bremen",
        "hosts": named + ([{"organisation_id": organisation}] if organisation else []),
        "competences": ["BAT"],
    }
    event: dict[str, Any] = made.world.post(made.events(), body | more, state=lead).json()
    return str(event["event_id"])


def _messages(made: Filled) -> None:
    """A subscription, an ended one, an objection."""
    world, address = made.world, "beendet@ex-019.example"
    body = {
        "email": address,
        "name": "Beispiel Abonnement",
        "topic": {"kind": "event", "value": made.ids["forum"]},
        "consent": {"given_at": CONSENT_AT, "wording": WORDING},
    }
    kept = f"{world.notifications}/api/v1/subscriptions"
    made.ids["subscription"] = world.post(kept, body, state="hb").json()["id"]
    ended = world.post(kept, body | {"topic": {"kind": "cluster", "value": "ITS"}}, state="hb").json()["id"]
    world.call("DELETE", f"{kept}/{ended}", state="hb")
    world.post(f"{world.notifications}/api/v1/suppressions", {"email": "widerspruch@ex-019.example"}, state="hb")


async def _link(made: Filled) -> None:
    """Keep the address by which a subscriber unsubscribes, from the mail they got."""
    link = re.compile(re.escape(made.world.notifications) + r"/api/v1/unsubscribe/[0-9a-f]{64}")

    async def there() -> None:
        mails = list_mails(made.installation.servers.mail, recipient="cluster@ex-031.example")
        made.ids["unsubscribe"] = next(match[0] for mail in mails if (match := link.search(mail.text)))

    await eventually(there, within=30)


async def _letters(made: Filled) -> None:
    """Records that nobody can read: one that every service should follow, and one of a private topic."""
    for topic in (PUBLIC, PRIVATE):
        await made.installation.produce(topic, key=b"broken", value=b'{"name": "broken"}', headers=[("x-origin", b"x")])
    connection = await made.installation.connect()

    async def there() -> None:
        for service in made.norda.services:
            await connection.execute("select set_config('search_path', $1, false)", service)
            assert await connection.fetchval("select count(*) from dead_letter"), service

    try:
        await eventually(there, within=20)
    finally:
        await connection.close()


async def _blocked(made: Filled) -> None:
    """An organisation of Hamburg that is longer than the topic lets through."""
    await _limit(made.installation, 1_500)
    body = {
        "legal_name": f"Beispiel {'ßäöü' * 120} GmbH",
        "seat": {"place": "Hamburg", "state": "DE-HH"},
    }
    made.typed.add(body["legal_name"])
    await asyncio.to_thread(made.world.post, made.organisations(), body, state="hh")
    connection = await made.installation.connect()

    async def there() -> None:
        assert await connection.fetchval("select count(*) from registry.outbox where blocked_at is not null")

    try:
        await eventually(there, within=20)
    finally:
        await connection.close()
        await _limit(made.installation, 1_000_000)


async def _limit(installation: Installation, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.servers.kafka)
    await admin.start()
    try:
        name = ORGANISATION.name(State.HAMBURG, prefix=installation.prefix)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(size)})])
    finally:
        await admin.close()
