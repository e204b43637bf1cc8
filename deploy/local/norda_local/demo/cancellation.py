"""Step 5: an event with 40 confirmed and 12 waiting is cancelled; 52 are told, once each, and nobody is promoted."""

from __future__ import annotations

from collections import Counter

from .companies import examples
from .forum import event_of, home_of
from .world import World

TITLE = "Zulieferertag Ems"


def cancel(world: World) -> None:
    """Niedersachsen drafts, publishes, registers 52 and cancels. Run again, it checks what the first run left."""
    event = event_of(world, "ev-05", title=TITLE, lead="ni", extra={"venue": "Papenburg"})
    url = f"{world.events}/api/v1/events/{event['event_id']}"
    if event["status"] == "draft":
        world.post(f"{url}/publication", state="ni")
    if event["status"] != "cancelled":
        _register(world, url)
        statuses = Counter(row["status"] for row in world.pages(f"{url}/registrations", state="ni"))
        world.expect("40 are confirmed, 12 wait", statuses == {"confirmed": 40, "waitlisted": 12}, dict(statuses))
        world.post(f"{url}/cancellation", {"reason": "Die Halle steht nicht zur Verfügung."}, state="ni")
    else:
        world.show(f"    [dim]{TITLE} was already cancelled.[/]")
    statuses = Counter(row["status"] for row in world.pages(f"{url}/registrations", state="ni"))
    world.expect(
        "all 52 registrations are cancelled, nobody was promoted", statuses == {"event_cancelled": 52}, dict(statuses)
    )
    if world.mail_url:
        world.expect_soon("52 people were told, once each", lambda: _told(world), (52, 52), lasting=True)
        world.expect_soon("no mail tells of a promotion", lambda: _promoted(world), 0, lasting=True)


def _register(world: World, url: str) -> None:
    companies = sorted(
        (c for c in examples(world).values() if home_of(c) == "ni"), key=lambda item: str(item["own_id"])
    )
    for turn in ("01", "02"):
        for company in companies:
            body = {
                "organisation_id": company["organisation_id"],
                "name": f"Beispiel Teilnahme {turn}",
                "email": f"ems-{turn}@{company['own_id']}.example",
            }
            world.post(f"{url}/registrations", body, state="ni")


def _told(world: World) -> tuple[int, int]:
    """People told of the cancellation, and mails that did so."""
    mails = [
        mail
        for mail in world.mails(subject="Abgesagt")
        if mail.recipients[0].startswith("ems-") and TITLE in mail.subject
    ]
    return len({mail.recipients[0] for mail in mails}), len(mails)


def _promoted(world: World) -> int:
    return sum(TITLE in mail.subject for mail in world.mails(subject="Nachgerückt"))
