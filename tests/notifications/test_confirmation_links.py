"""Requests to confirm a profile: one mail with the link to the address, and the link nowhere else, nor afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from norda_common.contracts.registry import CONFIRMATION, Confirmation
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_notifications.mail.letters import compose

from .conftest import Desk, now, person

LINK = "https://registry.norda.example/registry/confirm/geheim"


def requested(email: str, **fields: Any) -> Event:
    """What the registry says when it asks an organisation to confirm."""
    content = CONFIRMATION.example.model_dump() | {
        "confirmation_id": new_id(), "organisation_id": new_id(), "state": "hb", "email": email, "link": LINK,
        "expires_at": now() + timedelta(days=60),
    }  # fmt: skip
    data = Confirmation.model_validate(content | fields)
    return CONFIRMATION.event("requested", data, state=State.BREMEN, key=data.confirmation_id, sequence=1, time=now())


async def test_the_contact_gets_the_link_once_and_nobody_else_sees_it(desk: Desk) -> None:
    email = person()
    said = requested(email)
    await desk.tell(said)
    await desk.tell(said)
    mail = await desk.mail(email)
    assert "Bitte bestätigen" in mail["subject"]
    assert LINK in mail["text"]
    assert f'href="{LINK}"' in mail["html"]
    assert "list-unsubscribe" not in mail["headers"], "service mail is no marketing"
    async with desk.service.client() as office:
        notices = (await office.get("/api/v1/notices", params={"kind": "organisation_confirmation"})).text
        assert "geheim" not in notices
        assert email not in notices
    connection = await desk.installation.connect()
    left = await connection.fetchval("select count(*) from notifications.delivery_link")
    stored = await connection.fetch("select content::text from notifications.notice")
    await connection.close()
    assert left == 0, "a settled mail keeps no link"
    assert not any("geheim" in row["content"] or email in row["content"] for row in stored)
    assert "geheim" not in desk.service.log.read_text()


async def test_a_request_that_was_withdrawn_is_parted_from_its_person(desk: Desk) -> None:
    email = person()
    said = requested(email)
    gone = CONFIRMATION.event("erased", None, state=State.BREMEN, key=said.key, sequence=2, time=now())
    await desk.tell(said, gone)
    connection = await desk.installation.connect()
    left = await connection.fetchval(
        "select count(*) from notifications.delivery where registration_id = $1 and recipient_id is not null", said.key
    )
    await connection.close()
    assert left == 0


def test_the_letter_says_what_the_link_is_for_in_both_languages() -> None:
    content = {
        "confirmation": {
            "legal_name": "Beispiel GmbH", "organisation_id": "x", "state": "hb", "expires_at": "2027-01-30T08:00:00Z"
        }
    }  # fmt: skip
    for language, said in (("de", "Angaben ansehen und bestätigen"), ("en", "See and confirm the profile")):
        letter = compose("organisation_confirmation", content, language=language, name="", link=LINK)
        assert said in letter.text
        assert LINK in letter.text
        assert f'href="{LINK}"' in letter.html
        assert "30.01.2027" in letter.text or "30 Jan 2027" in letter.text
