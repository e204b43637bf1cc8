"""Subscriptions, and what the offices are told."""

from __future__ import annotations

from norda_common.contracts import events as events_contract
from norda_common.contracts import registry as registry_contract
from support.installation import Installation
from support.waiting import eventually

from .base import NEXT, Clients, Records, make_topics, organisation_said, some


async def notifications(clients: Clients, installation: Installation) -> Records:
    """A subscription, and what the offices are told when a company moves from each state to the next."""
    make_topics(installation, [*events_contract.TOPICS, *registry_contract.TOPICS])
    records = Records()
    for state, target in NEXT.items():
        move = organisation_said("seat_relocated", target, previous_state=state)
        beside = organisation_said("seat_relocated", target, topic=state, key=move.key, previous_state=state)
        await installation.publish(beside, move)
        body = {
            "email": f"{state}@abonnement.example",
            "topic": {"kind": "competence", "value": "BAT"},
            "consent": {"given_at": "2026-11-01T10:00:00Z", "wording": "newsletter-2026-1"},
        }
        made = await clients.call(state, "POST", "/api/v1/subscriptions", body)
        records.of[state] = {"subscription": {"subscription_id": made["id"]}, "office": {"state": state}}
    for state in NEXT:
        found = await eventually(lambda code=state: some(clients, "/api/v1/inbox", code), within=20)
        records.of[state]["entry"] = {"entry_id": found[0]["id"]}
        records.of[state]["notice"] = {"notice_id": found[0]["notice_id"]}
        records.of[state]["delivery"] = {"delivery_id": found[0]["id"]}
    return records
