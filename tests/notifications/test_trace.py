"""One trace runs on from the change to the accepted mail, and holds no personal data."""

from __future__ import annotations

import json
import secrets

import httpx2
from norda_common.contracts.envelope import header_text
from norda_common.contracts.notifications import DELIVERY
from norda_common.states import State
from support.waiting import eventually

from .conftest import Desk, make_event, participation_said, person


async def test_the_mail_is_sent_within_the_trace_that_caused_it(desk: Desk) -> None:
    email, trace_id = person(), secrets.token_hex(16)
    said = participation_said("confirmed", make_event(), email, name="Beispiel Geheim")
    await desk.publish(said, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    await desk.mail(email)
    async with httpx2.AsyncClient(base_url=desk.installation.servers.tracing) as tracing:

        async def complete() -> str:
            answer = await tracing.get(f"/api/v2/trace/{trace_id}")
            spans = {span["name"]: span for span in answer.json()}
            consumed = next(name for name in spans if name.startswith("process "))
            sent = spans["send mail"]
            assert sent["parentId"] == spans[consumed]["id"]
            assert sent["kind"] == "CLIENT"
            tags = sent["tags"]
            assert tags["norda.notice"] == "participation_confirmed"
            assert tags["network.protocol.name"] == "smtp"
            assert tags["server.address"] == "127.0.0.1"
            assert sent["remoteEndpoint"]["serviceName"] == "smtp"
            return answer.text

        text = await eventually(complete, within=20)
    assert email not in text
    assert "Geheim" not in text
    # What is published of the delivery goes on in the same trace.
    name = DELIVERY.name(State.BREMEN, prefix=desk.installation.prefix)
    records = await desk.installation.read_raw(name)
    delivered = [record for record in records if json.loads(record.value)["caused_by"] == str(said.event_id)]
    assert trace_id in (header_text(delivered[0].headers, "ce_traceparent") or "")
