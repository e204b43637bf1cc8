"""What the pages have to show: the starter data and a joint event, brought in through the APIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from norda_local.demo.companies import import_organisations
from norda_local.demo.forum import fill_quotas, publish_together, subscribe
from norda_local.demo.world import World
from norda_local.tokens import issue_token
from support.signing_in import Realm


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


def filled(norda: Realm) -> World:
    """Companies, clusters, public bodies, subscriptions, one published event with registrations and a waiting list."""
    world = world_of(norda)
    import_organisations(world)
    subscribe(world)
    event = publish_together(world)
    fill_quotas(world, event)
    people(world)
    return world


def people(world: World) -> None:
    """A contact person of one of Bremen's companies, and what that person asked for."""
    listed = world.pages(f"{world.registry}/api/v1/organisations", kind="company")
    company = next(item for item in listed if item["responsible_state"] == "hb")
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
    address = f"{world.registry}/api/v1/organisations/{company['organisation_id']}/people"
    world.post(address, contact, state="hb")
    asked = {"kind": "access", "email": contact["email"]}
    world.post(f"{world.registry}/api/v1/privacy-requests", asked, state="hb")
